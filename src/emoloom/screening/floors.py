"""Floors: baselines without a language model that answer the same rows in the same contract.

A candidate that does not beat them is not worth its cost. Source: ours.

- `constant`: the commonest label of the training rows (ties: the order of the space) and the mean
  of their human VAD, or of all their VAD where none is human. Without any label all labels tie;
  without any VAD the answer is 0.5 thrice.
- `lexicon`: fitted on no row. VAD is the weak VAD on the scale of training targets; the
  label is the one whose lexicon prior is nearest (Euclidean) to the weak VAD before scaling, or
  `neutral`, if the space has it, where the lexicon has no word of the text.
- `tf-idf`: TF-IDF of 1- and 2-grams (sublinear tf) of words, emoji, emoticons, `!` and `?`
  (`floor_tokens.py`), one class-balanced logistic regression
  for each label with a positive, on rows with labels; one ridge regression for (v, a, d), on rows
  with human VAD. Labels are those with p >= 0.5, else the likeliest. A label positive everywhere
  is always predicted, one without a positive never. Where a part cannot be fitted (no such row,
  or no word in them) the constant's part stands in; so it does for the labels of a row that
  shares no word with the training rows.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from emoloom.contract.schema import write_answer
from emoloom.errors import UserError
from emoloom.records import VAD, LabelSpace, Output, Prediction, Row
from emoloom.screening.floor_tokens import floor_tokens
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import label_prior, rationale, weak_vad

FLOORS: tuple[str, ...] = ("constant", "lexicon", "tf-idf")
"""Every floor, in the order in which tables show them."""

_NO_CUES = "cues: none"
_MIDPOINT = VAD(0.5, 0.5, 0.5)
_NO_POSITIVE = -1.0
# Both, and the tokens, fixed on the dev sets of GoEmotions and EmoBank with 240 to 2,400 training
# rows. A screen may rank on these very rows, which favours the floor; so no candidate gains by it.
_LOGISTIC_C = 10.0
_RIDGE_ALPHA = 1.0


@dataclass(frozen=True, slots=True)
class FloorInputs:
    """What the floors are made from: the same for every one."""

    train: Sequence[Row]
    """Training rows; null parts are left out of the fit."""
    space: LabelSpace
    """The label space in force."""
    lexicon: Lexicon
    """For the floor `lexicon`."""
    scale: AffineMap
    """Map from weak to human VAD, for the floor `lexicon`."""


def floor_outputs(name: str, made_from: FloorInputs, rows: Sequence[Row]) -> list[Output]:
    """Fit one floor (they are described at the top of this file) and let it answer `rows`.

    Args:
        name: One of `FLOORS`.
        made_from: Training rows, label space and lexicon.
        rows: Rows to answer. Only id and text are read.

    Returns:
        One output for each row, in order. All of them parse.

    Raises:
        UserError: The floor is unknown, or a label of `train` is not in the space.
    """
    train, space = made_from.train, made_from.space
    if name == "constant":
        predictions = [_constant(train, space)] * len(rows)
    elif name == "lexicon":
        lexicon = made_from.lexicon
        priors = {label: label_prior((label,), lexicon) for label in space.labels}
        predictions = [_from_lexicon(row.text, lexicon, made_from.scale, priors) for row in rows]
    elif name == "tf-idf":
        predictions = _from_tf_idf(train, [row.text for row in rows], space)
    else:
        raise UserError(
            "unknown floor", got=name, allowed=", ".join(FLOORS), do="choose one of these"
        )
    return [
        Output(row.id, write_answer(prediction))
        for row, prediction in zip(rows, predictions, strict=True)
    ]


def _constant(train: Sequence[Row], space: LabelSpace) -> Prediction:
    """The one answer for every text that `train` suggests."""
    counts = Counter(label for _, labels in _labelled(train, space) for label in labels)
    label = max(space.labels, key=lambda name: counts[name])
    given = _with_vad(train, human=True) or _with_vad(train, human=False)
    vad = VAD(*np.mean([vad for _, vad in given], axis=0).tolist()) if given else _MIDPOINT
    return Prediction((label,), vad, _NO_CUES)


def _from_lexicon(
    text: str, lexicon: Lexicon, scale: AffineMap, priors: dict[str, VAD]
) -> Prediction:
    weak = weak_vad(text, lexicon)
    if weak.hits == 0 and "neutral" in priors:
        label = "neutral"
    else:
        label = min(
            priors, key=lambda name: math.dist(priors[name].as_tuple(), weak.vad.as_tuple())
        )
    return Prediction((label,), scale.apply(weak.vad), rationale(weak.cues))


def _from_tf_idf(train: Sequence[Row], texts: Sequence[str], space: LabelSpace) -> list[Prediction]:
    constant = _constant(train, space)
    all_labels = _tf_idf_labels(_labelled(train, space), texts, space)
    all_vad = _tf_idf_vad(_with_vad(train, human=True), texts)
    return [
        Prediction(labels or constant.labels, vad or constant.vad, _NO_CUES)
        for labels, vad in zip(all_labels, all_vad, strict=True)
    ]


def _tf_idf_labels(
    known: Sequence[tuple[str, tuple[str, ...]]],
    texts: Sequence[str],
    space: LabelSpace,
) -> list[tuple[str, ...]]:
    """Labels of each text; none where the constant must stand in."""
    features = _features([text for text, _ in known], texts)
    if features is None:
        return [()] * len(texts)
    seen, unseen = features
    probability = np.full((len(texts), len(space.labels)), _NO_POSITIVE)
    for column, label in enumerate(space.labels):
        positive = np.array([label in labels for _, labels in known])
        if positive.all():
            probability[:, column] = 1.0
        elif positive.any():
            # Its solver (lbfgs) draws nothing, nor does the ridge's below: all seeds agree.
            model = LogisticRegression(C=_LOGISTIC_C, class_weight="balanced", max_iter=1000)
            probability[:, column] = model.fit(seen, positive).predict_proba(unseen)[:, 1]
    chosen = probability >= 0.5
    chosen[np.arange(len(texts)), probability.argmax(axis=1)] = True
    chosen[unseen.getnnz(axis=1) == 0] = False
    return [
        tuple(label for label, is_chosen in zip(space.labels, line, strict=True) if is_chosen)
        for line in chosen
    ]


def _tf_idf_vad(
    known: Sequence[tuple[str, tuple[float, float, float]]], texts: Sequence[str]
) -> list[VAD | None]:
    """VAD of each text; None where the constant must stand in."""
    features = _features([text for text, _ in known], texts)
    if features is None:
        return [None] * len(texts)
    seen, unseen = features
    model = Ridge(alpha=_RIDGE_ALPHA, solver="sparse_cg").fit(seen, [vad for _, vad in known])
    vad: NDArray[np.float64] = np.clip(model.predict(unseen), 0.0, 1.0)
    return [VAD(*line) for line in vad.tolist()]


def _features(known: Sequence[str], texts: Sequence[str]) -> tuple[Any, Any] | None:
    """Sparse TF-IDF of both, fitted on `known`; None if there is no word or nothing to answer."""
    vectoriser = TfidfVectorizer(
        tokenizer=floor_tokens,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        sublinear_tf=True,
    )
    if not texts or not any(map(vectoriser.build_analyzer(), known)):
        return None
    return vectoriser.fit_transform(known), vectoriser.transform(texts)


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


def _with_vad(train: Sequence[Row], *, human: bool) -> list[tuple[str, tuple[float, float, float]]]:
    """(text, (v, a, d)) of the rows that have VAD; with `human`, of those where people gave it."""
    return [
        (row.text, row.answer.vad.as_tuple())
        for row in train
        if row.answer.vad is not None and (row.vad_source == "human" or not human)
    ]
