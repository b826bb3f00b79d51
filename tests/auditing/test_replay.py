"""Rows of a finished run decoded again: equal, near-tie, or differs."""

import json

import pytest

from emoloom.auditing.replay import ROUNDING
from emoloom.verification import replay_run
from forging import edit, edit_answer, seal
from tiny_screen import call, lines_of

pytestmark = pytest.mark.usefixtures("own_cache")


def silent(_text):
    pass


def test_every_row_of_an_undisturbed_run_is_equal(finished_run):
    rows = replay_run(finished_run.folder, 99, 0, silent)
    assert len(rows) == 8 + 4 + 2, "select and polarity of sft, two rows of zero-shot"
    assert {row.outcome for row in rows} == {"equal"}


def test_a_draw_is_repeated_by_its_seed(finished_run):
    first, again, other = (replay_run(finished_run.folder, 3, seed, silent) for seed in (5, 5, 6))
    assert len(first) == 3
    assert first == again != other


def forged(folder):
    """An answer that is another in its 4th token, with every hash fixed."""
    path = folder / "candidates/one.sft/rows/select.jsonl"
    output = lines_of(path)[2]["output"]
    words = output.split(" ") if " " in output else list(output)
    changed = output.replace(words[-1], "zebra", 1) if words[-1] else f"{output}zebra"
    edit_answer(folder, "one.sft", 2, changed)
    seal(folder)
    return lines_of(path)[2]["id"]


def test_a_forged_answer_differs(a_run):
    row_id = forged(a_run.folder)
    rows = {
        row.id: row for row in replay_run(a_run.folder, 99, 0, silent) if row.entry == "one.sft"
    }
    assert rows[row_id].outcome == "differs"
    assert "the first other token was decided by" in rows[row_id].what
    assert {row.outcome for row in rows.values() if row.id != row_id} == {"equal"}


def test_within_the_margin_it_is_a_near_tie(a_run, monkeypatch):
    """With a margin above every gap, and rounding as large, any other token is one."""
    monkeypatch.setitem(ROUNDING, "float32", 1e9)
    row_id = forged(a_run.folder)
    preflight = a_run.folder / "candidates/one.sft/preflight.json"
    edit(preflight, lambda record: record.update(tie_margin=1e9))
    rows = replay_run(a_run.folder, 99, 0, silent)
    assert {row.id for row in rows if row.outcome == "near-tie"} == {row_id}


def test_a_margin_that_the_folder_states_is_not_believed_beyond_rounding(a_run):
    """Else whoever edits an answer would state a margin that excuses it."""
    row_id = forged(a_run.folder)
    preflight = a_run.folder / "candidates/one.sft/preflight.json"
    edit(preflight, lambda record: record.update(tie_margin=1e9))
    edit(
        a_run.folder / "costs.json",
        lambda record: [cost.update(tie_margin=1e9) for cost in record["decode"].values()],
    )
    rows = replay_run(a_run.folder, 99, 0, silent)
    assert {row.id for row in rows if row.outcome == "differs"} == {row_id}


def test_the_command_says_each_row_and_the_seed(finished_run):
    called = call("verify", finished_run.folder, "--replay", 3, "--seed", 7)
    assert called.code == 0
    lines = called.out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["equal"] * 3
    assert lines[3] == "3 decoded again: 3 equal, 0 near-tie, 0 differ (--seed 7)"
    assert lines[-1].startswith("verified: ")
    record = json.loads(call("verify", finished_run.folder, "--replay", 2, "--json").out)
    assert record["verified"] is True
    assert len(record["replay"]["rows"]) == 2
    assert record["replay"]["seed"] >= 0


def test_a_folder_that_does_not_hold_is_not_decoded(a_run):
    edit_answer(a_run.folder, "one.sft", 2, "x")
    called = call("verify", a_run.folder, "--replay", 3)
    assert called.code == 4
    assert "no row is decoded again" in called.err


def test_another_model_is_refused(a_run):
    manifest = json.loads((a_run.folder / "manifest.json").read_text(encoding="utf-8"))
    models = manifest["predicate"]["models"]
    models["one"]["weights_sha256"] = "0" * 64
    seal(a_run.folder, models=models)
    called = call("verify", a_run.folder, "--replay", 3)
    assert called.code == 4, "the entries have the weights, too"
    with pytest.raises(Exception, match="is not the model that the run was made with"):
        replay_run(a_run.folder, 3, 0, silent)
