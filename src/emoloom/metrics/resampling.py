"""Paired bootstrap over shared rows, and what is decided from it.

Legend of suffixes: N rows, B draws, C candidates. A draw takes as many rows as there are, with
replacement, and the same rows for every candidate. It is stratified by the rows' corpus, so each
corpus keeps its size (ours).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emoloom.draws import generator
from emoloom.errors import UserError
from emoloom.metrics.classification import FloatArray
from emoloom.metrics.intervals import Resampled, t_quantile
from emoloom.metrics.row_table import RowTable, Totals

__all__ = [
    "Bootstrap",
    "Measure",
    "holm",
    "influence",
    "probability_of_best",
    "resample",
    "rows_to_separate",
    "weight_blocks",
]

IntArray = npt.NDArray[np.int64]

Measure = Callable[[Totals], Mapping[str, FloatArray]]
"""Totals of leading shape (...) to named scores of shape (...), NaN where undefined."""

_ROUNDS = 20
"""Of a fixed point that settles in a few."""

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
    size_N = size[stratum_N[order_N]].astype(np.float64)
    start_N = (np.cumsum(size) - size)[stratum_N[order_N]]
    chance = generator(settings.seed, "bootstrap-rows")
    step = max(1, cells // max(1, n))
    drawn_N, place_N = np.empty(n), np.empty(n, dtype=np.int64)
    for first in range(0, settings.draws, step):
        weights_bN = np.empty((min(step, settings.draws - first), n))
        for weights_N in weights_bN:  # a draw at a time stays in the processor's cache
            chance.random(out=drawn_N)
            np.multiply(drawn_N, size_N, out=drawn_N)
            np.copyto(place_N, drawn_N, casting="unsafe")
            np.add(place_N, start_N, out=place_N)
            weights_N[order_N] = np.bincount(place_N, minlength=n)
        yield weights_bN


def resample(
    tables: Sequence[RowTable], strata: Sequence[str], settings: Bootstrap, measure: Measure
) -> list[dict[str, Resampled]]:
    """Scores of every table in every draw; the draws are shared, so differences are paired.

    Args:
        tables: Tables of the same N rows in the same order.
        strata: The corpus of each row.
        settings: Draws and seed.
        measure: The scores wanted.

    Returns:
        For each table, each score's B values, and the influence of its N rows.
    """
    parts: list[list[Mapping[str, FloatArray]]] = [[] for _ in tables]
    for weights in weight_blocks(strata, settings):
        for table, measured in zip(tables, parts, strict=True):
            measured.append(measure(table.totals(weights)))
    _, stratum_N = np.unique(np.asarray(strata, dtype=str), return_inverse=True)
    resampled = []
    for table, measured in zip(tables, parts, strict=True):
        without_N = _without_each(table, measure)
        resampled.append(
            {
                key: Resampled(
                    np.concatenate([part[key] for part in measured]),
                    influence(without_N[key], stratum_N),
                )
                for key in measured[0]
            }
        )
    return resampled


def _without_each(table: RowTable, measure: Measure) -> dict[str, FloatArray]:
    """Every score without each row, shape (N,) each; in blocks, to bound memory."""
    columns_NK = table.columns_NK
    sums_K = columns_NK.sum(axis=0)
    step = max(1, _CELLS // columns_NK.shape[1])
    blocks = [columns_NK[at : at + step] for at in range(0, max(1, len(columns_NK)), step)]
    measured = [measure(table.split(sums_K - block)) for block in blocks]
    return {key: np.concatenate([part[key] for part in measured]) for key in measured[0]}


def influence(without_N: FloatArray, stratum_N: IntArray) -> FloatArray:
    """Each row's influence by the jackknife: the score without it, less the mean of its stratum.

    Args:
        without_N: The score without each row; a row without which it is undefined counts as the
            mean (ours).
        stratum_N: The number of each row's stratum, from 0.
    """
    known_N = ~np.isnan(without_N)
    rows, sums = (
        np.bincount(stratum_N, weights)
        for weights in (known_N.astype(float), np.where(known_N, without_N, 0.0))
    )
    mean_N = (sums / np.maximum(rows, 1.0))[stratum_N]
    return np.where(known_N, without_N - mean_N, 0.0)


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


def probability_of_best(scores_CB: FloatArray, ties_CB: FloatArray | None = None) -> FloatArray:
    """Share of the draws in which each candidate has the highest score, shape (C,).

    The shares add up to 1; candidates tied in a draw share it. An undefined score is below all.

    Args:
        scores_CB: the scores.
        ties_CB: of equal scores in a draw, the one with the higher value here has it.
    """
    best_CB = _highest(scores_CB)
    if ties_CB is not None:
        best_CB &= _highest(np.where(best_CB, ties_CB, np.nan))
    share_C: FloatArray = (best_CB / best_CB.sum(axis=0)).mean(axis=1)
    return share_C


def _highest(values_CB: FloatArray) -> npt.NDArray[np.bool_]:
    """Which candidates have the highest value of each draw."""
    comparable_CB = np.where(np.isnan(values_CB), -np.inf, values_CB)
    best_CB: npt.NDArray[np.bool_] = comparable_CB == comparable_CB.max(axis=0)
    return best_CB


def rows_to_separate(n_rows: int, difference: float, drawn: Resampled, alpha: float) -> int | None:
    """Rows at which the observed difference would be separable: n (t se / difference)^2, up.

    An extrapolation: it takes the difference as true, and the error as falling with the square
    root of the rows. t is the two-sided quantile of alpha, its degrees of freedom growing with the
    rows; se is the spread over the draws.

    Returns:
        At least 1; None where the difference is 0 or its spread is unknown.
    """
    defined = drawn.draws_B[~np.isnan(drawn.draws_B)]
    if difference == 0.0 or len(defined) < 2:
        return None
    unit = n_rows * (float(np.std(defined, ddof=1)) / difference) ** 2
    rows, freedom = unit * t_quantile(1.0 - alpha / 2.0, math.inf) ** 2, drawn.freedom
    for _ in range(_ROUNDS):
        # At most n rows' worth of freedom is taken away: fewer rows than these tell even less.
        times = max(1.0, rows / n_rows) if n_rows else 1.0
        rows = unit * t_quantile(1.0 - alpha / 2.0, freedom * times) ** 2
    return max(1, math.ceil(rows)) if math.isfinite(rows) else None
