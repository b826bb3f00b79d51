"""VAD scores, each a function of sums that add over rows.

Legend of suffixes: N rows; 3 is the dimensions v, a, d in this order; `_N3` is rows x dimensions.
`...` is any leading shape: none for one set of rows, (draws,) for many resampled sets.

A score that is undefined is NaN here and null in the results; it is never 0.
"""

from dataclasses import dataclass

import numpy as np

from emoloom.metrics.classification import FloatArray, divide

SMALLEST_VARIANCE = 1e-14
"""A variance below this is rounding error, and counts as 0 (ours). Values lie in [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class SquaredErrors:
    """Sums of squared errors, of the answers and of the reference constant."""

    rows_3: FloatArray
    """Shape (..., 3): number of rows rated in the dimension."""
    errors_3: FloatArray
    """Shape (..., 3): sum over these rows of (predicted - gold)^2."""
    reference_3: FloatArray
    """Shape (..., 3): sum over these rows of (reference - gold)^2; 0 without a reference."""
    known_3: FloatArray
    """Shape (3,): 1 where the reference has the dimension, else 0."""


@dataclass(frozen=True, slots=True, eq=False)
class PairMoments:
    """Sums of the pairs x = predicted, y = gold, each less its own centre."""

    rows_3: FloatArray
    """Shape (..., 3): number of pairs."""
    x_3: FloatArray
    """Shape (..., 3): sum of x - centre_x_3."""
    y_3: FloatArray
    """Shape (..., 3): sum of y - centre_y_3."""
    xx_3: FloatArray
    """Shape (..., 3): sum of (x - centre_x_3)^2."""
    yy_3: FloatArray
    """Shape (..., 3): sum of (y - centre_y_3)^2."""
    xy_3: FloatArray
    """Shape (..., 3): sum of (x - centre_x_3) (y - centre_y_3)."""
    centre_gap_3: FloatArray
    """Shape (3,): centre_x_3 - centre_y_3. Any centre is right; the means keep most digits."""


def farthest(gold_N3: FloatArray) -> FloatArray:
    """The largest error that an answer in [0, 1] can make: max(t, 1-t), shape (N, 3).

    It is what a failed parse is charged in the strict scores (ours).
    """
    return np.maximum(gold_N3, 1.0 - gold_N3)


def sum_squared_errors(
    errors_N3: FloatArray, gold_N3: FloatArray, reference_3: FloatArray | None = None
) -> SquaredErrors:
    """Sums of one set of rows.

    Args:
        errors_N3: Shape (N, 3): predicted - gold, or `farthest(gold_N3)` for a failed parse.
        gold_N3: Shape (N, 3), in [0, 1]; NaN where a row is not rated.
        reference_3: Shape (3,): the constant answer to compare with, usually the train mean; NaN
            where it lacks a dimension.

    Returns:
        Sums with an empty leading shape.
    """
    assert errors_N3.shape == gold_N3.shape, (errors_N3.shape, gold_N3.shape)
    rated_N3 = ~np.isnan(gold_N3)
    reference_3 = np.full(3, np.nan) if reference_3 is None else reference_3
    known_3 = ~np.isnan(reference_3)
    return SquaredErrors(
        rated_N3.sum(axis=0).astype(np.float64),
        np.square(np.where(rated_N3, errors_N3, 0.0)).sum(axis=0),
        np.square(np.where(rated_N3 & known_3, reference_3 - gold_N3, 0.0)).sum(axis=0),
        known_3.astype(np.float64),
    )


def sum_pairs(predicted_N3: FloatArray, gold_N3: FloatArray) -> PairMoments:
    """Sums of one set of pairs, both of shape (N, 3), centred on their means; gold may be NaN."""
    assert predicted_N3.shape == gold_N3.shape, (predicted_N3.shape, gold_N3.shape)
    columns, centre_gap_3 = pair_columns(predicted_N3, gold_N3)
    x_3, y_3, xx_3, yy_3, xy_3 = (column_N3.sum(axis=0) for column_N3 in columns)
    rows_3 = (~np.isnan(gold_N3)).sum(axis=0).astype(np.float64)
    return PairMoments(rows_3, x_3, y_3, xx_3, yy_3, xy_3, centre_gap_3)


def pair_columns(
    predicted_N3: FloatArray, gold_N3: FloatArray
) -> tuple[tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]:
    """Each row's part of the sums of `PairMoments`.

    Args:
        predicted_N3: Shape (N, 3), in [0, 1].
        gold_N3: Shape (N, 3), in [0, 1]; NaN where a row is not rated: its parts there are 0.

    Returns:
        x, y, xx, yy, xy, each of shape (N, 3), and the gap of the centres, shape (3,).
    """
    rated_N3 = ~np.isnan(gold_N3)
    rows_3 = np.maximum(rated_N3.sum(axis=0), 1)
    x_N3, y_N3 = (np.where(rated_N3, side_N3, 0.0) for side_N3 in (predicted_N3, gold_N3))
    centre_x_3, centre_y_3 = x_N3.sum(axis=0) / rows_3, y_N3.sum(axis=0) / rows_3
    x_N3, y_N3 = (x_N3 - centre_x_3) * rated_N3, (y_N3 - centre_y_3) * rated_N3
    return (x_N3, y_N3, x_N3**2, y_N3**2, x_N3 * y_N3), centre_x_3 - centre_y_3


def rmse_by_dimension(sums: SquaredErrors) -> FloatArray:
    """Root of the mean squared error, shape (..., 3): 0 is exact, 1 the worst. NaN without rows."""
    return np.sqrt(divide(sums.errors_3, sums.rows_3))


def rmse(sums: SquaredErrors) -> FloatArray:
    """Root of the mean squared error over all ratings together, whatever the dimension: (...).

    0 is exact, 1 the worst. NaN without ratings. As scikit-learn's `root_mean_squared_error` on
    the flattened arrays.
    """
    return np.sqrt(divide(sums.errors_3.sum(axis=-1), sums.rows_3.sum(axis=-1)))


def skill(sums: SquaredErrors) -> FloatArray:
    """1 - RMSE / RMSE(reference constant), pooled, shape (...).

    Both over the ratings of the dimensions that the reference has. 1 is exact, 0 no better than
    the constant, below 0 worse than it. NaN without such ratings, or where the constant is exact.
    The form is Murphy's skill score (1988), of RMSE
    instead of MSE (ours).
    """
    rows = (sums.rows_3 * sums.known_3).sum(axis=-1)
    own = np.sqrt(divide((sums.errors_3 * sums.known_3).sum(axis=-1), rows))
    reference = np.sqrt(divide(sums.reference_3.sum(axis=-1), rows))
    return 1.0 - divide(own, reference)


def pearson_r(moments: PairMoments) -> FloatArray:
    """Pearson's r by dimension, shape (..., 3), in [-1, 1]. As `scipy.stats.pearsonr`.

    NaN where fewer than two pairs, or where all predictions or all gold values are one constant:
    r is then undefined, and 0 would be a claim.
    """
    variance_x_3, variance_y_3, covariance_3, _ = _population(moments)
    defined_3 = (variance_x_3 > 0) & (variance_y_3 > 0)
    r_3 = divide(covariance_3, np.where(defined_3, np.sqrt(variance_x_3 * variance_y_3), 0.0))
    return np.clip(r_3, -1.0, 1.0)


def ccc(moments: PairMoments) -> FloatArray:
    """Concordance correlation coefficient by dimension, shape (..., 3), in [-1, 1].

    2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2) with population moments (Lin 1989,
    Biometrics 45). 1 is exact agreement; constant predictions have 0. NaN where fewer than two
    pairs, or where both sides are the same constant.
    """
    variance_x_3, variance_y_3, covariance_3, gap_3 = _population(moments)
    spread_3 = variance_x_3 + variance_y_3 + gap_3**2
    enough = moments.rows_3 >= 2
    return divide(
        2.0 * covariance_3, np.where(enough & (spread_3 > SMALLEST_VARIANCE), spread_3, 0.0)
    )


def _population(moments: PairMoments) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Variance of x and of y, covariance, and mean(x) - mean(y), each of shape (..., 3)."""
    rows_3 = moments.rows_3
    mean_x_3, mean_y_3 = divide(moments.x_3, rows_3), divide(moments.y_3, rows_3)
    variance_x_3 = divide(moments.xx_3, rows_3) - mean_x_3**2
    variance_y_3 = divide(moments.yy_3, rows_3) - mean_y_3**2
    covariance_3 = divide(moments.xy_3, rows_3) - mean_x_3 * mean_y_3
    varies_x_3, varies_y_3 = variance_x_3 > SMALLEST_VARIANCE, variance_y_3 > SMALLEST_VARIANCE
    return (
        np.where(varies_x_3, variance_x_3, 0.0),
        np.where(varies_y_3, variance_y_3, 0.0),
        np.where(varies_x_3 & varies_y_3, covariance_3, 0.0),
        mean_x_3 - mean_y_3 + moments.centre_gap_3,
    )
