"""The contract's skeleton as a draft: what is still missing of a line, given a guess of each field.

Ours. The line's form is known, so values for labels, numbers and cues make a whole answer; what a
model has written so far is completed from it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from emoloom.records import Prediction

NUMBERS = ("v", "a", "d")
FIELDS = ("labels", *NUMBERS, "rationale")
"""The contract's fields, in the order in which a line has them."""

SEPARATOR = '","'
"""Between two labels."""

_LITERALS = ('{"labels":["', '"],"vad":{"v":', ',"a":', ',"d":', '},"rationale":"', '"}')
_NUMBER = re.compile(r'"([vad])":([01]\.\d\d)')
_RATIONALE = re.compile(r'"rationale":"([^"]*)')
_NUMBER_BEGUN = re.compile(r"(?:[01](?:\.\d*)?)?")

Fields = Mapping[str, str]
"""Values by field's name, as text; labels are joined by `SEPARATOR`."""


class Values(Protocol):
    """Where the value of a field comes from."""

    def value(self, name: str, before: Fields, begun: str) -> str:
        """A whole value of the field.

        Args:
            name: one of `FIELDS`.
            before: the fields before it.
            begun: what has been written of it; a value that begins otherwise is of no use.
        """


def fields_of(answer: Prediction) -> dict[str, str]:
    """An answer's fields as a line writes them."""
    numbers = (f"{value:.2f}" for value in answer.vad.as_tuple())
    values = (SEPARATOR.join(answer.labels), *numbers, answer.rationale)
    return dict(zip(FIELDS, values, strict=True))


def read_fields(text: str) -> dict[str, str]:
    """Numbers and rationale that can be read in a text, a rationale even where it is cut short."""
    found = dict(_NUMBER.findall(text))
    rationale = _RATIONALE.search(text)
    return found | ({"rationale": rationale.group(1)} if rationale else {})


def labels_of(line: str) -> str:
    """The labels that a contract line begins with; empty where it does not have them whole."""
    labels, ended, _ = line.removeprefix(_LITERALS[0]).partition(_LITERALS[1])
    return labels if ended and line.startswith(_LITERALS[0]) else ""


def complete(written: str, values: Values, label_names: Sequence[str]) -> str | None:
    """What is missing from a contract line that begins with `written`.

    Returns:
        The missing text, or None where `written` has left the contract's form.
    """
    left = written
    before: dict[str, str] = {}
    for number, name in enumerate(FIELDS):
        literal, following = _LITERALS[number], _LITERALS[number + 1]
        if not left.startswith(literal):
            if not literal.startswith(left):
                return None
            return literal[len(left) :] + _from_field(number, values, before)
        begun, ended, tail = left[len(literal) :].partition(following)
        if not ended:
            missing = _field_rest(name, begun, following, _At(values, before, label_names))
            if missing is None:
                return None
            before[name] = (begun + missing).removesuffix(following)
            return missing + _from_field(number + 1, values, before)
        before[name] = begun
        left = following + tail
    return "" if left == _LITERALS[-1] else None


@dataclass(frozen=True, slots=True)
class _At:
    """What is known at the field that has begun."""

    values: Values
    before: Fields
    label_names: Sequence[str]


def _from_field(number: int, values: Values, before: dict[str, str]) -> str:
    """Fields from `number` on, each with the literal that follows it."""
    parts = []
    for name, literal in zip(FIELDS[number:], _LITERALS[number + 1 :], strict=True):
        before[name] = values.value(name, before, "")
        parts.append(before[name] + literal)
    return "".join(parts)


def _field_rest(name: str, begun: str, following: str, at: _At) -> str | None:
    """The rest of a field that has begun, and the literal that follows it."""
    for overlap in range(min(len(begun), len(following) - 1), 0, -1):
        if begun.endswith(following[:overlap]) and (
            name != "labels" or _is_label_list(begun[:-overlap], at.label_names)
        ):
            return following[overlap:]
    if name == "labels":
        rest = _label_rest(begun, at)
        return None if rest is None else rest + following
    value = at.values.value(name, at.before, begun)
    if name == "rationale":
        return (value[len(begun) :] if value.startswith(begun) else "") + following
    if _NUMBER_BEGUN.fullmatch(begun) is None:
        return None
    number = "1.00" if begun.startswith("1") and not value.startswith(begun) else value
    return number[len(begun) :] + following


def _is_label_list(begun: str, label_names: Sequence[str]) -> bool:
    return all(item in label_names for item in begun.split(SEPARATOR))


def _label_rest(begun: str, at: _At) -> str | None:
    """The rest of the labels: as guessed, else the first known name that fits the last of them."""
    value = at.values.value("labels", at.before, begun)
    if len(value) > len(begun) and value.startswith(begun):
        return value[len(begun) :]
    missing = '"' if begun.endswith('",') else ""  # half of the separator is there
    *before, last = (begun + missing).split(SEPARATOR)
    if not all(item in at.label_names for item in before):
        return None
    for label in at.label_names:
        if label.startswith(last) and label not in before:
            return missing + label[len(last) :]
    return None
