"""Golden: scikit-learn 1.9.1 (RMSE), SciPy 1.17.1 (r), NumPy 2.3.5 covariances (CCC)."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import root_mean_squared_error

from emoloom.metrics import regression as ours


def drawn(seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Random predicted and gold VAD, each of shape (N, 3), in [0, 1]."""
    generator = np.random.default_rng(seed)
    gold_N3 = generator.random((n, 3))
    predicted_N3 = np.clip(gold_N3 + generator.normal(0.05, 0.2, (n, 3)), 0, 1)
    return predicted_N3.round(2), gold_N3


@pytest.mark.parametrize("seed", range(5))
def test_rmse_and_skill_equal_scikit_learn(seed):
    predicted_N3, gold_N3 = drawn(seed)
    reference_3 = np.array([0.5, 0.4, 0.6])
    sums = ours.sum_squared_errors(predicted_N3 - gold_N3, gold_N3, reference_3)
    pooled = root_mean_squared_error(gold_N3.ravel(), predicted_N3.ravel())
    constant = np.broadcast_to(reference_3, gold_N3.shape)
    floor = root_mean_squared_error(gold_N3.ravel(), constant.ravel())
    assert float(ours.rmse(sums)) == pytest.approx(pooled, abs=1e-9)
    assert float(ours.skill(sums)) == pytest.approx(1 - pooled / floor, abs=1e-9)
    np.testing.assert_allclose(
        ours.rmse_by_dimension(sums),
        root_mean_squared_error(gold_N3, predicted_N3, multioutput="raw_values"),
        atol=1e-9,
    )


@pytest.mark.parametrize("seed", range(5))
def test_r_equals_scipy_and_ccc_its_covariance_form(seed):
    predicted_N3, gold_N3 = drawn(seed)
    moments = ours.sum_pairs(predicted_N3, gold_N3)
    for i in range(3):
        x, y = predicted_N3[:, i], gold_N3[:, i]
        assert ours.pearson_r(moments)[i] == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-9)
        (var_x, cov), (_, var_y) = np.cov(x, y, ddof=0)
        lin = 2 * cov / (var_x + var_y + (x.mean() - y.mean()) ** 2)
        assert ours.ccc(moments)[i] == pytest.approx(lin, abs=1e-9)


def test_ccc_by_hand():
    # x = 0, 0.5, 1 and y = 0.5, 0.5, 1: var 1/6 and 1/18, cov 1/12, gap of means 1/6.
    x, y = np.array([0, 0.5, 1.0]), np.array([0.5, 0.5, 1.0])
    moments = ours.sum_pairs(np.stack([x] * 3, axis=1), np.stack([y] * 3, axis=1))
    by_hand = 2 / 12 / (1 / 6 + 1 / 18 + 1 / 36)
    np.testing.assert_allclose(ours.ccc(moments), [by_hand] * 3, atol=1e-12)


def test_r_holds_where_the_spread_is_small():
    predicted_N3 = np.full((10_000, 3), 0.62)
    predicted_N3[7] = 0.63
    _, gold_N3 = drawn(0, 10_000)
    expected = [stats.pearsonr(predicted_N3[:, i], gold_N3[:, i])[0] for i in range(3)]
    moments = ours.sum_pairs(predicted_N3, gold_N3)
    np.testing.assert_allclose(ours.pearson_r(moments), expected, atol=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, 0.62, 1.0])
def test_constant_predictions_have_no_r_and_a_ccc_of_zero(constant):
    _, gold_N3 = drawn(1, 333)
    moments = ours.sum_pairs(np.full_like(gold_N3, constant), gold_N3)
    assert np.isnan(ours.pearson_r(moments)).all()
    np.testing.assert_array_equal(ours.ccc(moments), [0.0, 0.0, 0.0])


def test_exact_answers():
    _, gold_N3 = drawn(2)
    moments = ours.sum_pairs(gold_N3, gold_N3)
    np.testing.assert_allclose(ours.pearson_r(moments), 1.0, atol=1e-12)
    np.testing.assert_allclose(ours.ccc(moments), 1.0, atol=1e-12)
    sums = ours.sum_squared_errors(0 * gold_N3, gold_N3, np.full(3, 0.5))
    assert float(ours.rmse(sums)) == 0.0
    assert float(ours.skill(sums)) == 1.0


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_pairs_are_undefined(n):
    predicted_N3, gold_N3 = drawn(3, n)
    moments = ours.sum_pairs(predicted_N3, gold_N3)
    assert np.isnan(ours.pearson_r(moments)).all()
    assert np.isnan(ours.ccc(moments)).all()


def test_rmse_of_no_rows_is_undefined():
    empty = np.zeros((0, 3))
    sums = ours.sum_squared_errors(empty, empty, np.full(3, 0.5))
    assert np.isnan(ours.rmse(sums))
    assert np.isnan(ours.skill(sums))
    assert np.isnan(ours.rmse_by_dimension(sums)).all()


def test_skill_is_undefined_without_a_reference_and_with_an_exact_one():
    gold_N3 = np.full((4, 3), 0.5)
    for reference_3 in (None, np.full(3, 0.5)):
        sums = ours.sum_squared_errors(gold_N3 - 0.2, gold_N3, reference_3)
        assert np.isnan(ours.skill(sums))


def test_farthest_is_the_largest_error_within_the_range():
    gold_N3 = np.array([[0.0, 0.3, 0.5], [1.0, 0.9, 0.51]])
    answers = np.linspace(0, 1, 101)
    brute = np.abs(answers[:, None, None] - gold_N3).max(axis=0)
    np.testing.assert_allclose(ours.farthest(gold_N3), brute, atol=1e-12)
