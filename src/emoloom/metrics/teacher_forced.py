"""Teacher-forced losses of a model on rows, beside those of a constant: diagnostics (ours)."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emoloom.records import LabelSpace, RatedVAD, Row

FORCED_KEYS = ("label_nll", "constant_label_nll", "vad_distance", "constant_vad_distance")
"""The losses of `ForcedScores`, by name."""


@dataclass(frozen=True, slots=True)
class ForcedScores:
    """Means over rows, lower is better; None where no row is asked. They rank nobody."""

    label_nll: float | None
    """-log p of the first gold label, in nats."""
    constant_label_nll: float | None
    """The same of the base rates of the train rows, each label counted once more."""
    labelled_rows: int
    """Rows in both."""
    vad_distance: float | None
    """E|v - t| over all rated values, in [0, 1]."""
    constant_vad_distance: float | None
    """|mean of the train rows - t| over the same."""
    vad_values: int
    """v, a and d of rows that people rated, counted one by one."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return asdict(self)


def forced_scores(
    lines: Iterable[Mapping[str, Any]],
    rows: Sequence[Row],
    train: Sequence[Row],
    space: LabelSpace,
    mean: RatedVAD | None,
) -> ForcedScores:
    """Scores of the lines of `teacher_forced.forced_lines`.

    Args:
        lines: in any order.
        rows: that they are of.
        train: rows that the constants are of.
        space: labels in force.
        mean: of VAD over train rows; a dimension that it lacks is left out.
    """
    by_id = {row.id: row for row in rows}
    first = Counter(row.answer.labels[0] for row in train if row.answer.labels)
    total = first.total() + len(space.labels)
    constants = (None, None, None) if mean is None else mean.as_tuple()
    nll, constant_nll, far, constant_far = [], [], [], []
    for line in lines:
        answer = by_id[line["id"]].answer
        if line["label_nll"] is not None and answer.labels:
            nll.append(line["label_nll"])
            constant_nll.append(math.log(total / (first[answer.labels[0]] + 1)))
        known = (None, None, None) if answer.vad is None else answer.vad.as_tuple()
        for distance, wanted, constant in zip(line["vad_distance"], known, constants, strict=True):
            if distance is not None and wanted is not None and constant is not None:
                far.append(distance)
                constant_far.append(abs(constant - wanted))
    return ForcedScores(
        _mean(nll), _mean(constant_nll), len(nll), _mean(far), _mean(constant_far), len(far)
    )


def mean_forced(scores: Sequence[ForcedScores | None]) -> ForcedScores | None:
    """Of several trainings on the same rows; None unless each has some."""
    known = [one for one in scores if one is not None]
    if not known or len(known) < len(scores):
        return None
    values = [(one.label_nll, one.vad_distance) for one in known]
    nll, far = ([v for v in column if v is not None] for column in zip(*values, strict=True))
    one = known[0]
    return ForcedScores(
        _mean(nll),
        one.constant_label_nll,
        one.labelled_rows,
        _mean(far),
        one.constant_vad_distance,
        one.vad_values,
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
