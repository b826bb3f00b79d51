"""The audit: what it decodes again, and what a mismatch leads to."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emoloom.contract.prompt import make_prompter
from emoloom.decoding.audit import Audit, audit, rows_to_audit
from emoloom.decoding.verified import DecodeSettings
from emoloom.records import Answer, Row
from emoloom.runs.directory import read_complete_lines
from emoloom.screening.decode_job import DecodeJob
from emoloom.screening.decoding_steps import decode
from emoloom.screening.widening import UNWIDENED, Widening, kept_widening
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
    prompter, gap: float, folder: Path, advance=lambda _: None, begun: Widening = UNWIDENED
) -> tuple[dict[str, float], list, list[str]]:
    lm, _ = scripted(prompter, dict.fromkeys(TEXTS, prompter.answer(LINE).ids), wrong_by(gap))
    job = DecodeJob(
        ROWS, packs(tie_margin=1e-5), False, DecodeSettings(60), {}, (), "0" * 20, audit_rows=2
    )
    events: list[tuple[str, dict]] = []
    out = folder / "select.jsonl"
    told = lambda name, **details: events.append((name, details))  # noqa: E731
    costs = decode(lm, job, out, advance, told, begun)
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
    assert details == {"rows": ["r1", "r2"], "tie_margin": pytest.approx(8e-5)}
    assert costs["audit_mismatches"] == 2
    assert costs["tie_margin"] == pytest.approx(8e-5)
    assert costs["audited_rows"] == 2


def test_what_was_widened_is_known_to_the_next_row_set(prompter, tmp_path):
    """It begins where the other ended, and finds nothing more."""
    first, _, _ = run(prompter, 5e-5, tmp_path / "select")
    assert first["widenings"] == 1
    costs, events, outputs = run(prompter, 5e-5, tmp_path / "next", begun=Widening(1))
    assert (outputs, events) == ([LINE] * 3, [])
    assert costs["tie_margin"] == pytest.approx(8e-5)
    assert (costs["audit_mismatches"], costs["widenings"]) == (0, 1)
    first, _, _ = run(prompter, 5.0, tmp_path / "select")
    assert first["widenings"] == 4
    costs, events, outputs = run(prompter, 5.0, tmp_path / "next", begun=Widening(4))
    assert (outputs, events) == ([LINE] * 3, [])
    assert (costs["near_ties"], costs["audited_rows"]) == (0, 0)


@pytest.mark.parametrize("own", [0.0, 1e-9, 0.3])
def test_a_widened_margin_is_a_multiple_of_the_models_own(own):
    """So a row set whose own margin is the larger never gets a smaller one from another."""
    job = DecodeJob(ROWS, packs(tie_margin=own), False, DecodeSettings(60), {}, (), "0" * 20)
    for times in range(4):
        wider = Widening(times).applied(job).certificate.tie_margin
        assert wider == (own if times == 0 else pytest.approx(max(own, 1e-6) * 8.0**times))


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


@pytest.mark.parametrize("packed", [0, 1, 2])
def test_rows_that_were_never_packed_are_not_audited(prompter, tmp_path, packed):
    """They are canonical already: counted in, they would flatter the bound."""
    texts = ["It is noon and it is day", "You lied", "I am at home and glad of it"]
    rows = tuple(replace(row, text=text) for row, text in zip(ROWS, texts, strict=True))
    lm, _ = scripted(prompter, dict.fromkeys(texts, prompter.answer(LINE).ids))
    tokens = sorted(len(prompter.prompt(text).ids) for text in texts)
    assert len({*tokens}) == 3
    up_to = len(prompter.head_ids) + ([0, *tokens][packed]) + 60
    job = DecodeJob(rows, packs(up_to), False, DecodeSettings(60), {}, (), "0" * 20, audit_rows=8)
    costs = decode(lm, job, tmp_path / "select.jsonl", lambda _: None)
    assert costs["audited_rows"] == packed
    assert costs["audited_tokens"] == packed * len(prompter.answer(LINE).ids)


@pytest.mark.parametrize(("gap", "step"), [(5e-5, 1), (5.0, 5)])
def test_a_widened_margin_is_kept_by_an_interrupted_call(prompter, tmp_path, gap, step):
    """Interrupted at each border in turn, and continued: as if it had never been."""
    whole = run(prompter, gap, tmp_path / "whole")
    stops = [0]

    def stop(_: int) -> None:
        stops[0] -= 1
        if stops[0] == 0:
            raise KeyboardInterrupt

    for at in range(1, 60, step):
        folder = tmp_path / str(at)
        stops[0] = at
        try:
            run(prompter, gap, folder, stop)
        except KeyboardInterrupt:
            told: list[int] = []
            costs, events, outputs = run(prompter, gap, folder, told.append)
            assert outputs == whole[2]
            free = {"forwards": 0, "tokens_computed": 0}  # other rows shared the packs
            assert costs | free == whole[0] | free
            assert sum(told) == 3
            margins = [details["tie_margin"] for _, details in events]
            expected = [details["tie_margin"] for _, details in whole[1]]
            assert margins == expected[len(expected) - len(margins) :]
        else:
            break
    assert at > 10
    assert at < 59


def test_what_is_kept_of_a_widening_is_believed_only_whole(tmp_path):
    path = tmp_path / "widening"
    assert kept_widening(path) is None
    Widening(2, 3).keep(path)
    assert kept_widening(path) == Widening(2, 3)
    for harm in ("", "[]", "{}", '{"times": 1}', "\x00", "[" * 10_000):
        path.write_text(harm, encoding="utf-8")
        assert kept_widening(path) is None
    for times in ("0", "9", "-1", "1e999", "NaN", '"x"', "null"):
        path.write_text(f'{{"times": {times}, "mismatches": 1}}', encoding="utf-8")
        assert kept_widening(path) is None
