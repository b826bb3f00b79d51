"""Label scores, each a function of counts that add over rows.

Legend of suffixes: N rows, L labels; `_NL` is rows x labels. `...` is any leading shape: none for
one set of rows, (draws,) for many resampled sets, so that one formula serves both.

A score that is undefined is NaN here and null in the results; it is never 0.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LabelCounts:
    """What every label score is made of."""

    rows: FloatArray
    """Shape (...): number of rows."""
    exact: FloatArray
    """Shape (...): rows whose predicted set of labels is the gold set."""
    true_positives_L: FloatArray
    """Shape (..., L): rows where the label is both gold and predicted."""
    predicted_L: FloatArray
    """Shape (..., L): rows where the label is predicted."""
    gold_L: FloatArray
    """Shape (..., L): rows where the label is gold."""

    def select(self, columns: list[int]) -> "LabelCounts":
        """The same rows with only these labels; `exact` still speaks of all labels."""
        return LabelCounts(
            self.rows,
            self.exact,
            self.true_positives_L[..., columns],
            self.predicted_L[..., columns],
            self.gold_L[..., columns],
        )


def count_labels(
    gold_NL: npt.NDArray[np.bool_], predicted_NL: npt.NDArray[np.bool_]
) -> LabelCounts:
    """Counts of one set of rows.

    Args:
        gold_NL: Shape (N, L), true where the row has the label.
        predicted_NL: Shape (N, L), true where the answer has the label.

    Returns:
        Counts with an empty leading shape.
    """
    assert gold_NL.shape == predicted_NL.shape, (gold_NL.shape, predicted_NL.shape)
    return LabelCounts(
        np.asarray(len(gold_NL), dtype=np.float64),
        np.asarray((gold_NL == predicted_NL).all(axis=1).sum(), dtype=np.float64),
        (gold_NL & predicted_NL).sum(axis=0).astype(np.float64),
        predicted_NL.sum(axis=0).astype(np.float64),
        gold_NL.sum(axis=0).astype(np.float64),
    )


def label_precision(counts: LabelCounts) -> FloatArray:
    """Share of the predictions of a label that are right, shape (..., L), in [0, 1].

    NaN where the label is never predicted. As scikit-learn's `precision_score(average=None,
    zero_division=nan)`.
    """
    return divide(counts.true_positives_L, counts.predicted_L)


def label_recall(counts: LabelCounts) -> FloatArray:
    """Share of the gold rows of a label that are found, shape (..., L), in [0, 1].

    NaN where the label has no gold row. As scikit-learn's `recall_score(average=None,
    zero_division=nan)`.
    """
    return divide(counts.true_positives_L, counts.gold_L)


def label_f1(counts: LabelCounts) -> FloatArray:
    """2 TP / (predicted + gold) of each label, shape (..., L): 0 none found, 1 all right.

    NaN where the label has no gold row, even if it is predicted (ours: such a label is left out,
    where scikit-learn's `f1_score(average=None)` gives 0). A label with gold rows that is never
    predicted has 0.
    """
    f1_L = divide(2.0 * counts.true_positives_L, counts.predicted_L + counts.gold_L)
    return np.where(counts.gold_L > 0, f1_L, np.nan)


def macro_f1(counts: LabelCounts) -> FloatArray:
    """Mean of `label_f1` over the labels that have a gold row, shape (...), in [0, 1].

    Labels without a gold row are left out (see `has_gold`). NaN where no label has one. As
    scikit-learn's `f1_score(average="macro", labels=<those labels>)`.
    """
    return mean_of_defined(label_f1(counts))


def macro_recall(counts: LabelCounts) -> FloatArray:
    """Mean of `label_recall` over the same labels as `macro_f1`, shape (...), in [0, 1].

    NaN where no label has a gold row.
    """
    return mean_of_defined(label_recall(counts))


def micro_f1(counts: LabelCounts) -> FloatArray:
    """2 TP / (predicted + gold) over all labels together, shape (...), in [0, 1].

    NaN where nothing is gold and nothing predicted. As scikit-learn's `f1_score(average="micro")`.
    """
    return divide(
        2.0 * counts.true_positives_L.sum(axis=-1),
        counts.predicted_L.sum(axis=-1) + counts.gold_L.sum(axis=-1),
    )


def subset_accuracy(counts: LabelCounts) -> FloatArray:
    """Share of rows whose set of labels is exactly the gold set, shape (...), in [0, 1].

    NaN where there is no row. As scikit-learn's `accuracy_score` on an indicator matrix.
    """
    return divide(counts.exact, counts.rows)


def has_gold(counts: LabelCounts) -> npt.NDArray[np.bool_]:
    """Which labels the macro scores go over, shape (..., L)."""
    has_gold_L: npt.NDArray[np.bool_] = counts.gold_L > 0
    return has_gold_L


def divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Elementwise quotient, NaN where the denominator is 0; the shapes broadcast."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def mean_of_defined(values_L: FloatArray) -> FloatArray:
    """Mean over the last axis of what is not NaN, shape (...); NaN where nothing is left."""
    defined_L = ~np.isnan(values_L)
    total = np.where(defined_L, values_L, 0.0).sum(axis=-1)
    return divide(total, defined_L.sum(axis=-1).astype(np.float64))
