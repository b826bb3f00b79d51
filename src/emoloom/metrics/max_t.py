"""One family of comparisons on shared draws: step-down max-T (Westfall and Young 1993).

Legend of suffixes: M comparisons, B draws. Holm's procedure takes nothing as known of how the
comparisons depend on each other. Differences of many candidates to few floors on the same rows
depend strongly, and their shared draws say how: what the largest of them does by chance alone.

Each difference's own p, with its expansion by Student's t, gives its place z on a normal scale.
Its draws, as normal scores of their ranks, are that scale under "no difference" (ours: so the
dependence is that of the draws, and the tails are those of each own p). One alone keeps its p.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emoloom.metrics.classification import FloatArray
from emoloom.metrics.intervals import Resampled, normal_below


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What a family makes of its comparisons."""

    p: tuple[float, ...]
    """Two-sided adjusted p of each, in the order given, in (0, 1]; never below its own p."""
    level: float
    """The two-sided level at which a single p is rejected at the first step: between alpha / M and
    alpha, the nearer to alpha the more alike the comparisons are."""


def max_t(differences: Sequence[Resampled], alpha: float) -> Adjusted:
    """Step-down adjusted p of "no difference" of each, two-sided.

    From the largest |z| down: the share of draws, (1 + count) / (B + 1), in which the largest of
    this and all that are less sure is at least as large. A |z| beyond all draws takes Bonferroni's
    bound instead, M times its tail: the draws do not reach so far.

    Args:
        differences: one for each comparison, on the same rows and in the same draws; a draw in
            which one is undefined counts as its largest.
        alpha: familywise error rate, in (0, 1); for `level` alone.
    """
    if len(differences) < 2:
        return Adjusted(tuple(one.p() for one in differences), alpha)
    z_M = np.array([one.z() for one in differences])
    order = np.argsort(-z_M, kind="stable")
    scores_MB = np.stack([np.abs(normal_scores(differences[at].draws_B)) for at in order])
    # From the last up: the largest of each and all that are less sure.
    largest_MB = np.maximum.accumulate(scores_MB[::-1], axis=0)[::-1]
    draws = largest_MB.shape[1]
    beyond = float(np.max(normal_scores(np.arange(draws, dtype=np.float64))))
    adjusted, worst = [0.0] * len(order), 0.0
    for step, at in enumerate(order):
        left, z = len(order) - step, float(z_M[at])
        if z > beyond:
            p = 2.0 * left * normal_below(-z)
        else:
            p = (1.0 + float(np.sum(largest_MB[step] >= z))) / (draws + 1.0)
        own = max(2.0 * normal_below(-z), 2.0 / (draws + 1.0))
        worst = max(worst, min(1.0, max(p, own)))
        adjusted[at] = worst
    return Adjusted(tuple(adjusted), _level(largest_MB[0], alpha, len(order)))


def normal_scores(values_B: FloatArray) -> FloatArray:
    """Normal quantiles of the ranks, (rank - 1/2) / B, shape (B,); infinite where undefined.

    Equal values share their mean rank: draws that are all the same are all 0.
    """
    from scipy.special import ndtri

    scores_B = np.full(values_B.shape, np.inf)
    known_B = ~np.isnan(values_B)
    if known_B.any():
        _, place, counts = np.unique(values_B[known_B], return_inverse=True, return_counts=True)
        mean_rank = np.cumsum(counts) - (counts - 1) / 2
        scores_B[known_B] = ndtri((mean_rank[place] - 0.5) / known_B.sum())
    return scores_B


def _level(largest_B: FloatArray, alpha: float, comparisons: int) -> float:
    cut = float(np.quantile(largest_B, 1.0 - alpha, method="higher"))
    return min(alpha, max(alpha / comparisons, 2.0 * normal_below(-cut)))
