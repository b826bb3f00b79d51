"""Where an answer first tells the labels apart, and which token stands for which label there.

Legend of suffixes: T distinct first tokens, L labels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoloom.contract.prompt import Prompter
from emoloom.contract.schema import write_answer
from emoloom.errors import UserError
from emoloom.records import VAD, LabelSpace, Prediction, Row

_ANY_VAD = VAD(0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class LabelChart:
    """For one tokenizer and label space: the token that decides the first label."""

    before: tuple[int, ...]
    """Ids that every answer begins with, whatever its labels."""
    token_ids_T: NDArray[np.int64]
    """Ids of the next token, ascending."""
    shares_TL: NDArray[np.float32]
    """How a token's probability is divided among the labels that begin with it; rows sum to 1."""

    @property
    def place(self) -> int:
        """Index of the deciding token among an answer's ids."""
        return len(self.before)


def label_chart(prompter: Prompter, counts: Mapping[str, int]) -> LabelChart:
    """Chart of the labels in force.

    Args:
        prompter: of the model to be trained.
        counts: training rows of each label; the mass of a shared token is divided in proportion
            to them, each label counted once more so that none has no part (ours).

    Raises:
        UserError: the tokenizer writes two labels with the same tokens.
    """
    labels, ids = prompter.space.labels, distinct_ids(prompter)
    place = common_length(ids)
    tokens = sorted({one[place] for one in ids})
    shares = np.zeros((len(tokens), len(labels)), dtype=np.float32)
    for column, (label, one) in enumerate(zip(labels, ids, strict=True)):
        shares[tokens.index(one[place]), column] = counts.get(label, 0) + 1
    shares /= shares.sum(axis=1, keepdims=True)
    return LabelChart(tuple(ids[0][:place]), np.array(tokens, dtype=np.int64), shares)


def label_counts(rows: Sequence[Row]) -> Counter[str]:
    """How many rows have each label."""
    return Counter(label for row in rows for label in row.answer.labels or ())


def log_odds(rows: Sequence[Row], space: LabelSpace) -> tuple[float, ...]:
    """Log-odds of each label among the labelled rows, one half added to both sides."""
    counts = label_counts(rows)
    labelled = sum(row.answer.labels is not None for row in rows)
    pairs = ((counts[label] + 0.5, labelled - counts[label] + 0.5) for label in space.labels)
    return tuple(float(np.log(with_it / without)) for with_it, without in pairs)


def answer_with(label: str) -> str:
    """A contract line that differs from that of another label in the label alone."""
    return write_answer(Prediction((label,), _ANY_VAD, "cues: none"))


def distinct_ids(prompter: Prompter) -> list[tuple[int, ...]]:
    """Ids of an answer with each label alone, the end token's among them.

    Raises:
        UserError: the tokenizer writes two labels with the same tokens.
    """
    labels = prompter.space.labels
    ids = [(*prompter.answer(answer_with(label)).ids, prompter.end_id) for label in labels]
    for label, one in zip(labels, ids, strict=True):
        same = labels[ids.index(one)]
        if same != label:
            raise UserError(
                "two labels are the same tokens for this model",
                got=f"{same} and {label}",
                do="rename one of them, or leave this model out",
            )
    return ids


def common_length(ids: Sequence[Sequence[int]]) -> int:
    """Length of the longest common beginning, cut so that each has a token after it."""
    if len(ids) == 1:
        return max(0, len(ids[0]) - 1)
    for place, column in enumerate(zip(*ids, strict=False)):
        if len(set(column)) > 1:
            return place
    raise AssertionError("two labels have one name")
