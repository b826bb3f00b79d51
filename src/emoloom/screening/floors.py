"""Floors: baselines that generate nothing and answer the same rows in the same contract.

A candidate that does not beat them is not worth its cost. Source: ours.

- `constant`: the commonest label of the training rows (ties: the order of the space) and the mean
  of their human VAD, each dimension by itself: of all their VAD where none is human, 0.5 where
  there is none. Without any label all labels tie.
- `lexicon`: fitted on no row. VAD is the weak VAD on the scale of training targets; the
  label is the one whose lexicon prior is nearest (Euclidean) to the weak VAD before scaling, or
  `neutral`, if the space has it, where the lexicon has no word of the text.
- `tf-idf`: TF-IDF of 1- and 2-grams (sublinear tf) of words, emoji, emoticons, `!` and `?`
  (`supervision/tf_idf.py`) under linear models (`floor_fit.py`). Where the training rows of a part
  hold no word the constant's part stands in; so it does for the labels of a row that shares no word
  with the training rows.
- a frozen encoder of texts under the same linear models, where a config names one
  (`encoder_floor.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.contract.schema import write_answer
from emoloom.errors import UserError
from emoloom.records import VAD, LabelSpace, Output, Prediction, Row
from emoloom.screening.floor_fit import Strengths, constant_prediction, linear_predictions
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.tf_idf import LOGISTIC_C, tf_idf_features
from emoloom.supervision.weak_vad import label_prior, rationale, weak_vad

FLOORS: tuple[str, ...] = ("constant", "lexicon", "tf-idf")
"""The floors of every screen, in the order in which tables show them."""

STRENGTHS = Strengths(logistic_c=LOGISTIC_C, ridge_alpha=1.0)
"""Of the regressions of `tf-idf`, fixed on the same dev rows (`supervision/tf_idf.py`)."""


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
        predictions = [constant_prediction(train, space)] * len(rows)
    elif name == "lexicon":
        lexicon = made_from.lexicon
        priors = {label: label_prior((label,), lexicon) for label in space.labels}
        predictions = [_from_lexicon(row.text, lexicon, made_from.scale, priors) for row in rows]
    elif name == "tf-idf":
        texts = [row.text for row in rows]
        predictions = linear_predictions(train, texts, space, tf_idf_features, STRENGTHS)
    else:
        raise UserError(
            "unknown floor", got=name, allowed=", ".join(FLOORS), do="choose one of these"
        )
    return [
        Output(row.id, write_answer(prediction))
        for row, prediction in zip(rows, predictions, strict=True)
    ]


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
