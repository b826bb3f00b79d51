"""The published schema and the written form of an answer."""

import json
import sys
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from emoloom.contract.schema import (
    CONTRACT_VERSION,
    FAILURE_REASONS,
    NEWLINES,
    answer_schema,
    row_schema,
    write_answer,
)
from emoloom.records import VAD, Answer, FailureReason, LabelSpace, Prediction, Row

SPACE = LabelSpace("three feelings", ("joy", "fear", "neutral"))
GOOD = {"labels": ["joy"], "vad": {"v": 0.83, "a": 0.55, "d": 0.61}, "rationale": "cues: love"}


def is_answer(value: object) -> bool:
    return Draft202012Validator(answer_schema(SPACE)).is_valid(value)


def is_row(value: object) -> bool:
    return Draft202012Validator(row_schema(SPACE)).is_valid(value)


A_VAD = VAD(0.8, 0.5, 0.6)


def a_row(labels=("joy",), vad=A_VAD, vad_source="human") -> Row:
    return Row("r1", "I am glad.", Answer(labels, vad, "cues: glad"), "own", "dev", vad_source, "")


def test_reasons_are_those_of_the_records_in_the_order_of_the_design():
    assert get_args(FailureReason) == FAILURE_REASONS
    in_words = (
        "truncated invalid_json no_json duplicate_key missing_key extra_key wrong_type not_finite "
        "empty_labels unknown_label duplicate_label out_of_range bad_rationale rationale_too_long"
    )
    assert list(FAILURE_REASONS) == in_words.split()


@pytest.mark.parametrize("make", [answer_schema, row_schema])
def test_schemas_are_schemas_and_name_version_and_space(make):
    schema = make(SPACE)
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert f":{CONTRACT_VERSION}:" in schema["$id"]
    assert schema["$id"].endswith(":three%20feelings")
    assert f"version {CONTRACT_VERSION}" in schema["title"]
    assert SPACE.name in schema["title"]


def test_answer_and_row_schema_have_different_ids():
    assert answer_schema(SPACE)["$id"] != row_schema(SPACE)["$id"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"labels": ["neutral", "joy"]},
        {"labels": ["joy", "fear", "neutral"]},
        {"vad": {"v": 0, "a": 1, "d": 0.123456}},
        {"rationale": ""},
        {"rationale": "a b c d e f g h i j k l"},
        {"rationale": "  a b c d e f\tg h i j k l  "},
    ],
)
def test_schema_takes_a_good_answer(change):
    assert is_answer(GOOD | change)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"labels": []},
        {"labels": ["joy", "joy"]},
        {"labels": ["anger"]},
        {"labels": None},
        {"labels": "joy"},
        {"vad": None},
        {"vad": {"v": 0.5, "a": 0.5}},
        {"vad": {"v": 0.5, "a": 0.5, "d": 0.5, "x": 0.5}},
        {"vad": {"v": True, "a": 0.5, "d": 0.5}},
        {"vad": {"v": "0.5", "a": 0.5, "d": 0.5}},
        {"vad": {"v": 1.01, "a": 0.5, "d": 0.5}},
        {"vad": {"v": -0.01, "a": 0.5, "d": 0.5}},
        {"rationale": None},
        {"rationale": 'say "no"'},
        {"rationale": "a b c d e f g h i j k l m"},
        {"rationale": " a b c d e f g h i j k l\u3000m"},
    ],
)
def test_schema_refuses_a_bad_answer(change):
    assert not is_answer(GOOD | change)


@pytest.mark.parametrize("key", sorted(GOOD))
def test_schema_refuses_a_missing_key(key):
    assert not is_answer({k: v for k, v in GOOD.items() if k != key})


def test_newlines_are_those_of_splitlines():
    every = (chr(code) for code in range(sys.maxunicode + 1))
    assert {c for c in every if len(f"a{c}b".splitlines()) == 2} == set(NEWLINES)


@pytest.mark.parametrize("newline", NEWLINES, ids=ascii)
def test_schema_refuses_every_newline_also_at_the_end(newline):
    assert not is_answer(GOOD | {"rationale": f"cues:{newline}love"})
    assert not is_answer(GOOD | {"rationale": f"cues{newline}"})


def test_schema_counts_words_as_str_split_does():
    spaces = [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isspace()]
    for space in spaces:
        assert len(space.join("abcdefghijklm").split()) == 13
        assert not is_answer(GOOD | {"rationale": space.join("abcdefghijklm")})
        assert is_answer(GOOD | {"rationale": space.join("abcdefghijkl")}) == (
            space not in NEWLINES
        )
    # White to the eye and to ECMAScript, or to none: no space for str.split.
    for char in "\ufeff\u200b\u180e":
        assert len(char.join("abcdefghijklm").split()) == 1
        assert is_answer(GOOD | {"rationale": char.join("abcdefghijklm")})


def test_row_schema_takes_what_rows_write():
    assert is_row(a_row().to_dict())
    assert is_row(a_row(vad_source="weak").to_dict())
    assert is_row(a_row(labels=None).to_dict())
    assert is_row(a_row(vad=None, vad_source=None).to_dict())


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"split": "validation"},
        {"vad_source": "guessed"},
        {"vad_source": None},
        {"more": 1},
        {"answer": GOOD | {"labels": []}},
        {"answer": GOOD | {"vad": None}},
        {"answer": GOOD | {"rationale": None}},
        {"text": None},
    ],
)
def test_row_schema_refuses_a_bad_row(change):
    assert not is_row(a_row().to_dict() | change)


@pytest.mark.parametrize("key", sorted(a_row().to_dict()))
def test_row_schema_wants_every_key(key):
    assert not is_row({k: v for k, v in a_row().to_dict().items() if k != key})


def test_written_form_is_exact():
    prediction = Prediction(("joy",), VAD(0.83, 0.55, 0.61), "cues: love, puppy")
    assert write_answer(prediction) == (
        '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}'
    )


def test_written_form_has_two_decimals_no_minus_zero_and_keeps_letters():
    prediction = Prediction(("joy", "neutral"), VAD(1, -0.0, 0.5), "cues: café \\ \t 😀")
    assert write_answer(prediction) == (
        '{"labels":["joy","neutral"],"vad":{"v":1.00,"a":0.00,"d":0.50},'
        '"rationale":"cues: café \\\\ \\t 😀"}'
    )
    assert '"v":0.00' in write_answer(Prediction(("joy",), VAD(-0.001, 0.5, 0.5), ""))
