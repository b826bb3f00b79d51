"""Noise of a training: against a classical analysis of variance and a simulated difference."""

import math

import numpy as np
import pytest
from scipy import stats

from emoloom.metrics.intervals import Resampled
from emoloom.metrics.resampling import Bootstrap, weight_blocks
from emoloom.metrics.seeds import SeedScores, interval_around, p_of_zero, rows_that_separate
from emoloom.metrics.training_noise import TrainingNoise, noisy_variance, training_noise

N, B = 400, 2000


def scores(x_SN: np.ndarray) -> SeedScores:
    """Means over rows by training, and in every draw of the rows."""
    weights_BN = np.concatenate(list(weight_blocks(["s"] * N, Bootstrap(draws=B, seed=1))))
    mean_N = x_SN.mean(axis=0)
    draws_SB = x_SN @ weights_BN.T / N
    return SeedScores(x_SN.mean(axis=1), draws_SB, mean_N.mean() - mean_N)


def crossed(trainings: int, spread: float, seed: int, both: float = 0.5) -> np.ndarray:
    chance = np.random.default_rng(seed)
    rows = chance.standard_normal(N)
    own = spread * chance.standard_normal((trainings, 1))
    return rows + own + both * chance.standard_normal((trainings, N))


@pytest.mark.parametrize("trainings", [2, 3, 8])
def test_it_is_the_training_part_of_an_analysis_of_variance(trainings):
    x = crossed(trainings, 0.3, trainings)
    residual = x - x.mean(axis=0) - x.mean(axis=1)[:, None] + x.mean()
    both = (residual**2).sum() / ((N - 1) * (trainings - 1))
    between = np.var(x.mean(axis=1), ddof=1)
    found = training_noise(scores(x))
    assert found.trainings == trainings
    assert found.seen == pytest.approx(between, rel=1e-9)
    assert found.variance == pytest.approx(max(0.0, between - both / N), rel=0.05, abs=1e-4)


def test_trainings_that_differ_by_rows_alone_have_no_noise_on_average():
    found = [training_noise(scores(crossed(5, 0.0, seed))).variance for seed in range(30)]
    assert np.mean(found) < 0.5 * 0.25 / N  # below what the rows alone make of two trainings


def drawn(values_N: np.ndarray) -> Resampled:
    weights_BN = np.concatenate(list(weight_blocks(["s"] * N, Bootstrap(draws=B, seed=2))))
    return Resampled(weights_BN @ values_N / N, values_N.mean() - values_N)


def test_without_noise_a_difference_keeps_the_variance_of_its_rows():
    one = drawn(np.random.default_rng(0).standard_normal(N))
    found = noisy_variance(one, TrainingNoise(0.0, 0.0, 3), 2.0)
    assert (found.rows, found.seeds) == (pytest.approx(np.var(one.draws_B, ddof=1)), 0.0)
    assert found.freedom == pytest.approx(one.freedom)


def test_noise_that_is_all_has_its_own_degrees_of_freedom():
    one = drawn(np.zeros(N))
    found = noisy_variance(one, TrainingNoise(0.04, 0.04, 3), 2.0)
    assert found.error == pytest.approx(math.sqrt(0.08))
    assert found.freedom == pytest.approx(2.0)
    t = stats.t(2)
    assert p_of_zero(0.5, found, B) == pytest.approx(2 * t.sf(0.5 / found.error))
    low, high = interval_around(0.5, found, 0.95)
    assert (high - low) / 2 == pytest.approx(t.ppf(0.975) * found.error)
    assert rows_that_separate(N, 0.5, found, 0.05) is None  # rows cannot help


def test_two_candidates_hold_twice_the_noise_of_one_against_a_floor():
    one, noise = drawn(np.random.default_rng(3).standard_normal(N)), TrainingNoise(0.01, 0.02, 4)
    pair, floor = noisy_variance(one, noise, 2.0), noisy_variance(one, noise, 1.0)
    assert (pair.seeds, floor.seeds) == (0.02, 0.01)
    assert pair.rows == floor.rows


def test_equal_candidates_are_told_apart_in_one_of_twenty_at_most():
    """Each trained once; three trainings of the first tell how much trainings vary."""
    apart = {"noise": 0, "rows": 0}
    runs = 400
    for seed in range(runs):
        x = crossed(4, 0.08, seed, both=0.3)
        pair = drawn(x[0] - x[3])
        value = float((x[0] - x[3]).mean())
        noise = training_noise(scores(x[:3]))
        apart["noise"] += p_of_zero(value, noisy_variance(pair, noise, 2.0), B) <= 0.05
        apart["rows"] += pair.p() <= 0.05
    assert apart["noise"] <= 0.05 * runs + 2 * math.sqrt(0.05 * 0.95 * runs)
    assert apart["rows"] > 0.3 * runs  # what rows alone say of the same pairs


def test_undefined_draws_leave_it_unknown():
    one = Resampled(np.full(B, np.nan), np.zeros(N))
    assert noisy_variance(one, TrainingNoise(0.1, 0.1, 3), 1.0) is None
