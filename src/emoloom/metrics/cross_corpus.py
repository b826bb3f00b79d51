"""Scores on one corpus that no model was trained on, in the label space of its gold rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from emoloom.metrics.classification import FloatArray
from emoloom.metrics.intervals import Interval
from emoloom.metrics.resampling import Bootstrap, resample
from emoloom.metrics.row_table import Totals, VadScoring, row_table
from emoloom.metrics.scoring import (
    METRICS,
    BlockScores,
    Scores,
    measure,
    rows_by_dimension,
    scores_of,
    vad_rows_by_source,
)
from emoloom.records import LabelSpace, ParseFailure, Prediction, Row

Block = Literal["strict", "parsed"]

CROSS_METRICS: Mapping[str, str] = MappingProxyType(
    {key: METRICS[key] for key in ("macro_f1", "micro_f1", "skill")}
)
"""The scores of a block and their meaning. Each has an interval; null where undefined."""

CROSS_NUMBERS = (
    "parse_ok",
    *(f"{block}.{key}" for block in ("strict", "parsed") for key in CROSS_METRICS),
)
"""Keys of all that has an interval."""


@dataclass(frozen=True, slots=True)
class CrossScores:
    """Scores of one entry on one corpus. They never rank."""

    label_space: str
    """Name of the space in which labels are compared."""
    scores: Scores
    """Of all rows of the corpus."""
    intervals: Mapping[str, Interval | None]
    """By `CROSS_NUMBERS`; over resampled rows, None where undefined."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        return {
            "n": self.scores.n,
            "label_space": self.label_space,
            "parse_ok": self._estimate("parse_ok", self.scores.parse_ok),
            "reasons": dict(self.scores.reasons),
            "strict": self._block("strict", self.scores.strict),
            "parsed": self._block("parsed", self.scores.parsed),
        }

    def _block(self, name: Block, block: BlockScores) -> dict[str, Any]:
        found = {k: self._estimate(f"{name}.{k}", block.values[k]) for k in CROSS_METRICS}
        return found | {
            "n_labels": block.n_labels,
            "n_label_rows": block.n_label_rows,
            "n_vad_rows": block.n_vad_rows,
            **rows_by_dimension(block),
            "labels_left_out": list(block.labels_left_out),
        }

    def _estimate(self, key: str, value: float | None) -> dict[str, Any]:
        ends = self.intervals[key]
        return {"value": value, "interval": None if ends is None else list(ends)}


def score_cross(
    answers: Sequence[Prediction | ParseFailure],
    gold: Sequence[Row],
    space: LabelSpace,
    vad: VadScoring,
    bootstrap: Bootstrap,
) -> CrossScores:
    """Score answers to one corpus, each score with its bootstrap interval.

    Macro-F1 goes over the labels with a gold row, which `n_labels` counts; skill is None without
    gold VAD that counts, or without a reference.

    Args:
        answers: One for each gold row, in the same order, in the space of the gold rows; an answer
            that a label map left without a label predicts none.
        gold: Rows of one corpus.
        space: Of the gold rows.
        vad: Which gold VAD counts, and the constant that skill compares with.
        bootstrap: Settings of the intervals.

    Raises:
        UserError: the lengths differ, or a label is not of the space.
    """
    table = row_table(answers, gold, space, vad)
    (draws,) = resample([table], [row.source for row in gold], bootstrap, _measure)
    return CrossScores(
        space.name,
        scores_of(table.totals(), answers, space, vad_rows_by_source(gold, vad)),
        {key: draws[key].interval(bootstrap.level) for key in CROSS_NUMBERS},
    )


def _measure(totals: Totals) -> dict[str, FloatArray]:
    measured = measure(totals)
    return {key: measured[key] for key in CROSS_NUMBERS}
