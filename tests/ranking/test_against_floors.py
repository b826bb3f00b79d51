"""The leader against floors: adjusted for every candidate, since it was chosen among them."""

from dataclasses import replace

import numpy as np
import pytest

from emoloom.metrics.intervals import Resampled
from emoloom.metrics.resampling import holm
from emoloom.metrics.seeds import SeedScores, seed_p
from emoloom.ranking.against_floors import against_floors
from emoloom.ranking.standing import RankedScores
from leaderboard_cases import ROWS, RULE, answered, entrant, shown_json

SPREAD = 0.02


def made(scores, *, draws=2000, n_rows=400):
    """Scores whose draws spread independently around them, of so many rows that t is normal."""
    generator = np.random.default_rng(0)
    drawn = {
        name: Resampled(generator.normal(score, SPREAD, draws), np.zeros(0))
        for name, score in scores.items()
    }
    return RankedScores(dict(scores), drawn, n_rows)


def found(ranked, floors=("floor",), leader="best"):
    candidates = [name for name in ranked.scores if name not in floors]
    return against_floors(ranked, candidates, leader, list(floors), RULE)


ABOVE = 2.3 * SPREAD * 2**0.5
"""Enough for one comparison, not for the best of ten."""


def test_a_chosen_leader_is_compared_as_one_of_all():
    one = made({"best": 0.4, "floor": 0.4 - ABOVE})
    (alone,) = found(one).comparisons
    assert (alone.separable, alone.p_adjusted) == (True, alone.p)
    nine = {f"c{i}": 0.4 - ABOVE + 0.001 * i for i in range(9)}
    family = found(made({"best": 0.4, "floor": 0.4 - ABOVE} | nine))
    (among,) = family.comparisons
    assert (family.tests, family.method) == (10, "max-t")
    assert among.p < 0.05 < among.p_adjusted
    assert not among.separable
    assert among.rows_to_separate > 400


def test_below_a_floor_is_said_from_the_same_family():
    scores = {"best": 0.4 - ABOVE, "floor": 0.4}
    (alone,) = found(made(scores)).comparisons
    assert (alone.separable, alone.difference < 0) == (True, True)
    level = {f"c{i}": 0.4 - ABOVE - 0.001 for i in range(9)}
    (among,) = found(made(scores | level)).comparisons
    assert among.p_adjusted > alone.p_adjusted


def test_candidates_far_below_do_not_count_against_the_leader():
    scores = {"best": 0.4, "floor": 0.4 - ABOVE - 0.002}
    far = {f"c{i}": 0.0 for i in range(9)}
    (among,) = found(made(scores | far)).comparisons
    assert among.separable, "what is surely below leaves the family first"


def test_an_equal_score_is_not_told_apart():
    ranked = made({"best": 0.4, "other": 0.3, "floor": 0.4})
    apart = replace(
        ranked, draws=ranked.draws | {"floor": Resampled(np.full(2000, 0.1), np.zeros(0))}
    )
    (among,) = found(apart).comparisons
    assert (among.difference, among.p, among.p_adjusted, among.separable) == (0.0, 1.0, 1.0, False)


def test_from_three_trainings_on_holm_adjusts_the_whole_family():
    """The draws are of rows: they cannot say how trainings vary together."""
    generator = np.random.default_rng(1)

    def trained(score):
        values_S = score + generator.normal(0, 0.02, 3)
        draws_SB = values_S[:, None] + generator.normal(0, 0.01, 2000)
        return SeedScores(values_S, draws_SB, np.zeros(0))

    by_seed = {name: trained(score) for name, score in (("best", 0.5), ("x", 0.4), ("y", 0.3))}
    scores = {name: one.mean for name, one in by_seed.items()} | {"floor": 0.35, "low": 0.1}
    ranked = replace(made(scores), by_seed=by_seed)
    family = found(ranked, floors=("floor", "low"))
    assert (family.tests, family.method) == (6, "holm")
    pairs = [(name, floor) for name in by_seed for floor in ("floor", "low")]
    own = [seed_p(ranked.seeded(a).less(ranked.seeded(b))) for a, b in pairs]
    assert [c.p_adjusted for c in family.comparisons] == pytest.approx(holm(own)[:2])
    assert [c.p for c in family.comparisons] == pytest.approx(own[:2])


def test_without_floors_or_candidates_there_is_nothing_to_compare():
    ranked = made({"best": 0.4})
    assert found(ranked, floors=()).comparisons == ()
    nobody = against_floors(made({"floor": 0.4}), [], None, ["floor"], RULE)
    assert (nobody.comparisons, nobody.tests) == ((), 0)


def test_the_verdict_is_said_from_the_adjusted_p():
    """The best of many noise candidates does not beat the floor that it would beat alone."""
    noise = [entrant(f"c{i:02}", answered(ROWS, 0.35, fails=0, seed=i)) for i in range(20)]
    floor = entrant("floor", answered(ROWS, 0.3, fails=0, seed=99), kind="floor")
    many = shown_json([*noise, floor])["verdict"]
    (among,) = many["floor_comparisons"]
    leader = many["leader"]
    alone = shown_json([*(one for one in noise if one.name == leader), floor])["verdict"]
    (own,) = alone["floor_comparisons"]
    assert own["p"] == among["p"] == own["p_adjusted"] <= 0.05 < among["p_adjusted"]
    assert f"{leader} beats floor" in alone["text"]
    assert f"{leader} does not score separably above floor" in many["text"]
    assert many["floor_family"] == {"method": "max-t", "tests": 20}
    assert alone["floor_family"] == {"method": "max-t", "tests": 1}
