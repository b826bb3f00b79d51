"""Expanded percentiles, written anew with SciPy's own distributions."""

import numpy as np
from scipy import stats


def expanded_ends(draws, influence, level=0.95):
    """Ends of the interval over some draws, by the rows' influence (already less its mean)."""
    y = np.asarray(influence, dtype=float)
    kurtosis = len(y) * np.sum(y**4) / np.sum(y**2) ** 2
    freedom = min(2 * len(y) / (kurtosis - 1), len(y))
    upper = stats.norm.cdf(stats.t.ppf((1 + level) / 2, freedom))
    return list(np.quantile(draws, [1 - upper, upper]))


def less_its_stratum(values, strata):
    """Each value less the mean of its stratum."""
    strata = np.asarray(strata)
    means = {s: np.mean(np.asarray(values)[strata == s]) for s in set(strata.tolist())}
    return [value - means[s] for value, s in zip(values, strata.tolist(), strict=True)]
