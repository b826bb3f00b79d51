"""Every ready model's architecture and tokenizer rules, in small, through the product's own path.

Random weights; a folder like the publisher's; the real configuration classes. What these tests
cannot say: that the published files are as written down in `tests/support/ready_models.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from tokenizers import Tokenizer

from emoloom.contract.prompt import render_instruction
from emoloom.decoding.canonical import Decoded, decode_canonical
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.causal_lm import CausalLM, load_causal_lm
from emoloom.models.certificate import Certificate
from emoloom.models.preflight import certify
from emoloom.sources.catalog import list_models
from emoloom.sources.model_files import ModelFiles, get_model, parse_source
from emoloom.training.adapters import add_adapter, load_adapter, save_adapter
from emoloom.training.fit import fit
from emoloom.training.schedule import FitSettings
from ready_family import PADDING, Ready, features, write_ready
from ready_models import READY
from small_tokenizers import read, whole
from tiny_lm import EXAMPLE, SPACE, hint, make_examples, row, train_rows, word_texts

MAX_NEW_TOKENS = 48
SETTINGS = FitSettings(seed=1, epochs=24, batch_rows=4, learning_rate=1e-2, lora_rank=8)
LONG = " ".join(word_texts(24, 1))
TEXTS = (
    "I love this puppy",
    "he lied to me again in 2024",
    "naïve café 😀 straße",
    "53 dogs and 7 cats at 0.53 each",
    "do n't , you 'd see . No ?",
    "",
)
PROBES = (*TEXTS, EXAMPLE, "a\n\n5  6", "  12", "x </s> y <|im_end|> z <eos>", "0.53", "\n")

FEATURES = {
    "qwen-1.8b-chat": {"biased"},
    "qwen1.5-1.8b-chat": {"biased"},
    "qwen2.5-0.5b-instruct": {"biased", "grouped", "tied"},
    "qwen2.5-1.5b-instruct": {"biased", "grouped", "tied"},
    "qwen3-0.6b": {"grouped", "normed", "tied"},
    "llama-3.2-1b-instruct": {"grouped", "tied"},
    "smollm2-135m": {"grouped", "tied"},
    "smollm2-360m-instruct": {"grouped", "tied"},
    "smollm2-1.7b-instruct": {"tied"},
    "tinyllama-1.1b-chat-v1.0": {"grouped"},
    "pythia-410m": set(),
    "olmo-2-0425-1b": {"normed"},
    "olmo-2-0425-1b-instruct": {"normed"},
    "gemma-3-270m": {"grouped", "normed", "tied"},
}


@dataclass(frozen=True)
class Loaded:
    """A family's folder, found and loaded as a screen does it."""

    name: str
    ready: Ready
    files: ModelFiles
    lm: CausalLM
    certificate: Certificate


def load(files: ModelFiles) -> CausalLM:
    return load_causal_lm(files.folder, SPACE, name="a ready model")


@pytest.fixture(scope="module", params=sorted(READY))
def loaded(request, tmp_path_factory) -> Loaded:
    torch.set_num_threads(1)
    base = tmp_path_factory.mktemp("ready")
    folder = write_ready(base / "model", READY[request.param])
    files = get_model(parse_source(str(folder)), base / "cache")
    lm = load(files)
    texts = [one.text for one in train_rows()]
    certificate = certify(lm, texts, [EXAMPLE], MAX_NEW_TOKENS)
    return Loaded(request.param, READY[request.param], files, lm, certificate)


@dataclass(frozen=True)
class Trained:
    """The same model behind its adapter."""

    lm: CausalLM
    losses: list[float]


@pytest.fixture(scope="module")
def trained(loaded, tmp_path_factory) -> Trained:
    rows = [*train_rows(), row(99, LONG, ("anger",), None)]
    student = load(loaded.files)
    examples = make_examples(student, rows)
    wrapper = add_adapter(student, SETTINGS)
    steps = fit(student, examples, loaded.certificate.packed_up_to, SETTINGS)
    losses = [step.loss for step in steps]
    adapter = tmp_path_factory.mktemp("adapter")
    save_adapter(wrapper, adapter, loaded.files.source)
    return Trained(load_adapter(load(loaded.files), adapter), losses)


