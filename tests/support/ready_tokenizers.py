"""Small tokenizers by the rules of the ready models' own: how they split, merge and add tokens.

The rules are those of the published tokenizer.json files; the vocabularies are learned on the spot
from a few lines, so they are small. Nothing of a published vocabulary is here.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from tokenizers.trainers import BpeTrainer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from emoloom.contract.prompt import render_instruction
from tiny_lm import SPACE, train_rows

SINGLE_DIGITS = PRETOKENIZE_REGEX
THREE_DIGITS = PRETOKENIZE_REGEX.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
"""The split of GPT-4's tokenizer, which Llama 3 and OLMo-2 took over; Qwen cuts every digit off."""

_VOCABULARY = 1000


@dataclass(frozen=True)
class Rules:
    """What makes one family's tokenizer."""

    special: tuple[str, ...]
    """Special tokens, by id from 0."""
    plain: tuple[str, ...] = ()
    """Added tokens that are not special: `<think>`, runs of spaces."""
    bos: str | None = None
    """The token that the tokenizer itself puts first."""


def qwen(rules: Rules) -> Tokenizer:
    """Byte-level; every digit apart; NFC."""
    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = _split(SINGLE_DIGITS)
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    return _byte_level(backend, rules)


def three_digits(rules: Rules) -> Tokenizer:
    """Byte-level; up to three digits in one token; a word that is a token is not merged."""
    backend = Tokenizer(models.BPE(ignore_merges=True))
    backend.pre_tokenizer = _split(THREE_DIGITS)
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    return _byte_level(backend, rules)


def smollm2(rules: Rules) -> Tokenizer:
    """Byte-level; every digit cut off first, then GPT-2's split."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    return _byte_level(backend, rules)


def neox(rules: Rules) -> Tokenizer:
    """Byte-level with GPT-2's split: digits merge with their neighbours and the space before."""
    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=True)
    return _byte_level(backend, rules)


def llama2(rules: Rules) -> Tokenizer:
    """SentencePiece's BPE: a `▁` before all that it encodes, bytes for what it does not know."""
    prepend = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    backend = _with_bytes(rules, pre_tokenizers.Metaspace(prepend_scheme="always"))
    backend.normalizer = normalizers.Sequence(prepend)
    backend.decoder = decoders.Sequence([*_byte_decoders(), decoders.Strip(" ", 1, 0)])
    return _finish(backend, rules)


def gemma(rules: Rules) -> Tokenizer:
    """SentencePiece's BPE with no `▁` but for a space; runs of line breaks are tokens."""
    backend = _with_bytes(rules, pre_tokenizers.Metaspace(prepend_scheme="never"))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    backend.decoder = decoders.Sequence(_byte_decoders())
    return _finish(backend, rules)


Maker = Callable[[Rules], Tokenizer]


def _split(pattern: str) -> Any:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _byte_level(backend: Tokenizer, rules: Rules) -> Tokenizer:
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(
        _lines(), _trainer(rules.special, pre_tokenizers.ByteLevel.alphabet())
    )
    return _finish(backend, rules)


def _with_bytes(rules: Rules, spaces: Any) -> Tokenizer:
    """Words and digits apart while merges are learned; bytes stand in the vocabulary.

    SentencePiece splits so in training alone: what never merged then never merges later.
    """
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [spaces, pre_tokenizers.Digits(individual_digits=True)]
    )
    spelt = [f"<0x{value:02X}>" for value in range(256)]
    backend.train_from_iterator(_lines(), _trainer([*rules.special, *spelt], []))
    parts = json.loads(backend.to_str())
    parts["added_tokens"] = [t for t in parts["added_tokens"] if t["content"] in rules.special]
    parts["pre_tokenizer"] = None
    return Tokenizer.from_str(json.dumps(parts))


def _byte_decoders() -> list[Any]:
    return [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]


def _trainer(special: Sequence[str], alphabet: list[str]) -> Any:
    return BpeTrainer(
        vocab_size=_VOCABULARY,
        min_frequency=2,
        special_tokens=list(special),
        initial_alphabet=alphabet,
        show_progress=False,
    )


def _finish(backend: Tokenizer, rules: Rules) -> Tokenizer:
    backend.add_tokens([AddedToken(one, special=False, normalized=False) for one in rules.plain])
    if rules.bos is None:
        return backend
    first = processors.TemplateProcessing(
        single=f"{rules.bos} $A",
        pair=f"{rules.bos} $A {rules.bos} $B",
        special_tokens=[(rules.bos, backend.token_to_id(rules.bos))],
    )
    byte_level = backend.post_processor
    backend.post_processor = processors.Sequence([byte_level, first]) if byte_level else first
    return backend


def _lines() -> Iterator[str]:
    """The instruction, answers with every two-digit number, and years."""
    for one in train_rows():
        yield from [render_instruction(one.text, SPACE)] * 3
    for number in range(100):
        written = f"0.{number:02}"
        yield (
            f'{{"labels":["joy","anger"],"vad":{{"v":{written},"a":{written},"d":{written}}},'
            f'"rationale":"cues: love, great"}}'
        )
    yield from ["in 2024 and 2024", "x   y\n\n\nz"] * 4
