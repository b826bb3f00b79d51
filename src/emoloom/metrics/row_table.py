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
from emoloom.records import LabelSpace, ParseFailure, Prediction, RatedVAD, Row

BoolArray = npt.NDArray[np.bool_]

ANY_VAD = frozenset({"human", "weak"})
"""Score whatever gold VAD is given."""
HUMAN_VAD = frozenset({"human"})
"""Score human VAD alone: what a screen ranks by."""


@dataclass(frozen=True, slots=True)
class VadScoring:
    """Which gold VAD counts, and the constant that skill compares with."""

    reference: RatedVAD | None = None
    """Usually the train mean; skill leaves out the dimensions that it lacks."""
    sources: frozenset[str] = ANY_VAD
    """Whose gold VAD counts. VAD of unknown source counts only where both kinds do."""

    def gold(self, row: Row) -> RatedVAD | None:
        """What of this row's VAD is scored, dimension by dimension."""
        return row.vad_by({*self.sources, None} if self.sources >= ANY_VAD else self.sources)

    def counts(self, row: Row) -> bool:
        """Whether any of it is scored."""
        return self.gold(row) is not None


@dataclass(frozen=True, slots=True, eq=False)
class BlockTotals:
    """The sums of one block, `strict` or `parsed`."""

    labels: LabelCounts
    """Over rows with gold labels."""
    vad: SquaredErrors
    """Over the gold VAD that counts, each dimension's rows by themselves."""
    vad_rows: FloatArray
    """Shape (...): rows of which a dimension counts."""


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
    known_3: FloatArray
    """Shape (3,): see `SquaredErrors`."""
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
        return _split(sums, self)


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
    known_3 = ~np.isnan(_values(vad.reference))
    vad_columns, centre_gap_3 = _vad_columns(answers, gold, parsed_N, vad)
    columns = [
        np.ones(len(gold)),
        parsed_N,
        *_label_columns(answers, gold, parsed_N, space),
        *vad_columns,
    ]
    columns_NK = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    return RowTable(columns_NK, centre_gap_3, known_3.astype(np.float64), len(space.labels))


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
    """Columns of VAD, each 0 where a dimension is not rated, and the gap of the pairs' centres.

    Rows (strict, parsed), errors and reference errors (strict, then parsed), the pairs' columns,
    rows of each dimension (strict, parsed).
    """
    gold_N3 = np.array([_values(vad.gold(row)) for row in gold]).reshape(-1, 3)
    predicted_N3 = np.zeros((len(gold), 3))
    for index, answer in enumerate(answers):
        if isinstance(answer, Prediction):
            predicted_N3[index] = answer.vad.as_tuple()
    rated_N3 = ~np.isnan(gold_N3)
    pair_N3 = rated_N3 & parsed_N[:, None]
    errors_N3 = np.where(parsed_N[:, None], predicted_N3 - gold_N3, farthest(gold_N3))
    squares = np.hstack([errors_N3**2, (_values(vad.reference) - gold_N3) ** 2])
    squares = np.where(np.isnan(squares), 0.0, squares)
    of_pairs, centre_gap_3 = pair_columns(predicted_N3, np.where(pair_N3, gold_N3, np.nan))
    return [
        rated_N3.any(axis=1),
        pair_N3.any(axis=1),
        squares,
        squares * parsed_N[:, None],
        *of_pairs,
        rated_N3,
        pair_N3,
    ], centre_gap_3


def _values(vad: RatedVAD | None) -> FloatArray:
    """Shape (3,): NaN where a dimension is missing."""
    return np.array((None,) * 3 if vad is None else vad.as_tuple(), dtype=np.float64)


def _split(sums: FloatArray, table: RowTable) -> Totals:
    """Totals of the sums of the table's columns, shape (..., K)."""
    widths = [1, 1, 1, 1, 1, *[table.n_labels] * 4, 1, 1, *[3] * 11]
    parts = np.split(sums, np.cumsum(widths)[:-1], axis=-1)
    assert parts[-1].shape[-1] == 3, "the layout and its widths have drifted apart"
    rows, rows_parsed, labelled, labelled_parsed, exact = (part[..., 0] for part in parts[:5])
    hits_L, predicted_L, gold_L, gold_parsed_L = parts[5:9]
    counted, paired = parts[9][..., 0], parts[10][..., 0]
    errors_3, reference_3, errors_parsed_3, reference_parsed_3 = parts[11:15]
    x_3, y_3, xx_3, yy_3, xy_3 = parts[15:20]
    rated_3, paired_3 = parts[20:]
    return Totals(
        rows,
        rows_parsed,
        BlockTotals(
            LabelCounts(labelled, exact, hits_L, predicted_L, gold_L),
            SquaredErrors(rated_3, errors_3, reference_3, table.known_3),
            counted,
        ),
        BlockTotals(
            LabelCounts(labelled_parsed, exact, hits_L, predicted_L, gold_parsed_L),
            SquaredErrors(paired_3, errors_parsed_3, reference_parsed_3, table.known_3),
            paired,
        ),
        PairMoments(paired_3, x_3, y_3, xx_3, yy_3, xy_3, table.centre_gap_3),
    )
