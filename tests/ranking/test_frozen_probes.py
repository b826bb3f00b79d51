"""A candidate below the frozen probe of its own model is told so; nothing else changes by it."""

from dataclasses import replace

import pytest

from emoloom.ranking.leaderboard_texts import to_markdown
from leaderboard_cases import ROWS, answered, built, entrant, shown_json

WEAK, GOOD = answered(ROWS, 0.3, fails=0, seed=4), answered(ROWS, 0.8, fails=0, seed=5)
WHY = "the training has not yet reached what a linear head reads off the untrained model"


def probe(name, answers, *, rows=ROWS):
    made = entrant(name, answers, kind="shown", rows=rows)
    return replace(made, recipe="frozen-probe")


def test_below_its_own_probe_is_said_with_both_scores_and_changes_no_rank():
    without = [entrant("m.sft", WEAK), entrant("constant", answered(ROWS, 0.0), kind="floor")]
    board = shown_json([*without, probe("m.probe", GOOD)])
    entries = {one["name"]: one for one in board["entries"]}
    own, other = (entries[n]["score"]["value"] for n in ("m.sft", "m.probe"))
    assert own < other
    clause = f"m.sft ({own:.3f} against {other:.3f}) is below its own frozen probe: {WHY}"
    assert clause in board["verdict"]["text"]
    assert entries["m.sft"]["below_probe"] == "m.probe"
    assert entries["m.sft"]["below_floors"] == []
    assert entries["m.probe"]["rank"] is None
    plain = shown_json(without)
    assert {**board["verdict"], "text": ""} == {**plain["verdict"], "text": ""}
    assert "below its frozen probe" in to_markdown(built([*without, probe("m.probe", GOOD)]))


@pytest.mark.parametrize(
    "others",
    [
        [probe("m.probe", WEAK)],  # equal is not below
        [probe("n.probe", GOOD)],  # of another model
        [probe("m.sft.probe", GOOD)],
        [probe("m.probe", GOOD[:9], rows=ROWS[:9])],  # not on the same rows
        [entrant("m.probe", GOOD)],  # a candidate of this name
        [],
    ],
)
def test_nothing_is_said_where_no_own_probe_is_above(others):
    board = shown_json([entrant("m.sft", WEAK), *others])
    assert "frozen probe" not in board["verdict"]["text"]
    assert not any("below_probe" in one for one in board["entries"])


def test_several_are_told_together_and_trainings_as_the_candidate_that_they_make():
    seeds = [
        replace(entrant(f"m.sft.seed{n}", answered(ROWS, 0.3, seed=n)), pooled="m.sft")
        for n in (1, 2)
    ]
    heads = replace(entrant("m.sft+heads", WEAK), recipe="sft+heads")
    text = shown_json([*seeds, heads, probe("m.probe", GOOD)])["verdict"]["text"]
    assert text.count("are below their own frozen probes: ") == 1
    assert "m.sft (0." in text
    assert "m.sft+heads (0." in text
    assert "seed1" not in text
