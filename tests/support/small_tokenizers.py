"""Small tokenizers of the kinds that language models under 2B parameters come with."""

import json
from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer, UnigramTrainer
from transformers import PreTrainedTokenizerFast

from emoloom.contract.prompt import Prompter

CONTROL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>")

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CHATML_WITH_BOS = "{{ bos_token }}" + CHATML
CHATML_WITH_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}" + CHATML
)

_CORPUS = (
    "Label the emotions of the text and rate its valence, arousal and dominance. Labels: joy.",
    "Answer with one line of JSON: Text: word I love this puppy, it makes me so happy.",
    '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}',
    '{"labels":["anger"],"vad":{"v":0.15,"a":0.83,"d":0.55},"rationale":"cues: love, puppy"}',
    "naïve café über straße 😀 0.00 1.00",
) * 3


def byte_level(*, merged_digits: bool = False, adds_bos: bool = False) -> Tokenizer:
    """Byte-level BPE, as in GPT-2, Llama 3, Qwen and SmolLM2."""
    backend = Tokenizer(models.BPE())
    splitters: list[Any] = [] if merged_digits else [pre_tokenizers.Digits(individual_digits=True)]
    splitters.append(pre_tokenizers.ByteLevel(add_prefix_space=False))
    backend.pre_tokenizer = pre_tokenizers.Sequence(splitters)
    backend.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=480,
        special_tokens=list(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_CORPUS, trainer)
    return _finish(backend, adds_bos)


def metaspace(*, adds_bos: bool = False) -> Tokenizer:
    """BPE that puts a `▁` before what it encodes, unless a space stands there already."""
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")]
    )
    return _finish(_train_with_bytes(backend), adds_bos)


def dummy_prefix(*, adds_bos: bool = False) -> Tokenizer:
    """BPE of the first Llamas: a normalizer puts a `▁` before all that it encodes."""
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return _finish(_train_with_bytes(backend), adds_bos)


def unigram() -> Tokenizer:
    """Unigram whose own pieces hold the control tokens' names, as SentencePiece files do."""
    backend = Tokenizer(models.Unigram())
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = UnigramTrainer(
        vocab_size=120,
        special_tokens=["<unk>", *CONTROL],
        unk_token="<unk>",
        initial_alphabet=["\n", *map(chr, range(33, 127))],
        show_progress=False,
    )
    backend.train_from_iterator(_CORPUS, trainer)
    return backend


def fast(backend: Tokenizer, *, template: str | None = None, **options: Any) -> Any:
    """A transformers tokenizer around a backend; `bos_token=None` or `eos_token=None` drop one."""
    names = {"bos_token": "<s>", "eos_token": "</s>", **options}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        chat_template=template,
        clean_up_tokenization_spaces=False,
        **{key: value for key, value in names.items() if value is not None},
    )


def add_plain(backend: Tokenizer, tokens: Sequence[str]) -> None:
    """Added tokens that are not marked as special, as Qwen's `<tool_call>`."""
    backend.add_tokens([AddedToken(token, special=False, normalized=False) for token in tokens])


def whole(prompter: Prompter, text: str) -> list[int]:
    """Ids of a whole prompt."""
    return [*prompter.head_ids, *prompter.prompt(text).ids]


def read(prompter: Prompter, ids: list[int] | tuple[int, ...]) -> str:
    """What ids spell, control tokens included."""
    return str(prompter.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


def _train_with_bytes(backend: Tokenizer) -> Tokenizer:
    """The 256 bytes stand in the vocabulary, and are no added tokens."""
    named = ["<unk>", *CONTROL]
    spelt = [f"<0x{value:02X}>" for value in range(256)]
    trainer = BpeTrainer(vocab_size=350, special_tokens=[*named, *spelt], show_progress=False)
    backend.train_from_iterator(_CORPUS, trainer)
    parts = json.loads(backend.to_str())
    parts["added_tokens"] = [t for t in parts["added_tokens"] if t["content"] in named]
    return Tokenizer.from_str(json.dumps(parts))


def _finish(backend: Tokenizer, adds_bos: bool) -> Tokenizer:
    if not adds_bos:
        return backend
    backend.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", backend.token_to_id("<s>"))]
    )
    return backend
