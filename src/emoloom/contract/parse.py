"""From a model's raw output to an answer, or to the one reason why it is none."""

import json
import math
import re
from typing import Any

from emoloom.contract.schema import MAX_DEPTH, NEWLINES
from emoloom.records import (
    MAX_RATIONALE_WORDS,
    VAD,
    FailureReason,
    LabelSpace,
    ParseFailure,
    Prediction,
)

_ANSWER_KEYS = frozenset({"labels", "vad", "rationale"})
_VAD_KEYS = frozenset({"v", "a", "d"})
_MARK = re.compile(r'["{}\[\]]')
_QUOTE_OR_ESCAPE = re.compile(r'["\\]')
_BAD_RATIONALE = re.compile(rf'["{NEWLINES}\ud800-\udfff]')

_EXPLANATIONS: dict[FailureReason, str] = {
    "truncated": "The output ends inside a JSON object.",
    "invalid_json": "The output holds a balanced object, but it is not valid JSON.",
    "no_json": "The output holds no JSON object.",
    "duplicate_key": "A key stands twice in one object.",
    "missing_key": "One of labels, vad (with v, a, d) and rationale is missing.",
    "extra_key": "The answer has a key that the contract does not know.",
    "wrong_type": "A value has the wrong type, for example a text where a number belongs.",
    "not_finite": "One of v, a and d is not a finite number.",
    "empty_labels": "The list of labels is empty.",
    "unknown_label": "A label is not in the label space.",
    "duplicate_label": "A label is given twice.",
    "out_of_range": "One of v, a and d is below 0 or above 1.",
    "bad_rationale": "The rationale holds a newline, a double quote or half a character.",
    "rationale_too_long": f"The rationale has more than {MAX_RATIONALE_WORDS} words.",
}


def parse_output(text: str, space: LabelSpace) -> Prediction | ParseFailure:
    """Read the answer out of a raw output.

    The last complete top-level object counts, whatever prose stands around it. Labels are put
    into the order of the space; VAD is rounded to two decimals after its range is tested. With
    several faults the first in the order of `FAILURE_REASONS` is given. Never raises; time and
    memory grow linearly with the text. Source: ours (docs/decisions/0002).

    Args:
        text: The raw output, end token left out. Any string.
        space: The label space in force.

    Returns:
        The normalised prediction, or the reason why there is none.
    """
    answer = _whole(text)
    if answer is not None:
        reason = _fault(answer, space)
        return _prediction(answer, space) if reason is None else ParseFailure(reason)
    spans, is_open = _top_level_spans(text)
    decoder = _Decoder()
    for start, end, depth in reversed(spans):
        answer = decoder.decode(text[start:end]) if depth <= MAX_DEPTH else None
        if answer is not None:
            reason = "duplicate_key" if decoder.repeated else _fault(answer, space)
            return _prediction(answer, space) if reason is None else ParseFailure(reason)
    if is_open:
        return ParseFailure("truncated")
    return ParseFailure("invalid_json" if spans else "no_json")


def object_closed(text: str) -> bool:
    """Whether a top-level object has opened and closed in `text`: where decoding stops."""
    spans, _ = _top_level_spans(text)
    return bool(spans)


UNASKED = ',"rationale":"(not asked)"}'
"""Closes an answer of which no more is asked than what is scored."""


def scored_part(text: str) -> str | None:
    """An output that has written all that is scored, closed behind it by `UNASKED`.

    None before labels and VAD both stand there, and where the object closed by itself. What the
    labels and numbers are does not matter: `parse_output` finds the same fault in either form.
    """
    written = text[: text.rfind("}") + 1]
    spans, is_open = _top_level_spans(written)
    if spans or not is_open:
        return None
    start = written.find("{")
    answer = _Decoder().decode(written[start:] + UNASKED)
    return written + UNASKED if answer is not None and _key_fault(answer) is None else None


def explain(reason: FailureReason) -> str:
    """One plain sentence for a failure reason."""
    return _EXPLANATIONS[reason]


def _whole(text: str) -> dict[str, Any] | None:
    """The object that an output is from end to end, as nearly all are; None: look for spans."""
    if not text.startswith("{") or text.count("{") + text.count("[") > MAX_DEPTH:
        return None
    try:
        answer: dict[str, Any] = _STRICT.decode(text)
    except ValueError:
        return None
    return answer


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        raise ValueError("a key twice")
    return built


# Integers are read as floats: Python refuses very long ones, and reads long ones slowly.
_STRICT = json.JSONDecoder(object_pairs_hook=_no_repeats, parse_int=float)


