"""Who leads, and which candidates cannot be told apart from the leader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emoloom.draws import generator
from emoloom.metrics.classification import FloatArray
from emoloom.metrics.intervals import Interval, Resampled
from emoloom.metrics.resampling import holm, probability_of_best, rows_to_separate
from emoloom.metrics.seeds import (
    LEAST_SEEDS,
    SeedScores,
    Variance,
    interval_around,
    p_of_zero,
    rows_that_separate,
    seed_interval,
    seed_p,
    seed_rows_to_separate,
)
from emoloom.metrics.training_noise import TrainingNoise, noisy_variance
from emoloom.ranking.entries import FLOOR, UNCUT, ScoredEntry
from emoloom.ranking.noise import Noise
from emoloom.ranking.rule import RankingRule

TIE_DECIMALS = 12
"""Scores that agree to so many decimals are tied (ours): sums may differ in their last bits."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The leader less one other, on the same rows."""

    name: str
    """The other."""
    difference: float
    """Score of the leader less score of the other."""
    interval: Interval | None
    """Of the difference, over the draws."""
    p: float
    """Two-sided p of "no difference": of the bootstrap, or from 3 trainings on of its t; 1 where
    none is seen."""
    p_adjusted: float
    """The same, adjusted for all comparisons of the family."""
    separable: bool
    """Whether the adjusted p is at most alpha."""
    rows_to_separate: int | None
    """Rows at which this difference would be separable: an extrapolation. None if it is 0, and
    where trainings vary so much that no number of rows would do."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        return {
            "name": self.name,
            "difference": self.difference,
            "interval": None if self.interval is None else list(self.interval),
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "separable": self.separable,
            "rows_to_separate": self.rows_to_separate,
        }


@dataclass(frozen=True, slots=True)
class RankedScores:
    """Scores of several entries on the same rows, and in the same draws."""

    scores: Mapping[str, float]
    """By name, rounded to `TIE_DECIMALS`; defined for every entry."""
    draws: Mapping[str, Resampled]
    """By name."""
    n_rows: int
    """Rows behind the scores."""
    by_seed: Mapping[str, SeedScores] = field(default_factory=dict)
    """By name, where it is the mean of several trainings. All that have them have the same
    seeds in the same order; one without (a floor) is the same for every seed."""
    uncut: Mapping[str, float] = field(default_factory=dict)
    """By name: the scores with skill below 0 counted, rounded alike; they break ties of `scores`.
    Empty where nothing does."""
    uncut_draws: Mapping[str, FloatArray] = field(default_factory=dict)
    """By name, as `uncut`: in the same draws, shape (B,)."""
    trained: Mapping[str, float] = field(default_factory=dict)
    """By name: variances of one training that its score holds, 0 for what is not trained."""
    noise: TrainingNoise | None = None
    """Of one training's score; None where it is not measured, or from 3 trainings on not needed."""

    def falling(self, name: str) -> tuple[float, float]:
        """Sorts from the best down; two that share it are tied."""
        return -self.scores[name], -self.uncut.get(name, 0.0)

    @property
    def seeds(self) -> int:
        """Trainings of each candidate; 1 where none is the mean of several."""
        return max((len(one.values_S) for one in self.by_seed.values()), default=1)

    def seeded(self, name: str) -> SeedScores:
        """Its scores by seed, repeated where it has one score for all."""
        if name in self.by_seed:
            return self.by_seed[name]
        one = self.draws[name]
        draws_SB = np.broadcast_to(one.draws_B, (self.seeds, len(one.draws_B)))
        return SeedScores(np.full(self.seeds, self.scores[name]), draws_SB, one.influence_N)


def ranked_scores(
    entries: Mapping[str, ScoredEntry], n_rows: int, noise: Noise | None = None
) -> RankedScores:
    """What may be compared of entries by name: those on the same rows with a score.

    Args:
        entries: by name.
        n_rows: behind the scores.
        noise: how much trainings vary, where it was measured.
    """
    found = {name: e for name, e in entries.items() if e.score is not None}
    return RankedScores(
        {name: round(e.score or 0.0, TIE_DECIMALS) for name, e in found.items()},
        {name: e.score_draws for name, e in found.items()},
        n_rows,
        {name: e.by_seed["score"] for name, e in found.items() if e.by_seed},
        {name: round(e.estimates[UNCUT].value or 0.0, TIE_DECIMALS) for name, e in found.items()},
        {name: e.draws[UNCUT].draws_B for name, e in found.items()},
        {name: _trained(e) for name, e in found.items()},
        None if noise is None or _most_seeds(found) >= LEAST_SEEDS else noise.score,
    )


def _trained(entry: ScoredEntry) -> float:
    return 0.0 if entry.source.recipe == FLOOR else 1.0 / max(1, len(entry.source.trainings))


