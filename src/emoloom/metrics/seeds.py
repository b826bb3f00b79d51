"""Uncertainty over rows and trainings: each candidate trained with several seeds, same rows.

Legend of suffixes: S seeds, B draws. The score of a candidate is the mean over its seeds. Two
levels err: the rows, resampled as for one seed and shared by all seeds and candidates, and the
trainings, of which there are few.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emoloom.draws import generator
from emoloom.metrics.classification import FloatArray
from emoloom.metrics.intervals import (
    Interval,
    Resampled,
    degrees_of_freedom,
    t_quantile,
    t_tail,
)

LEAST_SEEDS = 3
"""Fewer trainings say nothing of their spread (DESIGN): rows alone are then resampled."""

_ROUNDING = 1e-12
"""A standard error below this is rounding, and counts as 0 (ours). Scores are of the order of 1."""


@dataclass(frozen=True, slots=True, eq=False)
class SeedScores:
    """One score of one candidate, or a difference of two, by seed."""

    values_S: FloatArray
    """Shape (S,), S >= 2: on the rows themselves."""
    draws_SB: FloatArray
    """Shape (S, B): in each draw of the rows, which all seeds share; NaN where undefined."""
    influence_N: FloatArray
    """Shape (N,): of the rows on the mean over the seeds, as `Resampled.influence_N`."""

    def __post_init__(self) -> None:
        assert self.draws_SB.shape[:-1] == self.values_S.shape, self.draws_SB.shape

    @property
    def mean(self) -> float:
        """The score: the mean over the seeds."""
        return float(np.mean(self.values_S))

    def less(self, other: "SeedScores") -> "SeedScores":
        """The difference, paired by seed and by draw."""
        return SeedScores(
            self.values_S - other.values_S,
            self.draws_SB - other.draws_SB,
            self.influence_N - other.influence_N,
        )

    @property
    def over_rows(self) -> Resampled:
        """The mean over these seeds, in every draw of the rows."""
        return Resampled(self.draws_SB.mean(axis=0), self.influence_N)


@dataclass(frozen=True, slots=True)
class Variance:
    """Squared standard errors of a mean over seeds, by source."""

    rows: float
    """Of the rows, these trainings taken as they are."""
    seeds: float
    """Of the trainings, these rows taken as they are; at least 0."""
    freedom: float
    """Degrees of freedom of the sum (Satterthwaite 1946); those of the rows where trainings do not
    vary."""

    @property
    def error(self) -> float:
        """Standard error."""
        return math.sqrt(self.rows + self.seeds)


def variance(scores: SeedScores) -> Variance | None:
    """The two-level variance of a mean over seeds.

    Rows: the variance over the draws of the mean over seeds. Seeds: the variance between the
    seeds' scores over S, less what of it is the rows' doing: two trainings also differ by which of
    these rows each gets right, and that is in the rows' part already (analysis of variance of a
    crossed design; ours in this place).

    Returns:
        None where fewer than half of the draws are defined.
    """
    defined_B = ~np.isnan(scores.draws_SB).any(axis=0)
    if 2 * defined_B.sum() < max(4, scores.draws_SB.shape[1]) or np.isnan(scores.values_S).any():
        return None
    draws_SB, seeds = scores.draws_SB[:, defined_B], len(scores.values_S)
    rows = float(np.var(draws_SB.mean(axis=0), ddof=1))
    interaction = (float(np.var(draws_SB, axis=1, ddof=1).mean()) - rows) / (seeds - 1)
    between = float(np.var(scores.values_S, ddof=1)) / seeds
    apart = max(0.0, between - max(0.0, interaction))
    of_rows = degrees_of_freedom(scores.influence_N)
    doubt = rows**2 / of_rows + between**2 / (seeds - 1)
    freedom = (rows + apart) ** 2 / doubt if doubt > 0.0 else math.inf
    # What is taken off `apart` would leave fewer than either part has.
    return Variance(rows, apart, max(min(of_rows, float(seeds - 1)), freedom))


def seed_interval(scores: SeedScores, level: float) -> Interval | None:
    """Interval of a mean over seeds: mean +- t x standard error, t by the degrees of freedom.

    Percentiles of resampled seeds will not do: those of three lie between the smallest and the
    largest, which hold the true mean in 1 - 2 / 2^3 = 75% of cases where trainings vary more than
    rows.
    """
    found = variance(scores)
    return None if found is None else interval_around(scores.mean, found, level)


def seed_p(scores: SeedScores) -> float:
    """Two-sided p of "the mean is 0", in [0, 1], by the same t as `seed_interval`; 1 if unknown."""
    found = variance(scores)
    return 1.0 if found is None else p_of_zero(scores.mean, found, scores.draws_SB.shape[1])


def seed_rows_to_separate(n_rows: int, scores: SeedScores, alpha: float) -> int | None:
    """Rows at which a difference would be separable with as many seeds.

    As `resampling.rows_to_separate`, the part of the trainings staying as it is.

    Returns:
        At least 1; None where the difference is 0, its spread is unknown, or no number of rows
        would do: the trainings alone vary too much.
    """
    found = variance(scores)
    return None if found is None else rows_that_separate(n_rows, scores.mean, found, alpha)


def interval_around(value: float, found: Variance, level: float) -> Interval:
    """Value +- t x standard error, t by the degrees of freedom."""
    half = t_quantile((1.0 + level) / 2.0, found.freedom) * found.error
    return value - half, value + half


def p_of_zero(value: float, found: Variance, draws: int) -> float:
    """Two-sided p of "it is 0" by that t, in [0, 1]; 2 / (draws + 1) where nothing varies."""
    if value == 0.0:
        return 1.0
    if found.error < _ROUNDING:
        return 2.0 / (draws + 1.0)
    return 2.0 * t_tail(abs(value) / found.error, found.freedom)


def rows_that_separate(n_rows: int, value: float, found: Variance, alpha: float) -> int | None:
    """Rows at which it would be separable from 0, the part of the trainings staying as it is.

    Returns:
        At least 1; None where it is 0, or no number of rows would do.
    """
    t = t_quantile(1.0 - alpha / 2.0, found.freedom)
    left = value**2 - t**2 * found.seeds
    rows = n_rows * t**2 * found.rows / left if value and left > 0.0 else math.inf
    return max(1, math.ceil(rows)) if math.isfinite(rows) else None


def two_level_draws(scores: Sequence[SeedScores], seed: int) -> list[FloatArray]:
    """Each score's mean over seeds in B draws of rows and seeds, shape (B,) each.

    In each draw of the rows as many seeds as there are are drawn with replacement, the same for
    all: what a seed shares between candidates stays paired.
    """
    seeds, draws = scores[0].draws_SB.shape
    chance = generator(seed, "bootstrap-seeds", seeds)
    drawn_BS = chance.integers(0, seeds, (draws, seeds))
    every_B1 = np.arange(draws)[:, None]
    return [one.draws_SB[drawn_BS, every_B1].mean(axis=1) for one in scores]
