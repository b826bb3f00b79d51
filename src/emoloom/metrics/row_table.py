"""One candidate's answers and gold rows as columns that add over rows.

Legend of suffixes: N rows, L labels, K columns, 3 the dimensions v, a, d. `...` is any leading
shape: none for one set of rows, (draws,) for many resampled sets.

Every score is a function of the columns' sums. A resampled score is the same function of
reweighted sums, so it cannot drift from the score itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emoloom.errors import UserError
from emoloom.metrics.classification import FloatArray, LabelCounts
from emoloom.metrics.regression import PairMoments, SquaredErrors, farthest, pair_columns
from emoloom.records import VAD, LabelSpace, ParseFailure, Prediction, Row

BoolArray = npt.NDArray[np.bool_]

ANY_VAD = frozenset({"human", "weak"})
"""Score whatever gold VAD is given."""
HUMAN_VAD = frozenset({"human"})
"""Score human VAD alone: what a screen ranks by."""


@dataclass(frozen=True, slots=True)
class VadScoring:
    """Which gold VAD counts, and the constant that skill compares with."""

    reference: VAD | None = None
    """Usually the train mean; without it skill is undefined."""
    sources: frozenset[str] = ANY_VAD
    """Whose gold VAD counts. VAD of unknown source counts only where both kinds do."""

    def counts(self, row: Row) -> bool:
        """Whether this row's VAD is scored."""
        if row.answer.vad is None:
            return False
        return self.sources >= ANY_VAD if row.vad_source is None else row.vad_source in self.sources


@dataclass(frozen=True, slots=True, eq=False)
class BlockTotals:
    """The sums of one block, `strict` or `parsed`."""

    labels: LabelCounts
    """Over rows with gold labels."""
    vad: SquaredErrors
    """Over rows whose gold VAD counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Sums over rows of everything that scores are made of."""

    rows: FloatArray
    """Shape (...): all rows."""
    rows_parsed: FloatArray
    """Shape (...): rows that parsed."""
    strict: BlockTotals
    """A failed parse predicts no label, and the farthest VAD."""
    parsed: BlockTotals
    """Over the rows that parsed."""
    pairs: PairMoments
    """Predicted and gold VAD, over the rows that parsed."""


@dataclass(frozen=True, slots=True, eq=False)
class RowTable:
    """Rows as columns that add."""

    columns_NK: FloatArray
    """Shape (N, K), laid out as `_split` reads them."""
    centre_gap_3: FloatArray
    """Shape (3,): see `PairMoments`."""
    n_labels: int
    """L, the number of labels of the space."""

    def totals(self, weights: FloatArray | None = None) -> Totals:
        """Sums over the rows.

        Args:
            weights: Shape (draws, N), how often each row is drawn; None takes each row once.

        Returns:
            Totals with leading shape (draws,), or () without weights.
        """
        sums = self.columns_NK.sum(axis=0) if weights is None else weights @ self.columns_NK
        return self.split(sums)

    def split(self, sums: FloatArray) -> Totals:
        """Totals of sums of the columns, shape (..., K)."""
        return _split(sums, self.n_labels, self.centre_gap_3)


def row_table(
    answers: Sequence[Prediction | ParseFailure],
    gold: Sequence[Row],
    space: LabelSpace,
    vad: VadScoring,
) -> RowTable:
    """The columns of these rows.

    Args:
        answers: One for each gold row, in the same order.
        gold: Rows; what is None in their answer is masked.
        space: The label space in force.
        vad: Which gold VAD counts.

    Raises:
        UserError: The lengths differ, or a label is not of the space.
    """
    if len(answers) != len(gold):
        raise UserError(
            "Answers and gold rows must pair up",
            got=f"{len(answers)} answers, {len(gold)} rows",
            allowed="as many answers as rows, in the same order",
        )
    parsed_N = np.array([isinstance(answer, Prediction) for answer in answers], dtype=bool)
    vad_columns, centre_gap_3 = _vad_columns(answers, gold, parsed_N, vad)
    columns = [
        np.ones(len(gold)),
        parsed_N,
        *_label_columns(answers, gold, parsed_N, space),
        *vad_columns,
    ]
    columns_NK = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    return RowTable(columns_NK, centre_gap_3, len(space.labels))


