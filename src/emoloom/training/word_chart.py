"""Weak VAD of the words that single tokens spell, for what cue words say of valence.

Legend of suffixes: W tokens that are words of the lexicon.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoloom.contract.prompt import EncodedAnswer
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import WeakReader
from emoloom.training.number_chart import plain_texts

_WORD = re.compile(r" ?([a-z]{2,})$")
_RATIONALE = re.compile(r'(?<="rationale":")cues: ([^"]*)(?="\})')
_CUE = re.compile(r"[^,\s][^,]*")


@dataclass(frozen=True, slots=True)
class WordChart:
    """Tokens that are whole words of the lexicon."""

    token_ids_W: NDArray[np.int64]
    """Ids, ascending."""
    vad_W3: NDArray[np.float32]
    """Weak VAD of each as a text, in [0, 1] on the scale of the training targets."""


def word_chart(tokenizer: Any, lexicon: Lexicon, scale: AffineMap) -> WordChart:
    """The lexicon's words among the tokens, lower-case, with or without a space before.

    Args:
        tokenizer: a fast tokenizer.
        lexicon: gives the VAD; a word that it does not list as such is left out, and a negator.
        scale: from weak VAD to that of the targets.
    """
    found, reader = [], WeakReader(lexicon)
    for token, text in plain_texts(tokenizer):
        word = _WORD.match(text)
        if word and word.group(1) in lexicon.entries:
            weak = reader.read(word.group(1))
            if weak.hits:
                found.append((token, scale.apply(weak.vad).as_tuple()))
    return WordChart(
        np.array([token for token, _ in found], dtype=np.int64),
        np.array([vad for _, vad in found], dtype=np.float32).reshape(-1, 3),
    )


def cue_tokens(text: str, answer: EncodedAnswer) -> tuple[int, ...]:
    """Indices of the answer's tokens with which its cue words begin; none for `cues: none`."""
    rationale = _RATIONALE.search(text)
    if rationale is None or rationale.group(1) == "none":
        return ()
    offset = rationale.start(1)
    starts = [offset + cue.start() for cue in _CUE.finditer(rationale.group(1))]
    return tuple(
        at
        for start in starts
        for at, (begin, end) in enumerate(answer.spans)
        if begin <= start < end
    )
