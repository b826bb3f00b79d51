"""Golden: SciPy 1.17's `stats.bootstrap`, whose own draws are handed to our intervals, and its t.

BCa is the benchmark's (`benchmarks/bca.py`): its coverage is published beside the product's.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from emoloom.metrics import intervals as ours
from emoloom.metrics.resampling import Bootstrap, influence, resample, weight_blocks
from emoloom.metrics.row_table import VadScoring, row_table
from emoloom.metrics.scoring import measure
from emoloom.records import VAD, Answer, LabelSpace, Prediction, Row

_SPEC = importlib.util.spec_from_file_location(
    "bca", Path(__file__).parents[2] / "benchmarks" / "bca.py"
)
beside = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(beside)

SPACE = LabelSpace("abc", ("a", "b", "c"))
N = 150


def made(seed: int = 0):
    """Gold and two candidates' answers as indicator matrices, and the same as rows and tables."""
    generator = np.random.default_rng(seed)
    gold = generator.random((N, 3)) < (0.5, 0.3, 0.06)
    gold[~gold.any(axis=1), 0] = True
    hard = generator.random((N, 3))
    said = []
    for share in (0.75, 0.6):
        one = np.where(hard < share, gold, generator.random((N, 3)) < 0.2)
        one[~one.any(axis=1), 1] = True
        said.append(one)
    names = np.array(SPACE.labels)
    vad = VAD(0.5, 0.5, 0.5)
    rows = [Row(f"{i}", "t", Answer(tuple(names[g]), None, ""), "s", "dev", None, "g")
            for i, g in enumerate(gold)]  # fmt: skip
    tables = [
        row_table([Prediction(tuple(names[s]), vad, "") for s in one], rows, SPACE, VadScoring())
        for one in said
    ]
    return gold, said, tables


def micro(gold, said):
    return f1_score(gold, said, average="micro", zero_division=0)


def scipys(statistic, method, draws=999, seed=3, level=0.95):
    return stats.bootstrap(
        (np.arange(N),),
        statistic,
        n_resamples=draws,
        vectorized=False,
        method=method,
        confidence_level=level,
        rng=np.random.default_rng(seed),
    )


@pytest.fixture(scope="module")
def paired():
    gold, (one, two), tables = made()

    def difference(index):
        return micro(gold[index], one[index]) - micro(gold[index], two[index])

    left_out = [difference(np.delete(np.arange(N), i)) for i in range(N)]
    return difference, np.array(left_out), tables


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_a_paired_difference_has_scipys_intervals_on_scipys_draws(paired, level):
    difference, left_out, _ = paired
    value = difference(np.arange(N))
    percentile = scipys(difference, "percentile", level=level)
    ends = ours.percentile_interval(percentile.bootstrap_distribution, level)
    assert ends == pytest.approx(tuple(percentile.confidence_interval), abs=1e-12)
    bca = scipys(difference, "BCa", level=level)
    a = beside.acceleration(left_out, ["s"] * N)
    ends = beside.bca_interval(value, bca.bootstrap_distribution, a, level)
    assert ends == pytest.approx(tuple(bca.confidence_interval), abs=1e-12)


def test_a_paired_difference_in_our_draws_is_scipys_within_monte_carlo_error(paired):
    difference, left_out, tables = paired
    draws = 4999
    one, two = resample(tables, ["s"] * N, Bootstrap(draws=draws, seed=4), measure)
    mine = one["strict.micro_f1"].less(two["strict.micro_f1"]).draws_B
    theirs = scipys(difference, "percentile", draws)
    # 5 errors of a difference of two 2.5% quantiles of so many normal draws: sd sqrt(pq/B)/phi.
    error = 5 * 2**0.5 * (0.025 * 0.975 / draws) ** 0.5 / stats.norm.pdf(1.96) * mine.std()
    found = ours.percentile_interval(mine, 0.95)
    assert found == pytest.approx(tuple(theirs.confidence_interval), abs=error)
    totals = [
        measure(table.split(table.columns_NK.sum(axis=0) - table.columns_NK))["strict.micro_f1"]
        for table in tables
    ]
    np.testing.assert_allclose(totals[0] - totals[1], left_out, atol=1e-12)


