"""The rule that ranks candidates, fixed before any is trained."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from emoloom.errors import UserError
from emoloom.metrics import classification, regression, scoring
from emoloom.metrics.classification import FloatArray
from emoloom.metrics.resampling import Bootstrap, Measure
from emoloom.metrics.row_table import HUMAN_VAD, Totals, VadScoring
from emoloom.ranking.ranked_labels import ranked_labels
from emoloom.records import DIMENSIONS, LabelSpace, RatedVAD, Row

LabelsMetric = Literal["strict_macro_f1"]


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """What the user chooses; the defaults are DESIGN's."""

    weight_labels: float = 0.5
    """Of strict macro-F1, at least 0; the weights are scaled to a sum of 1."""
    weight_vad: float = 0.5
    """Of max(strict skill, 0) on human VAD, at least 0."""
    min_positives: int = 20
    """A label with fewer gold rows in `select` does not rank, unless too few have so many."""
    min_rows: int = 1000
    """With fewer rows in `select` the ranking is indicative only."""
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    """Draws, seed and level of the intervals."""
    alpha: float = 0.05
    """Familywise error rate of the best set, between 0 and 1."""

    def __post_init__(self) -> None:
        weights = (self.weight_labels, self.weight_vad)
        if not all(math.isfinite(w) and w >= 0 for w in weights) or sum(weights) == 0:
            raise UserError(
                "The weights of the ranking cannot be used",
                got=f"labels {self.weight_labels}, vad {self.weight_vad}",
                allowed="numbers of at least 0, not both 0",
            )
        if self.min_positives < 1 or not 0 < self.alpha < 1:
            raise UserError(
                "The ranking cannot use these settings",
                got=f"min_positives {self.min_positives}, alpha {self.alpha}",
                allowed="min_positives of at least 1, alpha between 0 and 1",
            )


@dataclass(frozen=True, slots=True)
class RankingRule:
    """The rule in force for one `select`; the same for every candidate."""

    labels_metric: LabelsMetric | None
    """What stands for the labels; None where `select` has none in gold, or they have no weight."""
    labels: tuple[str, ...]
    """Labels over which strict macro-F1 goes, in the order of the space; empty without a metric."""
    least_positives: int
    """Gold rows that each of these labels has at least; 0 without a metric."""
    weight_labels: float
    """In [0, 1]; 0 where the part is dropped."""
    weight_vad: float
    """In [0, 1]; the two weights add up to 1."""
    vad_dimensions: str
    """Keys of the dimensions of skill, `vad` or fewer: rated by people in `select`, and with a
    train mean; empty where VAD does not rank."""
    vad_reference: RatedVAD | None
    """The constant of skill: the train mean VAD."""
    indicative: bool
    """Whether `select` is too small to rank by."""
    note: str
    """The rule in words, with what was dropped or replaced and why."""
    settings: RankingSettings
    """As the user gave them."""

    @property
    def vad_scoring(self) -> VadScoring:
        """Human VAD alone ranks: weak VAD is made of the lexicon and the gold labels."""
        return VadScoring(self.vad_reference, HUMAN_VAD)

    @property
    def _in_part(self) -> bool:
        """Whether VAD ranks without one or two of its dimensions."""
        return self.vad_dimensions not in ("", "vad")

    def rank_by(self) -> dict[str, Any]:
        """The JSON object of the leaderboard; `vad_dimensions` where they are not all three."""
        return {
            "labels_metric": self.labels_metric,
            "labels": list(self.labels),
            "least_positives": self.least_positives,
            "weights": {"labels": self.weight_labels, "vad": self.weight_vad},
            **({"vad_dimensions": list(self.vad_dimensions)} if self._in_part else {}),
            "indicative": self.indicative,
            "note": self.note,
        }

    def signature_pairs(self) -> tuple[tuple[str, str], ...]:
        """The settings that can change a score, an interval or the best set."""
        named = hashlib.sha256("\n".join(self.labels).encode()).hexdigest()[:8]
        reference = "none" if self.vad_reference is None else _plain(self.vad_reference.as_tuple())
        dimensions = ",".join(self.vad_dimensions) if self._in_part else ""
        bootstrap = self.settings.bootstrap
        return (
            ("labels_metric", self.labels_metric or "none"),
            ("labels", f"{len(self.labels)}@{named}"),
            ("weights", _plain((self.weight_labels, self.weight_vad))),
            ("vad", f"human,{dimensions}" if dimensions else "human"),
            ("vad_reference", reference),
            ("min_positives", str(self.settings.min_positives)),
            ("least_positives", str(self.least_positives)),
            ("ties", "uncut-skill"),
            ("bootstrap", f"paired,stratified,expanded,{bootstrap.draws}"),
            ("seed", str(bootstrap.seed)),
            ("level", str(bootstrap.level)),
            ("best_set", f"holm,two-sided,{self.settings.alpha}"),
            ("floors", f"max-t,holm-from-3-seeds,two-sided,{self.settings.alpha}"),
        )


