"""Bias-corrected and accelerated intervals (Efron 1987), measured beside the product's percentiles.

As `scipy.stats.bootstrap(method="BCa")`, strata taking the part of its samples. Legend of suffixes:
N rows, B draws.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from emoloom.metrics.intervals import Interval, percentile_interval

FloatArray = npt.NDArray[np.float64]

_NORMAL = NormalDist()


def acceleration(left_out_N: FloatArray, strata: Sequence[str]) -> float:
    """The acceleration a: a sixth of the skewness of the rows' influence, by jackknife.

    Args:
        left_out_N: the score without each row; NaN where undefined, and then left out (ours).
        strata: the corpus of each row; the influence of a row is against its own stratum.

    Returns:
        0 where no row has influence.
    """
    _, stratum_N = np.unique(np.asarray(strata, dtype=str), return_inverse=True)
    second = third = 0.0
    for stratum in range(stratum_N.max(initial=-1) + 1):
        values = left_out_N[stratum_N == stratum]
        values = values[~np.isnan(values)]
        if len(values):
            influence = (values.mean() - values) * (len(values) - 1) / len(values)
            second += float(np.sum(influence**2))
            third += float(np.sum(influence**3))
    return third / (6.0 * second**1.5) if second > 0.0 else 0.0


def bca_interval(value: float, values_B: FloatArray, a: float, level: float) -> Interval | None:
    """BCa interval of one score.

    Args:
        value: the score on the rows themselves.
        values_B: the score in each draw, NaN where undefined.
        a: from `acceleration`.
        level: nominal coverage.

    Returns:
        None as for `percentile_interval`. Where all draws lie on one side of the score there is no
        z0, and the percentile interval stands in (ours).
    """
    defined = _defined(values_B)
    if defined is None or np.isnan(value):
        return None
    below = _share_below(defined, value)
    if not 0.0 < below < 1.0:
        return percentile_interval(defined, level)
    z0 = _NORMAL.inv_cdf(below)
    shares = []
    for tail in ((1.0 - level) / 2.0, (1.0 + level) / 2.0):
        z = z0 + _NORMAL.inv_cdf(tail)
        shares.append(_NORMAL.cdf(z0 + z / (1.0 - a * z)))
    low, high = np.quantile(defined, shares)
    return float(low), float(high)


def _share_below(values_B: FloatArray, value: float) -> float:
    """Share of the draws below a value, those that equal it by half."""
    return float(np.mean(values_B < value) + np.mean(values_B <= value)) / 2.0


def _defined(values_B: FloatArray) -> FloatArray | None:
    """The draws in which the score is defined; None where these are fewer than half."""
    defined = values_B[~np.isnan(values_B)]
    return None if 2 * len(defined) < len(values_B) or len(defined) == 0 else defined