@pytest.mark.parametrize("n", [30, 60])
def test_a_skewed_mean_has_scipys_bca_interval(n):
    x = np.random.default_rng(n).lognormal(0, 1.2, n)
    theirs = stats.bootstrap((x,), np.mean, method="BCa", rng=np.random.default_rng(1))
    left_out = (x.sum() - x) / (n - 1)
    ends = beside.bca_interval(
        x.mean(), theirs.bootstrap_distribution, beside.acceleration(left_out, ["s"] * n), 0.95
    )
    assert ends == pytest.approx(tuple(theirs.confidence_interval), abs=1e-12)


def test_strata_are_scipys_samples():
    """A difference of two means, each of its own sample, is a score over two strata."""
    generator = np.random.default_rng(8)
    x, y = generator.exponential(1, 40), generator.exponential(2, 25)
    theirs = stats.bootstrap(
        (x, y),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        method="BCa",
        rng=np.random.default_rng(1),
    )
    left_x = (x.sum() - x) / (len(x) - 1) - y.mean()
    left_y = x.mean() - (y.sum() - y) / (len(y) - 1)
    a = beside.acceleration(np.concatenate([left_x, left_y]), ["x"] * len(x) + ["y"] * len(y))
    ends = beside.bca_interval(x.mean() - y.mean(), theirs.bootstrap_distribution, a, 0.95)
    assert ends == pytest.approx(tuple(theirs.confidence_interval), abs=1e-12)


def test_without_a_bias_or_a_skew_bca_is_the_percentile_interval():
    draws = np.linspace(-1, 1, 2001)
    assert beside.bca_interval(0.0, draws, 0.0, 0.9) == pytest.approx(
        ours.percentile_interval(draws, 0.9)
    )


def test_where_bca_is_undefined():
    assert beside.bca_interval(2.0, np.linspace(0, 1, 101), 0.1, 0.9) == pytest.approx((0.05, 0.95))
    assert beside.bca_interval(0.5, np.full(100, 0.5), 0.0, 0.95) == (0.5, 0.5)
    values = np.full(100, np.nan)
    values[:49] = 0.5
    assert beside.bca_interval(0.5, values, 0.0, 0.95) is None
    assert beside.bca_interval(np.nan, np.zeros(100), 0.0, 0.95) is None
    assert beside.acceleration(np.zeros(5), ["s"] * 5) == 0.0
    assert beside.acceleration(np.zeros(0), []) == 0.0


def test_expanded_percentiles_are_students_interval_of_a_normal_mean():
    """Percentiles of a normal variable at the expanded levels are mean +- t sd."""
    draws = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    for freedom in (1.0, 3.7, 8.0, 60.0):
        half = stats.t.ppf(0.975, freedom)
        if half < 4:
            ends = ours.percentile_interval(draws, 0.95, freedom)
            assert ends == pytest.approx((-half, half), abs=1e-3)
        # p: the tail of t at the normal quantile of the share beyond 0
        shifted = draws + 2.0
        share = (1 + np.sum(shifted <= 0)) / 200_001
        expected = 2 * stats.t.sf(-stats.norm.ppf(share), freedom)
        assert ours.two_sided_p(shifted, freedom) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("freedom", [4.0, 8.0, 20.0, np.inf])
def test_p_and_interval_agree(freedom):
    draws = np.random.default_rng(1).normal(0.0, 1.0, 3999)
    for shift in np.linspace(-4.0, 4.0, 81):
        low, high = ours.percentile_interval(draws + shift, 0.95, freedom)
        p = ours.two_sided_p(draws + shift, freedom)
        if abs(p - 0.05) > 0.005:  # p steps by a draw
            assert (low <= 0 <= high) == (p >= 0.05), shift


