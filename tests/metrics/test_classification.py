"""Golden: scikit-learn 1.9.1 on the same indicator matrices."""

import numpy as np
import pytest
from sklearn import metrics

from emoloom.metrics import classification as ours

SHAPES = [(200, 28), (60, 7), (5, 3), (1, 4)]


def drawn(shape: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random gold and predicted labels, each of shape (N, L); the last label is never gold."""
    generator = np.random.default_rng([seed, *shape])
    gold_NL = generator.random(shape) < 0.15
    gold_NL[:, -1] = False
    gold_NL[0, 0] = True
    flips_NL = generator.random(shape) < 0.1
    return gold_NL, gold_NL ^ flips_NL


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_scikit_learn(shape, seed):
    gold_NL, predicted_NL = drawn(shape, seed)
    counts = ours.count_labels(gold_NL, predicted_NL)
    kept = list(np.flatnonzero(gold_NL.any(axis=0)))
    macro = {"average": "macro", "labels": kept, "zero_division": 0}
    expected = {
        "macro_f1": metrics.f1_score(gold_NL, predicted_NL, **macro),
        "macro_recall": metrics.recall_score(gold_NL, predicted_NL, **macro),
        "micro_f1": metrics.f1_score(gold_NL, predicted_NL, average="micro"),
        "subset_accuracy": metrics.accuracy_score(gold_NL, predicted_NL),
    }
    for name, value in expected.items():
        assert float(getattr(ours, name)(counts)) == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("shape", SHAPES)
def test_single_labels_equal_to_scikit_learn(shape):
    gold_NL, predicted_NL = drawn(shape)
    counts = ours.count_labels(gold_NL, predicted_NL)
    each = {"average": None, "zero_division": np.nan}
    np.testing.assert_allclose(
        ours.label_precision(counts),
        metrics.precision_score(gold_NL, predicted_NL, **each),
        atol=1e-9,
    )
    np.testing.assert_allclose(
        ours.label_recall(counts), metrics.recall_score(gold_NL, predicted_NL, **each), atol=1e-9
    )
    kept = gold_NL.any(axis=0)
    np.testing.assert_allclose(
        ours.label_f1(counts)[kept],
        metrics.f1_score(gold_NL, predicted_NL, average=None, zero_division=0)[kept],
        atol=1e-9,
    )


def test_a_label_without_gold_is_left_out_even_if_predicted():
    gold_NL = np.array([[True, False], [True, False]])
    predicted_NL = np.array([[True, True], [True, True]])
    counts = ours.count_labels(gold_NL, predicted_NL)
    assert list(ours.has_gold(counts)) == [True, False]
    assert float(ours.macro_f1(counts)) == 1.0
    assert np.isnan(ours.label_f1(counts)[1])
    assert float(ours.micro_f1(counts)) == pytest.approx(4 / 6)


def test_a_gold_label_never_predicted_has_no_precision_and_f1_of_zero():
    gold_NL = np.array([[True], [True]])
    counts = ours.count_labels(gold_NL, np.zeros_like(gold_NL))
    assert np.isnan(ours.label_precision(counts)[0])
    assert ours.label_f1(counts)[0] == 0.0


def test_no_rows_is_undefined_and_not_zero():
    empty = np.zeros((0, 3), dtype=bool)
    counts = ours.count_labels(empty, empty)
    for name in ("macro_f1", "micro_f1", "macro_recall", "subset_accuracy"):
        assert np.isnan(getattr(ours, name)(counts)), name


def test_leading_shape_is_kept():
    sets = [ours.count_labels(*drawn((40, 5), seed)) for seed in range(3)]
    stacked = ours.LabelCounts(
        *(
            np.stack([getattr(counts, field) for counts in sets])
            for field in ("rows", "exact", "true_positives_L", "predicted_L", "gold_L")
        )
    )
    assert ours.label_f1(stacked).shape == (3, 5)
    for name in ("macro_f1", "micro_f1", "macro_recall", "subset_accuracy"):
        one_by_one = [float(getattr(ours, name)(counts)) for counts in sets]
        np.testing.assert_array_equal(getattr(ours, name)(stacked), one_by_one)


def test_select_keeps_the_named_columns():
    gold_NL, predicted_NL = drawn((100, 6))
    chosen = ours.count_labels(gold_NL, predicted_NL).select([3, 0])
    direct = ours.count_labels(gold_NL[:, [3, 0]], predicted_NL[:, [3, 0]])
    np.testing.assert_array_equal(ours.label_f1(chosen), ours.label_f1(direct))
