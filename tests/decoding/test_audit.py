"""The audit: what it decodes again, and what a mismatch leads to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from emoloom.contract.prompt import make_prompter
from emoloom.decoding.audit import Audit, audit, rows_to_audit
from emoloom.decoding.verified import DecodeSettings
from emoloom.records import Answer, Row
from emoloom.runs.directory import read_complete_lines
from emoloom.screening.decoding_steps import DecodeJob, decode
from scripted_lm import packs, scripted
from small_tokenizers import CHATML, byte_level, fast
from tiny_lm import SPACE

LINE = '{"labels":["anger"],"vad":{"v":0.12,"a":0.34,"d":0.56},"rationale":"cues: love"}'
TEXTS = ("I am glad", "You lied!", "It is noon")
ROWS = tuple(
    Row(f"r{k}", text, Answer(None, None, ""), "made-up", "dev", None, f"g{k}")
    for k, text in enumerate(TEXTS)
)


@pytest.fixture(scope="module")
def prompter():
    return make_prompter(fast(byte_level(), template=CHATML), SPACE)


@pytest.mark.parametrize(
    ("share", "least", "count"),
    [(0.01, 8, 8), (0.01, 2, 2), (0.1, 2, 20), (1.0, 0, 200), (0, 0, 0)],
)
def test_rows_are_chosen_by_their_ids_alone(share, least, count):
    ids = [f"row{k}" for k in range(200)]
    chosen = rows_to_audit(ids, share, least)
    assert len(set(chosen)) == count
    assert rows_to_audit(ids[::-1], share, least) == chosen
    assert set(chosen) <= set(ids)
    assert rows_to_audit(ids[:3], 0.01, 8) == rows_to_audit(ids[:3], 1.0, 0)


def test_an_audit_names_the_rows_that_differ(prompter):
    lm, _ = scripted(prompter, dict.fromkeys(TEXTS, prompter.answer(LINE).ids))
    texts = {row.id: row.text for row in ROWS}
    found = audit(lm, texts, {"r0": LINE, "r1": LINE.replace("2", "3"), "r2": LINE}, 60)
    assert found == Audit(3, 3 * len(prompter.answer(LINE).ids), ("r1",))


def test_an_audit_can_be_stopped_before_each_row(prompter):
    lm, _ = scripted(prompter, dict.fromkeys(TEXTS, prompter.answer(LINE).ids))
    texts = {row.id: row.text for row in ROWS}
    borders = iter([None, None])
    with pytest.raises(StopIteration):
        audit(lm, texts, dict.fromkeys(texts, LINE), 60, lambda: next(borders))


def wrong_by(gap: float):
    """Packed forwards prefer another token, by so much."""

    def nudge(logits_V: torch.Tensor, seen: tuple[int, ...], packed: bool) -> None:
        if packed:
            said = int(logits_V.argmax())
            logits_V[(said + 1) % 5 + 20] = 10.0 + gap

    return nudge


def run(
    prompter, gap: float, folder: Path, advance=lambda _: None
) -> tuple[dict[str, float], list, list[str]]:
    lm, _ = scripted(prompter, dict.fromkeys(TEXTS, prompter.answer(LINE).ids), wrong_by(gap))
    job = DecodeJob(
        ROWS, packs(tie_margin=1e-5), False, DecodeSettings(60), {}, (), ("r0", "r2"), "0" * 20
    )
    events: list[tuple[str, dict]] = []
    out = folder / "select.jsonl"
    costs = decode(lm, job, out, advance, lambda name, **details: events.append((name, details)))
    assert [path.name for path in folder.iterdir()] == ["select.jsonl"]
    return costs, events, [line["output"] for line in read_complete_lines(out)]


def test_without_a_mismatch_nothing_is_widened(prompter, tmp_path):
    costs, events, outputs = run(prompter, 5e-6, tmp_path)
    assert outputs == [LINE] * 3
    assert events == []
    assert (costs["audited_rows"], costs["audit_mismatches"], costs["tie_margin"]) == (2, 0, 1e-5)


def test_a_mismatch_widens_the_margin_until_the_answers_are_canonical(prompter, tmp_path):
    costs, events, outputs = run(prompter, 5e-5, tmp_path)
    assert outputs == [LINE] * 3
    ((name, details),) = events
    assert name == "margin_widened"
    assert details == {"rows": ["r0", "r2"], "tie_margin": pytest.approx(8e-5)}
    assert costs["audit_mismatches"] == 2
    assert costs["tie_margin"] == pytest.approx(8e-5)
    assert costs["audited_rows"] == 2


def test_audit_and_decoding_again_pass_borders(prompter, tmp_path):
    """Else a spent budget could not stop them, and a worker would be silent for long."""
    told: list[int] = []
    run(prompter, 5e-5, tmp_path, told.append)
    decoded, audited, again = [0, 1, 1, 1], [0, 0], [0, 0, 0, 0]
    assert told == decoded + audited + again + audited


def test_a_packed_forward_that_is_simply_wrong_ends_in_canonical_decoding(prompter, tmp_path):
    costs, events, outputs = run(prompter, 5.0, tmp_path)
    assert outputs == [LINE] * 3
    assert [name for name, _ in events] == ["margin_widened"] * 4
    assert costs["audited_rows"] == 0  # what is canonical needs no audit
    assert costs["near_ties"] == 0


def test_memory_that_runs_out_shrinks_the_packs_and_changes_no_answer(prompter):
    from emoloom.decoding.verified import decode_rows

    texts = [f"text number {k} is here" for k in range(12)]
    lm, model = scripted(prompter, dict.fromkeys(texts, prompter.answer(LINE).ids))
    room = 2 * len(prompter.head_ids)
    sizes: list[int] = []

    def short_of_memory(**inputs):
        size = inputs["input_ids"].shape[1]
        sizes.append(size)
        if size > room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")
        return type(model).__call__(model, **inputs)

    limited = type(lm)(_Calls(short_of_memory, model), lm.prompter, lm.name)
    shrunk: list[int] = []
    rows = [(text, text) for text in texts]
    settings = DecodeSettings(60, pack_rows=12, pack_tokens=10_000)
    answers = list(decode_rows(limited, rows, packs(), settings, on_shrink=shrunk.append))
    assert sorted(a.id for a in answers) == sorted(texts)
    assert {a.output for a in answers} == {LINE}
    assert shrunk == sorted(shrunk, reverse=True)
    assert shrunk
    assert max(sizes) > room


class _Calls:
    """A model that is called through something else."""

    def __init__(self, call, model) -> None:
        self._call, self.device, self.config = call, model.device, model.config

    def __call__(self, **inputs):
        return self._call(**inputs)


def test_one_row_that_does_not_fit_is_named(prompter) -> None:
    from emoloom.decoding.verified import decode_rows
    from emoloom.models.logits import ModelError

    lm, model = scripted(prompter, dict.fromkeys(TEXTS, prompter.answer(LINE).ids))

    def never(**inputs) -> Iterator[None]:
        raise MemoryError

    limited = type(lm)(_Calls(never, model), lm.prompter, lm.name)
    with pytest.raises(ModelError, match="memory does not suffice for row r0 alone"):
        list(decode_rows(limited, [("r0", TEXTS[0])], packs(), DecodeSettings(60)))
