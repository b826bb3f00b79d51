"""How much one training varies, measured on one candidate and lent to differences of others (ours).

Candidates that are trained once differ by chance in their training as in their rows; one training
says nothing of it. A few trainings of the cheapest candidate do, as far as others vary alike.

Legend of suffixes: S trainings, B draws, N rows.
"""

import math
from dataclasses import dataclass

import numpy as np

from emoloom.metrics.intervals import Resampled
from emoloom.metrics.seeds import SeedScores, Variance, variance


@dataclass(frozen=True, slots=True)
class TrainingNoise:
    """The spread of one score between trainings of one candidate, on the same rows."""

    variance: float
    """Of one training, at least 0: what the rows do to it is taken off."""
    seen: float
    """The same before that is taken off: it carries the doubt."""
    trainings: int
    """That it is measured on, at least 2."""


def training_noise(scores: SeedScores) -> TrainingNoise | None:
    """The spread between these trainings; None where too few of the draws are defined."""
    found, trainings = variance(scores), len(scores.values_S)
    if found is None:
        return None
    seen = float(np.var(scores.values_S, ddof=1))
    return TrainingNoise(found.seeds * trainings, seen, trainings)


def noisy_variance(drawn: Resampled, noise: TrainingNoise, times: float) -> Variance | None:
    """Of a difference of scores: over the draws of the rows, and of its trainings.

    Args:
        drawn: the difference in every draw.
        noise: of one training.
        times: variances of one training that the difference holds: 2 for two candidates trained
            once, 1 for a candidate less a floor, half of each for candidates trained twice.

    Returns:
        None where fewer than half of the draws are defined. Degrees of freedom are Satterthwaite's
        (1946), as in `seeds.variance`.
    """
    defined_B = drawn.draws_B[~np.isnan(drawn.draws_B)]
    if 2 * len(defined_B) < max(4, len(drawn.draws_B)):
        return None
    rows, of_rows = float(np.var(defined_B, ddof=1)), drawn.freedom
    seeds, of_seeds = times * noise.variance, float(noise.trainings - 1)
    doubt = rows**2 / of_rows + (times * noise.seen) ** 2 / of_seeds
    freedom = (rows + seeds) ** 2 / doubt if doubt > 0.0 else math.inf
    return Variance(rows, seeds, max(min(of_rows, of_seeds), freedom))