def _most_seeds(entries: Mapping[str, ScoredEntry]) -> int:
    return max((len(e.source.trainings) for e in entries.values()), default=0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Who leads, and who cannot be told apart from the leader."""

    ranks: Mapping[str, int]
    """From 1, best first, of equal scores the better uncut one; where both are equal they share a
    rank and the next one is skipped."""
    leader: str | None
    """The first of that order, of tied ones the first by name; None where nobody was ranked.

    It is what the others are compared with; where `tied` is not empty, it leads nobody.
    """
    best_set: tuple[str, ...]
    """The leader and all that are not separable from it, best first."""
    p_best: Mapping[str, float]
    """Share of the draws in which each comes first, in the order of `ranks`; ties share."""
    comparisons: tuple[Comparison, ...]
    """The leader against each other candidate, best first."""
    seeds: int = 1
    """Trainings of each candidate."""
    noise: Noise | None = None
    """How much one training varies; None where it is not measured."""

    @property
    def tied(self) -> tuple[str, ...]:
        """All that share the first rank, by name; empty where one has it alone.

        An equal score that the uncut one breaks is no tie, and not separable either.
        """
        first = tuple(name for name, rank in self.ranks.items() if rank == 1)
        return first if len(first) > 1 else ()


def stand(
    ranked: RankedScores, names: Sequence[str], rule: RankingRule, noise: Noise | None = None
) -> Standing:
    """Rank these candidates and find the best set.

    A candidate leaves the best set where the two-sided bootstrap test of its difference to the
    leader is rejected by Holm's step-down procedure. Two-sided, since the leader is chosen on the
    same rows (ours; `docs/decisions/0003` has the simulated error rates).
    """
    place = {name: ranked.falling(name) for name in names}
    order = sorted(names, key=lambda name: (place[name], name))
    if not order:
        return Standing({}, None, (), {}, ())
    leader, *others = order
    comparisons = compare(ranked, leader, others, rule)
    together = {c.name for c in comparisons if not c.separable} | {leader}
    shares = probability_of_best(
        _with_noise(ranked, order, rule.settings.bootstrap.seed),
        np.stack([ranked.uncut_draws[name] for name in order]) if ranked.uncut_draws else None,
    )
    return Standing(
        ranks={name: 1 + sum(place[other] < place[name] for other in order) for name in order},
        leader=leader,
        best_set=tuple(name for name in order if name in together),
        p_best={name: float(share) for name, share in zip(order, shares, strict=True)},
        comparisons=comparisons,
        seeds=ranked.seeds,
        noise=noise,
    )


def _with_noise(ranked: RankedScores, names: Sequence[str], seed: int) -> FloatArray:
    """Draws of the rows, shape (C, B); those of the trainings too where their spread is known."""
    draws_CB = np.stack([ranked.draws[name].draws_B for name in names])
    if ranked.noise is None:
        return draws_CB
    spread_C = np.sqrt([ranked.noise.variance * ranked.trained[name] for name in names])
    chance = generator(seed, "bootstrap-trainings", len(names))
    return draws_CB + spread_C[:, None] * chance.standard_normal(draws_CB.shape)


def compare(
    ranked: RankedScores, leader: str, others: Sequence[str], rule: RankingRule
) -> tuple[Comparison, ...]:
    """The leader against each of the others, as one Holm family."""
    adjusted = holm([p_of(ranked, leader, name) for name in others])
    level = rule.settings.alpha / max(1, len(others))
    return tuple(
        comparison(ranked, (leader, name), p, level, rule)
        for name, p in zip(others, adjusted, strict=True)
    )


def p_of(ranked: RankedScores, one: str, other: str) -> float:
    """Two-sided p of "no difference": over rows, and trainings where their spread is known."""
    value = _difference(ranked, one, other)
    if value == 0.0:
        return 1.0
    if ranked.seeds >= LEAST_SEEDS:
        return seed_p(ranked.seeded(one).less(ranked.seeded(other)))
    drawn = ranked.draws[one].less(ranked.draws[other])
    if ranked.noise is None:
        return drawn.p()
    found = _noisy(ranked, one, other, drawn)
    return 1.0 if found is None else p_of_zero(value, found, len(drawn.draws_B))


def _noisy(ranked: RankedScores, one: str, other: str, drawn: Resampled) -> Variance | None:
    assert ranked.noise is not None
    times = ranked.trained[one] + ranked.trained[other]
    return noisy_variance(drawn, ranked.noise, times)


def comparison(
    ranked: RankedScores, pair: tuple[str, str], adjusted: float, level: float, rule: RankingRule
) -> Comparison:
    """One less another, as the family that it belongs to finds it.

    Args:
        ranked: scores of both.
        pair: the one, and the other that it is compared with.
        adjusted: p adjusted for the family.
        level: at which the family's first step rejects a single p; `rows_to_separate` takes it.
        rule: the rule in force.
    """
    value, p = _difference(ranked, *pair), p_of(ranked, *pair)
    adjusted = adjusted if value else 1.0
    separable = adjusted <= rule.settings.alpha
    interval, rows = _interval_and_rows(ranked, pair, level, rule)
    if rows is not None and not separable:
        rows = max(rows, ranked.n_rows + 1)  # these rows were not enough
    return Comparison(pair[1], value, interval, p, adjusted, separable, rows)


def _difference(ranked: RankedScores, one: str, other: str) -> float:
    return round(ranked.scores[one] - ranked.scores[other], TIE_DECIMALS)


def _interval_and_rows(
    ranked: RankedScores, pair: tuple[str, str], level: float, rule: RankingRule
) -> tuple[Interval | None, int | None]:
    """Of the difference: over rows, and trainings where their spread is known."""
    one, other = pair
    n_rows, nominal = ranked.n_rows, rule.settings.bootstrap.level
    value = _difference(ranked, one, other)
    if ranked.seeds >= LEAST_SEEDS:
        seeded = ranked.seeded(one).less(ranked.seeded(other))
        rows = seed_rows_to_separate(n_rows, seeded, level) if value else None
        return seed_interval(seeded, nominal), rows
    drawn = ranked.draws[one].less(ranked.draws[other])
    if ranked.noise is None:
        return drawn.interval(nominal), rows_to_separate(n_rows, value, drawn, level)
    found = _noisy(ranked, one, other, drawn)
    if found is None:
        return None, None
    return interval_around(value, found, nominal), rows_that_separate(n_rows, value, found, level)
