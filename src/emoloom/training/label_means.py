"""What a label stands for, measured on the rows that have it (ours).

A table of what labels stand for is wider than what rows show. A label in the middle of it was then
nearest to nearly every row (docs/decisions/0021-measured-targets.md).

Legend: N rows, L labels, K values of a row.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emoloom.records import Row

SHRINK_ROWS = 5
"""The mean of all labelled rows counts in a label's mean as much as so many rows of it."""


def label_means(
    rows: Sequence[Row], values_NK: NDArray[np.float64], labels: Sequence[str]
) -> NDArray[np.float64]:
    """(L, K): mean of the rows with each label, shrunk to the mean of all rows with labels.

    `(sum over the label's rows + 5 mean) / (rows + 5)`, each value over the rows where it is known.
    A label without rows has the mean of all; where no labelled row is known, that of all rows, and
    0.5 where none is.

    Args:
        rows: The training rows.
        values_NK: Of each, in [0, 1]; NaN where it is not known.
        labels: Of the space.
    """
    known_NK = ~np.isnan(values_NK)
    filled_NK = np.where(known_NK, values_NK, 0.0)
    labelled_N = np.array([row.answer.labels is not None for row in rows], dtype=bool)
    everything = _mean(
        filled_NK.sum(axis=0), known_NK.sum(axis=0), np.full(values_NK.shape[1], 0.5)
    )
    grand = _mean(filled_NK[labelled_N].sum(axis=0), known_NK[labelled_N].sum(axis=0), everything)
    means = np.empty((len(labels), values_NK.shape[1]))
    places: dict[str, list[int]] = {label: [] for label in labels}
    for place, row in enumerate(rows):
        for label in row.answer.labels or ():
            places[label].append(place)
    for line, label in enumerate(labels):
        sums, counts = filled_NK[places[label]].sum(axis=0), known_NK[places[label]].sum(axis=0)
        means[line] = (sums + SHRINK_ROWS * grand) / (counts + SHRINK_ROWS)
    return means


def vad_of(rows: Sequence[Row]) -> NDArray[np.float64]:
    """(N, 3): VAD that rows are trained on; NaN where it is not known."""
    lines = [(None,) * 3 if row.answer.vad is None else row.answer.vad.as_tuple() for row in rows]
    return np.array(lines, dtype=np.float64).reshape(-1, 3)


def _mean(
    sums: NDArray[np.float64], counts: NDArray[np.int64], otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.where(counts > 0, sums / np.maximum(counts, 1), otherwise)
