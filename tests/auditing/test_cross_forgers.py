"""Forgers of the cross-corpus probe: hashes are fixed, and what was altered is found."""

import json

import pytest

from forging import ANSWER, edit, edit_answer, seal
from tiny_screen import (
    call,
    lines_of,
)

pytestmark = pytest.mark.usefixtures("own_cache")

NAME = "one.sft"


def failing(folder) -> list[str]:
    found = json.loads(call("verify", folder, "--json").out)
    assert not found["verified"]
    return [f"{one['file']} {one['what']}" for one in found["findings"]]


def test_the_run_verifies_and_replays(crossed_run):
    called = call("verify", crossed_run.folder, "--replay", 40)
    assert called.code == 0, called
    assert "0 differ" in called.out


@pytest.mark.parametrize("name", ["lexicon", NAME])
def test_an_answer_with_its_hash_fixed_fails_by_its_score(a_crossed_run, name):
    words = ANSWER if name == NAME else "no answer"
    edit_answer(a_crossed_run.folder, name, 9, words, row_set="cross")
    seal(a_crossed_run.folder)
    said = "\n".join(failing(a_crossed_run.folder))
    own = f"candidates/{name}/scores.json "
    assert f"{own}cross.own.parse_ok.value: stated" in said
    assert f"{own}rows.cross.answers.sha256: stated" in said
    assert "report.html" in said


def test_a_stated_number_with_its_hash_fixed_is_named(a_crossed_run):
    def change(scores):
        scores["cross"]["own"]["strict"]["skill"]["value"] = 0.9
        scores["cross"]["seven"]["label_space"] = "goemotions28"

    edit(a_crossed_run.folder / "candidates/lexicon/scores.json", change)
    seal(a_crossed_run.folder)
    said = "\n".join(failing(a_crossed_run.folder))
    assert "cross.own.strict.skill.value: stated 0.9, computed" in said
    assert "cross.seven.label_space: stated 'goemotions28', computed 'ekman7'" in said


def test_a_probe_that_is_left_out_is_missed(a_crossed_run):
    edit(
        a_crossed_run.folder / "candidates/lexicon/scores.json", lambda scores: scores.pop("cross")
    )
    (a_crossed_run.folder / "candidates/tf-idf/rows/cross.jsonl").unlink()
    seal(a_crossed_run.folder)
    said = "\n".join(failing(a_crossed_run.folder))
    assert "candidates/lexicon/scores.json cross: stated nothing, computed" in said
    assert "candidates/tf-idf/scores.json cross: stated" in said


def test_another_map_or_gold_row_fails_by_the_scores(a_crossed_run):
    def change(counts):
        counts["cross"]["seven"]["answers_map"]["sha256"] = "0" * 64

    edit(a_crossed_run.folder / "data/counts.json", change)
    seal(a_crossed_run.folder)
    assert any("signature: stated" in what for what in failing(a_crossed_run.folder))
    path = a_crossed_run.folder / "data/cross.jsonl"
    rows = lines_of(path)
    rows[-1]["answer"]["vad"]["v"] = 0.99
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    seal(a_crossed_run.folder)
    said = "\n".join(failing(a_crossed_run.folder))
    assert "candidates/lexicon/scores.json cross.own.strict.skill.value: stated" in said


@pytest.mark.parametrize("content", ["{}", '{"cross": []}', '{"cross": {"seven": {}}}', "[1"])
def test_counts_that_name_no_spaces_are_a_finding(a_crossed_run, content):
    (a_crossed_run.folder / "data/counts.json").write_text(content, encoding="utf-8")
    seal(a_crossed_run.folder)
    assert any("scores cannot be computed" in what for what in failing(a_crossed_run.folder))
