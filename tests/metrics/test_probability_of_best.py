"""Golden: exact enumeration of every draw of a tiny set of rows."""

from itertools import product

import numpy as np
import pytest

from emoloom.metrics.intervals import two_sided_p
from emoloom.metrics.resampling import Bootstrap, probability_of_best, weight_blocks

SCORES = np.array([[1.0, 0.2, 0.0, 0.6], [0.5, 0.5, 0.5, 0.1], [0.0, 0.9, 0.5, 0.3]])
"""Three candidates on four rows; the score is the mean."""


def every_draw() -> np.ndarray:
    """Means in all 4^4 equally likely draws, shape (3, 256)."""
    return np.array(
        [SCORES[:, list(index)].mean(axis=1) for index in product(range(4), repeat=4)]
    ).T


def drawn(draws: int) -> np.ndarray:
    blocks = weight_blocks(["s"] * 4, Bootstrap(draws=draws, seed=2))
    return SCORES @ np.concatenate(list(blocks)).T / 4


def exact_shares() -> np.ndarray:
    """By counting, in fractions of tenths so that ties are exact."""
    tenths = (SCORES * 10).round().astype(int)
    won = np.zeros(3)
    for index in product(range(4), repeat=4):
        sums = tenths[:, list(index)].sum(axis=1)
        best = sums == sums.max()
        won += best / best.sum()
    return won / 4**4


def test_of_equal_scores_in_a_draw_the_higher_second_value_has_it():
    scores = np.array([[1.0, 1.0, 0.0, np.nan], [1.0, 0.5, 0.0, np.nan], [0.0, 1.0, 0.0, 1.0]])
    ties = np.array([[0.2, 0.1, 0.3, 9.0], [0.1, 9.0, 0.3, 9.0], [9.0, 0.2, np.nan, 0.0]])
    alone = probability_of_best(scores)
    assert alone == pytest.approx([(0.5 + 0.5 + 1 / 3) / 4, (0.5 + 1 / 3) / 4, (1.5 + 1 / 3) / 4])
    assert probability_of_best(scores, ties) == pytest.approx([1.5 / 4, 0.5 / 4, 2 / 4])


def test_over_all_draws_it_is_the_exact_share():
    tenths = np.round(every_draw(), 9)
    assert probability_of_best(tenths) == pytest.approx(exact_shares(), abs=1e-12)


def test_over_many_draws_it_is_the_exact_share_within_monte_carlo_error():
    draws = 40_000
    found, exact = probability_of_best(np.round(drawn(draws), 9)), exact_shares()
    assert np.all(np.abs(found - exact) <= 5 * np.sqrt(exact * (1 - exact) / draws))
    assert 0.05 < exact.min() < exact.max() < 0.95, "a case in which something is at stake"


def test_p_over_many_draws_is_the_exact_tail():
    draws = 40_000
    gap = np.round(every_draw()[0] - every_draw()[1], 9)
    exact = 2 * min(np.mean(gap <= 0), np.mean(gap >= 0))
    found = two_sided_p(np.round(drawn(draws)[0] - drawn(draws)[1], 9))
    assert found == pytest.approx(min(1.0, exact), abs=5 * (0.25 / draws) ** 0.5 * 2 + 2 / draws)
