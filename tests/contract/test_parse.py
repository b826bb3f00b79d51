"""The parser by example: every reason, their order, the tail scan, normalising."""

import pytest

from emoloom.contract.parse import explain, parse_output
from emoloom.contract.schema import FAILURE_REASONS, MAX_DEPTH, NEWLINES, write_answer
from emoloom.records import VAD, LabelSpace, ParseFailure, Prediction

SPACE = LabelSpace("three", ("joy", "fear", "neutral"))
VAD_TEXT = '{"v":0.83,"a":0.55,"d":0.61}'
ANSWER = f'{{"labels":["joy"],"vad":{VAD_TEXT},"rationale":"cues: love, puppy"}}'
PARSED = Prediction(("joy",), VAD(0.83, 0.55, 0.61), "cues: love, puppy")


def answer(labels='["joy"]', vad=VAD_TEXT, rationale='"cues: love"', more="") -> str:
    return f'{{"labels":{labels},"vad":{vad},"rationale":{rationale}{more}}}'


def with_v(number: str) -> str:
    return f'{{"v":{number},"a":0.5,"d":0.5}}'


def reason(text: str) -> str | None:
    result = parse_output(text, SPACE)
    return result.reason if isinstance(result, ParseFailure) else None


NESTED_TOO_DEEP = '{"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}"
NESTED_JUST_SO = '{"a":' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "}"
THIRTEEN = '"a b c d e f g h i j k l m"'

CASES = [
    # An object is open at the end, and none is complete.
    ("truncated", "{"),
    ("truncated", ANSWER[:-1]),
    ("truncated", '{"labels":["joy'),
    ("truncated", '{"rationale":"}'),
    ("truncated", '{"rationale":"\\"}'),
    ("truncated", "{x} then {"),
    ("truncated", '{"a":' * 40),
    # Balanced, but no JSON.
    ("invalid_json", "{labels: joy}"),
    ("invalid_json", ANSWER.replace('"', "'").replace("'", "", 1)),
    ("invalid_json", answer(more=",")),
    ("invalid_json", answer(rationale='"one\ntwo"')),
    ("invalid_json", answer(rationale='"one\ttwo"')),
    ("invalid_json", answer(rationale='"\\x41"')),
    ("invalid_json", answer(vad=with_v(".5"))),
    ("invalid_json", answer(vad=with_v("01"))),
    ("invalid_json", answer(vad=with_v("0.5e"))),
    ("invalid_json", '{"a":[}'),
    ("invalid_json", "{]" + "[" * 50 + "}"),
    ("invalid_json", NESTED_TOO_DEEP),
    # No object at all.
    ("no_json", ""),
    ("no_json", "joy"),
    ("no_json", '["joy"]'),
    ("no_json", '} ] " \\'),
    # Complete objects that are no answers.
    ("duplicate_key", '{"labels":["joy"],' + ANSWER[1:]),
    ("duplicate_key", answer(vad='{"v":0.5,"v":0.5,"a":0.5,"d":0.5}')),
    ("duplicate_key", answer(more=',"x":[{"y":1,"y":2}]')),
    ("missing_key", "{}"),
    ("missing_key", NESTED_JUST_SO),
    ("missing_key", f'{{"labels":["joy"],"vad":{VAD_TEXT}}}'),
    ("missing_key", answer(vad='{"v":0.5,"a":0.5}')),
    ("extra_key", answer(more=',"note":1')),
    ("extra_key", answer(vad='{"v":0.5,"a":0.5,"d":0.5,"x":0.5}')),
    ("wrong_type", answer(labels='"joy"')),
    ("wrong_type", answer(labels="null")),
    ("wrong_type", answer(labels='["joy",1]')),
    ("wrong_type", answer(labels='[["joy"]]')),
    ("wrong_type", answer(vad="[0.5,0.5,0.5]")),
    ("wrong_type", answer(vad="null")),
    ("wrong_type", answer(vad=with_v('"0.5"'))),
    ("wrong_type", answer(vad=with_v("true"))),
    ("wrong_type", answer(vad=with_v("null"))),
    ("wrong_type", answer(rationale="null")),
    ("wrong_type", answer(rationale='["cues"]')),
    ("not_finite", answer(vad=with_v("NaN"))),
    ("not_finite", answer(vad=with_v("-Infinity"))),
    ("not_finite", answer(vad=with_v("1e999"))),
    ("not_finite", answer(vad=with_v("9" * 10_000))),
    ("empty_labels", answer(labels="[]")),
    ("unknown_label", answer(labels='["joy","anger"]')),
    ("unknown_label", answer(labels='["Joy"]')),
    ("unknown_label", answer(labels='["joy "]')),
    ("unknown_label", answer(labels='["\\ud800"]')),
    ("duplicate_label", answer(labels='["joy","fear","joy"]')),
    ("out_of_range", answer(vad=with_v("1.001"))),
    ("out_of_range", answer(vad=with_v("-0.001"))),
    ("out_of_range", answer(vad=with_v("83"))),
    ("bad_rationale", answer(rationale='"say \\"no\\""')),
    ("bad_rationale", answer(rationale='"\\ud83d"')),
    ("bad_rationale", answer(rationale='"\ud83d"')),
    ("rationale_too_long", answer(rationale=THIRTEEN)),
]


