"""Trainings that measure noise: they rank nobody, and widen every difference."""

from dataclasses import replace

import pytest

from leaderboard_cases import ROWS, answered, built, entrant, shown_json

GOOD = entrant("good.sft", answered(ROWS, 0.75, seed=1))
POOR = entrant("poor.sft", answered(ROWS, 0.45, seed=2))
FLOOR = replace(entrant("constant", answered(ROWS, 0.1, fails=0), kind="floor"), recipe="floor")


def further(of, rights):
    """Further trainings of a candidate, of other quality by chance."""
    return [
        replace(
            entrant(f"{of.name}.noise{n}", answered(ROWS, right, seed=10 + n), kind="shown"),
            noise_of=of.name,
        )
        for n, right in enumerate(rights, start=1)
    ]


NOISE = further(POOR, (0.35, 0.65))


def test_what_measures_noise_is_shown_and_never_ranked():
    board = shown_json([GOOD, POOR, FLOOR, *NOISE])
    entries = {entry["name"]: entry for entry in board["entries"]}
    for one in NOISE:
        assert (entries[one.name]["kind"], entries[one.name]["rank"]) == ("shown", None)
        assert entries[one.name]["noise_of"] == "poor.sft"
    assert set(board["verdict"]["p_best"]) == {"good.sft", "poor.sft"}
    noise = board["verdict"]["training_noise"]
    assert (noise["of"], noise["trainings"]) == ("poor.sft", 3)
    assert noise["deviations"]["score"] > 0.02


def test_every_difference_is_wider_and_less_sure():
    alone, noisy = shown_json([GOOD, POOR, FLOOR]), shown_json([GOOD, POOR, FLOOR, *NOISE])
    for family in ("comparisons", "floor_comparisons"):
        (one,), (other,) = (board["verdict"][family] for board in (alone, noisy))
        assert other["difference"] == one["difference"]
        assert other["p"] > one["p"]
        assert other["interval"][0] < one["interval"][0] < one["interval"][1] < other["interval"][1]
    assert alone["verdict"]["comparisons"][0]["separable"]
    assert not noisy["verdict"]["comparisons"][0]["separable"]
    assert noisy["verdict"]["best_set"] == ["good.sft", "poor.sft"]
    assert noisy["verdict"]["p_best"]["good.sft"] < alone["verdict"]["p_best"]["good.sft"]
    assert noisy["verdict"]["floor_family"]["method"] == "holm"


def test_a_floor_holds_no_training():
    """Against it a difference holds the noise of one training, between candidates that of two."""
    board = built([GOOD, POOR, FLOOR, *NOISE])
    pair, floor = board.standing.comparisons[0], board.floors.comparisons[0]
    assert board.standing.noise is not None
    assert pair.interval[1] - pair.interval[0] > floor.interval[1] - floor.interval[0]


def test_the_verdict_says_what_it_rests_on():
    alone = shown_json([GOOD, POOR, FLOOR])["verdict"]
    assert "on these 120 rows alone, this seed" in alone["text"]
    assert alone["training_noise"] is None
    noisy = shown_json([GOOD, POOR, FLOOR, *NOISE])["verdict"]["text"]
    assert "on these 120 rows, this seed, and the spread of 3 trainings of poor.sft" in noisy


@pytest.mark.parametrize("left", [1, 0])
def test_trainings_that_failed_leave_fewer(left):
    failed = [replace(one, status="failed", answers=None, row_ids=()) for one in NOISE[left:]]
    noise = shown_json([GOOD, POOR, FLOOR, *NOISE[:left], *failed])["verdict"]["training_noise"]
    assert (None if noise is None else noise["trainings"]) == (2 if left else None)


def test_ablations_know_it_too():
    base = replace(POOR, name="m.sft", model="M")
    other = replace(GOOD, name="m.sft+vad", recipe="sft+vad", model="M")
    noise = [replace(one, noise_of="m.sft") for one in NOISE]
    (alone,), (noisy,) = (
        shown_json([base, other, FLOOR, *more])["ablations"] for more in ([], noise)
    )
    for part in ("score", "labels", "vad"):
        low, high = alone[part]["interval"]
        wide = noisy[part]["interval"]
        assert wide[1] - wide[0] > high - low, part


def test_three_trainings_of_each_need_no_noise():
    groups = [
        replace(entrant(f"{name}.seed{s}", answered(ROWS, right, seed=s)), pooled=name)
        for name, right in (("good", 0.8), ("poor", 0.4))
        for s in range(3)
    ]
    noise = [replace(one, noise_of="poor") for one in NOISE]
    plain, given = shown_json(groups), shown_json([*groups, *noise])
    assert plain["verdict"]["comparisons"] == given["verdict"]["comparisons"]