def _label_columns(
    answers: Sequence[Prediction | ParseFailure],
    gold: Sequence[Row],
    parsed_N: BoolArray,
    space: LabelSpace,
) -> list[BoolArray]:
    """Rows (strict, parsed), exact, true positives, predicted, gold (strict, parsed)."""
    place = {label: column for column, label in enumerate(space.labels)}
    gold_NL = np.zeros((len(gold), len(place)), dtype=bool)
    predicted_NL = np.zeros_like(gold_NL)
    for index, (answer, row) in enumerate(zip(answers, gold, strict=True)):
        if row.answer.labels is None:
            continue
        for column in _places(row.answer.labels, place, row.id):
            gold_NL[index, column] = True
        if isinstance(answer, Prediction):
            for column in _places(answer.labels, place, row.id):
                predicted_NL[index, column] = True
    labelled_N = np.array([row.answer.labels is not None for row in gold], dtype=bool)
    exact_N = labelled_N & parsed_N & (gold_NL == predicted_NL).all(axis=1)
    return [
        labelled_N,
        labelled_N & parsed_N,
        exact_N,
        gold_NL & predicted_NL,
        predicted_NL,
        gold_NL,
        gold_NL & parsed_N[:, None],
    ]


def _places(labels: Sequence[str], place: dict[str, int], row_id: str) -> list[int]:
    try:
        return [place[label] for label in labels]
    except KeyError:
        unknown = [label for label in labels if label not in place]
        raise UserError(
            f"Row {row_id!r} has a label that is not of the label space",
            got=", ".join(map(repr, unknown)),
            allowed=", ".join(place),
        ) from None


def _vad_columns(
    answers: Sequence[Prediction | ParseFailure],
    gold: Sequence[Row],
    parsed_N: BoolArray,
    vad: VadScoring,
) -> tuple[list[npt.NDArray[np.float64] | BoolArray], FloatArray]:
    """Rows, errors and reference errors (strict, then parsed), then the pairs' columns."""
    gold_N3, predicted_N3 = np.zeros((len(gold), 3)), np.zeros((len(gold), 3))
    counted_N = np.array([vad.counts(row) for row in gold], dtype=bool)
    for index, (answer, row) in enumerate(zip(answers, gold, strict=True)):
        if row.answer.vad is not None:
            gold_N3[index] = row.answer.vad.as_tuple()
        if isinstance(answer, Prediction):
            predicted_N3[index] = answer.vad.as_tuple()
    pair_N = parsed_N & counted_N
    errors_N3 = np.where(parsed_N[:, None], predicted_N3 - gold_N3, farthest(gold_N3))
    reference = gold_N3 if vad.reference is None else np.array(vad.reference.as_tuple())
    squares = np.hstack([errors_N3**2, (reference - gold_N3) ** 2])
    pairs_N15 = np.zeros((len(gold), 15))
    of_pairs, centre_gap_3 = pair_columns(predicted_N3[pair_N], gold_N3[pair_N])
    pairs_N15[pair_N] = np.hstack(of_pairs)
    strict, parsed = squares * counted_N[:, None], squares * pair_N[:, None]
    return [counted_N, pair_N, strict, parsed, pairs_N15], centre_gap_3


def _split(sums: FloatArray, n_labels: int, centre_gap_3: FloatArray) -> Totals:
    """Totals of the sums of the columns, shape (..., K)."""
    widths = [1, 1, 1, 1, 1, *[n_labels] * 4, 1, 1, *[3] * 9]
    parts = np.split(sums, np.cumsum(widths)[:-1], axis=-1)
    assert parts[-1].shape[-1] == 3, "the layout and its widths have drifted apart"
    rows, rows_parsed, labelled, labelled_parsed, exact = (part[..., 0] for part in parts[:5])
    hits_L, predicted_L, gold_L, gold_parsed_L = parts[5:9]
    counted, paired = parts[9][..., 0], parts[10][..., 0]
    errors_3, reference_3, errors_parsed_3, reference_parsed_3 = parts[11:15]
    x_3, y_3, xx_3, yy_3, xy_3 = parts[15:20]
    return Totals(
        rows,
        rows_parsed,
        BlockTotals(
            LabelCounts(labelled, exact, hits_L, predicted_L, gold_L),
            SquaredErrors(counted, errors_3, reference_3),
        ),
        BlockTotals(
            LabelCounts(labelled_parsed, exact, hits_L, predicted_L, gold_parsed_L),
            SquaredErrors(paired, errors_parsed_3, reference_parsed_3),
        ),
        PairMoments(paired, x_3, y_3, xx_3, yy_3, xy_3, centre_gap_3),
    )