def _top_level_spans(text: str) -> tuple[list[tuple[int, int, int]], bool]:
    """(start, end, depth) of each balanced top-level object; whether one is open at the end."""
    spans: list[tuple[int, int, int]] = []
    start = text.find("{")
    while start >= 0:
        end, depth = _balance(text, start)
        if end < 0:
            return spans, True
        spans.append((start, end, depth))
        start = text.find("{", end)
    return spans, False


def _balance(text: str, start: int) -> tuple[int, int]:
    """End of the object that opens at `start` (-1 if it never closes) and its deepest nesting.

    Only braces open and close the object. The depth, which counts brackets too, is exact as far
    as the text is valid JSON, and no decoder reads further than that.
    """
    braces = nesting = depth = 0
    at = start
    while (mark := _MARK.search(text, at)) is not None:
        at = mark.end()
        char = mark.group()
        if char == '"':
            at = _string_end(text, at)
            if at < 0:
                break
        elif char in "{[":
            braces += char == "{"
            nesting += 1
            depth = max(depth, nesting)
        else:
            braces -= char == "}"
            nesting -= 1
            if braces == 0:
                return at, depth
    return -1, depth


def _string_end(text: str, at: int) -> int:
    """Index behind the quote that closes the string whose inside starts at `at`, or -1."""
    while (mark := _QUOTE_OR_ESCAPE.search(text, at)) is not None:
        if mark.group() == '"':
            return mark.end()
        at = mark.end() + 1
    return -1


class _Decoder:
    """Decodes candidates one at a time, and remembers whether the latest repeats a key."""

    def __init__(self) -> None:
        self.repeated = False
        self._json = json.JSONDecoder(object_pairs_hook=self._build, parse_int=float)

    def decode(self, candidate: str) -> dict[str, Any] | None:
        """The object, or None if the candidate is not JSON."""
        self.repeated = False
        try:
            answer: dict[str, Any] = self._json.decode(candidate)
        except ValueError:
            return None
        return answer

    def _build(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        self.repeated = self.repeated or len(built) < len(pairs)
        return built


def _fault(answer: dict[str, Any], space: LabelSpace) -> FailureReason | None:
    """The first fault of a decoded object without repeated keys."""
    return (
        _key_fault(answer)
        or _type_fault(answer)
        or _value_fault(answer, space)
        or _rationale_fault(answer["rationale"])
    )


def _key_fault(answer: dict[str, Any]) -> FailureReason | None:
    vad = answer.get("vad")
    vad_keys = vad.keys() if isinstance(vad, dict) else _VAD_KEYS
    if not (answer.keys() >= _ANSWER_KEYS and vad_keys >= _VAD_KEYS):
        return "missing_key"
    if not (answer.keys() <= _ANSWER_KEYS and vad_keys <= _VAD_KEYS):
        return "extra_key"
    return None


def _type_fault(answer: dict[str, Any]) -> FailureReason | None:
    labels, vad = answer["labels"], answer["vad"]
    right = (
        isinstance(labels, list)
        and all(isinstance(label, str) for label in labels)
        and isinstance(vad, dict)
        and all(isinstance(value, float) for value in vad.values())
        and isinstance(answer["rationale"], str)
    )
    return None if right else "wrong_type"


def _value_fault(answer: dict[str, Any], space: LabelSpace) -> FailureReason | None:
    labels, values = answer["labels"], answer["vad"].values()
    if not all(math.isfinite(value) for value in values):
        return "not_finite"
    if not labels:
        return "empty_labels"
    distinct = set(labels)
    if not distinct <= set(space.labels):
        return "unknown_label"
    if len(distinct) < len(labels):
        return "duplicate_label"
    if not all(0.0 <= value <= 1.0 for value in values):
        return "out_of_range"
    return None


def _rationale_fault(rationale: str) -> FailureReason | None:
    if _BAD_RATIONALE.search(rationale):
        return "bad_rationale"
    return "rationale_too_long" if len(rationale.split()) > MAX_RATIONALE_WORDS else None


def _prediction(answer: dict[str, Any], space: LabelSpace) -> Prediction:
    """The normalised form of a faultless object."""
    given = set(answer["labels"])
    # Adding 0.0 turns -0.0 into 0.0.
    v, a, d = (round(answer["vad"][key], 2) + 0.0 for key in ("v", "a", "d"))
    labels = tuple(label for label in space.labels if label in given)
    return Prediction(labels=labels, vad=VAD(v, a, d), rationale=answer["rationale"])
