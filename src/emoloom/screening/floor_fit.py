"""Linear models on features of texts, as floors use them, and the constant that stands in for them.

Labels: one class-balanced logistic regression for each label with a positive, on the rows with
labels; those with p >= 0.5 are answered, else the likeliest. A label positive everywhere is always
predicted, one without a positive never. VAD: ridge regression for each of v, a and d, on the rows
in which people rated it. Where a part cannot be fitted (no such row), or a text has no feature, the
constant's part stands in. Source: ours; both regressions are scikit-learn's.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from emoloom.errors import UserError
from emoloom.records import LabelSpace, Prediction, RatedVAD, Row, fill_vad, make_vad
from emoloom.supervision.label_regressions import regressed_probabilities
from emoloom.supervision.mean_vad import MIDPOINT, mean_vad

NO_CUES = "cues: none"
"""Rationale of an answer that looks at no word."""

Features = Callable[[Sequence[str], Sequence[str]], tuple[Any, Any] | None]
"""From texts to fit on and texts to answer to a matrix of each, dense or sparse, a row a text; None
where there is nothing to fit on or to answer."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """How far the regressions may follow the training rows."""

    logistic_c: float
    """Inverse of the logistic regressions' penalty."""
    ridge_alpha: float
    """Penalty of the ridge."""


def vector_features(
    vectors: Mapping[str, NDArray[np.float64]], *, standardised: bool = False
) -> Features:
    """Texts as dense vectors that are known beforehand.

    Args:
        vectors: of every text, of one size.
        standardised: bring each feature to mean 0 and standard deviation 1 over the texts that are
            fitted on, and their vectors to a mean squared length of 1.
    """

    def features(
        known: Sequence[str], asked: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        if not known or not asked:
            return None
        seen, unseen = (np.stack([vectors[one] for one in texts]) for texts in (known, asked))
        if not standardised:
            return seen, unseen
        scaler = StandardScaler().fit(seen)
        length = math.sqrt(seen.shape[1])
        return scaler.transform(seen) / length, scaler.transform(unseen) / length

    return features


def constant_prediction(train: Sequence[Row], space: LabelSpace) -> Prediction:
    """The one answer for every text that `train` suggests.

    Raises:
        UserError: a label of `train` is not in the space.
    """
    counts = Counter(label for _, labels in _labelled(train, space) for label in labels)
    label = max(space.labels, key=lambda name: counts[name])
    weak = fill_vad(mean_vad(row.answer.vad for row in train), MIDPOINT)
    vad = fill_vad(mean_vad(row.human_vad for row in train), weak)
    return Prediction((label,), vad, NO_CUES)


def linear_predictions(
    train: Sequence[Row],
    texts: Sequence[str],
    space: LabelSpace,
    features: Features,
    strengths: Strengths,
) -> list[Prediction]:
    """Fit on `train` and answer each text.

    Args:
        train: training rows; null parts are left out of the fit.
        texts: to be answered.
        space: the label space in force.
        features: of texts.
        strengths: of the regressions.

    Raises:
        UserError: a label of `train` is not in the space.
    """
    constant = constant_prediction(train, space)
    all_labels = _labels(_labelled(train, space), texts, space, features, strengths)
    all_vad = rated_vad(train, texts, features, strengths)
    return [
        Prediction(labels or constant.labels, fill_vad(vad, constant.vad), NO_CUES)
        for labels, vad in zip(all_labels, all_vad, strict=True)
    ]


def _labels(
    known: Sequence[tuple[str, tuple[str, ...]]],
    texts: Sequence[str],
    space: LabelSpace,
    features: Features,
    strengths: Strengths,
) -> list[tuple[str, ...]]:
    """Labels of each text; none where the constant must stand in."""
    made = features([text for text, _ in known], texts)
    if made is None:
        return [()] * len(texts)
    seen, unseen = made
    labels = [one for _, one in known]
    probability = regressed_probabilities(labels, seen, unseen, space, strengths.logistic_c)
    chosen = probability >= 0.5
    chosen[np.arange(len(texts)), probability.argmax(axis=1)] = True
    chosen[np.asarray(abs(unseen).sum(axis=1)).ravel() == 0] = False
    return [
        tuple(label for label, is_chosen in zip(space.labels, line, strict=True) if is_chosen)
        for line in chosen
    ]


def rated_vad(
    train: Sequence[Row], texts: Sequence[str], features: Features, strengths: Strengths
) -> list[RatedVAD | None]:
    """VAD of each text by ridge regression on what people rated.

    None, or without a dimension, where nothing can be fitted: the constant must stand in.
    """
    rated = [(row.text, vad.as_tuple()) for row in train if (vad := row.human_vad) is not None]
    predicted_N3 = np.full((len(texts), 3), np.nan)
    by_rows: dict[tuple[int, ...], list[int]] = {}
    for axis in range(3):
        rows = tuple(at for at, (_, vad) in enumerate(rated) if vad[axis] is not None)
        by_rows.setdefault(rows, []).append(axis)
    for rows, axes in by_rows.items():
        made = features([rated[at][0] for at in rows], texts)
        if made is not None:
            seen, unseen = made
            given = [[rated[at][1][axis] for axis in axes] for at in rows]
            solver = "cholesky" if isinstance(seen, np.ndarray) else "sparse_cg"
            # Its solvers draw nothing: all seeds agree.
            model = Ridge(alpha=strengths.ridge_alpha, solver=solver).fit(seen, given)
            predicted = np.clip(model.predict(unseen), 0.0, 1.0)
            predicted_N3[:, axes] = np.reshape(predicted, (len(texts), len(axes)))
    return [make_vad(*(_known(value) for value in line)) for line in predicted_N3.tolist()]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _labelled(train: Sequence[Row], space: LabelSpace) -> list[tuple[str, tuple[str, ...]]]:
    """(text, labels) of the rows that have labels."""
    known = [(row.text, row.answer.labels) for row in train if row.answer.labels is not None]
    strange = sorted({label for _, labels in known for label in labels} - set(space.labels))
    if strange:
        raise UserError(
            "a floor cannot be fitted: training labels stand outside the label space",
            got=", ".join(strange[:5]),
            allowed=f"the labels of {space.name}",
            do="map the corpus to the label space first",
        )
    return known
