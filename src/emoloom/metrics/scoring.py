"""Answers against gold rows: every score of the contract, over parsed rows and strict."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_args

import numpy as np

from emoloom.metrics import classification, regression
from emoloom.metrics.classification import FloatArray
from emoloom.metrics.regression import PairMoments
from emoloom.metrics.row_table import (
    ANY_VAD,
    HUMAN_VAD,
    BlockTotals,
    Totals,
    VadScoring,
    row_table,
)
from emoloom.records import (
    FailureReason,
    LabelSpace,
    ParseFailure,
    Prediction,
    RatedVAD,
    Row,
)

__all__ = [
    "ANY_VAD",
    "HUMAN_VAD",
    "METRICS",
    "BlockScores",
    "Scores",
    "label_scores",
    "measure",
    "score",
    "scores_of",
    "vad_rows_by_source",
]

METRICS: Mapping[str, str] = MappingProxyType(
    {
        "macro_f1": "Mean F1 over the labels with a gold row, in [0, 1]",
        "micro_f1": "F1 over all labels together, in [0, 1]",
        "macro_recall": "Mean recall over the labels with a gold row, in [0, 1]",
        "subset_accuracy": "Share of rows whose set of labels is exactly right, in [0, 1]",
        "rmse": "Root mean squared error over all ratings of v, a and d together, 0 is exact",
        "one_minus_rmse": "1 - RMSE; a constant answer can reach 0.93, so never read it alone",
        "rmse_v": "Root mean squared error of valence, 0 is exact",
        "rmse_a": "Root mean squared error of arousal, 0 is exact",
        "rmse_d": "Root mean squared error of dominance, 0 is exact",
        "pearson_v": "Pearson's r of valence over parsed rows, in [-1, 1]",
        "pearson_a": "Pearson's r of arousal over parsed rows, in [-1, 1]",
        "pearson_d": "Pearson's r of dominance over parsed rows, in [-1, 1]",
        "ccc_v": "Concordance correlation of valence over parsed rows, in [-1, 1]",
        "ccc_a": "Concordance correlation of arousal over parsed rows, in [-1, 1]",
        "ccc_d": "Concordance correlation of dominance over parsed rows, in [-1, 1]",
        "labels_per_row_gold": "Mean number of gold labels of a row",
        "labels_per_row_predicted": "Mean number of predicted labels of a row",
        "skill": "1 - RMSE / RMSE(train mean): 0 no better than the constant, 1 exact",
    }
)
"""The scores of a block and their meaning. Each has an interval; null where undefined."""

_BEFORE_COUNTS = "ccc_d"


@dataclass(frozen=True, slots=True)
class BlockScores:
    """The scores of one block, `strict` or `parsed`.

    `pearson_*` and `ccc_*` are over parsed rows in both blocks: their n is `parsed.n_vad_rows`.
    """

    values: Mapping[str, float | None]
    """A value for each key of `METRICS`; None where undefined."""
    n_labels: int
    """Labels with a gold row, over which the macro scores go."""
    n_label_rows: int
    """Rows with gold labels: all of them (strict), or those that parsed."""
    n_vad_rows: int
    """Rows whose gold VAD counts: all of them (strict), or those that parsed."""
    n_rated: tuple[int, int, int]
    """Of these, those with valence, with arousal, with dominance."""
    labels_left_out: tuple[str, ...]
    """Labels without a gold row here, over which the macro scores do not go."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        return arrange_block(self.values, self)


def arrange_block(values: Mapping[str, Any], block: BlockScores) -> dict[str, Any]:
    """One JSON object of a value for each key of `METRICS` and of the block's counts."""
    arranged: dict[str, Any] = {}
    for key in METRICS:
        arranged[key] = values[key]
        if key == _BEFORE_COUNTS:
            arranged["n_labels"] = block.n_labels
            arranged["n_label_rows"] = block.n_label_rows
            arranged["n_vad_rows"] = block.n_vad_rows
            arranged |= rows_by_dimension(block)
            arranged["labels_left_out"] = list(block.labels_left_out)
    return arranged


def rows_by_dimension(block: BlockScores) -> dict[str, int]:
    """`n_vad_rows` of each dimension; empty where every row with VAD has all three."""
    if set(block.n_rated) == {block.n_vad_rows}:
        return {}
    return {f"n_vad_rows_{axis}": n for axis, n in zip("vad", block.n_rated, strict=True)}


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of one candidate on one set of rows."""

    n: int
    """All rows."""
    parse_ok: float | None
    """Share of rows that parsed, in [0, 1]; None where there is no row."""
    reasons: Mapping[FailureReason, int]
    """Failures by reason, only those that occur, in the order in which the parser tests."""
    strict: BlockScores
    """A failed parse predicts no label, and the farthest VAD."""
    parsed: BlockScores
    """Over the rows that parsed."""
    vad_sources: Mapping[str, int] = field(default_factory=dict)
    """Who gave the gold VAD that is scored -> rows: `human`, `weak` or `unknown`, as they occur."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that `emoloom score` prints."""
        return {
            "n": self.n,
            "parse_ok": self.parse_ok,
            "reasons": dict(self.reasons),
            "vad_sources": dict(self.vad_sources),
            "strict": self.strict.to_dict(),
            "parsed": self.parsed.to_dict(),
        }