def ranking_rule(
    select_rows: Sequence[Row],
    space: LabelSpace,
    settings: RankingSettings | None = None,
    *,
    vad_reference: RatedVAD | None = None,
) -> RankingRule:
    """Fix the rule before any candidate is trained.

    Args:
        select_rows: The rows that rank.
        space: The label space in force.
        settings: The user's choices.
        vad_reference: The train mean VAD, the constant of skill.

    Returns:
        The rule. A part that `select` cannot score is dropped, and the note says so.

    Raises:
        UserError: Nothing is left to rank by.
    """
    settings = settings or RankingSettings()
    found = ranked_labels(select_rows, space, settings.min_positives)
    no_labels = "" if found.labels else "select has no gold labels"
    no_vad, dimensions, unrated = vad_that_ranks(select_rows, vad_reference)
    weight_labels, weight_vad = _shares(settings, no_labels, no_vad)
    ranks = weight_labels > 0.0
    small = _why_indicative(len(select_rows), found.stands_in if ranks else "", settings)
    rule = RankingRule(
        labels_metric="strict_macro_f1" if ranks else None,
        labels=found.labels if ranks else (),
        least_positives=found.least_positives if ranks else 0,
        weight_labels=weight_labels,
        weight_vad=weight_vad,
        vad_dimensions=dimensions if weight_vad else "",
        vad_reference=vad_reference,
        indicative=small != "",
        note="",
        settings=settings,
    )
    wanted = ((settings.weight_labels, no_labels), (settings.weight_vad, no_vad))
    dropped = [f"A part is dropped: {why}." for weight, why in wanted if weight and why]
    return replace(rule, note=_note(rule, [*dropped, *(unrated if weight_vad else [])], small))


def _shares(settings: RankingSettings, no_labels: str, no_vad: str) -> tuple[float, float]:
    """Weights of labels and VAD that add up to 1; 0 where `select` cannot score a part."""
    weight_labels = 0.0 if no_labels else settings.weight_labels
    weight_vad = 0.0 if no_vad else settings.weight_vad
    total = weight_labels + weight_vad
    if total == 0.0:
        raise UserError(
            "Nothing is left to rank by",
            got="; ".join(filter(None, (no_labels, no_vad))),
            do="add labelled or human-VAD rows to `select`, or change the weights",
        )
    return weight_labels / total, weight_vad / total


def rank_measure(rule: RankingRule, space: LabelSpace) -> Measure:
    """Every score of `scoring.measure`, and those of `score_measure`."""
    own = score_measure(rule, space)

    def measure(totals: Totals) -> dict[str, FloatArray]:
        return scoring.measure(totals) | dict(own(totals))

    return measure


