"""From the answers of each candidate, floor or shown model to its scores and intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from emoloom.errors import UserError
from emoloom.metrics.cross_corpus import CrossScores
from emoloom.metrics.intervals import Interval, Resampled
from emoloom.metrics.polarity import PolarityScores
from emoloom.metrics.resampling import resample
from emoloom.metrics.row_table import row_table
from emoloom.metrics.scoring import (
    METRICS,
    BlockScores,
    Scores,
    arrange_block,
    label_scores,
    optional,
    scores_of,
    vad_rows_by_source,
)
from emoloom.metrics.seeds import SeedScores
from emoloom.metrics.teacher_forced import ForcedScores
from emoloom.ranking.rule import RankingRule, rank_measure
from emoloom.records import LabelSpace, ParseFailure, Prediction, Row

Kind = Literal["candidate", "floor", "shown"]
Status = Literal["scored", "failed", "not_done", "dropped"]

FLOOR = "floor"
"""`recipe` of a floor that no training is behind."""

UNCUT = "rank.uncut"
"""Key of `ranking.rank_measure`: what breaks ties of the ranking score."""

RANKED = ("score", "rank.labels", "strict.skill")
"""Keys of `ranking.rank_measure`: the ranking score and its two parts."""


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """What the pipeline knows of one candidate, floor or shown model."""

    name: str
    """Unique within a run."""
    kind: Kind
    """`candidate` is ranked, `floor` is what candidates must beat, `shown` is never ranked."""
    model: str
    """Display name of the model."""
    recipe: str
    """How it was trained."""
    status: Status
    """`scored` where it has answers to score."""
    reason: str
    """Why it failed or is not done; may be empty."""
    answers: tuple[Prediction | ParseFailure, ...] | None
    """Parsed outputs, one for each of `row_ids`; None where there are none."""
    row_ids: tuple[str, ...]
    """The rows answered, in any order."""
    polarity: PolarityScores | None = None
    """Polarity consistency; None where the pairs were not answered. Never ranks."""
    cross: Mapping[str, CrossScores] = field(default_factory=dict)
    """Scores on each corpus never trained on; empty where none was answered. Never rank."""
    forced: ForcedScores | None = None
    """Teacher-forced losses on `select`; None for what was not decoded. Never rank."""
    pooled: str = ""
    """Name of the candidate or floor that this is one of several trainings of: it does not rank
    itself. Empty where it stands for itself."""
    trainings: tuple[str, ...] = ()
    """Names of the trainings that this is the mean of; made by `pooling.pool_trainings`."""
    noise_of: str = ""
    """Name of the candidate that this is a further training of, to measure how much trainings vary:
    it is shown and does not rank. Empty where it stands for itself."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its bootstrap interval; None where undefined."""

    value: float | None
    """The score on the rows themselves."""
    interval: Interval | None
    """Expanded percentile interval over the draws."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
        }


@dataclass(frozen=True, slots=True, eq=False)
class ScoredEntry:
    """One candidate with its scores; nothing here depends on the other candidates."""

    source: ScoredCandidate
    """As given, but `not_done` where answers to some rows are missing."""
    scores: Scores
    """Of its own rows; of no rows unless it is scored."""
    estimates: Mapping[str, Estimate]
    """By the keys of `ranking.rank_measure`: `score`, `parse_ok`, `strict.macro_f1`, ..."""
    draws: Mapping[str, Resampled]
    """Every score in each draw, by the keys of `estimates`."""
    complete: bool
    """Whether it is scored, and on all rows."""
    per_label: tuple[dict[str, Any], ...]
    """Strict scores of each label, in the order of the space, as `metrics.scoring.label_scores`."""
    by_seed: Mapping[str, SeedScores] = field(default_factory=dict)
    """The same keys by training, where it is the mean of several; empty where it is one."""

    @property
    def polarity(self) -> PolarityScores | None:
        """Polarity consistency; None unless it is scored."""
        return self.source.polarity if self.source.status == "scored" else None

    @property
    def forced(self) -> ForcedScores | None:
        """Teacher-forced losses; None unless it is scored."""
        return self.source.forced if self.source.status == "scored" else None

    @property
    def cross(self) -> Mapping[str, CrossScores]:
        """Scores on corpora never trained on; empty unless it is scored."""
        return self.source.cross if self.source.status == "scored" else {}

    @property
    def score_draws(self) -> Resampled:
        """The ranking score in each draw."""
        return self.draws["score"]

    @property
    def score(self) -> float | None:
        """The ranking score."""
        return self.estimates["score"].value

    def block(self, name: Literal["strict", "parsed"]) -> dict[str, Any]:
        """A JSON object of estimates and counts, keys in fixed order."""
        block: BlockScores = getattr(self.scores, name)
        estimates = {key: self.estimates[f"{name}.{key}"].to_dict() for key in METRICS}
        return arrange_block(estimates, block)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the leaderboard."""

    scored: ScoredEntry
    """The candidate with its scores."""
    rank: int | None
    """From 1; None unless ranked."""
    below_floors: tuple[str, ...]
    """Floors whose score, on the same rows, is higher; whether separably is not said here."""
    below_probe: str = ""
    """The frozen probe of its own model, where that scores higher; else empty."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        source, scores = self.scored.source, self.scored.scores
        return {
            "name": source.name,
            "kind": source.kind,
            "model": source.model,
            "recipe": source.recipe,
            "status": source.status,
            "reason": source.reason,
            "rank": self.rank,
            "below_floors": list(self.below_floors),
            **({"below_probe": self.below_probe} if self.below_probe else {}),
            "score": self.scored.estimates["score"].to_dict(),
            "n": scores.n,
            "parse_ok": self.scored.estimates["parse_ok"].to_dict(),
            "reasons": dict(scores.reasons),
            "vad_sources": dict(scores.vad_sources),
            "strict": self.scored.block("strict"),
            "parsed": self.scored.block("parsed"),
            "polarity": None if self.scored.polarity is None else self.scored.polarity.to_dict(),
            **({} if (one := self.scored.forced) is None else {"teacher_forced": one.to_dict()}),
            "pooled": source.pooled,
            "trainings": list(source.trainings),
            **({"noise_of": source.noise_of} if source.noise_of else {}),
        }

    def scores_file(self) -> dict[str, Any]:
        """The JSON object of the entry's own `scores.json`.

        Its line, scores by label, pairs; scores on corpora never trained on where it answered any.
        """
        pairs = self.scored.polarity
        cross = {corpus: scores.to_dict() for corpus, scores in self.scored.cross.items()}
        return (
            self.to_dict()
            | {
                "per_label": list(self.scored.per_label),
                "polarity_pairs": {} if pairs is None else dict(pairs.consistent),
            }
            | ({"cross": cross} if cross else {})
        )


def score_entries(
    candidates: Sequence[ScoredCandidate],
    rows: Sequence[Row],
    space: LabelSpace,
    rule: RankingRule,
) -> list[ScoredEntry]:
    """Score every candidate, in the order given.

    Candidates and floors are scored on all rows, in shared draws, so their differences are
    paired; one that lacks rows is not scored. Shown models are scored on the rows they have.

    Raises:
        UserError: A name or row id stands twice, or a row id is unknown.
    """
    names = [candidate.name for candidate in candidates]
    if len(set(names)) != len(names):
        raise UserError("Names of candidates must be distinct", got=", ".join(map(repr, names)))
    aligned = [_align(candidate, rows) for candidate in candidates]
    # One resampling for each set of rows: those that share rows share draws.
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, (_, own_rows) in enumerate(aligned):
        groups.setdefault(tuple(row.id for row in own_rows), []).append(index)
    entries: dict[int, ScoredEntry] = {}
    for members in groups.values():
        group = [aligned[index] for index in members]
        entries |= zip(members, _score_group(group, len(rows), space, rule), strict=True)
    return [entries[index] for index in range(len(candidates))]


def _align(
    candidate: ScoredCandidate, rows: Sequence[Row]
) -> tuple[ScoredCandidate, tuple[Row, ...]]:
    """The candidate with its answers in the order of the rows, and the rows that it answers."""
    if candidate.status != "scored":
        return replace(candidate, answers=(), row_ids=()), ()
    answers = candidate.answers
    assert answers is not None, f"{candidate.name!r} is scored but has no answers"
    assert len(answers) == len(candidate.row_ids), f"{candidate.name!r}: answers and ids differ"
    by_id = dict(zip(candidate.row_ids, answers, strict=True))
    own_rows = tuple(row for row in rows if row.id in by_id)
    if len(by_id) != len(answers) or len(own_rows) != len(by_id):
        raise UserError(
            f"The rows that {candidate.name!r} answered are not the rows that rank",
            got=f"{len(answers)} answers, {len(own_rows)} of them to distinct rows of these",
            allowed="each row at most once, and no other row",
        )
    if candidate.kind != "shown" and len(own_rows) < len(rows):
        reason = f"answers to {len(own_rows)} of {len(rows)} rows"
        reason = f"{candidate.reason}; {reason}" if candidate.reason else reason
        return replace(candidate, status="not_done", reason=reason, answers=(), row_ids=()), ()
    ordered = tuple(by_id[row.id] for row in own_rows)
    return replace(candidate, answers=ordered, row_ids=tuple(row.id for row in own_rows)), own_rows


def _score_group(
    group: Sequence[tuple[ScoredCandidate, tuple[Row, ...]]],
    n_rows: int,
    space: LabelSpace,
    rule: RankingRule,
) -> list[ScoredEntry]:
    """Score candidates that share their rows, in shared draws."""
    rows = group[0][1]
    measure = rank_measure(rule, space)
    vad_sources = vad_rows_by_source(rows, rule.vad_scoring)
    tables = [row_table(c.answers or (), rows, space, rule.vad_scoring) for c, _ in group]
    drawn = resample(tables, [row.source for row in rows], rule.settings.bootstrap, measure)
    entries = []
    for (candidate, _), table, draws in zip(group, tables, drawn, strict=True):
        totals = table.totals()
        values = measure(totals)
        estimates = {
            key: Estimate(optional(values[key]), draws[key].interval(rule.settings.bootstrap.level))
            for key in values
        }
        entries.append(
            ScoredEntry(
                source=candidate,
                scores=scores_of(totals, candidate.answers or (), space, vad_sources),
                estimates=estimates,
                draws=draws,
                complete=candidate.status == "scored" and len(rows) == n_rows,
                per_label=tuple(label_scores(totals, space)),
            )
        )
    return entries
