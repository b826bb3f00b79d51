"""The contract as JSON Schema, and the one way in which an answer is written."""

import json
from typing import Any, get_args
from urllib.parse import quote

from emoloom.records import MAX_RATIONALE_WORDS, FailureReason, LabelSpace, Prediction

CONTRACT_VERSION = "1"
"""Changes whenever an output could parse otherwise than before."""

FAILURE_REASONS: tuple[FailureReason, ...] = get_args(FailureReason)
"""Every reason for which an output is no answer, in the order in which the parser tests."""

MAX_DEPTH = 32
"""Deepest nesting of objects and arrays, the answer itself counted as 1."""

NEWLINES = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""Every character at which `str.splitlines` breaks a line."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Spelt out, since `\s` differs between the regular expressions of ECMAScript and of Python.
_SPACE = r"\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_NEWLINE_OR_QUOTE = r'["\n\r\u000b\u000c\u001c-\u001e\u0085\u2028\u2029]'
_TOO_MANY_WORDS = rf"^[{_SPACE}]*([^{_SPACE}]+[{_SPACE}]+){{{MAX_RATIONALE_WORDS}}}[^{_SPACE}]"


def answer_schema(space: LabelSpace) -> dict[str, Any]:
    """JSON Schema (2020-12) of an answer in this label space.

    Whatever `parse_output` accepts is valid. A schema sees a decoded object, so three faults are
    the parser's alone: a repeated key, a NaN, and a lone surrogate in the rationale.
    """
    return {
        **_header("answer", space),
        **_object(
            {
                "labels": _labels(space),
                "vad": _vad(),
                "rationale": _rationale(),
            }
        ),
    }


def row_schema(space: LabelSpace) -> dict[str, Any]:
    """JSON Schema (2020-12) of one line of a dataset file, as `Row.to_dict` gives it.

    `labels`, `vad` and single dimensions of `vad` may be null, which means "not annotated".
    `vad_source` is null exactly where `vad` is; where people rated some dimensions and the lexicon
    filled in the others, it says so of each (null where the dimension is; the reader sees to that).
    """
    text, name = {"type": "string"}, {"type": "string", "minLength": 1}
    answer = _object(
        {
            "labels": {"anyOf": [_labels(space), {"type": "null"}]},
            "vad": {"anyOf": [_rated_vad(), {"type": "null"}]},
            "rationale": _rationale(),
        }
    )
    row = _object(
        {
            "id": name,
            "text": text,
            "answer": answer,
            "source": name,
            "split": {"enum": ["train", "dev", "test"]},
            "vad_source": {"anyOf": [_source(), _object({key: _source() for key in "vad"})]},
            "group": text,
        }
    )
    without_vad = {"properties": {"answer": {"properties": {"vad": {"type": "null"}}}}}
    return {
        **_header("row", space),
        **row,
        "if": without_vad,
        "then": {"properties": {"vad_source": {"type": "null"}}},
        "else": {"properties": {"vad_source": {"type": ["string", "object"]}}},
    }


def write_answer(prediction: Prediction) -> str:
    """The answer as one line of JSON: no spaces, keys in a fixed order, VAD with two decimals."""
    labels = json.dumps(list(prediction.labels), ensure_ascii=False, separators=(",", ":"))
    # Adding 0.0 turns -0.0 into 0.0.
    v, a, d = (f"{round(value, 2) + 0.0:.2f}" for value in prediction.vad.as_tuple())
    rationale = json.dumps(prediction.rationale, ensure_ascii=False)
    return f'{{"labels":{labels},"vad":{{"v":{v},"a":{a},"d":{d}}},"rationale":{rationale}}}'


def _header(kind: str, space: LabelSpace) -> dict[str, Any]:
    return {
        "$schema": _DIALECT,
        "$id": f"urn:emoloom:contract:{CONTRACT_VERSION}:{kind}:{quote(space.name, safe='')}",
        "title": f"emoloom {kind}, contract version {CONTRACT_VERSION}, label space {space.name}",
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """A closed object, every key of which must be there."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _labels(space: LabelSpace) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"enum": list(space.labels)},
        "uniqueItems": True,
        "minItems": 1,
        "maxItems": len(space.labels),
    }


def _vad() -> dict[str, Any]:
    return _object({key: {"type": "number", "minimum": 0, "maximum": 1} for key in ("v", "a", "d")})


def _rated_vad() -> dict[str, Any]:
    rating = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    unrated = {"properties": {key: {"type": "null"} for key in "vad"}}
    return _object({key: rating for key in "vad"}) | {"not": unrated}


def _source() -> dict[str, Any]:
    return {"enum": ["human", "weak", None]}


def _rationale() -> dict[str, Any]:
    # Said by what is forbidden: `$` would let a last newline pass in Python, look-ahead is not
    # known to every engine.
    forbidden = [{"pattern": _NEWLINE_OR_QUOTE}, {"pattern": _TOO_MANY_WORDS}]
    return {"type": "string", "not": {"anyOf": forbidden}}
