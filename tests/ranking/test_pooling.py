"""Several trainings of a candidate in one leaderboard: against direct computation by training."""

from dataclasses import replace

import numpy as np
import pytest

from emoloom.metrics.resampling import resample
from emoloom.metrics.row_table import row_table
from emoloom.metrics.seeds import SeedScores, seed_interval, seed_p
from emoloom.ranking.leaderboard_texts import to_csv, to_json, to_markdown
from emoloom.ranking.rule import rank_measure
from emoloom.records import ParseFailure
from expanded import expanded_ends
from leaderboard_cases import ROWS, RULE, SPACE, answered, built, entrant, shown_json

LEVEL = RULE.settings.bootstrap.level


def trainings(name, rights, **given):
    """One training for each share of right answers."""
    return [
        replace(
            entrant(f"{name}.seed{seed}", answered(ROWS, right, seed=seed), **given), pooled=name
        )
        for seed, right in enumerate(rights)
    ]


GOOD, POOR = trainings("good", (0.8, 0.7, 0.75)), trainings("poor", (0.4, 0.5, 0.45))
FLOOR = entrant("constant", answered(ROWS, 0.0, fails=0), kind="floor")


def seeded(group, key="score"):
    """Scores by seed and draw, by the public parts alone."""
    measure = rank_measure(RULE, SPACE)
    tables = [row_table(one.answers, ROWS, SPACE, RULE.vad_scoring) for one in group]
    drawn = resample(tables, [row.source for row in ROWS], RULE.settings.bootstrap, measure)
    values = np.array([float(measure(table.totals())[key]) for table in tables])
    return SeedScores(
        values,
        np.stack([draws[key].draws_B for draws in drawn]),
        np.mean([draws[key].influence_N for draws in drawn], axis=0),
    )


def by_name(board):
    return {entry["name"]: entry for entry in board["entries"]}


def test_candidates_rank_by_the_mean_and_trainings_stand_below():
    board = shown_json([*GOOD, *POOR, FLOOR])
    names = [entry["name"] for entry in board["entries"]]
    assert names[:3] == ["good", "poor", "constant"]
    assert set(names[3:]) == {one.name for one in (*GOOD, *POOR)}
    entries = by_name(board)
    assert [entries[name]["rank"] for name in names] == [1, 2] + [None] * 7
    assert entries["good"]["trainings"] == ["good.seed0", "good.seed1", "good.seed2"]
    assert entries["good.seed1"]["pooled"] == "good"
    assert (entries["constant"]["pooled"], entries["constant"]["trainings"]) == ("", [])
    verdict = board["verdict"]
    assert (verdict["seeds"], verdict["leader"], verdict["best_set"]) == (3, "good", ["good"])
    assert set(verdict["p_best"]) == {"good", "poor"}
    assert [c["name"] for c in verdict["comparisons"]] == ["poor"]
    assert [c["name"] for c in verdict["floor_comparisons"]] == ["constant"]


def test_scores_are_means_and_intervals_are_of_both_levels():
    board = shown_json([*GOOD, *POOR, FLOOR])
    entries = by_name(board)
    for key, path in (("score", ["score"]), ("strict.skill", ["strict", "skill"])):
        found, scores = entries["good"], seeded(GOOD, key)
        for part in path:
            found = found[part]
        assert found["value"] == pytest.approx(scores.mean, abs=1e-6)
        assert found["interval"] == pytest.approx(list(seed_interval(scores, LEVEL)), abs=1e-6)
    mean = np.mean([entries[one.name]["strict"]["micro_f1"]["value"] for one in GOOD])
    assert entries["good"]["strict"]["micro_f1"]["value"] == pytest.approx(mean, abs=1e-6)


