"""What holds of the parser for every text."""

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from emoloom.contract.parse import explain, parse_output
from emoloom.contract.schema import FAILURE_REASONS, MAX_DEPTH, answer_schema, write_answer
from emoloom.records import VAD, LabelSpace, ParseFailure, Prediction

SPACE = LabelSpace("four", ("joy", "fear", "neutral", "été"))
# A busy machine is no fault of the parser; its time is tested on its own.
patient = settings(deadline=None)

VALIDATOR = Draft202012Validator(answer_schema(SPACE))

ANY_TEXT = st.text(st.characters())  # lone surrogates included
MARKS = [
    *'{}[]":,\\',
    " ",
    "\n",
    '{"',
    '"}',
    '{"a":',
    "{}",
    "{x}",
    '\\"',
    '"labels"',
    '"vad"',
    "joy",
]
VALUES = ["null", "1", "NaN", '{"labels":["joy"],"vad":{"v":0,"a":1,"d":0.5},"rationale":""}']
PIECES = st.sampled_from(MARKS + VALUES)
JSON_LIKE = st.lists(PIECES, max_size=40).map("".join)

HUNDREDTHS = st.integers(0, 100).map(lambda n: n / 100)
RATIONALES = ANY_TEXT.map(
    lambda text: " ".join(
        "".join(c for c in text if c != '"' and not "\ud800" <= c <= "\udfff").split()[:12]
    )
)
LABELS = st.sets(st.sampled_from(SPACE.labels), min_size=1).map(
    lambda chosen: tuple(name for name in SPACE.labels if name in chosen)
)
PREDICTIONS = st.builds(
    Prediction, LABELS, st.builds(VAD, HUNDREDTHS, HUNDREDTHS, HUNDREDTHS), RATIONALES
)

NUMBERS = st.one_of(
    HUNDREDTHS,
    st.floats(-0.1, 1.1),
    st.floats(),
    st.sampled_from([0, 1, 2, -0.0, True, None, "0.5", 10**30]),
)
CHANGES = {
    "labels": st.one_of(
        st.lists(st.sampled_from([*SPACE.labels, "anger"]), max_size=4),
        st.sampled_from([None, "joy", [1], [["joy"]], {}]),
    ),
    "vad": st.one_of(
        st.fixed_dictionaries({"v": NUMBERS, "a": HUNDREDTHS, "d": HUNDREDTHS}),
        st.dictionaries(st.sampled_from("vadx"), NUMBERS),
        st.sampled_from([None, [0.5, 0.5, 0.5], 0.5]),
    ),
    "rationale": st.one_of(
        ANY_TEXT, st.lists(st.sampled_from(["a", "\n", '"']), max_size=14).map(" ".join), st.none()
    ),
    "note": st.integers(),
}
OBJECTS = st.builds(
    lambda prediction, changes: json.loads(write_answer(prediction)) | changes,
    PREDICTIONS,
    st.one_of(
        *(st.fixed_dictionaries({key: value}) for key, value in CHANGES.items()),
        st.fixed_dictionaries({}, optional=CHANGES),
    ),
)


@st.composite
def mutated_answers(draw: st.DrawFn) -> str:
    """A valid answer in prose, a few of its characters cut, doubled or replaced."""
    text = draw(st.one_of(st.just(""), JSON_LIKE)) + write_answer(draw(PREDICTIONS))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(start + 4, len(text))))
        text = text[:start] + draw(st.one_of(PIECES, ANY_TEXT)) + text[stop:]
    return text[: draw(st.integers(0, len(text)))] if draw(st.booleans()) else text


OUTPUTS = st.one_of(
    ANY_TEXT, JSON_LIKE, mutated_answers(), OBJECTS.map(lambda o: json.dumps(o, allow_nan=True))
)


STRING_STEPS = {
    ("object", '"'): "string",
    ("string", '"'): "object",
    ("string", "\\"): "escape",
}


def last_object_slowly(text: str) -> str:
    """The rule of the contract, one character after the other: the candidate, or a reason."""
    found, balanced, start, braces, state = "", False, 0, 0, "prose"
    for at, char in enumerate(text):
        if state == "prose" and char == "{":
            start, braces, state = at, 1, "object"
        elif state == "object" and char in "{}":
            braces += 1 if char == "{" else -1
            if braces == 0:
                balanced, state = True, "prose"
                candidate = text[start : at + 1]
                found = candidate if is_shallow_json(candidate) else found
        elif state == "escape":
            state = "string"
        else:
            state = STRING_STEPS.get((state, char), state)
    return found or ("truncated" if state != "prose" else "invalid_json" if balanced else "no_json")


def is_shallow_json(candidate: str) -> bool:
    def depth(value: object) -> int:
        if isinstance(value, dict):
            return 1 + max(map(depth, value.values()), default=0)
        return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0

    try:
        # Only the last of two equal keys is kept; the texts here are too short to hide depth.
        return depth(json.loads(candidate)) <= MAX_DEPTH
    except ValueError:
        return False


