"""Forgers of the rows that chose nobody: hashes are fixed, and what was altered is found."""

import json
import shutil

import pytest

from final_files import TEST_ROWS, TWO, answer_as, final_config
from forging import ANSWER, edit, edit_answer, seal
from tiny_screen import call, run_screen

pytestmark = pytest.mark.usefixtures("own_cache")

NAME = "one.sft"


def failing(folder) -> str:
    found = json.loads(call("verify", folder, "--json").out)
    assert not found["verified"]
    return "\n".join(f"{one['file']} {one['what']}" for one in found["findings"])


def test_the_run_verifies_and_replays_them(tested_run):
    called = call("verify", tested_run.folder, "--replay", 60, "--json")
    assert called.code == 0, called
    replayed = json.loads(called.out)["replay"]["rows"]
    assert [one["row_set"] for one in replayed].count("test") == TEST_ROWS
    assert "differs" not in {one["outcome"] for one in replayed}


@pytest.mark.parametrize("name", ["lexicon", NAME])
def test_an_answer_with_its_hash_fixed_fails_by_its_score(a_tested_run, name):
    words = ANSWER if name == NAME else "no answer"
    edit_answer(a_tested_run.folder, name, 2, words, row_set="test")
    seal(a_tested_run.folder)
    said = failing(a_tested_run.folder)
    assert f"candidates/{name}/scores.json test.parse_ok.value: stated" in said
    assert f"leaderboard.json test.entries[{name}].parse_ok.value: stated" in said
    assert "rows.test.answers.sha256: stated" in said


def test_a_stated_number_with_its_hash_fixed_is_named(a_tested_run):
    def change(board):
        board["test"]["entries"][0]["score"]["value"] = 0.9
        board["test"]["floor_comparisons"][0]["difference"] = 0.5

    edit(a_tested_run.folder / "leaderboard.json", change)
    seal(a_tested_run.folder)
    said = failing(a_tested_run.folder)
    assert "test.entries[one.sft].score.value: stated 0.9, computed" in said
    assert "].difference: stated 0.5, computed" in said


def test_a_gold_row_of_them_fails_by_the_scores(a_tested_run):
    path = a_tested_run.folder / "data/test.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[-1]["answer"]["vad"]["v"] = 0.99
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    seal(a_tested_run.folder)
    assert "candidates/lexicon/scores.json test.strict.skill.value: stated" in failing(
        a_tested_run.folder
    )


def test_one_of_the_best_set_that_was_left_out_is_missed(a_tested_run):
    folder = a_tested_run.folder
    for name in ("rows/test.jsonl", "done/test.json"):
        (folder / f"candidates/{NAME}" / name).unlink()
    seal(folder)
    said = failing(folder)
    assert f"rows/test.jsonl {NAME} is of the best set, and neither answered nor was it" in said
    assert "test.entries[one.sft].status: stated 'scored', computed 'not_done'" in said


def test_another_choice_than_the_best_set_is_named(tmp_path, monkeypatch):
    """Who asks `test` of all and quotes the best of them has chosen on it."""
    answer_as(monkeypatch, lambda name, row_set: name == "m1.sft")
    config = final_config(tmp_path / "c.yaml", models=TWO, recipes=["sft"], polarity={"pairs": 0})
    folder = tmp_path / "run"
    run_screen(config, folder)
    assert call("verify", folder).code == 0
    own = folder / "candidates/m1.sft/rows/test.jsonl"
    shutil.copy(own, folder / "candidates/m2.sft/rows/test.jsonl")
    edit(folder / "leaderboard.json", lambda board: board["test"].update(compared="m2.sft"))
    seal(folder)
    said = failing(folder)
    what = "m2.sft answered the test rows, and is not of the best set of these answers"
    assert f"candidates/m2.sft/rows/test.jsonl {what}" in said
    assert "leaderboard.json test.compared: stated 'm2.sft', computed 'm1.sft'" in said


def test_lines_that_are_no_answers_are_a_finding(a_tested_run):
    path = a_tested_run.folder / f"candidates/{NAME}/rows/test.jsonl"
    path.write_text('{"id": 7}\n', encoding="utf-8")
    seal(a_tested_run.folder)
    assert "scores cannot be computed" in failing(a_tested_run.folder)