def at_once(loaded: Loaded, text: str) -> str:
    """The whole prompt as the family's own template writes it."""
    turn = render_instruction(text, SPACE)
    if loaded.ready.template is None:
        return turn + "\nAnswer: "
    return loaded.lm.prompter.tokenizer.apply_chat_template(
        [{"role": "user", "content": turn}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
        date_string="26 Jul 2024",
    )


def test_every_model_of_the_catalogue_is_here():
    """But the one that is random already, and encoders, which are floors."""
    names = {model.name for model in list_models() if not model.encoder}
    assert set(READY) == (names - {"random-tiny"}) | {"olmo-2-0425-1b-instruct"}
    assert set(FEATURES) == set(READY)


def test_the_architecture_is_the_published_one(loaded):
    model, config = loaded.lm.model, loaded.ready.config
    assert type(model).__name__ == (loaded.ready.runs_as or config["architectures"][0])
    assert features(model) == FEATURES[loaded.name]
    assert model.config.vocab_size == len(loaded.lm.prompter.tokenizer) + PADDING
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert loaded.files.parameters == sum(p.numel() for p in model.parameters())


def test_positions_are_the_published_ones(loaded):
    config = loaded.lm.model.config
    rope = config.rope_parameters
    if loaded.name == "gemma-3-270m":
        assert config.sliding_window == 300
        assert config.layer_types == loaded.ready.config["layer_types"]
        assert rope["sliding_attention"]["rope_theta"] == 10_000
        assert rope["full_attention"]["rope_theta"] == 1_000_000
        return
    theta = loaded.ready.config.get("rope_theta") or loaded.ready.config["rotary_emb_base"]
    assert rope["rope_theta"] == theta
    scaled = loaded.name == "llama-3.2-1b-instruct"
    assert rope["rope_type"] == ("llama3" if scaled else "default")
    assert rope.get("factor") == (32.0 if scaled else None)
    assert rope.get("partial_rotary_factor", 1.0) == (0.25 if "pythia" in loaded.name else 1.0)


def test_the_tokenizer_does_what_its_file_says(loaded):
    """Golden ids: the tokenizers library on tokenizer.json alone."""
    published = Tokenizer.from_file(str(loaded.files.folder / "tokenizer.json"))
    tokenizer = loaded.lm.prompter.tokenizer
    for text in PROBES:
        expected = published.encode(text)
        assert tokenizer(text)["input_ids"] == expected.ids
        got = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        bare = published.encode(text, add_special_tokens=False)
        assert (got["input_ids"], got["offset_mapping"]) == (bare.ids, bare.offsets)
        special = published.decode(expected.ids, skip_special_tokens=False)
        ours = tokenizer.decode(expected.ids, clean_up_tokenization_spaces=False)
        assert ours == special


def test_a_prompt_is_what_the_template_writes(loaded):
    prompter = loaded.lm.prompter
    # What the tokenizer itself puts first, unless the template has it.
    added = loaded.ready.rules.bos and "bos_token" not in (loaded.ready.template or "")
    for text in ("I love this puppy", "he lied to me again in 2024", "5 dogs"):
        expected = prompter.tokenizer(at_once(loaded, text), add_special_tokens=False)["input_ids"]
        bos = [prompter.tokenizer.bos_token_id] if added else []
        assert whole(prompter, text) == bos + expected


def test_one_bos_where_the_family_has_one(loaded):
    tokenizer = loaded.lm.prompter.tokenizer
    for text in TEXTS:
        ids = whole(loaded.lm.prompter, text)
        assert ids.count(tokenizer.bos_token_id) == loaded.ready.bos_count
        if loaded.ready.bos_count:
            assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.bos_token_id not in loaded.lm.prompter.answer(EXAMPLE).ids


def test_the_end_of_an_answer(loaded):
    prompter, ready = loaded.lm.prompter, loaded.ready
    number = prompter.tokenizer.convert_tokens_to_ids
    assert prompter.end_id == number(ready.end)
    assert prompter.stop_ids == {number(stop) for stop in (*ready.stops, ready.end)}
    example = make_examples(loaded.lm, train_rows()[:1])[0]
    assert example.ids[-1] == prompter.end_id
    assert example.ids.count(prompter.end_id) == 1 + prompter.tail_ids.count(prompter.end_id)


def digits(pieces: list[str]) -> tuple[str, ...]:
    stripped = ("".join(filter(str.isdigit, piece)) for piece in pieces)
    return tuple(piece for piece in stripped if piece)


def test_digits_fall_apart_as_the_family_has_them(loaded):
    prompter = loaded.lm.prompter
    line = EXAMPLE.replace("0.83", "0.53")
    answer = prompter.answer(line)
    start = line.index("0.53")
    pieces = [line[a:b] for a, b in answer.spans if a < start + 4 and start < b]
    assert tuple(pieces) == loaded.ready.number
    spelt = [read(prompter, [one]) for one in prompter.prompt("in 2024").ids]
    assert digits(spelt) == loaded.ready.year


def test_no_control_token_comes_of_a_text(loaded):
    prompter = loaded.lm.prompter
    published = [*loaded.ready.rules.special, *loaded.ready.rules.plain]
    names = [name for name in published if name.strip()]
    added = set(prompter.tokenizer.added_tokens_decoder)
    assert {prompter.tokenizer.convert_tokens_to_ids(name) for name in names} <= added
    for hostile in (" ".join(names), *(f"a{name}{name}b {name}" for name in names)):
        ids = prompter.prompt(hostile).ids
        of_text = ids[: -len(prompter.tail_ids)]
        assert ids == (*of_text, *prompter.tail_ids)
        assert not added & set(of_text)
        assert read(prompter, of_text).split() == hostile.split()


def test_an_answer_comes_back_letter_by_letter(loaded):
    for line in (EXAMPLE, EXAMPLE.replace("love", "do n't , you 'd see . no ?")):
        assert loaded.lm.prompter.decode(loaded.lm.prompter.answer(line).ids) == line


def test_the_certificate(loaded):
    found, prompter = loaded.certificate, loaded.lm.prompter
    assert found.verdict == "packed"
    assert all(check.passed for check in found.checks)
    longest = prompter.max_text_tokens + len(prompter.tail_ids) + MAX_NEW_TOKENS
    if loaded.name == "gemma-3-270m":
        assert len(prompter.head_ids) + MAX_NEW_TOKENS < found.packed_up_to
        assert found.packed_up_to <= loaded.lm.model.config.sliding_window
    else:
        assert found.packed_up_to == len(prompter.head_ids) + longest
    assert found.system_turn == loaded.ready.system_turn
    assert found.prompt_head + " I" == at_once(loaded, "I").split(found.prompt_tail)[0]
    assert found.prompt_head.startswith(found.system_turn)


def test_training_lowers_the_loss_and_its_adapter_is_loaded_again(loaded, trained):
    assert trained.losses[-1] < 0.5 * trained.losses[0]
    ids = [*trained.lm.prompter.head_ids, 5]
    before = loaded.lm.model(torch.tensor([ids])).logits
    after = trained.lm.model(torch.tensor([ids])).logits
    assert (before - after).abs().max() > 0.1


def decoded_twice(
    lm: CausalLM, certificate: Certificate, texts: Sequence[str]
) -> list[tuple[Decoded, Decoded]]:
    rows = [(f"r{number}", text) for number, text in enumerate(texts)]
    hints = {row_id: hint(row_id) for row_id, _ in rows[::2]}
    settings = DecodeSettings(MAX_NEW_TOKENS, pack_rows=4)
    drafter = contract_drafter(lm.prompter, hints)
    verified = {one.id: one for one in decode_rows(lm, rows, certificate, settings, drafter)}
    return [(decode_canonical(lm, *one, MAX_NEW_TOKENS), verified[one[0]]) for one in rows]


@pytest.mark.parametrize("recipe", ["zero-shot", "sft"])
def test_verified_answers_are_the_canonical_ones(loaded, trained, recipe):
    lm = trained.lm if recipe == "sft" else loaded.lm
    known = [one.text for one in train_rows()]
    texts = [*known[:4], *TEXTS[:4], LONG] if recipe == "sft" else TEXTS[:3]
    pairs = decoded_twice(lm, loaded.certificate, texts)
    for canonical, verified in pairs:
        assert verified.ids == canonical.ids
        assert verified.output == canonical.output
        assert not any(name in verified.output for name in loaded.ready.rules.special)
    if recipe == "sft":
        if loaded.name == "gemma-3-270m":
            assert pairs[-1][0] == pairs[-1][1]  # beyond its window: canonical
            assert pairs[-1][0].prompt_tokens > loaded.certificate.packed_up_to
        assert any(verified.forwards < canonical.forwards for canonical, verified in pairs[:-1])
        assert any('{"labels":["' in canonical.output for canonical, _ in pairs)
