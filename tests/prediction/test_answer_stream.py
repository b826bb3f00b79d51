"""The order and the bounds of a stream, with a decoder that no model is behind."""

import random
from collections.abc import Callable, Iterable, Iterator

import pytest

from emoloom.decoding.canonical import Decoded
from emoloom.prediction.inputs import BadLine, Item, Text
from emoloom.prediction.results import Answered, Failed, Tally
from emoloom.prediction.streaming import LEARNED_FROM, WINDOW, answer_stream
from emoloom.records import VAD, LabelSpace, Prediction

SPACE = LabelSpace("two", ("joy", "anger"))
LINE = '{"labels":["joy"],"vad":{"v":0.83,"a":0.50,"d":0.60},"rationale":"cues: love"}'


def decoded(key: str, text: str) -> Decoded:
    output = LINE if text.startswith("good") else "no answer"
    return Decoded(key, output, (1,), 1, 1, 1, 0, truncated="long" in text)


def shuffled(rows: Iterable[tuple[str, str]]) -> Iterator[Decoded]:
    """A few rows at a time, the last in first, as a pack may do it."""
    generator, held, waiting = random.Random(1), [], iter(rows)
    while True:
        for row in waiting:
            held.append(row)
            if len(held) == 7:
                break
        if not held:
            return
        yield decoded(*held.pop(generator.randrange(len(held))))


def run(items: Iterable[Item], decoder: Callable = shuffled) -> list[Answered | Failed]:
    return list(answer_stream(items, SPACE, lambda: decoder))


def test_results_come_in_the_order_of_the_texts_whatever_finishes_first():
    items = [Text(f"t{n}", "good" if n % 3 else "bad") for n in range(1000)]
    found = run(items)
    assert [one.id for one in found] == [item.id for item in items]
    assert [isinstance(one, Answered) for one in found] == [n % 3 > 0 for n in range(1000)]


def test_bad_lines_stand_where_they_came_and_are_never_asked():
    asked = []

    def watched(rows: Iterable[tuple[str, str]]) -> Iterator[Decoded]:
        for key, text in rows:
            asked.append(text)
            yield decoded(key, text)

    found = run([BadLine(1, "x"), Text(2, "good"), BadLine("c", "y"), BadLine(4, "z")], watched)
    assert [(one.id, type(one)) for one in found] == [
        (1, Failed),
        (2, Answered),
        ("c", Failed),
        (4, Failed),
    ]
    assert asked == ["good"]


def test_ids_that_repeat_are_answered_each():
    assert [one.id for one in run([Text("a", "good")] * 3)] == ["a"] * 3


def test_what_is_there_is_answered_before_more_is_waited_for():
    given: list[Answered | Failed] = []

    def arriving() -> Iterator[Item]:
        yield None
        for number in range(3):
            yield Text(2 * number, "good")
            yield Text(2 * number + 1, "bad")
            yield None
            assert len(given) == 2 * number + 2  # asked for more: all before is given
            yield None
        yield BadLine(6, "x")
        yield None
        assert len(given) == 7

    for result in answer_stream(arriving(), SPACE, lambda: shuffled):
        given.append(result)
    assert [one.id for one in given] == list(range(7))


def test_an_empty_stream_has_no_results():
    assert run([]) == []
    assert run([None, None]) == []


def test_a_million_lines_are_never_held():
    taken = given = most = 0

    def many() -> Iterator[Item]:
        nonlocal taken
        for number in range(1_000_000):
            taken += 1
            yield BadLine(number, "x") if number % 5 else Text(number, "bad")

    for _ in answer_stream(many(), SPACE, lambda: shuffled):
        given += 1
        most = max(most, taken - given)
    assert given == 1_000_000
    assert most <= WINDOW


def test_a_row_that_is_slow_holds_back_no_more_than_a_window():
    taken = 0

    def last_first(rows: Iterable[tuple[str, str]]) -> Iterator[Decoded]:
        for key, text in reversed(list(rows)):
            yield decoded(key, text)

    def many() -> Iterator[Item]:
        nonlocal taken
        for number in range(3 * WINDOW):
            taken += 1
            yield Text(number, "good")

    stream = answer_stream(many(), SPACE, lambda: last_first)
    assert next(stream).id == 0
    assert taken == WINDOW


def test_what_drafts_learn_is_dropped_now_and_then():
    made = []

    def new() -> Callable:
        made.append(1)
        return shuffled

    count = 3 * LEARNED_FROM - 1
    assert len(list(answer_stream((Text(n, "good") for n in range(count)), SPACE, new))) == count
    assert len(made) == 3


PREDICTION = Prediction(("joy", "anger"), VAD(0.8, 0.5, 1.0), "cues: é")


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (
            Answered("a", PREDICTION, "raw", cut=False),
            '{"id":"a","labels":["joy","anger"],"vad":{"v":0.80,"a":0.50,"d":1.00},'
            '"rationale":"cues: é"}',
        ),
        (
            Answered(3, PREDICTION, "raw", cut=True),
            '{"id":3,"labels":["joy","anger"],"vad":{"v":0.80,"a":0.50,"d":1.00},'
            '"rationale":"cues: é","cut":true}',
        ),
        (Failed(4, "no_json", "x\n", cut=False), '{"id":4,"error":"no_json","output":"x\\n"}'),
        (Failed(5, "no_json", "", cut=True), '{"id":5,"error":"no_json","output":"","cut":true}'),
        (Failed(6, "not UTF-8", None, cut=False), '{"id":6,"error":"not UTF-8"}'),
    ],
)
def test_the_line_of_a_result(result, line):
    assert result.to_line() == line


def test_what_came_in_is_counted_as_what_went_out():
    tally = Tally()
    items = [Text(1, "good long"), Text(2, "bad"), BadLine(3, "x"), Text(4, "good")]
    for result in run(items):
        tally.add(result)
    assert tally.lines == len(items)
    assert tally.says() == "4 lines: 2 answered, 1 outputs no answer, 1 lines not read; 1 texts cut"


def test_a_notebook_shows_no_text_as_html():
    hostile = Failed("<b>", "<script>", "\x1b[31m\u202e<img>", cut=False)._repr_html_()
    assert "<b>" not in hostile
    assert "<script>" not in hostile
    assert "<img>" not in hostile
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile
    shown = Answered("a", PREDICTION, "raw", cut=False)._repr_html_()
    assert "joy, anger" in shown
    assert "0.800" in shown