def test_comparisons_are_of_both_levels_and_a_floor_is_the_same_for_all_seeds():
    verdict = shown_json([*GOOD, *POOR, FLOOR])["verdict"]
    (other,), (floor,) = verdict["comparisons"], verdict["floor_comparisons"]
    for found, against in ((other, seeded(POOR)), (floor, seeded([FLOOR] * 3))):
        gap = seeded(GOOD).less(against)
        assert found["difference"] == pytest.approx(gap.mean, abs=1e-6)
        assert found["interval"] == pytest.approx(list(seed_interval(gap, LEVEL)), abs=1e-6)
        assert found["p"] == pytest.approx(seed_p(gap), abs=1e-6)


def test_counts_are_sums():
    entries = by_name(shown_json([*GOOD, FLOOR]))
    assert entries["good"]["n"] == 3 * len(ROWS)
    failed = sum(isinstance(one, ParseFailure) for group in GOOD for one in group.answers)
    assert sum(entries["good"]["reasons"].values()) == failed > 0
    assert entries["good"]["strict"]["n_label_rows"] == 3 * 60


def test_the_verdict_speaks_of_seeds_from_three_on():
    text = shown_json([*GOOD, *POOR])["verdict"]["text"]
    assert text.startswith("good leads over 3 seeds and 120 rows (p of being best ")
    two = shown_json([*GOOD[:2], *POOR[:2]])
    alone = "good leads on these 120 rows alone, these 2 seeds (p of"
    assert two["verdict"]["text"].startswith(alone)
    assert two["verdict"]["seeds"] == 2
    (compared,) = two["verdict"]["comparisons"]
    gap = seeded(GOOD[:2]).less(seeded(POOR[:2]))
    ends = expanded_ends(gap.draws_SB.mean(axis=0), gap.influence_N)
    assert compared["interval"] == pytest.approx(ends, abs=1e-6), "of rows alone"


def test_trainings_that_vary_more_than_candidates_differ_separate_nobody():
    wild, calm = trainings("wild", (0.95, 0.2, 0.9)), trainings("calm", (0.5, 0.52, 0.48))
    verdict = shown_json([*wild, *calm])["verdict"]
    assert verdict["leader"] == "wild"
    assert verdict["best_set"] == ["wild", "calm"]
    assert verdict["comparisons"][0]["rows_to_separate"] is None
    assert "(no number of rows would separate them)" in verdict["text"]
    by_rows = shown_json([replace(one, pooled="") for one in (wild[0], calm[0])])
    assert by_rows["verdict"]["comparisons"][0]["separable"], "one training would have said so"


@pytest.mark.parametrize("status", ["failed", "not_done"])
def test_a_candidate_ranks_only_with_all_its_trainings(status):
    ended = replace(entrant("good.seed2", None, status=status, reason="memory"), pooled="good")
    board = shown_json([*GOOD[:2], ended, *POOR])
    entries = by_name(board)
    assert entries["good"]["status"] == status
    assert entries["good"]["rank"] is None
    assert entries["good"]["reason"] == "2 of 3 trainings are scored; good.seed2: memory"
    assert entries["good.seed0"]["status"] == "scored"
    assert board["verdict"]["leader"] == "poor"
    assert "poor is the only candidate that was ranked" in board["verdict"]["text"]


def test_recipes_are_compared_over_seeds():
    def of(recipe, group):
        return [
            replace(one, name=f"m.{recipe}.seed{i}", pooled=f"m.{recipe}", recipe=recipe)
            for i, one in enumerate(group)
        ]

    base, other = of("sft", POOR), of("sft+flip", GOOD)
    (found,) = shown_json([*base, *other])["ablations"]
    assert (found["name"], found["base"]) == ("m.sft+flip", "m.sft")
    gap = seeded(other).less(seeded(base))
    assert found["score"]["value"] == pytest.approx(gap.mean, abs=1e-6)
    assert found["score"]["interval"] == pytest.approx(list(seed_interval(gap, LEVEL)), abs=1e-6)


def test_the_order_given_changes_no_byte():
    one, two = built([*GOOD, *POOR, FLOOR]), built([FLOOR, *reversed(POOR), *GOOD[1:], GOOD[0]])
    for text in (to_json, to_csv, to_markdown):
        assert text(one) == text(two)
