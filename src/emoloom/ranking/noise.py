"""What further trainings of one candidate say of how much any training varies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emoloom.metrics.seeds import SeedScores
from emoloom.metrics.training_noise import TrainingNoise, training_noise
from emoloom.ranking.entries import RANKED, ScoredEntry


@dataclass(frozen=True, slots=True)
class Noise:
    """Measured on one candidate, taken to hold for all: they train on the same rows alike."""

    of: str
    """The candidate that it was measured on."""
    trainings: int
    """Of it, its own among them, at least 2."""
    by_key: Mapping[str, TrainingNoise]
    """By the keys of `entries.RANKED`, as far as they are defined."""

    @property
    def score(self) -> TrainingNoise | None:
        """Of the ranking score."""
        return self.by_key.get("score")

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the leaderboard: standard deviations of one training."""
        found = {key: float(np.sqrt(one.variance)) for key, one in self.by_key.items()}
        return {"of": self.of, "trainings": self.trainings, "deviations": found}


def measure_noise(scored: Sequence[ScoredEntry]) -> Noise | None:
    """The spread between the trainings of the candidate that was trained for it.

    Args:
        scored: every entry, before or after trainings are pooled.

    Returns:
        None where no candidate was, or fewer than two of its trainings are scored.
    """
    of = next((e.source.noise_of for e in scored if e.source.noise_of), None)
    if of is None:
        return None
    group = [e for e in scored if e.complete and _trains(e, of)]
    group.sort(key=lambda e: (len(e.source.name), e.source.name))
    if len(group) < 2:
        return None
    found = {}
    for key in RANKED:
        if any(e.estimates[key].value is None for e in group):
            continue
        scores = SeedScores(
            np.array([e.estimates[key].value for e in group]),
            np.stack([e.draws[key].draws_B for e in group]),
            np.mean([e.draws[key].influence_N for e in group], axis=0),
        )
        if (one := training_noise(scores)) is not None:
            found[key] = one
    return Noise(of, len(group), found) if found else None


def _trains(entry: ScoredEntry, of: str) -> bool:
    """Whether it is one training of that candidate, and no mean of several."""
    source = entry.source
    return of in (source.noise_of, source.pooled) or (source.name == of and not source.trainings)