@pytest.mark.parametrize(("expected", "text"), CASES, ids=lambda value: ascii(value)[:40])
def test_reason(expected, text):
    assert reason(text) == expected


def test_cases_stand_in_order_and_leave_no_reason_out():
    assert list(dict.fromkeys(expected for expected, _ in CASES)) == list(FAILURE_REASONS)


# Two faults in one answer: the earlier reason wins. One pair for each step of the order.
PAIRS = [
    ("truncated", "invalid_json", "{x} {"),
    ("invalid_json", "no_json", "{x}"),
    ("invalid_json", "duplicate_key", '{"a":1,"a":}'),
    ("duplicate_key", "missing_key", '{"labels":["joy"],"labels":["joy"]}'),
    ("missing_key", "extra_key", '{"labels":["joy"],"note":1}'),
    ("missing_key", "extra_key", answer(vad='{"v":1,"a":1}', more=',"note":1')),
    ("extra_key", "wrong_type", answer(labels="1", more=',"note":1')),
    ("wrong_type", "not_finite", answer(labels="1", vad=with_v("NaN"))),
    ("not_finite", "empty_labels", answer(labels="[]", vad=with_v("NaN"))),
    ("empty_labels", "out_of_range", answer(labels="[]", vad=with_v("2"))),
    ("unknown_label", "duplicate_label", answer(labels='["x","x"]')),
    ("duplicate_label", "out_of_range", answer(labels='["joy","joy"]', vad=with_v("2"))),
    ("out_of_range", "bad_rationale", answer(vad=with_v("2"), rationale='"\\n"')),
    ("bad_rationale", "rationale_too_long", answer(rationale=THIRTEEN.replace("a b", "a\\nb"))),
]


@pytest.mark.parametrize(("first", "second", "text"), PAIRS)
def test_the_earlier_reason_wins(first, second, text):
    assert FAILURE_REASONS.index(first) < FAILURE_REASONS.index(second)
    assert reason(text) == first


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        f"Here it is:\n```json\n{ANSWER}\n```",
        f'He said "yes" and "no {ANSWER}',
        f"{{}} {{x}} {ANSWER}",
        f"{answer(labels='[]')}{ANSWER}",
        f'{ANSWER} and then {{"labels":["fe',
        f"{ANSWER} {{not json}} {{'nor': this}}",
        f"{ANSWER} {NESTED_TOO_DEEP}",
        ANSWER + '{"x":{"twice":1,"twice":2},}',
        f"}} ] {ANSWER} }}",
        ANSWER.replace(",", " ,\r\n\t").replace("love ,\r\n\t", "love,"),
        '{"rationale":"cues: love, puppy","vad":{"d":0.61,"a":0.55,"v":0.83},"labels":["joy"]}',
        ANSWER.replace("joy", "\\u006aoy").replace('"v"', '"\\u0076"'),
    ],
)
def test_the_last_complete_object_counts(text):
    assert parse_output(text, SPACE) == PARSED


@pytest.mark.parametrize(
    ("text", "expected"), [(ANSWER + "{}", "missing_key"), (ANSWER + " {1} {}", "missing_key")]
)
def test_an_earlier_good_answer_does_not_save_a_later_bad_one(text, expected):
    assert reason(text) == expected


def test_braces_and_quotes_in_strings_are_text():
    got = parse_output(answer(rationale=r'"} { ]] \\ \/ ok"'), SPACE)
    assert isinstance(got, Prediction)
    assert got.rationale == "} { ]] \\ / ok"


def test_labels_are_put_into_the_order_of_the_space():
    got = parse_output(answer(labels='["neutral","joy"]'), SPACE)
    assert isinstance(got, Prediction)
    assert got.labels == ("joy", "neutral")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0", "0.0"),
        ("1", "1.0"),
        ("-0.0", "0.0"),
        ("-0", "0.0"),
        ("0.834999", "0.83"),
        ("5e-1", "0.5"),
        ("1E0", "1.0"),
        ("0.999", "1.0"),
        ("1e-999", "0.0"),
        ("-1e-999", "0.0"),
        ("0.5" + "0" * 10_000, "0.5"),
    ],
)
def test_numbers_are_rounded_to_two_decimals(number, expected):
    got = parse_output(answer(vad=with_v(number)), SPACE)
    assert isinstance(got, Prediction)
    assert repr(got.vad.v) == expected


@pytest.mark.parametrize("newline", NEWLINES, ids=ascii)
def test_every_newline_in_the_rationale_is_refused(newline):
    assert reason(answer(rationale=f'"one\\u{ord(newline):04x}two"')) == "bad_rationale"


def test_twelve_words_pass_however_spaced():
    got = parse_output(answer(rationale='" a b c d e f\\tg h i j k l "'), SPACE)
    assert isinstance(got, Prediction)
    assert parse_output(write_answer(got), SPACE) == got


def test_each_reason_has_its_own_sentence():
    sentences = {explain(name) for name in FAILURE_REASONS}
    assert len(sentences) == len(FAILURE_REASONS)
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in sentences)
