"""What the terms of the loss must know of a tokenizer, a label space and the training rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoloom.contract.prompt import EncodedAnswer, Prompter
from emoloom.records import ATOMS, Answer, Appraisal, Row
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon
from emoloom.training.label_chart import LabelChart, label_chart, label_counts
from emoloom.training.label_means import label_means, vad_of
from emoloom.training.number_chart import NumberChart, NumberToken, number_chart, number_tokens
from emoloom.training.word_chart import WordChart, cue_tokens, word_chart


@dataclass(frozen=True, slots=True)
class Charts:
    """Legend of suffixes: L labels, A appraisal atoms."""

    labels: LabelChart
    """Where the first label is decided."""
    numbers: NumberChart
    """What goes on with a VAD value."""
    words: WordChart
    """Tokens that are words of the lexicon."""
    label_vad_L3: NDArray[np.float32]
    """Mean VAD of the training rows with each label, in [0, 1]; see `label_means`."""
    profile_LA: NDArray[np.float32]
    """Mean atoms of the same rows, in [0, 1]; no column where no row has atoms."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What the terms want of one example; None or empty where it is not known of the row.

    Places are indices into the example's `ids`.
    """

    labels: tuple[bool, ...] | None
    """For each label of the space whether the row has it."""
    vad: tuple[float | None, float | None, float | None] | None
    """(v, a, d), each in [0, 1], None where it is not known; None without any."""
    atoms: tuple[float, ...] | None
    """The verifier's probabilities of the text."""
    first_label: int | None
    """The token that decides the first label; None where the answer begins in another way."""
    numbers: tuple[tuple[int, NumberToken], ...]
    """Place of each token that writes a VAD value that is known."""
    cues: tuple[int, ...]
    """Places of the tokens with which cue words begin."""


def make_charts(
    prompter: Prompter,
    rows: Sequence[Row],
    lexicon: Lexicon,
    scale: AffineMap,
    appraisals: Sequence[Appraisal] | None = None,
) -> Charts:
    """The charts of one model.

    Args:
        prompter: of the model to be trained.
        rows: the training rows: frequency, VAD and atoms of labels are theirs.
        lexicon: gives the VAD of words.
        scale: from weak VAD to that of the training targets.
        appraisals: the verifier's atoms of each row, if it is asked.
    """
    labels = prompter.space.labels
    atoms_NA = np.array([one.as_tuple() for one in appraisals or ()]).reshape(-1, len(ATOMS))
    profile = label_means(rows, atoms_NA, labels) if appraisals else np.empty((len(labels), 0))
    return Charts(
        labels=label_chart(prompter, label_counts(rows)),
        numbers=number_chart(prompter.tokenizer),
        words=word_chart(prompter.tokenizer, lexicon, scale),
        label_vad_L3=label_means(rows, vad_of(rows), labels).astype(np.float32),
        profile_LA=profile.astype(np.float32),
    )


def find_targets(
    charts: Charts,
    given: Answer,
    text: str,
    answer: EncodedAnswer,
    space_labels: Sequence[str],
    start: int,
) -> Targets:
    """Targets of one row.

    Args:
        charts: of the model.
        given: what the corpus or the lexicon says of the row.
        text: the contract line that stands in the sequence.
        answer: its tokens.
        space_labels: names of the labels, in order.
        start: index in the example's ids of the answer's first token.
    """
    place = charts.labels.place
    known = answer.ids[:place] == charts.labels.before
    vad = (None, None, None) if given.vad is None else given.vad.as_tuple()
    numbers = [one for one in number_tokens(text, answer) if vad[one.dimension] is not None]
    return Targets(
        labels=None
        if given.labels is None
        else tuple(label in given.labels for label in space_labels),
        vad=None if given.vad is None else given.vad.as_tuple(),
        atoms=None,
        first_label=start + place if known else None,
        numbers=tuple((start + token.at, token) for token in numbers),
        cues=tuple(start + at for at in cue_tokens(text, answer)) if given.vad is not None else (),
    )
