"""The best set on rows that chose nobody: its scores on `test`, which never move a rank.

The leader's score on the rows that chose it is too good (the winner's curse; Cawley and Talbot
2010): by 1.5 standard errors of the score where ten equal candidates err independently, by less
where they fail on the same rows. Rows that nobody was chosen on give a score without that, and a
comparison with the floors that needs no care for the choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from emoloom.errors import UserError
from emoloom.ranking.entries import Entry, Estimate, ScoredCandidate, ScoredEntry, score_entries
from emoloom.ranking.pooling import pool_trainings
from emoloom.ranking.rule import RankingRule, vad_that_ranks
from emoloom.ranking.standing import Comparison, RankedScores, Standing, compare, ranked_scores
from emoloom.records import LabelSpace, Row

_OF_RANKING = ("rank", "below_floors", "polarity")
"""Keys of an entry that speak of the rows that rank, or of pairs."""


@dataclass(frozen=True, slots=True)
class Finals:
    """What the best set and the floors came to on `test`."""

    n_rows: int
    """Rows of `test`."""
    entries: tuple[ScoredEntry, ...]
    """The best set in its order, then floors by score, then trainings that are pooled."""
    compared: str | None
    """Whom the floors are compared with: the leader of the rows that rank, of tied ones the first
    by name."""
    comparisons: tuple[Comparison, ...]
    """It against each floor, as a Holm family of its own."""

    def entry(self, name: str) -> ScoredEntry | None:
        """The entry of that name, if it was asked."""
        return next((one for one in self.entries if one.source.name == name), None)

    @property
    def best_floor(self) -> ScoredEntry | None:
        """The floor with the highest score."""
        floors = [e for e in self.entries if _is_floor(e) and e.score is not None]
        return floors[0] if floors else None

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the leaderboard, keys in fixed order."""
        return {
            "rows": self.n_rows,
            "compared": self.compared,
            "floor_comparisons": [one.to_dict() for one in self.comparisons],
            "entries": [_json(one) for one in self.entries],
        }

    def scores_file(self, name: str) -> dict[str, Any]:
        """What an entry's own `scores.json` has beside its scores; nothing unless it answered."""
        found = self.entry(name)
        if found is None or not found.complete:
            return {}
        return {"test": _json(found) | {"per_label": list(found.per_label)}}


def check_scored(rule: RankingRule, rows: Sequence[Row]) -> None:
    """See, before any work, that the rule can score `test`.

    Args:
        rule: that ranks.
        rows: of `test`; none where there is no such set.

    Raises:
        UserError: a part of the rule has no row there.
    """
    known = {label for row in rows for label in row.answer.labels or ()}
    missing = []
    if rule.labels_metric is not None and not known & set(rule.labels or known):
        missing.append("no row with a label that ranks" if rule.labels else "no row with a label")
    rated = vad_that_ranks(rows, rule.vad_reference)[1] if rule.weight_vad else ""
    if rated != rule.vad_dimensions:
        wanted = f", where {rule.vad_dimensions.upper()} ranks"
        missing.append(f"human {rated.upper()}{wanted}" if rated else "no row with human VAD")
    if rows and missing:
        raise UserError(
            "`test` cannot be scored by the rule that ranks",
            got="; ".join(missing),
            allowed="rows of every kind that `select` has",
            do="add parts to `data.test`, or more rows of them",
        )


def score_finals(
    answered: Sequence[ScoredCandidate],
    rows: Sequence[Row],
    space: LabelSpace,
    rule: RankingRule,
    standing: Standing,
) -> Finals:
    """Score by the rule that ranked: its labels and weights were fixed before any answer.

    Args:
        answered: the best set and the floors with their answers to `test`; trainings that are
            pooled stand for their mean. One without answers is not done.
        rows: of `test`.
        space: in force.
        rule: that ranked.
        standing: of the rows that rank; what is scored here changes nothing of it.

    Raises:
        UserError: as `entries.score_entries`.
    """
    scored = pool_trainings(score_entries(answered, rows, space, rule), rule)
    complete = {e.source.name: e for e in scored if e.complete}
    ranked = ranked_scores(complete, len(rows), standing.noise)
    order = {name: place for place, name in enumerate(standing.best_set)}

    def place(entry: ScoredEntry) -> tuple[int, float, str]:
        name = entry.source.name
        if entry.source.pooled:
            return (2, 0.0, name)
        return (1, -(entry.score or 0.0), name) if _is_floor(entry) else (0, order[name], name)

    entries = tuple(sorted(scored, key=place))
    floors = [e.source.name for e in entries if _is_floor(e) and e.source.name in ranked.scores]
    return Finals(len(rows), entries, standing.leader, _against(ranked, standing, floors, rule))


def _against(
    ranked: RankedScores, standing: Standing, floors: Sequence[str], rule: RankingRule
) -> tuple[Comparison, ...]:
    if standing.leader is None or standing.leader not in ranked.scores:
        return ()
    return compare(ranked, standing.leader, floors, rule)


def _is_floor(entry: ScoredEntry) -> bool:
    return entry.source.kind == "floor" and not entry.source.pooled


def _json(entry: ScoredEntry) -> dict[str, Any]:
    found = Entry(replace(entry, source=replace(entry.source, polarity=None)), None, ()).to_dict()
    return {key: value for key, value in found.items() if key not in _OF_RANKING}


def chosen_clause(standing: Standing, finals: Finals | None, hint: str) -> str:
    """The verdict's last clause: the score to quote, or what the scores are of.

    Args:
        standing: of the rows that rank.
        finals: on `test`; None where there is no such set, or it was asked for other weights.
        hint: how to have one; empty where that is known.

    Returns:
        Empty where nobody was chosen among several, and there is no `test`.
    """
    if standing.leader is None:
        return ""
    if finals is None:
        whose = "their scores are" if standing.tied else "the leader's score is"
        chosen = f"{whose} of the rows that chose {'them' if standing.tied else 'it'}"
        return f"{chosen}{hint}" if standing.comparisons else ""
    named = standing.tied or (standing.leader,)
    asked = [one for name in named[:_NAMED] if (one := finals.entry(name)) is not None]
    done = [one for one in asked if one.complete]
    floor = [] if finals.best_floor is None else [finals.best_floor]
    said = [f"{_name(one)} {_text(one.estimates['score'])}" for one in (*done, *floor)]
    undone = [f"{_name(one)} is not done" for one in asked if not one.complete]
    more = [f"{len(named) - _NAMED} more stand beside"] if len(named) > _NAMED else []
    rows = f"{finals.n_rows} test row{'s'[: finals.n_rows != 1]}, answered once"
    scored = f"on {rows}, the scores are {', '.join(said)}" if said else f"on {rows}"
    return ", ".join([scored, *undone, *more])


_NAMED = 5
"""Names that the clause may list beside a floor."""


def _name(entry: ScoredEntry) -> str:
    """On one line, whatever the name holds."""
    return " ".join(entry.source.name.split())


def _text(estimate: Estimate) -> str:
    if estimate.value is None:
        return "not defined"
    if estimate.interval is None:
        return f"{estimate.value:.3f}"
    low, high = estimate.interval
    return f"{estimate.value:.3f} ({low:.3f} to {high:.3f})"
