"""What a recipe changes: its scores less those of plain fine-tuning of the same model, paired.

Differences are on the rows that rank, in the draws of the leaderboard; that of polarity
consistency on the pairs, in the draws of its intervals. Each stands alone: nothing is adjusted for
their number. With fewer than 3 seeds the spread between trainings is not known; from 3 on the
intervals hold it, and polarity consistency is given by training alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emoloom.metrics.intervals import Resampled
from emoloom.metrics.polarity import PolarityScores
from emoloom.metrics.resampling import Bootstrap, weight_blocks
from emoloom.metrics.seeds import LEAST_SEEDS, interval_around, seed_interval
from emoloom.metrics.training_noise import TrainingNoise, noisy_variance
from emoloom.ranking.entries import RANKED, Estimate, ScoredEntry
from emoloom.ranking.noise import Noise
from emoloom.ranking.rule import RankingRule
from emoloom.ranking.standing import TIE_DECIMALS
from emoloom.recipes import RECIPES

BASE = "sft"
"""The recipe that the others are compared with."""

PARTS = ("score", "labels", "vad", "polarity")
"""What is compared: the score that ranks, its two parts (the VAD's not cut off at 0), and polarity
consistency, which does not rank."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """One recipe less `BASE` of the same model."""

    model: str
    """Name of the model in this run."""
    recipe: str
    """The recipe."""
    name: str
    """Name of its candidate."""
    base: str
    """Name of the candidate that it is compared with."""
    n: int
    """Rows that both answered: all that rank."""
    pairs: int
    """Polarity pairs that both answered; 0 where the difference is undefined."""
    differences: Mapping[str, Estimate]
    """By the keys of `PARTS`, in [-1, 1] but for `vad`, which has no lower end; above 0 the recipe
    is better. None where either score is undefined."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        return {
            "model": self.model,
            "recipe": self.recipe,
            "name": self.name,
            "base": self.base,
            "n": self.n,
            "pairs": self.pairs,
            **{part: self.differences[part].to_dict() for part in PARTS},
        }


def ablations(
    entries: Sequence[ScoredEntry], rule: RankingRule, noise: Noise | None = None
) -> tuple[Ablation, ...]:
    """Every trained recipe against `BASE` of its model, where both were scored on all rows.

    Args:
        entries: all entries; those whose draws are shared are compared.
        rule: the rule in force, for the bootstrap.
        noise: how much trainings vary, where it was measured.

    Returns:
        By model, then in the order of `config.RECIPES`; empty where there is nothing to compare.
    """
    order = list(RECIPES)
    scored = {
        (_model(e), e.source.recipe): e
        for e in entries
        if e.source.kind == "candidate" and e.source.recipe in RECIPES
        if e.complete and e.score is not None and not e.source.pooled
    }
    keys = sorted(scored, key=lambda key: (key[0], order.index(key[1])))
    return tuple(
        _compare(scored[model, recipe], scored[model, BASE], rule, noise)
        for model, recipe in keys
        if recipe != BASE and (model, BASE) in scored
    )


def _model(entry: ScoredEntry) -> str:
    """A candidate is named `<model>.<recipe>`; two models may be displayed by one name."""
    return entry.source.name.removesuffix(f".{entry.source.recipe}")


def _compare(
    entry: ScoredEntry, base: ScoredEntry, rule: RankingRule, noise: Noise | None
) -> Ablation:
    bootstrap = rule.settings.bootstrap
    ranked = (
        _paired(entry, base, key, bootstrap.level, None if noise is None else noise.by_key.get(key))
        for key in RANKED
    )
    polarity, pairs = _turned_over(entry.polarity, base.polarity, bootstrap)
    return Ablation(
        model=_model(entry),
        recipe=entry.source.recipe,
        name=entry.source.name,
        base=base.source.name,
        n=entry.scores.n,
        pairs=pairs,
        differences=dict(zip(PARTS, (*ranked, polarity), strict=True)),
    )


def _paired(
    entry: ScoredEntry, base: ScoredEntry, key: str, level: float, noise: TrainingNoise | None
) -> Estimate:
    ours, theirs = entry.estimates[key].value, base.estimates[key].value
    if ours is None or theirs is None:
        return Estimate(None, None)
    if entry.by_seed and base.by_seed and len(entry.by_seed[key].values_S) >= LEAST_SEEDS:
        interval = seed_interval(entry.by_seed[key].less(base.by_seed[key]), level)
    else:
        drawn = entry.draws[key].less(base.draws[key])
        interval = drawn.interval(level) if noise is None else None
        times = sum(1.0 / max(1, len(one.source.trainings)) for one in (entry, base))
        if noise is not None and (found := noisy_variance(drawn, noise, times)) is not None:
            interval = interval_around(ours - theirs, found, level)
    return Estimate(round(ours - theirs, TIE_DECIMALS), interval)


def _turned_over(
    ours: PolarityScores | None, theirs: PolarityScores | None, bootstrap: Bootstrap
) -> tuple[Estimate, int]:
    """Difference of strict consistency, and pairs; undefined unless the same pairs were asked."""
    if ours is None or theirs is None or ours.consistent.keys() != theirs.consistent.keys():
        return Estimate(None, None), 0
    gains_N = np.array(
        [float(found) - theirs.consistent[i] for i, found in ours.consistent.items()]
    )
    n = len(gains_N)
    if n == 0:
        return Estimate(None, None), 0
    blocks = weight_blocks(["pairs"] * n, bootstrap)
    drawn_B = np.concatenate([weights_bN @ gains_N for weights_bN in blocks]) / n
    value = float(gains_N.mean())
    drawn = Resampled(drawn_B, gains_N - value)
    return Estimate(round(value, TIE_DECIMALS), drawn.interval(bootstrap.level)), n
