"""Golden: SciPy 1.17's `stats.bootstrap`, whose own draws are handed to our intervals.

BCa is the benchmark's (`benchmarks/bca.py`): its coverage is published beside the product's.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from emoloom.metrics import intervals as ours
from emoloom.metrics.resampling import Bootstrap, resample
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
    mine = one["strict.micro_f1"] - two["strict.micro_f1"]
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