def score(
    answers: Sequence[Prediction | ParseFailure],
    gold: Sequence[Row],
    space: LabelSpace,
    *,
    vad_reference: RatedVAD | None = None,
    vad_sources: frozenset[str] = ANY_VAD,
) -> Scores:
    """Score answers against gold rows.

    Args:
        answers: One for each gold row, in the same order.
        gold: Rows; what is None in their answer is masked.
        space: The label space in force.
        vad_reference: The constant that `skill` compares with, usually the train mean; dimensions
            that it lacks are left out of skill.
        vad_sources: Whose gold VAD counts. VAD of unknown source counts only with `ANY_VAD`.

    Returns:
        Scores; what is undefined is None.

    Raises:
        UserError: The lengths differ, or a label is not of the space.
    """
    vad = VadScoring(vad_reference, vad_sources)
    table = row_table(answers, gold, space, vad)
    return scores_of(table.totals(), answers, space, vad_rows_by_source(gold, vad))


def vad_rows_by_source(gold: Sequence[Row], vad: VadScoring) -> dict[str, int]:
    """Who gave the VAD that counts in these rows -> rows: `human`, `weak`, `unknown`.

    A row whose dimensions come from several counts for each.
    """
    found = Counter(source for row in gold for source in _sources(row, vad))
    return {source: found[source] for source in ("human", "weak", "unknown") if found[source]}


def _sources(row: Row, vad: VadScoring) -> set[str]:
    scored = vad.gold(row)
    if scored is None:
        return set()
    pairs = zip(scored.as_tuple(), row.sources, strict=True)
    return {source or "unknown" for value, source in pairs if value is not None}


def scores_of(
    totals: Totals,
    answers: Sequence[Prediction | ParseFailure],
    space: LabelSpace,
    vad_sources: Mapping[str, int],
) -> Scores:
    """The record of one set of rows, from the totals of its table and its answers."""
    found = Counter(answer.reason for answer in answers if isinstance(answer, ParseFailure))
    measured = measure(totals)
    return Scores(
        n=len(answers),
        parse_ok=optional(measured["parse_ok"]),
        reasons={reason: found[reason] for reason in get_args(FailureReason) if found[reason]},
        strict=_block_scores("strict", measured, totals.strict, space),
        parsed=_block_scores("parsed", measured, totals.parsed, space),
        vad_sources=vad_sources,
    )


def measure(totals: Totals) -> dict[str, FloatArray]:
    """Every score that has an interval, each of the totals' leading shape, NaN where undefined.

    The keys are `parse_ok`, then `strict.<metric>` and `parsed.<metric>` for each of `METRICS`.
    """
    measured = {"parse_ok": classification.divide(totals.rows_parsed, totals.rows)}
    for name, block in (("strict", totals.strict), ("parsed", totals.parsed)):
        values = _block_values(block, totals.pairs)
        measured |= {f"{name}.{key}": values[key] for key in METRICS}
    return measured


def label_scores(totals: Totals, space: LabelSpace) -> list[dict[str, Any]]:
    """Strict scores of each label of one set of rows, in the order of the space.

    Returns:
        For each label: `label`, `support` (gold rows), `precision` (None if never predicted),
        `recall` and `f1` (None if the label has no gold row).
    """
    counts = totals.strict.labels
    columns = {
        "precision": classification.label_precision(counts),
        "recall": classification.label_recall(counts),
        "f1": classification.label_f1(counts),
    }
    return [
        {"label": label, "support": int(counts.gold_L[index])}
        | {key: optional(values_L[index]) for key, values_L in columns.items()}
        for index, label in enumerate(space.labels)
    ]


def optional(value: FloatArray | np.float64) -> float | None:
    """A plain float, or None for NaN."""
    return None if np.isnan(value) else float(value)


def _block_values(block: BlockTotals, pairs: PairMoments) -> dict[str, FloatArray]:
    labels, vad = block.labels, block.vad
    rmse = regression.rmse(vad)
    values = {
        "macro_f1": classification.macro_f1(labels),
        "micro_f1": classification.micro_f1(labels),
        "macro_recall": classification.macro_recall(labels),
        "subset_accuracy": classification.subset_accuracy(labels),
        "rmse": rmse,
        "one_minus_rmse": 1.0 - rmse,
        "labels_per_row_gold": classification.divide(labels.gold_L.sum(axis=-1), labels.rows),
        "labels_per_row_predicted": classification.divide(
            labels.predicted_L.sum(axis=-1), labels.rows
        ),
        "skill": regression.skill(vad),
    }
    for name, values_3 in (
        ("rmse", regression.rmse_by_dimension(vad)),
        ("pearson", regression.pearson_r(pairs)),
        ("ccc", regression.ccc(pairs)),
    ):
        values |= {f"{name}_{axis}": values_3[..., i] for i, axis in enumerate("vad")}
    return values


def _block_scores(
    name: str, measured: Mapping[str, FloatArray], block: BlockTotals, space: LabelSpace
) -> BlockScores:
    has_gold_L = classification.has_gold(block.labels)
    return BlockScores(
        values={key: optional(measured[f"{name}.{key}"]) for key in METRICS},
        n_labels=int(has_gold_L.sum()),
        n_label_rows=int(block.labels.rows),
        n_vad_rows=int(block.vad_rows),
        n_rated=_three(block.vad.rows_3),
        labels_left_out=tuple(
            label for label, kept in zip(space.labels, has_gold_L, strict=True) if not kept
        ),
    )


def _three(values_3: FloatArray) -> tuple[int, int, int]:
    v, a, d = (int(value) for value in values_3)
    return v, a, d