def score_measure(rule: RankingRule, space: LabelSpace) -> Measure:
    """`score`, by which candidates rank, and what is behind it.

    The labels' part is `rank.labels`, NaN where the rule has none; that of VAD is `strict.skill`.
    `rank.uncut` is the score with a skill below 0 counted as it is: it breaks ties of `score`.
    """
    columns = [space.labels.index(label) for label in rule.labels]

    def measure(totals: Totals) -> dict[str, FloatArray]:
        labels = _labels_part(totals, rule, columns)
        skill = regression.skill(totals.strict.vad)
        return {
            "rank.labels": labels,
            "rank.uncut": _weighted(rule, labels, skill),
            "score": _weighted(rule, labels, np.maximum(skill, 0.0)),
        }

    return measure


def _labels_part(totals: Totals, rule: RankingRule, columns: list[int]) -> FloatArray:
    """The rule's labels metric, shape (...), in [0, 1]; NaN where there is none.

    In a draw, a label that is drawn nowhere is left out of the mean, as in any set of rows.
    """
    if rule.labels_metric is None:
        return np.full_like(totals.rows, np.nan)
    return classification.macro_f1(totals.strict.labels.select(columns))


def _weighted(rule: RankingRule, labels: FloatArray, skill: FloatArray) -> FloatArray:
    """Weighted sum of the rule's parts, shape (...), at most 1; NaN where a part is undefined."""
    score = np.zeros_like(labels)
    if rule.labels_metric is not None:
        score = score + rule.weight_labels * labels
    if rule.weight_vad:
        score = score + rule.weight_vad * skill
    return score


def vad_that_ranks(rows: Sequence[Row], reference: RatedVAD | None) -> tuple[str, str, list[str]]:
    """Why skill cannot be scored on these rows, its dimensions, and which are left out and why."""
    human = [vad.as_tuple() for row in rows if (vad := row.human_vad) is not None]
    if not human:
        return "select has no human VAD", "", []
    if reference is None:
        return "no train mean VAD is known", "", []
    means = zip("vad", reference.as_tuple(), zip(*human, strict=True), strict=True)
    rated, equal, left_out = "", True, []
    for key, mean, column in means:
        values = {value for value in column if value is not None}
        if values and mean is not None:
            rated += key
            equal = equal and values == {mean}
        else:
            why = "no train mean is known of it" if values else "nobody rated it in `select`"
            left_out.append(f"{DIMENSIONS[key].capitalize()} does not rank: {why}.")
    if not rated:
        return "select has no human VAD in a dimension of which a train mean is known", "", []
    if equal:
        return "all human VAD equals the train mean", "", []
    return "", rated, left_out


def _why_indicative(n_rows: int, stands_in: str, settings: RankingSettings) -> str:
    """Why these rows are too few to rank by; empty where they are enough."""
    few = f"fewer than {settings.min_rows} rows" if n_rows < settings.min_rows else ""
    return "; ".join(filter(None, (few, stands_in)))


def _note(rule: RankingRule, left_out: Sequence[str], small: str) -> str:
    parts = []
    if rule.labels_metric is not None:
        over = f"{len(rule.labels)} label{'' if len(rule.labels) == 1 else 's'}"
        least = rule.least_positives
        rows = "a gold row" if least == 1 else f"at least {least} gold rows"
        parts.append(f"{rule.weight_labels:g} x strict macro-F1 over {over} with {rows}")
    if rule.weight_vad:
        what = rule.vad_dimensions.upper()
        parts.append(f"{rule.weight_vad:g} x max(strict skill, 0) on human {what}")
    sentences = [f"Score = {' + '.join(parts)}.", *left_out]
    if rule.weight_vad:
        sentences.append("Skill below 0 breaks ties.")
    if small:
        sentences.append(f"Indicative only: {small}.")
    return " ".join(sentences)


def _plain(values: Sequence[float | None]) -> str:
    return ",".join("none" if value is None else f"{value:.6g}" for value in values)
