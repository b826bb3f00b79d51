"""What each token would make of a VAD value, for any tokenizer.

A value is written with one token a digit, several digits a token, or with `0.` fused into one.
The chart asks of every token of the vocabulary only what text it adds to what is written already.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoloom.contract.prompt import EncodedAnswer

NUMERALS = (*(f"0.{value:02d}" for value in range(100)), "1.00")
"""Every value as the contract writes it."""

NUMBERS = re.compile(r'(?<="[vad]":)[01]\.\d\d')
"""Valence, arousal and dominance of an answer."""

_WHOLE = re.compile(r"[01]\.\d{2,}$")
_FINISHED = re.compile(r"([01](?:\.\d+)?)[,}]")
_MAY_BE_NUMBER = re.compile(r"[0-9.]")


@dataclass(frozen=True, slots=True)
class NumberToken:
    """One token of a written value."""

    at: int
    """Index of the token among the answer's ids."""
    dimension: int
    """0, 1, 2 for v, a, d."""
    lead: str
    """What the token still writes before the value begins; mostly empty."""
    written: str
    """What is written of the value before this token."""


def number_tokens(text: str, answer: EncodedAnswer) -> tuple[NumberToken, ...]:
    """The tokens that write v, a and d in an answer, in order.

    Args:
        text: the contract line.
        answer: its tokens.
    """
    found = []
    for dimension, match in enumerate(NUMBERS.finditer(text)):
        start, stop = match.span()
        for at, (begin, end) in enumerate(answer.spans):
            if begin < stop and start < end:
                lead, written = text[begin:start], text[start : max(start, begin)]
                found.append(NumberToken(at, dimension, lead, written))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Continuations:
    """The tokens that go on with a value, and how far from a target each leaves it."""

    token_ids_N: NDArray[np.int64]
    """Ids, ascending."""
    distances_NT: NDArray[np.float32]
    """Distance in [0, 1] to each of the 101 targets, in hundredths."""


@dataclass(frozen=True)
class NumberChart:
    """For one tokenizer: what may follow in a value."""

    texts: tuple[tuple[int, str], ...]
    """(id, text) of every token that has a digit or a point."""
    _known: dict[tuple[str, str], Continuations] = field(default_factory=dict)

    def after(self, lead: str, written: str) -> Continuations:
        """Tokens that may stand at a place, and the distances they leave.

        Where a token does not finish the value, its distance is the mean over all values that it
        leaves open: what follows is unknown in the forward that reads it.
        """
        key = (lead, written)
        if key not in self._known:
            pairs = [
                (token, distances)
                for token, text in self.texts
                if text.startswith(lead)
                and (distances := _distances(written + text[len(lead) :])) is not None
            ]
            self._known[key] = Continuations(
                np.array([token for token, _ in pairs], dtype=np.int64),
                np.array([distances for _, distances in pairs], dtype=np.float32).reshape(-1, 101),
            )
        return self._known[key]


def number_chart(tokenizer: Any) -> NumberChart:
    """The chart of a fast tokenizer; control tokens are no numbers."""
    control = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    return NumberChart(
        tuple(
            (token, text)
            for token, text in plain_texts(tokenizer)
            if token not in control and _MAY_BE_NUMBER.search(text)
        )
    )


def plain_texts(tokenizer: Any) -> Iterable[tuple[int, str]]:
    """(id, text) of the vocabulary, the marks of byte-level BPE and sentencepiece made spaces.

    Right for ASCII, which both write as it is; other letters may be spelled in bytes.
    """
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    for token, name in enumerate(names):
        if name is not None:
            yield token, name.replace("Ġ", " ").replace("▁", " ")


@cache
def _distances(text: str) -> tuple[float, ...] | None:
    """Mean |value - target| for the 101 targets over the values that `text` may become.

    None where no value begins so.
    """
    open_values = [numeral for numeral in NUMERALS if numeral.startswith(text)]
    finished = _FINISHED.match(text)
    if open_values:
        values = [float(numeral) for numeral in open_values]
    elif finished or _WHOLE.match(text):
        values = [float(finished.group(1) if finished else text)]
    else:
        return None
    if max(values) > 1:
        return None
    targets = [float(numeral) for numeral in NUMERALS]
    return tuple(math.fsum(abs(v - t) for v in values) / len(values) for t in targets)


def target_index(value: float) -> int:
    """Which of the 101 targets a value in [0, 1] is written as."""
    return NUMERALS.index(f"{value:.2f}")
