"""Golden: classical analysis of variance, and SciPy's t where trainings or rows alone vary."""

import numpy as np
import pytest
from scipy import stats

from emoloom.metrics.resampling import Bootstrap, rows_to_separate, weight_blocks
from emoloom.metrics.seeds import (
    SeedScores,
    seed_interval,
    seed_p,
    seed_rows_to_separate,
    two_level_draws,
    variance,
)

N, B = 400, 4000


def of_rows(values_SN: np.ndarray, draws: int = B) -> SeedScores:
    """Means over rows by seed."""
    blocks = weight_blocks(["s"] * values_SN.shape[1], Bootstrap(draws=draws, seed=1))
    weights_BN = np.concatenate(list(blocks))
    mean_N = values_SN.mean(axis=0)
    return SeedScores(
        values_SN.mean(axis=1),
        values_SN @ weights_BN.T / values_SN.shape[1],
        mean_N.mean() - mean_N,
    )


def made(values_S, draws_SB) -> SeedScores:
    """Without a row's influence: rows do not vary."""
    return SeedScores(np.asarray(values_S), np.asarray(draws_SB), np.zeros(0))


def crossed(seeds: int, *, rows=1.0, trainings=0.05, both=0.5, seed=0) -> np.ndarray:
    """Scores by seed and row: an effect of the row, of the training, and of both together."""
    generator = np.random.default_rng(seed)
    return (
        rows * generator.standard_normal(N)
        + trainings * generator.standard_normal((seeds, 1))
        + both * generator.standard_normal((seeds, N))
    )


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("trainings", [0.0, 0.3])
def test_the_variance_is_that_of_a_crossed_analysis_of_variance(seeds, trainings):
    x = crossed(seeds, trainings=trainings, seed=seeds)
    by_row, by_seed, grand = x.mean(axis=0), x.mean(axis=1), x.mean()
    residual = x - by_row - by_seed[:, None] + grand
    rows = seeds * ((by_row - grand) ** 2).sum() / (N - 1)
    trained = N * ((by_seed - grand) ** 2).sum() / (seeds - 1)
    both = (residual**2).sum() / ((N - 1) * (seeds - 1))
    # Mean squares: var of the grand mean is (rows + trained - both) / (N seeds).
    expected = (rows + max(0.0, trained - both)) / (N * seeds)
    found = variance(of_rows(x))
    assert found.rows + found.seeds == pytest.approx(expected, rel=0.1)
    assert found.rows == pytest.approx(rows / (N * seeds), rel=0.1)


def test_where_trainings_alone_vary_the_interval_is_students():
    values = np.array([0.3, 0.34, 0.29, 0.41])
    scores = made(values, np.repeat(values[:, None], 100, axis=1))
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert seed_interval(scores, 0.95) == pytest.approx((low, high), abs=1e-12)
    expected = stats.ttest_1samp(values - 0.25, 0.0).pvalue
    shifted = made(values - 0.25, scores.draws_SB - 0.25)
    assert seed_p(shifted) == pytest.approx(expected, rel=1e-9)


def test_where_trainings_are_alike_rows_alone_count():
    x = np.repeat(crossed(1, both=0.0), 3, axis=0)
    scores = of_rows(x)
    found = variance(scores)
    assert found.seeds == pytest.approx(0.0, abs=1e-12)
    # Rows alone, and normal: about as many degrees of freedom as rows.
    assert N / 2 < found.freedom <= N
    half = stats.t.ppf(0.975, found.freedom) * scores.draws_SB[0].std(ddof=1)
    assert seed_interval(scores, 0.95) == pytest.approx((x.mean() - half, x.mean() + half))


def test_p_and_interval_agree():
    for shift in np.linspace(0.0, 0.4, 21):
        scores = of_rows(crossed(3, trainings=0.1, seed=4) + shift, 500)
        for level in (0.5, 0.95, 0.999):
            low, high = seed_interval(scores, level)
            assert (low <= 0 <= high) == (seed_p(scores) >= 1 - level), (shift, level)


def test_a_difference_is_paired_by_seed_and_draw():
    x = crossed(3, trainings=0.3, both=0.3)
    one, two = of_rows(x + 0.02), of_rows(x)
    gap = one.less(two)
    assert gap.mean == pytest.approx(0.02)
    assert seed_interval(gap, 0.95) == pytest.approx((0.02, 0.02), abs=1e-9)


def test_equal_and_unknown():
    zero = made(np.zeros(3), np.zeros((3, 100)))
    assert seed_p(zero) == 1.0
    assert seed_interval(zero, 0.95) == (0.0, 0.0)
    same = made(np.full(3, 0.1), np.full((3, 99), 0.1))
    assert seed_p(same) == pytest.approx(2 / 100)
    unknown = made(np.full(3, 0.1), np.full((3, 100), np.nan))
    assert (seed_interval(unknown, 0.95), seed_p(unknown)) == (None, 1.0)
    assert seed_rows_to_separate(100, unknown, 0.05) is None
    some = unknown.draws_SB.copy()
    some[:, :60] = np.linspace(0, 1, 60)
    assert seed_interval(made(np.full(3, 0.1), some), 0.95) is not None


def test_rows_to_separate_are_those_of_one_seed_where_trainings_are_alike():
    x = np.repeat(crossed(1, both=0.0) + 0.03, 3, axis=0)
    scores = of_rows(x)
    alone = rows_to_separate(N, scores.mean, scores.over_rows, 0.05)
    # Alone, t is that of the more rows; with trainings, that of these.
    assert seed_rows_to_separate(N, scores, 0.05) == pytest.approx(alone, rel=0.02)


def test_no_number_of_rows_separates_what_trainings_blur():
    scores = of_rows(crossed(3, rows=0.2, trainings=1.0, both=0.0, seed=6))
    assert seed_p(scores) > 0.05
    assert seed_rows_to_separate(N, scores, 0.05) is None


def test_draws_of_both_levels_take_the_same_seeds_and_rows_for_all():
    x = crossed(3, trainings=1.0)
    one, two = of_rows(x + 1.0), of_rows(x)
    first, second = two_level_draws([one, two], seed=5)
    np.testing.assert_allclose(first - second, 1.0)
    again = two_level_draws([one], seed=5)
    np.testing.assert_array_equal(again[0], first)
    # Trainings drawn with replacement, as many as there are: (S - 1) / S of their variance.
    spread = np.var(x.mean(axis=1)) / 3
    assert first.var() == pytest.approx(spread, rel=0.25)


def test_few_rows_with_all_influence_leave_few_degrees_of_freedom():
    """Three failed rows carry the variance of the rows, trainings vary little: Satterthwaite."""
    x = crossed(5, rows=0.01, trainings=0.02, both=0.01)
    x[:, :3] += 30.0
    scores = of_rows(x)
    found = variance(scores)
    mean_N = x.mean(axis=0) - x.mean()
    kurtosis = N * np.sum(mean_N**4) / np.sum(mean_N**2) ** 2
    of_rows_alone, between = 2 * N / (kurtosis - 1), np.var(x.mean(axis=1), ddof=1) / 5
    expected = (found.rows + found.seeds) ** 2 / (found.rows**2 / of_rows_alone + between**2 / 4)
    assert found.freedom == pytest.approx(expected, rel=1e-6)
    assert 4 < found.freedom < 8
    few = variance(SeedScores(scores.values_S, scores.draws_SB, np.eye(1, N)[0] - 1 / N))
    assert few.freedom == pytest.approx(3.0, rel=0.2), "one row: fewer than four trainings have"