@patient
@given(OUTPUTS)
@example('{"a":' + "[" * 33 + "]" * 33 + "}")
@example("\ud800{\ud800}")
def test_gives_a_prediction_or_a_known_reason(text):
    result = parse_output(text, SPACE)
    if isinstance(result, ParseFailure):
        assert result.reason in FAILURE_REASONS
        assert explain(result.reason)
    else:
        assert isinstance(result, Prediction)


@patient
@given(OUTPUTS)
def test_round_trip(text):
    result = parse_output(text, SPACE)
    if isinstance(result, Prediction):
        written = write_answer(result)
        assert parse_output(written, SPACE) == result
        assert written.splitlines() == [written]
        assert written.encode("utf-8")


@patient
@given(PREDICTIONS)
def test_what_is_written_is_read_back(prediction):
    assert parse_output(write_answer(prediction), SPACE) == prediction


@patient
@given(OUTPUTS)
def test_accepted_answers_are_valid_raw_and_written(text):
    result = parse_output(text, SPACE)
    if isinstance(result, Prediction):
        VALIDATOR.validate(json.loads(write_answer(result)))
        VALIDATOR.validate(json.loads(last_object_slowly(text)))


@patient
@given(OBJECTS)
def test_parser_and_schema_agree_but_for_what_a_schema_cannot_say(value):
    result = parse_output(json.dumps(value), SPACE)
    unsayable = isinstance(result, ParseFailure) and (
        result.reason == "not_finite"  # a NaN is below no maximum and above none
        or any("\ud800" <= c <= "\udfff" for c in str(value.get("rationale")))
    )
    if not unsayable:
        assert VALIDATOR.is_valid(value) == isinstance(result, Prediction)


@patient
@given(OUTPUTS)
def test_the_scan_agrees_with_the_rule_read_slowly(text):
    slow = last_object_slowly(text)
    got = parse_output(text, SPACE)
    if slow in FAILURE_REASONS:
        assert got == ParseFailure(slow)
    else:
        assert got == parse_output(slow, SPACE)
        assert getattr(got, "reason", "") not in ("truncated", "invalid_json", "no_json")


@patient
@given(PREDICTIONS, st.data())
def test_a_cut_answer_is_truncated(prediction, data):
    written = write_answer(prediction)
    cut = data.draw(st.integers(1, len(written) - 1))
    assert parse_output(written[:cut], SPACE) == ParseFailure("truncated")


@patient
@given(PREDICTIONS, ANY_TEXT, ANY_TEXT)
def test_prose_around_an_answer_changes_nothing(prediction, before, after):
    text = before.replace("{", "") + write_answer(prediction) + after.replace("{", "")
    assert parse_output(text, SPACE) == prediction


MANY = 200_000
LONG = {
    "open braces": ("{" * MANY, "truncated"),
    "open brackets": ("[" * MANY, "no_json"),
    "open values": ('{"a":' * MANY, "truncated"),
    "brackets in an object": ('{"a":' + "[" * MANY + "]" * MANY + "}", "invalid_json"),
    "braces in an object": ('{"a":' * MANY + "1" + "}" * MANY, "invalid_json"),
    "empty objects": ("{}" * MANY, "missing_key"),
    "bad objects": ("{,}" * MANY, "invalid_json"),
    "open keys": ('{"' * MANY, "truncated"),
    "escapes": ('{"' + "\\" * MANY, "truncated"),
    "escaped quotes": ('{"a":"' + '\\"' * MANY, "truncated"),
    "newlines": ("{" + "\n" * MANY + ",}", "invalid_json"),
    "a long integer": ('{"a":' + "9" * MANY + "}", "missing_key"),
    "a long fraction": ('{"a":0.' + "1" * MANY + "}", "missing_key"),
    "one key again and again": ("{" + ",".join(['"a":1'] * MANY) + "}", "duplicate_key"),
    "words": (
        '{"labels":["joy"],"vad":{"v":0,"a":0,"d":0},"rationale":"' + "a " * MANY + '"}',
        "rationale_too_long",
    ),
    "labels": (
        '{"labels":["joy"' + ',"joy"' * MANY + '],"vad":{"v":0,"a":0,"d":0},"rationale":""}',
        "duplicate_label",
    ),
}


@pytest.mark.parametrize(("text", "reason"), LONG.values(), ids=LONG.keys())
def test_time_is_linear(text, reason):
    start = time.process_time()
    assert parse_output(text, SPACE) == ParseFailure(reason)
    # Quadratic work would take hours; linear work takes 0.2 to 1 s.
    assert time.process_time() - start < 30


@patient
@given(st.one_of(JSON_LIKE, st.sampled_from(VALUES)))
@example(text='{"labels":["joy"],"labels":["joy"],"vad":{"v":0,"a":1,"d":0.5},"rationale":""}')
@example(text='{"labels":["joy"],"vad":{"v":0,"a":1,"d":0.5},"rationale":""} ')
@example(text='{"x":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}")
def test_an_answer_alone_is_read_as_behind_prose(text):
    assert parse_output(text, SPACE) == parse_output(f"Answer: {text}", SPACE)