def test_where_no_draw_is_beyond_0_p_goes_on_falling_with_the_distance():
    draws = np.random.default_rng(5).normal(0.0, 1.0, 1000)
    found = [ours.two_sided_p(draws + far, 4.0) for far in (3.6, 5.0, 8.0, 1e6)]
    assert found[1] == pytest.approx(2 * stats.t.sf((draws + 5).mean() / draws.std(ddof=1), 4))
    assert sorted(found, reverse=True) == found
    assert found[-1] == pytest.approx(2 / 1001), "never below that of the draws"
    assert ours.two_sided_p(np.ones(99), 4.0) == pytest.approx(2 / 100)


def test_one_row_has_the_least_degrees_of_freedom():
    """At which the ends are still within a thousand draws."""
    one = np.eye(1, 500)[0]
    assert ours.degrees_of_freedom(one - one.mean()) == 3.0
    assert stats.norm.cdf(-stats.t.ppf(0.975, 3.0)) > 0.5 / 1000


def test_degrees_of_freedom_are_those_of_the_variance_of_a_sample():
    """Of the chi-square whose relative variance a sample's variance has (Monte Carlo)."""
    generator = np.random.default_rng(2)
    for name, draw in (
        ("normal", generator.standard_normal),
        ("rare", lambda size: np.where(generator.random(size) < 0.05, 10.0, 0.0)),
    ):
        many = draw((20_000, 400))
        variances = many.var(axis=1)
        expected = 2 * variances.mean() ** 2 / variances.var()
        large = draw(400_000)
        found = ours.degrees_of_freedom(large - large.mean()) / 1000
        assert found == pytest.approx(expected, rel=0.05), name


def test_a_few_rows_have_about_twice_their_number_of_degrees_of_freedom():
    for few in (4, 20):
        y = np.zeros(10_000)
        y[:few] = 3.0
        assert ours.degrees_of_freedom(y - y.mean()) == pytest.approx(2 * few, rel=0.01)
    assert ours.degrees_of_freedom(np.zeros(5)) == np.inf
    assert ours.degrees_of_freedom(np.zeros(0)) == np.inf
    assert ours.degrees_of_freedom(np.array([1.0, -1.0] * 6)) == 12, "at most the rows"


def test_influence_is_that_of_each_row_against_its_stratum():
    x = np.random.default_rng(3).exponential(1.0, 30)
    strata = np.repeat([0, 1], [10, 20])
    without = (x.sum() - x) / (len(x) - 1)
    found = influence(without, strata)
    expected = np.concatenate([x[:10].mean() - x[:10], x[10:].mean() - x[10:]]) / (len(x) - 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)
    without[4] = np.nan
    assert influence(without, strata)[4] == 0.0
    assert not np.isnan(influence(np.full(30, np.nan), strata)).any()


def test_expanding_mends_the_coverage_of_a_rare_heavy_loss():
    """1% of 400 rows weigh a hundred others: a mean whose variance a handful of rows tell."""
    generator = np.random.default_rng(4)
    truth, n, reps = 0.01 * 100.0 + 0.99, 400, 400
    held = {"plain": 0, "expanded": 0}
    for rep in range(reps):
        x = np.where(generator.random(n) < 0.01, 100.0, generator.exponential(1.0, n))
        (weights,) = weight_blocks(["s"] * n, Bootstrap(draws=400, seed=rep), cells=10**9)
        drawn = ours.Resampled(weights @ x / n, x - x.mean())
        for name, freedom in (("plain", np.inf), ("expanded", drawn.freedom)):
            low, high = ours.percentile_interval(drawn.draws_B, 0.95, freedom)
            held[name] += low <= truth <= high
    assert held["plain"] / reps < 0.92 < held["expanded"] / reps
