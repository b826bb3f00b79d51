"""Who leads, and which candidates cannot be told apart from the leader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emoloom.metrics.intervals import Interval, Resampled
from emoloom.metrics.resampling import holm, probability_of_best, rows_to_separate
from emoloom.metrics.seeds import (
    LEAST_SEEDS,
    SeedScores,
    seed_interval,
    seed_p,
    seed_rows_to_separate,
)
from emoloom.ranking.entries import ScoredEntry
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
    """Two-sided p of "no difference": of the bootstrap, or from 3 trainings on of its t."""
    p_holm: float
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
            "p_holm": self.p_holm,
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


def ranked_scores(entries: Mapping[str, ScoredEntry], n_rows: int) -> RankedScores:
    """What may be compared of entries by name: those on the same rows with a score."""
    found = {name: e for name, e in entries.items() if e.score is not None}
    return RankedScores(
        {name: round(e.score or 0.0, TIE_DECIMALS) for name, e in found.items()},
        {name: e.score_draws for name, e in found.items()},
        n_rows,
        {name: e.by_seed["score"] for name, e in found.items() if e.by_seed},
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """Who leads, and who cannot be told apart from the leader."""

    ranks: Mapping[str, int]
    """From 1, best first; equal scores share a rank and the next one is skipped."""
    leader: str | None
    """The best score seen, of equal ones the first by name; None where nobody was ranked.

    It is what the others are compared with; where `tied` is not empty, it leads nobody.
    """
    best_set: tuple[str, ...]
    """The leader and all that are not separable from it, best first."""
    p_best: Mapping[str, float]
    """Share of the draws in which each has the best score; ties share."""
    comparisons: tuple[Comparison, ...]
    """The leader against each other candidate, best first."""
    seeds: int = 1
    """Trainings of each candidate."""

    @property
    def tied(self) -> tuple[str, ...]:
        """All that share the best score, by name; empty where one has it alone."""
        first = tuple(name for name, rank in self.ranks.items() if rank == 1)
        return first if len(first) > 1 else ()


def stand(ranked: RankedScores, names: Sequence[str], rule: RankingRule) -> Standing:
    """Rank these candidates and find the best set.

    A candidate leaves the best set where the two-sided bootstrap test of its difference to the
    leader is rejected by Holm's step-down procedure. Two-sided, since the leader is chosen on the
    same rows (ours; `docs/decisions/0003` has the simulated error rates).
    """
    scores = ranked.scores
    order = sorted(names, key=lambda name: (-scores[name], name))
    if not order:
        return Standing({}, None, (), {}, ())
    leader, *others = order
    comparisons = compare(ranked, leader, others, rule)
    together = {c.name for c in comparisons if not c.separable} | {leader}
    shares = probability_of_best(np.stack([ranked.draws[name].draws_B for name in order]))
    return Standing(
        ranks={name: 1 + sum(scores[other] > scores[name] for other in order) for name in order},
        leader=leader,
        best_set=tuple(name for name in order if name in together),
        p_best={name: float(share) for name, share in zip(order, shares, strict=True)},
        comparisons=comparisons,
        seeds=ranked.seeds,
    )


def compare(
    ranked: RankedScores, leader: str, others: Sequence[str], rule: RankingRule
) -> tuple[Comparison, ...]:
    """The leader against each of the others, as one Holm family.

    `rows_to_separate` takes the level of Holm's first step, alpha / (number of others).
    """
    alpha = rule.settings.alpha / max(1, len(others))
    differences = [_difference(ranked, leader, name, rule, alpha) for name in others]
    made = []
    for one, p_holm in zip(differences, holm([one.p for one in differences]), strict=True):
        separable, rows = p_holm <= rule.settings.alpha, one.rows
        if rows is not None and not separable:
            rows = max(rows, ranked.n_rows + 1)  # these rows were not enough
        made.append(
            Comparison(
                name=one.name,
                difference=one.value,
                interval=one.interval,
                p=one.p,
                p_holm=p_holm,
                separable=separable,
                rows_to_separate=rows,
            )
        )
    return tuple(made)


@dataclass(frozen=True, slots=True)
class _Difference:
    """What one comparison is made of, before Holm."""

    name: str
    value: float
    interval: Interval | None
    p: float
    rows: int | None


def _difference(
    ranked: RankedScores, leader: str, name: str, rule: RankingRule, alpha: float
) -> _Difference:
    """Leader less other: over rows and trainings from 3 trainings on, else over rows alone."""
    value = round(ranked.scores[leader] - ranked.scores[name], TIE_DECIMALS)
    level, n_rows = rule.settings.bootstrap.level, ranked.n_rows
    if ranked.seeds >= LEAST_SEEDS:
        seeded = ranked.seeded(leader).less(ranked.seeded(name))
        rows = seed_rows_to_separate(n_rows, seeded, alpha) if value else None
        return _Difference(name, value, seed_interval(seeded, level), seed_p(seeded), rows)
    drawn = ranked.draws[leader].less(ranked.draws[name])
    rows = rows_to_separate(n_rows, value, drawn, alpha)
    return _Difference(name, value, drawn.interval(level), drawn.p(), rows)
