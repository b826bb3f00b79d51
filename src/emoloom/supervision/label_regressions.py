"""One logistic regression for each label, on features of texts of any kind. Ours; scikit-learn's.

Shape legend: K known texts, N texts asked about, F features, L labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from emoloom.records import LabelSpace

NO_POSITIVE = -1.0
"""Stands for the probability of a label that no known text has."""


def regressed_probabilities(
    labels: Sequence[tuple[str, ...]], seen_KF: Any, asked_NF: Any, space: LabelSpace, c: float
) -> NDArray[np.float64]:
    """What a class-balanced logistic regression for each label says.

    Args:
        labels: Of the K known texts; labels of the space.
        seen_KF: Their features, dense or sparse.
        asked_NF: Those of the texts asked about.
        space: Of L labels.
        c: Inverse of the penalty.

    Returns:
        Probabilities in [0, 1], (N, L): 1 for a label that every known text has, and `NO_POSITIVE`
        for one that none has.
    """
    found_NL = np.full((asked_NF.shape[0], len(space.labels)), NO_POSITIVE)
    for column, label in enumerate(space.labels):
        positive = np.array([label in one for one in labels])
        if positive.all():
            found_NL[:, column] = 1.0
        elif positive.any():
            # Its solver (lbfgs) draws nothing: all seeds agree.
            model = LogisticRegression(C=c, class_weight="balanced", max_iter=1000)
            found_NL[:, column] = model.fit(seen_KF, positive).predict_proba(asked_NF)[:, 1]
    return found_NL
