"""Who goes on after a rung: synchronous successive halving with whole tie groups.

After Jamieson and Talwalkar 2016 (arXiv 1502.07943), with a fixed number of steps for each rung.
That a group not separable from the candidate at the cut goes on as a whole, up to a cap, is ours:
a rung's few rows must not decide between candidates that they cannot tell apart.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from emoloom.config_budget import HalvingConfig
from emoloom.ranking.entries import UNCUT, ScoredCandidate, ScoredEntry, score_entries
from emoloom.ranking.rule import RankingRule
from emoloom.ranking.standing import TIE_DECIMALS
from emoloom.records import LabelSpace, Row

RUNGS = "rungs.json"
"""What every rung decided, in the run folder."""

WHOLE = 3
"""Of so few candidates a tie group goes on whole, whatever the cap (ours): any share of them that
is below 1 would drop one on a rung's few rows."""

_DECIMALS = 9
"""0.55 of 20 are 11, and not 11.000000000000002 rounded up."""

DecidedBy = Literal["score", "uncut"]

Separable = Callable[[str, str], bool]
"""Whether the scores of two candidates can be told apart on the rows of the rung."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """Who goes on and who does not, best first."""

    promoted: tuple[str, ...]
    """All that are trained further."""
    dropped: tuple[str, ...]
    """All that are not."""
    tied: tuple[str, ...]
    """Those below the cut that are not separable from the candidate at it."""

    @property
    def capped(self) -> bool:
        """Whether the cap kept some of the tie group from going on."""
        return any(name in self.dropped for name in self.tied)


def promoted_counts(settings: HalvingConfig, count: int) -> tuple[int, int]:
    """How many of `count` candidates a rung promotes: without a tie, and with one at most.

    Both shares are rounded up, and of `WHOLE` candidates or fewer a tie may promote all.
    """
    keep = min(count, max(1, _share(settings.keep, count)))
    return keep, count if count <= WHOLE else max(keep, _share(settings.cap, count))


def _share(share: float, count: int) -> int:
    return math.ceil(round(share * count, _DECIMALS))


def promote(
    scores: Mapping[str, float | None],
    keep: int,
    cap: int,
    separable: Separable,
    uncut: Mapping[str, float | None] | None = None,
) -> Promotion:
    """The best `keep` candidates, and the tie group at the cut as far as the cap allows.

    Args:
        scores: by name; None where undefined, which is below every score. Of equal scores the
            one with the better of `uncut` comes first, then the first.
        keep: candidates that go on, at least 1.
        cap: candidates that go on at most, at least `keep`.
        separable: asked of the candidate at the cut and of those below it, the best first, until
            one is separable: no candidate goes on before a better one.
        uncut: by name; None for the order given.
    """
    assert 1 <= keep <= cap, (keep, cap)
    broken = uncut or dict.fromkeys(scores, 0.0)
    order = sorted(scores, key=lambda name: (_falling(scores[name]), _falling(broken[name])))
    tied: list[str] = []
    for name in order[keep:]:
        if scores[name] is None or separable(order[keep - 1], name):
            break
        tied.append(name)
    last = min(cap, keep + len(tied))
    return Promotion(tuple(order[:last]), tuple(order[last:]), tuple(tied))


def _falling(score: float | None) -> tuple[bool, float]:
    return score is None, 0.0 if score is None else -round(score, TIE_DECIMALS)


@dataclass(frozen=True, slots=True)
class RungResult:
    """What a rung decided: all of it follows from its answers."""

    rung: int
    """From 1."""
    rows: int
    """Rows that it is scored on."""
    keep: int
    """Candidates that go on without a tie."""
    cap: int
    """Candidates that go on at most."""
    scores: Mapping[str, float | None]
    """What decided, on those rows."""
    promotion: Promotion
    """Who goes on."""
    decided_by: DecidedBy = "score"
    """The ranking score; or `uncut`, where nobody's skill is above 0: skill below it counts."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        found = self.promotion
        return {
            "rung": self.rung,
            "rows": self.rows,
            "keep": self.keep,
            "cap": self.cap,
            "decided_by": self.decided_by,
            "scores": dict(self.scores),
            "promoted": list(found.promoted),
            "dropped": list(found.dropped),
            "tied": list(found.tied),
            "capped": found.capped,
        }

    def why_dropped(self, name: str) -> str:
        """For the report."""
        order = [*self.promotion.promoted, *self.promotion.dropped]
        score = self.scores[name]
        said = "no defined score" if score is None else f"score {score:.3f}"
        below = ", skill below 0 counted" if self.decided_by == "uncut" else ""
        return (
            f"dropped at rung {self.rung}: {said}{below} on {self.rows} rows, place "
            f"{order.index(name) + 1} of {len(order)}; {len(self.promotion.promoted)} went on"
        )


def decide(
    rung: int,
    answered: Sequence[ScoredCandidate],
    rows: Sequence[Row],
    scoring: tuple[LabelSpace, RankingRule],
    settings: HalvingConfig,
) -> RungResult:
    """Score the candidates of a rung on its rows, and say who goes on.

    Args:
        rung: from 1.
        answered: all that reached it, with answers to every one of `rows`.
        rows: the same for all.
        scoring: the label space in force, and the rule that ranks.
        settings: how many go on.
    """
    space, rule = scoring
    entries = {one.source.name: one for one in score_entries(answered, rows, space, rule)}
    decided_by: DecidedBy = "uncut" if _all_cut(list(entries.values()), rule) else "score"
    key = UNCUT if decided_by == "uncut" else "score"
    scores, uncut = (
        {name: entry.estimates[one].value for name, entry in entries.items()}
        for one in (key, UNCUT)
    )
    keep, cap = promoted_counts(settings, len(scores))

    def separable(cut: str, other: str) -> bool:
        if scores[cut] is None or _falling(scores[cut]) == _falling(scores[other]):
            return False
        drawn = entries[cut].draws[key].less(entries[other].draws[key])
        return drawn.p() <= rule.settings.alpha

    promotion = promote(scores, keep, cap, separable, uncut)
    return RungResult(rung, len(rows), keep, cap, scores, promotion, decided_by)


def _all_cut(entries: Sequence[ScoredEntry], rule: RankingRule) -> bool:
    """Whether max(skill, 0) is 0 for every one of them, and so says nothing of their order."""
    skills = [entry.estimates["strict.skill"].value for entry in entries]
    return rule.weight_vad > 0.0 and all(skill is None or skill <= 0.0 for skill in skills)
