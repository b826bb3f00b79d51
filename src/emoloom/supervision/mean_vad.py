"""Mean VAD, each dimension over the ratings that there are."""

from collections.abc import Iterable

import numpy as np

from emoloom.records import VAD, RatedVAD, make_vad

MIDPOINT = VAD(0.5, 0.5, 0.5)
"""Stands where nothing is known."""


def mean_vad(ratings: Iterable[RatedVAD | None]) -> RatedVAD | None:
    """The mean, in [0, 1]; a dimension that none of them has is None, and so is a mean of nothing.

    Args:
        ratings: Of rows; what is None in them is left out.
    """
    given = [vad.as_tuple() for vad in ratings if vad is not None]
    if not given:
        return None
    known_N3 = np.array([[value is not None for value in vad] for vad in given])
    sums_3 = np.array([[value or 0.0 for value in vad] for vad in given]).sum(axis=0)
    rows_3 = known_N3.sum(axis=0)
    means = sums_3 / np.maximum(rows_3, 1)
    v, a, d = (float(mean) if rows else None for mean, rows in zip(means, rows_3, strict=True))
    return make_vad(v, a, d)
