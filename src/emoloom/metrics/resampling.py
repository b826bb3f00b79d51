"""Paired bootstrap over shared rows, and what is decided from it.

Legend of suffixes: N rows, B draws, C candidates. A draw takes as many rows as there are, with
replacement, and the same rows for every candidate. It is stratified by the rows' corpus, so each
corpus keeps its size (ours).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from emoloom.errors import UserError
from emoloom.metrics.classification import FloatArray
from emoloom.metrics.intervals import Interval, percentile_interval
from emoloom.metrics.row_table import RowTable, Totals

__all__ = [
    "Bootstrap",
    "Interval",
    "Measure",
    "holm",
    "intervals",
    "percentile_interval",
    "probability_of_best",
    "resample",
    "rows_to_separate",
    "two_sided_p",
    "weight_blocks",
]

Measure = Callable[[Totals], Mapping[str, FloatArray]]
"""Totals of leading shape (...) to named scores of shape (...), NaN where undefined."""

_CELLS = 2_000_000
"""Weights held in memory at a time: 16 MB."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Settings of the resampling."""

    draws: int = 1000
    """B, at least 100."""
    seed: int = 0
    """Of the generator; at least 0."""
    level: float = 0.95
    """Nominal coverage of the intervals, between 0 and 1."""

    def __post_init__(self) -> None:
        if self.draws < 100 or self.seed < 0 or not 0.0 < self.level < 1.0:
            raise UserError(
                "The bootstrap cannot use these settings",
                got=f"draws {self.draws}, seed {self.seed}, level {self.level}",
                allowed="draws of at least 100, a seed of at least 0, a level between 0 and 1",
            )


def weight_blocks(
    strata: Sequence[str], settings: Bootstrap, *, cells: int = _CELLS
) -> Iterator[FloatArray]:
    """How often each row stands in each draw, in blocks of draws.

    Args:
        strata: The corpus of each of the N rows.
        settings: Draws and seed.
        cells: Largest size of a block; it bounds memory and does not change the draws.

    Yields:
        Shape (b, N), whole numbers >= 0, in which each stratum sums to its size; b adds up to B.
    """
    n = len(strata)
    _, stratum_N, size = np.unique(
        np.asarray(strata, dtype=str), return_inverse=True, return_counts=True
    )
    order_N = np.argsort(stratum_N, kind="stable")
    size_N, start_N = size[stratum_N[order_N]], (np.cumsum(size) - size)[stratum_N[order_N]]
    generator = np.random.default_rng(settings.seed)
    step = max(1, cells // max(1, n))
    for first in range(0, settings.draws, step):
        b = min(step, settings.draws - first)
        place_bN = start_N + (generator.random((b, n)) * size_N).astype(np.int64)
        drawn_bN = order_N[place_bN] + n * np.arange(b)[:, None]
        yield np.bincount(drawn_bN.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def resample(
    tables: Sequence[RowTable], strata: Sequence[str], settings: Bootstrap, measure: Measure
) -> list[dict[str, FloatArray]]:
    """Scores of every table in every draw; the draws are shared, so differences are paired.

    Args:
        tables: Tables of the same N rows in the same order.
        strata: The corpus of each row.
        settings: Draws and seed.
        measure: The scores wanted.

    Returns:
        For each table, each score's B values, NaN where undefined.
    """
    parts: list[list[Mapping[str, FloatArray]]] = [[] for _ in tables]
    for weights in weight_blocks(strata, settings):
        for table, measured in zip(tables, parts, strict=True):
            measured.append(measure(table.totals(weights)))
    return [
        {key: np.concatenate([part[key] for part in measured]) for key in measured[0]}
        for measured in parts
    ]


def intervals(
    table: RowTable, strata: Sequence[str], settings: Bootstrap, measure: Measure
) -> dict[str, Interval | None]:
    """Percentile interval of every score of one table; see `percentile_interval`."""
    (draws,) = resample([table], strata, settings, measure)
    return {key: percentile_interval(values, settings.level) for key, values in draws.items()}


def two_sided_p(differences_B: FloatArray) -> float:
    """Bootstrap p of "no difference", in (0, 1]: twice the smaller tail beyond 0.

    min(1, 2 (1 + count) / (B + 1)) with count the draws on the far side of 0, 0 itself on both
    sides (Davison and Hinkley 1997, section 4.4, for the +1). Equal answers have p = 1. A draw
    where the difference is undefined counts on both sides.
    """
    count = min(np.sum(~(differences_B > 0)), np.sum(~(differences_B < 0)))
    return min(1.0, 2.0 * (1.0 + float(count)) / (len(differences_B) + 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p (Holm 1979), in the order given.

    The i-th smallest of m is multiplied by m - i + 1, and none is below the one before it. So
    "adjusted p <= alpha" stops at the first hypothesis that is not rejected.
    """
    m, worst = len(p_values), 0.0
    adjusted = [0.0] * m
    for i, index in enumerate(sorted(range(m), key=lambda index: p_values[index])):
        worst = max(worst, min(1.0, (m - i) * p_values[index]))
        adjusted[index] = worst
    return adjusted


def probability_of_best(scores_CB: FloatArray) -> FloatArray:
    """Share of the draws in which each candidate has the highest score, shape (C,).

    The shares add up to 1; candidates tied in a draw share it. An undefined score is below all.
    """
    comparable_CB = np.where(np.isnan(scores_CB), -np.inf, scores_CB)
    best_CB = comparable_CB == comparable_CB.max(axis=0)
    share_C: FloatArray = (best_CB / best_CB.sum(axis=0)).mean(axis=1)
    return share_C


def rows_to_separate(
    n_rows: int, difference: float, differences_B: FloatArray, alpha: float
) -> int | None:
    """Rows at which the observed difference would be separable: n (z se / difference)^2, up.

    An extrapolation: it takes the difference as true, and the error as falling with the square
    root of the rows. z is the two-sided normal quantile of alpha; se the spread over the draws.

    Returns:
        At least 1; None where the difference is 0 or its spread is unknown.
    """
    defined = differences_B[~np.isnan(differences_B)]
    if difference == 0.0 or len(defined) < 2:
        return None
    z = NormalDist().inv_cdf(1.0 - alpha / 2.0)
    rows = n_rows * (z * float(np.std(defined, ddof=1)) / difference) ** 2
    return max(1, math.ceil(rows)) if math.isfinite(rows) else None
