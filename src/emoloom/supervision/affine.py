"""From weak VAD to the spread of human VAD (ours)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoloom.errors import UserError
from emoloom.records import VAD, RatedVAD

MIN_AFFINE_PAIRS = 10
"""Fewest pairs on which an affine map is fitted."""


@dataclass(frozen=True, slots=True)
class AffineMap:
    """Weak VAD to the spread of human VAD, each dimension by itself."""

    slope: tuple[float, float, float]
    """Of v, a, d."""
    intercept: tuple[float, float, float]
    """Of v, a, d."""

    @classmethod
    def identity(cls) -> "AffineMap":
        """The map that changes nothing."""
        return cls((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))

    def apply(self, vad: VAD, decimals: int | None = None) -> VAD:
        """The mapped VAD, clipped to [0, 1], rounded where decimals are given."""
        (v_slope, a_slope, d_slope), (v_from, a_from, d_from) = self.slope, self.intercept
        v = clipped(v_slope * vad.v + v_from)
        a = clipped(a_slope * vad.a + a_from)
        d = clipped(d_slope * vad.d + d_from)
        if decimals is None:
            return VAD(v, a, d)
        return VAD(round(v, decimals), round(a, decimals), round(d, decimals))


def fit_affine(weak: Sequence[VAD], human: Sequence[RatedVAD]) -> AffineMap:
    """Least squares of human on weak VAD, each dimension by itself, on the rows that have it.

    Args:
        weak: Of as many rows as `human`; not the same in all rows that a dimension is fitted on.
        human: Human VAD of the same rows. A dimension rated in fewer than `MIN_AFFINE_PAIRS` of
            them is left as it is (slope 1, intercept 0).

    Raises:
        UserError: too few pairs in every dimension, or nothing to fit. No silent identity: whoever
            wants the weak values unmapped says so with `AffineMap.identity()`.
    """
    assert len(weak) == len(human)
    known = np.array([[x is not None for x in vad.as_tuple()] for vad in human]).reshape(-1, 3)
    rows = known.sum(axis=0)
    fitted = rows >= MIN_AFFINE_PAIRS
    if not fitted.any():
        raise UserError(
            "too few rows to map weak to human VAD",
            got=str(rows.max()),
            allowed=f"at least {MIN_AFFINE_PAIRS} rows with human VAD",
            do="give more such rows, or leave weak VAD unmapped",
        )
    # Zeros stand where nobody rated: they add nothing to a sum.
    x = np.where(known, np.array([vad.as_tuple() for vad in weak]), 0.0)
    y = np.array([[value or 0.0 for value in vad.as_tuple()] for vad in human])
    mean_x, mean_y = x.sum(axis=0) / np.maximum(rows, 1), y.sum(axis=0) / np.maximum(rows, 1)
    centred = np.where(known, x - mean_x, 0.0)
    spread = (centred**2).sum(axis=0)
    for name, value, enough in zip("vad", spread, fitted, strict=True):
        # Rounding alone leaves about 1e-32 a row.
        if enough and value < 1e-20:
            raise UserError(
                f"weak VAD is the same in every row ({name}), so nothing can be fitted",
                do="check the lexicon's hit rate, or leave weak VAD unmapped",
            )
    slope = (centred * (y - mean_y)).sum(axis=0) / np.where(fitted, spread, 1.0)
    intercept = mean_y - slope * mean_x
    return AffineMap(
        _triple(np.where(fitted, slope, 1.0)), _triple(np.where(fitted, intercept, 0.0))
    )


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    v, a, d = (float(value) for value in values)
    return v, a, d


def clipped(value: float) -> float:
    """The value, brought into [0, 1]."""
    return 0.0 if value < 0.0 else 1.0 if value > 1.0 else value
