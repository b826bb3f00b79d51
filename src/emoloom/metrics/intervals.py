"""Intervals and p from resampled scores. `docs/statistics.md` says how often they hold.

Legend of suffixes: B draws, N rows.
"""

import math
from dataclasses import dataclass

import numpy as np

from emoloom.metrics.classification import FloatArray

Interval = tuple[float, float]
"""Lower and upper end."""

_MANY = 1e6
"""From so many degrees of freedom on t is normal."""

_LEAST = 3.0
"""Least degrees of freedom (ours): with fewer, ends would lie beyond a thousand draws."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """One score, or a difference of two on the same rows, in every draw of the rows."""

    draws_B: FloatArray
    """Shape (B,), NaN where undefined."""
    influence_N: FloatArray
    """Shape (N,), up to a factor: the score without each row, less the mean of its corpus."""

    def less(self, other: "Resampled") -> "Resampled":
        """The difference, paired by draw and by row."""
        return Resampled(self.draws_B - other.draws_B, self.influence_N - other.influence_N)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of its variance."""
        return degrees_of_freedom(self.influence_N)

    def interval(self, level: float) -> Interval | None:
        """See `percentile_interval`."""
        return percentile_interval(self.draws_B, level, self.freedom)

    def p(self) -> float:
        """See `two_sided_p`."""
        return two_sided_p(self.draws_B, self.freedom)

    def z(self) -> float:
        """See `normal_place`."""
        return normal_place(self.draws_B, self.freedom)


def degrees_of_freedom(influence_N: FloatArray) -> float:
    """Degrees of freedom of a bootstrap variance, from the rows' influence y (Satterthwaite 1946).

    2 (sum y^2)^2 / (sum y^4 - (sum y^2)^2 / N): those of the chi-square with the relative variance
    of the sum of squares (which is taken from the rows' own kurtosis, ours). N for normal
    influence; about twice their number where few rows have nearly all of it, as failed parses
    have of skill. Rows of several corpora are taken as one sample here, which errs towards fewer.

    Returns:
        Between 3 and the number of rows; infinite where no row has influence.
    """
    squares_N = np.square(influence_N)
    second = float(squares_N.sum())
    if not second > 0.0:
        return math.inf
    rows, share_N = len(influence_N), squares_N / second
    spread = max(float(np.sum(share_N**2)) - 1.0 / rows, 2.0 / rows)
    return max(_LEAST, 2.0 / spread)


def percentile_interval(
    values_B: FloatArray, level: float, freedom: float = math.inf
) -> Interval | None:
    """Expanded percentile interval of one score over its draws (Hesterberg 2015).

    Percentiles (Efron 1979) at the levels at which a normal variable has the quantiles of
    Student's t: plain ones are too narrow where the variance is known from few rows.

    A score can be undefined in a draw (a label drawn nowhere). The interval is over the draws in
    which it is defined, and None where these are fewer than half (ours).

    Args:
        values_B: shape (B,), NaN where undefined.
        level: nominal coverage, in (0, 1).
        freedom: degrees of freedom of t, as `degrees_of_freedom`; infinite for plain percentiles.
    """
    defined = values_B[~np.isnan(values_B)]
    if 2 * len(defined) < len(values_B) or len(defined) == 0:
        return None
    tail = normal_below(-t_quantile((1.0 + level) / 2.0, freedom))
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)


def two_sided_p(differences_B: FloatArray, freedom: float = math.inf) -> float:
    """Bootstrap p of "no difference", in (0, 1]: twice the smaller tail beyond 0.

    min(1, 2 (1 + count) / (B + 1)) with count the draws on the far side of 0, 0 itself on both
    sides (Davison and Hinkley 1997, section 4.4, for the +1). Equal answers have p = 1. A draw
    where the difference is undefined counts on both sides. The tail is Student's t at the normal
    quantile of that share, as the ends of `percentile_interval` are; where no draw is beyond 0, at
    the mean of the draws over their spread if that is farther, so that p may be as small as
    2 / (B + 1) whatever the degrees of freedom (ours).
    """
    tail = _tail(differences_B, freedom)
    return max(2.0 * tail, 2.0 / (len(differences_B) + 1.0))


def normal_place(differences_B: FloatArray, freedom: float = math.inf) -> float:
    """Where `two_sided_p` lies on a normal scale, at least 0: the z of which it is the tail.

    Beyond all draws it is not bounded by their number; infinite where they do not vary.
    """
    return max(0.0, -_normal_quantile(_tail(differences_B, freedom)))


def _tail(differences_B: FloatArray, freedom: float) -> float:
    """One-sided, in [0, 1/2]; see `two_sided_p`."""
    count = float(min(np.sum(~(differences_B > 0)), np.sum(~(differences_B < 0))))
    tail = min(0.5, (1.0 + count) / (len(differences_B) + 1.0))
    z = -_normal_quantile(tail)
    if count == 0:
        spread = float(np.std(differences_B, ddof=1))
        z = max(z, abs(float(np.mean(differences_B))) / spread) if spread > 0.0 else math.inf
    elif freedom > _MANY:
        return tail
    return t_tail(z, freedom)


def t_quantile(share: float, freedom: float) -> float:
    """Quantile of Student's t; of the normal distribution from many degrees of freedom on."""
    from scipy.special import stdtrit

    return _normal_quantile(share) if freedom > _MANY else float(stdtrit(freedom, share))


def t_tail(t: float, freedom: float) -> float:
    """Probability that Student's t is above `t`."""
    from scipy.special import stdtr

    return normal_below(-t) if freedom > _MANY else float(stdtr(freedom, -t))


def normal_below(z: float) -> float:
    """Probability that a standard normal variable is below `z`."""
    from scipy.special import ndtr

    return float(ndtr(z))


def _normal_quantile(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))
