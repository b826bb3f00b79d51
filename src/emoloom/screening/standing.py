"""Who leads, and which candidates cannot be told apart from the leader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emoloom.metrics.classification import FloatArray
from emoloom.metrics.resampling import (
    Interval,
    holm,
    percentile_interval,
    probability_of_best,
    rows_to_separate,
    two_sided_p,
)
from emoloom.screening.ranking import RankingRule

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
    """Two-sided bootstrap p of "no difference"."""
    p_holm: float
    """The same, adjusted for all comparisons of the family."""
    separable: bool
    """Whether the adjusted p is at most alpha."""
    rows_to_separate: int | None
    """Rows at which this difference would be separable: an extrapolation; None if it is 0."""

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
    draws: Mapping[str, FloatArray]
    """By name, shape (B,), NaN where undefined."""
    n_rows: int
    """Rows behind the scores."""


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
    shares = probability_of_best(np.stack([ranked.draws[name] for name in order]))
    return Standing(
        ranks={name: 1 + sum(scores[other] > scores[name] for other in order) for name in order},
        leader=leader,
        best_set=tuple(name for name in order if name in together),
        p_best={name: float(share) for name, share in zip(order, shares, strict=True)},
        comparisons=comparisons,
    )


def compare(
    ranked: RankedScores, leader: str, others: Sequence[str], rule: RankingRule
) -> tuple[Comparison, ...]:
    """The leader against each of the others, as one Holm family.

    `rows_to_separate` takes the level of Holm's first step, alpha / (number of others).
    """
    draws = {name: ranked.draws[leader] - ranked.draws[name] for name in others}
    p_values = [two_sided_p(draws[name]) for name in others]
    made = []
    for name, p, p_holm in zip(others, p_values, holm(p_values), strict=True):
        difference = round(ranked.scores[leader] - ranked.scores[name], TIE_DECIMALS)
        level = rule.settings.alpha / len(others)
        made.append(
            Comparison(
                name=name,
                difference=difference,
                interval=percentile_interval(draws[name], rule.settings.bootstrap.level),
                p=p,
                p_holm=p_holm,
                separable=p_holm <= rule.settings.alpha,
                rows_to_separate=rows_to_separate(ranked.n_rows, difference, draws[name], level),
            )
        )
    return tuple(made)
