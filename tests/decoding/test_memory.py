"""Too little memory: what can be made smaller is, what cannot ends its candidate by name."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from architectures import CONFIGS
from certified import ANSWER, MAX_NEW_TOKENS, TEXTS, candidate, certificate
from emoloom.contract.prompt import make_prompter
from emoloom.decoding.audit import audit
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models import comparisons, preflight
from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import ModelError
from emoloom.models.margin import PackSizes, measure_margin
from emoloom.screening import head_answers
from scripted_lm import packs, scripted
from small_tokenizers import CHATML, byte_level, fast
from tiny_lm import SPACE, make_tiny

LINE = '{"labels":["anger"],"vad":{"v":0.12,"a":0.34,"d":0.56},"rationale":"cues: love"}'
FULL = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")


@pytest.fixture(scope="module")
def prompter():
    return make_prompter(fast(byte_level(), template=CHATML), SPACE)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("memory") / "model").prompter


class Limited:
    """A model with room for so many tokens; behind its back the real one."""

    def __init__(self, model, room: int) -> None:
        self.model, self.room = model, room
        self.sizes: list[int] = []

    def __getattr__(self, name: str):
        return getattr(self.model, name)

    def __call__(self, **inputs):
        self.sizes.append(inputs["input_ids"].shape[1])
        if self.sizes[-1] > self.room:
            raise FULL
        return self.model(**inputs)


def limited(lm: CausalLM, room: int) -> CausalLM:
    return replace(lm, model=Limited(lm.model, room), split=None)


def test_packs_shrink_and_no_answer_changes(prompter):
    texts = [f"text number {k} is here" for k in range(12)]
    lm, _ = scripted(prompter, dict.fromkeys(texts, prompter.answer(LINE).ids))
    small = limited(lm, 2 * len(prompter.head_ids))
    shrunk: list[int] = []
    rows = [(text, text) for text in texts]
    settings = DecodeSettings(60, pack_rows=12, pack_tokens=10_000)
    answers = list(decode_rows(small, rows, packs(), settings, on_shrink=shrunk.append))
    assert sorted(a.id for a in answers) == sorted(texts)
    assert {a.output for a in answers} == {LINE}
    assert shrunk == sorted(shrunk, reverse=True)
    assert shrunk
    assert max(small.model.sizes) > small.model.room


ALONE = "scripted: memory does not suffice for row r0 alone"


def test_one_row_that_does_not_fit_is_named(prompter):
    lm, _ = scripted(prompter, {TEXTS[0]: prompter.answer(LINE).ids})
    small = limited(lm, 10)
    with pytest.raises(ModelError, match=ALONE):
        list(decode_rows(small, [("r0", TEXTS[0])], packs(), DecodeSettings(60)))
    with pytest.raises(ModelError, match=ALONE):
        list(decode_rows(small, [("r0", TEXTS[0])], packs(0), DecodeSettings(60)))
    with pytest.raises(ModelError, match=ALONE):
        audit(small, {"r0": TEXTS[0]}, {"r0": ""}, 60)


def test_a_near_tie_that_does_not_fit_is_named(prompter):
    def no_room_alone(logits_V: torch.Tensor, seen: tuple[int, ...], packed: bool) -> None:
        if not packed:
            raise FULL

    lm, _ = scripted(prompter, {TEXTS[0]: prompter.answer(LINE).ids}, no_room_alone)
    near = packs(tie_margin=100.0)
    with pytest.raises(ModelError, match=ALONE):
        list(decode_rows(lm, [("r0", TEXTS[0])], near, DecodeSettings(60)))


def test_other_faults_stay_what_they_are(prompter):
    def broken(logits_V: torch.Tensor, seen: tuple[int, ...], packed: bool) -> None:
        raise RuntimeError("size mismatch")

    lm, _ = scripted(prompter, {TEXTS[0]: prompter.answer(LINE).ids}, broken)
    for cert in (packs(), packs(0)):
        with pytest.raises(RuntimeError, match="size mismatch"):
            list(decode_rows(lm, [("r0", TEXTS[0])], cert, DecodeSettings(60)))


def forward_sizes(act: Callable[[CausalLM], object], lm: CausalLM) -> list[int]:
    """Tokens of each forward that an act takes where there is room for all."""
    roomy = limited(lm, 10**9)
    act(roomy)
    return roomy.model.sizes


def test_a_certificate_compares_a_smaller_pack(tiny):
    """And never says `canonical only` for want of memory, which would hold for ever."""
    lm = candidate(tiny, CONFIGS["llama"]())
    largest = max(forward_sizes(certificate, lm))
    small = limited(lm, largest // 3)
    found = certificate(small)
    assert found.verdict == "packed"
    assert found.positions > 0
    assert max(small.model.sizes) > small.model.room
    assert not found.warnings


def test_a_certificate_without_room_for_a_row_is_an_error_and_no_verdict(tiny):
    lm = candidate(tiny, CONFIGS["llama"]())
    with pytest.raises(ModelError, match="memory does not suffice for a row of"):
        certificate(limited(lm, 10))


def test_without_room_for_two_rows_there_is_no_verdict_either(tiny, monkeypatch):
    def never(*_args, **_more):
        raise FULL

    monkeypatch.setattr(comparisons, "packed_forward", never)
    with pytest.raises(ModelError, match="memory does not suffice for a pack of two rows"):
        certificate(candidate(tiny, CONFIGS["llama"]()))


def test_a_check_without_room_says_so(tiny, monkeypatch):
    def never(*_args, **_more):
        raise MemoryError

    monkeypatch.setattr(preflight.comparisons, "batched_gap", never)
    found = certificate(candidate(tiny, CONFIGS["llama"]()))
    assert found.verdict == "packed"
    name = "batched equals single (too little memory to try)"
    assert [check.name for check in found.warnings] == [name]


def test_a_margin_is_measured_in_a_smaller_pack(tiny):
    lm = candidate(tiny, CONFIGS["llama"]())

    def margin(which: CausalLM):
        sizes = PackSizes(MAX_NEW_TOKENS, 32, 3200, packed_up_to=10_000)
        return measure_margin(which, TEXTS, [ANSWER], sizes)

    whole = margin(lm)
    small = limited(lm, max(forward_sizes(margin, lm)) // 3)
    found = margin(small)
    assert 0 <= found.value < 1e-2
    assert 0 < found.positions <= whole.positions
    with pytest.raises(ModelError, match="memory does not suffice for a row of"):
        margin(limited(lm, 10))


def test_heads_read_smaller_packs(tiny):
    lm = candidate(tiny, CONFIGS["llama"]())
    prompts = [tiny.prompt(f"{text} {k}").ids for k in range(9) for text in TEXTS]
    with torch.no_grad():
        whole = head_answers.read_pack(lm, prompts, head_answers._states)
        small = limited(lm, 2 * len(tiny.head_ids) + 100)
        found = head_answers.read_pack(small, prompts, head_answers._states)
    assert max(small.model.sizes) > small.model.room
    assert found.shape == whole.shape
    assert torch.allclose(found, whole, atol=1e-4)
    with pytest.raises(ModelError, match="memory does not suffice for a prompt of"):
        head_answers.read_pack(limited(lm, 10), prompts, head_answers._states)
