"""AUROC and r of the verifier against scikit-learn's and SciPy's."""

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from emoloom.supervision.appraisal import auroc, pearson


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30))
def test_auroc_is_scikit_learns(pairs):
    gold, scores = [g for g, _ in pairs], [float(s) for _, s in pairs]
    if len(set(gold)) == 1:
        assert auroc(gold, scores) is None
    else:
        assert auroc(gold, scores) == pytest.approx(roc_auc_score(gold, scores), abs=1e-12)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=30))
def test_r_is_scipys(pairs):
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert pearson(x, y) is None
    else:
        assert pearson(x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-9)
