"""TF-IDF of texts and a logistic regression for each label: the floor `tf-idf`, and likely labels.

1- and 2-grams (sublinear tf) of words, emoji, emoticons, `!` and `?` (`tf_idf_tokens.py`). Ours.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from emoloom.records import LabelSpace
from emoloom.supervision.label_regressions import regressed_probabilities
from emoloom.supervision.tf_idf_tokens import tf_idf_tokens

# It and the tokens: fixed on the dev sets of GoEmotions and EmoBank with 240 to 2,400 training
# rows. A screen may rank on these very rows, which favours the floor; so no candidate gains by it.
LOGISTIC_C = 10.0
"""Inverse of the penalty of its logistic regressions."""


def tf_idf_features(known: Sequence[str], texts: Sequence[str]) -> tuple[Any, Any] | None:
    """Sparse TF-IDF of both, fitted on `known`; None if there is no word or nothing to answer."""
    vectoriser = TfidfVectorizer(
        tokenizer=tf_idf_tokens,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        sublinear_tf=True,
    )
    if not texts or not any(map(vectoriser.build_analyzer(), known)):
        return None
    return vectoriser.fit_transform(known), vectoriser.transform(texts)


def label_probabilities(
    known: Sequence[tuple[str, tuple[str, ...]]], texts: Sequence[str], space: LabelSpace
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """What one class-balanced logistic regression for each label says of texts.

    Args:
        known: (text, labels) of what it is fitted on; labels of the space.
        texts: N texts, asked about.
        space: Of L labels.

    Returns:
        ((N, L), (N,)): probabilities in [0, 1], 1 for a label that every known text has and
        `NO_POSITIVE` for one that none has; and whether a text shares a word with a known one,
        without which they say nothing. None where nothing can be fitted or nothing is asked.
    """
    features = tf_idf_features([text for text, _ in known], texts)
    if features is None:
        return None
    seen, unseen = features
    found_NL = regressed_probabilities([one for _, one in known], seen, unseen, space, LOGISTIC_C)
    return found_NL, np.asarray(unseen.getnnz(axis=1) > 0)
