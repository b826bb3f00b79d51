"""The leader against the floors, in one family with every other candidate.

The leader is the best of k on these very rows. Compared with a floor as if it had not been chosen,
the best of many candidates that are all as good as a floor "beats" it far too often
(`docs/statistics.md` has the rates). So its p is adjusted for k x (number of floors) comparisons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from emoloom.metrics.max_t import max_t
from emoloom.metrics.resampling import holm
from emoloom.metrics.seeds import LEAST_SEEDS
from emoloom.ranking.rule import RankingRule
from emoloom.ranking.standing import Comparison, RankedScores, comparison, p_of


@dataclass(frozen=True, slots=True)
class FloorFamily:
    """The leader's comparisons, and the family that they were adjusted in."""

    comparisons: tuple[Comparison, ...]
    """The leader against each floor, in the order given."""
    tests: int
    """Comparisons of the family: every candidate with every floor; 0 where there is none."""
    method: Literal["max-t", "holm"]
    """What adjusts p: step-down max-T over the draws; or Holm where the spread between trainings
    counts, of which the draws of the rows know nothing."""


def against_floors(
    ranked: RankedScores,
    candidates: Sequence[str],
    leader: str | None,
    floors: Sequence[str],
    rule: RankingRule,
) -> FloorFamily:
    """Compare every candidate with every floor, and give what is found of the leader.

    Args:
        ranked: scores of all of them.
        candidates: all that rank, the leader among them.
        leader: None where nobody ranks.
        floors: in the order wanted.
        rule: the rule in force.
    """
    family = [(name, floor) for name in candidates for floor in floors]
    seeded = ranked.seeds >= LEAST_SEEDS or ranked.noise is not None
    method: Literal["max-t", "holm"] = "holm" if seeded else "max-t"
    if leader is None or not family:
        return FloorFamily((), 0, method)
    alpha = rule.settings.alpha
    if seeded:
        adjusted, level = holm([p_of(ranked, *pair) for pair in family]), alpha / len(family)
    else:
        drawn = [ranked.draws[name].less(ranked.draws[floor]) for name, floor in family]
        found = max_t(drawn, alpha)
        adjusted, level = list(found.p), found.level
    by_pair = dict(zip(family, adjusted, strict=True))
    made = (comparison(ranked, (leader, f), by_pair[leader, f], level, rule) for f in floors)
    return FloorFamily(tuple(made), len(family), method)
