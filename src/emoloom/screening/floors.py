"""Floors: baselines without a language model that answer the same rows in the same contract.

A candidate that does not beat them is not worth its cost. Source: ours.

- `constant`: the commonest label of the training rows (ties: the order of the space) and the mean
  of their human VAD, each dimension by itself: of all their VAD where none is human, 0.5 where
  there is none. Without any label all labels tie.
- `lexicon`: fitted on no row. VAD is the weak VAD on the scale of training targets; the
  label is the one whose lexicon prior is nearest (Euclidean) to the weak VAD before scaling, or
  `neutral`, if the space has it, where the lexicon has no word of the text.
- `tf-idf`: TF-IDF of 1- and 2-grams (sublinear tf) of words, emoji, emoticons, `!` and `?`
  (`supervision/tf_idf.py`), one class-balanced logistic regression for each label with a positive,
  on rows with labels; ridge regression for each of v, a and d, on the rows that people rated in it.
  Labels are those with p >= 0.5, else the likeliest. A label positive everywhere is always
  predicted, one without a positive never. Where a part cannot be fitted (no such row, or no word in
  them) the constant's part stands in; so it does for the labels of a row that shares no word with
  the training rows.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge

from emoloom.contract.schema import write_answer
from emoloom.errors import UserError
from emoloom.records import (
    VAD,
    LabelSpace,
    Output,
    Prediction,
    RatedVAD,
    Row,
    fill_vad,
    make_vad,
)
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.mean_vad import MIDPOINT, mean_vad
from emoloom.supervision.tf_idf import label_probabilities, tf_idf_features
from emoloom.supervision.weak_vad import label_prior, rationale, weak_vad

FLOORS: tuple[str, ...] = ("constant", "lexicon", "tf-idf")
"""Every floor, in the order in which tables show them."""

_NO_CUES = "cues: none"
_RIDGE_ALPHA = 1.0
"""Fixed where the strength of the logistic regressions was (`supervision/tf_idf.py`)."""


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
    weak = fill_vad(mean_vad(row.answer.vad for row in train), MIDPOINT)
    vad = fill_vad(mean_vad(row.human_vad for row in train), weak)
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
    all_vad = _tf_idf_vad(train, texts)
    return [
        Prediction(labels or constant.labels, fill_vad(vad, constant.vad), _NO_CUES)
        for labels, vad in zip(all_labels, all_vad, strict=True)
    ]


def _tf_idf_labels(
    known: Sequence[tuple[str, tuple[str, ...]]],
    texts: Sequence[str],
    space: LabelSpace,
) -> list[tuple[str, ...]]:
    """Labels of each text; none where the constant must stand in."""
    found = label_probabilities(known, texts, space)
    if found is None:
        return [()] * len(texts)
    probability, shares_a_word = found
    chosen = probability >= 0.5
    chosen[np.arange(len(texts)), probability.argmax(axis=1)] = True
    chosen[~shares_a_word] = False
    return [
        tuple(label for label, is_chosen in zip(space.labels, line, strict=True) if is_chosen)
        for line in chosen
    ]


def _tf_idf_vad(train: Sequence[Row], texts: Sequence[str]) -> list[RatedVAD | None]:
    """VAD of each text; None, or without a dimension, where the constant must stand in."""
    rated = [(row.text, vad.as_tuple()) for row in train if (vad := row.human_vad) is not None]
    predicted_N3 = np.full((len(texts), 3), np.nan)
    by_rows: dict[tuple[int, ...], list[int]] = {}
    for axis in range(3):
        rows = tuple(at for at, (_, vad) in enumerate(rated) if vad[axis] is not None)
        by_rows.setdefault(rows, []).append(axis)
    for rows, axes in by_rows.items():
        features = tf_idf_features([rated[at][0] for at in rows], texts)
        if features is not None:
            seen, unseen = features
            given = [[rated[at][1][axis] for axis in axes] for at in rows]
            # Its solver draws nothing: all seeds agree.
            model = Ridge(alpha=_RIDGE_ALPHA, solver="sparse_cg").fit(seen, given)
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
