"""What each token of an answer writes: labels, digits, the rationale, or the JSON around them.

A loss by tokens is a loss by lengths: of 46 tokens of an answer two write its labels. A loss by
fields (ours) divides each by its own count.
"""

import re
from collections.abc import Sequence
from typing import Literal, get_args

Field = Literal["labels", "digits", "rationale", "skeleton"]
"""What a token writes."""

FIELDS: tuple[Field, ...] = get_args(Field)
"""Every field, the more specific first: a token with characters of two belongs to the first."""

# The list's closing decides whether there is another label, so it is one of their tokens.
_LABELS = re.compile(r'(?<=\{"labels":\[")[^\]]*\]')
_NUMBER = re.compile(r'(?<="[vad]":)[01]\.\d\d')
# So does the closing of the answer: without its weight, cue words go on where they should end.
_RATIONALE = re.compile(r'(?<="rationale":")[^"]*"\}$')


def answer_fields(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Field, ...]:
    """The field of each token of a contract line.

    Args:
        text: the line, as `write_answer` writes it.
        spans: [start, stop) of each token in the line.

    Returns:
        One for each span. `labels` is from the first label's first character to the closing
        bracket, `digits` what writes v, a and d, `rationale` from its first character to the end of
        the line.
    """
    at: dict[Field, list[tuple[int, int]]] = {
        "labels": [found.span() for found in _LABELS.finditer(text)],
        "digits": [found.span() for found in _NUMBER.finditer(text)],
        "rationale": [found.span() for found in _RATIONALE.finditer(text)],
    }

    def of(start: int, stop: int) -> Field:
        for field, places in at.items():
            if any(start < end and begin < stop for begin, end in places):
                return field
        return "skeleton"

    return tuple(of(start, stop) for start, stop in spans)
