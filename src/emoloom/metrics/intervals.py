"""Percentile intervals. `docs/statistics.md` says how often they hold, and beside which others.

Legend of suffixes: B draws.
"""

import numpy as np

from emoloom.metrics.classification import FloatArray

Interval = tuple[float, float]
"""Lower and upper end."""


def percentile_interval(values_B: FloatArray, level: float) -> Interval | None:
    """Percentile interval (Efron 1979) of one score over its draws.

    A score can be undefined in a draw (a label drawn nowhere). The interval is over the draws in
    which it is defined, and None where these are fewer than half (ours).
    """
    defined = values_B[~np.isnan(values_B)]
    if 2 * len(defined) < len(values_B) or len(defined) == 0:
        return None
    low, high = np.quantile(defined, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)
