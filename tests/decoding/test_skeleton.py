"""The skeleton: the completion of any piece of a contract line is a contract line again."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.contract.parse import parse_output
from emoloom.contract.schema import write_answer
from emoloom.decoding.habits import Habits
from emoloom.decoding.skeleton import Fields, complete, fields_of, labels_of, read_fields
from emoloom.records import VAD, LabelSpace, Prediction

SPACE = LabelSpace("six", ("joy", "joyful pride", "sad", "sadness", "anger", "neutral"))


@dataclass(frozen=True)
class Guess:
    """One value for each field, whatever stands before it."""

    labels: tuple[str, ...]
    v: str
    a: str
    d: str
    rationale: str

    @staticmethod
    def of(hint: Prediction) -> "Guess":
        v, a, d = (f"{value:.2f}" for value in hint.vad.as_tuple())
        return Guess(hint.labels, v, a, d, hint.rationale)

    def value(self, name: str, before: Fields, begun: str) -> str:
        if name == "labels":
            return next((label for label in self.labels if label.startswith(begun)), "")
        return {"v": self.v, "a": self.a, "d": self.d, "rationale": self.rationale}[name]


GUESS = Guess(("anger", "joy"), "0.43", "0.55", "0.61", "cues: love, puppy")

LINES = (
    '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}',
    '{"labels":["joy","sadness","neutral"],"vad":{"v":0.00,"a":1.00,"d":0.50},"rationale":""}',
    '{"labels":["joyful pride"],"vad":{"v":1.00,"a":1.00,"d":1.00},"rationale":"a } b , c"}',
    '{"labels":["sad","anger"],"vad":{"v":0.10,"a":0.09,"d":0.99},"rationale":"none"}',
)
HINT = fields_of(Prediction(("anger",), VAD(0.43, 0.55, 0.61), "cues: love, puppy"))
GUESSES = {
    "a usual one": GUESS,
    "all ones": Guess(("neutral",), "1.00", "1.00", "1.00", "cues: none"),
    "all noughts": Guess(("sadness",), "0.00", "0.00", "0.00", ""),
}


def whole(written: str, guess: Guess = GUESS) -> str | None:
    missing = complete(written, guess, SPACE.labels)
    return None if missing is None else written + missing


@pytest.mark.parametrize("guess", GUESSES)
@pytest.mark.parametrize("line", LINES)
def test_every_prefix_of_a_line_is_completed_to_an_answer(line, guess):
    for stop in range(len(line) + 1):
        completed = whole(line[:stop], GUESSES[guess])
        assert completed is not None, line[:stop]
        assert isinstance(parse_output(completed, SPACE), Prediction), (line[:stop], completed)


@settings(max_examples=150, deadline=None)
@given(
    labels=st.lists(st.sampled_from(SPACE.labels), min_size=1, unique=True),
    numbers=st.tuples(*[st.integers(0, 100)] * 6),
    rationales=st.tuples(*[st.text("abc ,:}{[]'", max_size=12)] * 2),
    guessed=st.sampled_from(SPACE.labels),
    share=st.floats(0, 1),
)
def test_any_prefix_with_any_guess(labels, numbers, rationales, guessed, share):
    ordered = tuple(label for label in SPACE.labels if label in labels)
    v, a, d, *others = (number / 100 for number in numbers)
    line = write_answer(Prediction(ordered, VAD(v, a, d), rationales[0]))
    guess = Guess.of(Prediction((guessed,), VAD(*others), rationales[1]))
    written = line[: round(share * len(line))]
    completed = whole(written, guess)
    assert completed is not None
    assert isinstance(parse_output(completed, SPACE), Prediction), (written, completed)


@pytest.mark.parametrize("line", LINES)
def test_a_right_guess_completes_every_prefix_to_the_line_itself(line):
    answer = parse_output(line, SPACE)
    assert isinstance(answer, Prediction)
    guess = Guess.of(replace(answer, labels=answer.labels[:1]))
    closed = line.index('"]') if '","' in line else 0  # further labels are nobody's guess
    for stop in range(closed, len(line) + 1):
        assert whole(line[:stop], guess) == line


REST = '"],"vad":{"v":0.43,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}'
TABLE = {
    "": '{"labels":["anger' + REST,
    "{": '{"labels":["anger' + REST,
    '{"labels":["': '{"labels":["anger' + REST,
    '{"labels":["a': '{"labels":["anger' + REST,
    '{"labels":["jo': '{"labels":["joy' + REST,
    '{"labels":["joyf': '{"labels":["joyful pride' + REST,
    '{"labels":["sa': '{"labels":["sad' + REST,
    '{"labels":["sadn': '{"labels":["sadness' + REST,
    '{"labels":["joy': '{"labels":["joy' + REST,
    '{"labels":["joy"': '{"labels":["joy' + REST,
    '{"labels":["joy",': '{"labels":["joy","joyful pride' + REST,
    '{"labels":["joy","': '{"labels":["joy","joyful pride' + REST,
    '{"labels":["joy","n': '{"labels":["joy","neutral' + REST,
    '{"labels":["anger","': '{"labels":["anger","joy' + REST,
    '{"labels":["anger","joy"': '{"labels":["anger","joy' + REST,
    '{"labels":["anger"]': '{"labels":["anger' + REST,
    '{"labels":["anger"],"vad":{"v":0': '{"labels":["anger' + REST,
    '{"labels":["anger"],"vad":{"v":0.8': '{"labels":["anger' + REST.replace("0.43", "0.83"),
    '{"labels":["anger"],"vad":{"v":1': '{"labels":["anger' + REST.replace("0.43", "1.00"),
    '{"labels":["anger"],"vad":{"v":1.0': '{"labels":["anger' + REST.replace("0.43", "1.00"),
    '{"labels":["anger"],"vad":{"v":0.833': '{"labels":["anger' + REST.replace("0.43", "0.833"),
    '{"labels":["anger"],"vad":{"v":0.83,': '{"labels":["anger' + REST.replace("0.43", "0.83"),
    LINES[0][:-20]: LINES[0],
    LINES[0][:-1]: LINES[0],
    LINES[0]: LINES[0],
}


@pytest.mark.parametrize("written", TABLE)
def test_completion(written):
    assert whole(written) == TABLE[written]


def test_a_rationale_that_left_the_guess_is_closed():
    written = LINES[0].replace("love, puppy", "hate")[:-2]
    assert complete(written, GUESS, SPACE.labels) == '"}'


def test_all_labels_written_leaves_no_further_one():
    written = '{"labels":["' + '","'.join(SPACE.labels)
    assert complete(written, GUESS, SPACE.labels) == REST
    assert complete(written + '","', GUESS, SPACE.labels) is None


OFF_CONTRACT = (
    " ",
    "I think",
    "{{",
    '{"label":',
    '{"labels": ["joy"',
    '{"labels":["bliss',
    '{"labels":["joy","bliss',
    '{"labels":["bliss","joy',
    '{"labels":["Joy',
    '{"labels":["joy",,',
    '{"labels":["joy"],"vad":{"v":high',
    '{"labels":["joy"],"vad":{"v":-',
    '{"labels":["joy"],"vad":{"v":.8',
    '{"labels":["joy"],"vad":{"v":0.8 ',
    '{"labels":["joy"],"vad":{"v":"0',
    LINES[0] + "}",
    LINES[0] + "\n",
    LINES[0] * 2,
    "\ufffd",
)


@pytest.mark.parametrize("written", OFF_CONTRACT)
def test_off_the_contract_there_is_no_completion(written):
    assert complete(written, GUESS, SPACE.labels) is None


@given(st.text('{"labels:[joy,]vd01.r }', max_size=40))
def test_completion_never_fails_and_only_ever_adds(written):
    missing = complete(written, GUESS, SPACE.labels)
    assert missing is None or isinstance(missing, str)


def test_fields_of_an_answer_are_those_of_its_line():
    for line in LINES:
        answer = parse_output(line, SPACE)
        assert isinstance(answer, Prediction)
        fields = fields_of(answer)
        read = read_fields(line)
        assert {name: fields[name] for name in read} == read
        assert set(read) == {"v", "a", "d", "rationale"}
        assert labels_of(line) == fields["labels"]


def test_what_can_be_read_is_read():
    text = '{"labels":["joy"],"vad":{"v":0.12,"a":0.9,"d":1.00},"rationale":"cues: s'
    assert read_fields(text) == {"v": "0.12", "d": "1.00", "rationale": "cues: s"}
    assert read_fields("garbage") == {}
    assert read_fields('"v":7.00,"a":0.') == {}
    assert labels_of('{"labels":["joy') == ""
    assert labels_of("garbage") == ""


def _said(labels, v, a="0.50", d="0.50"):
    return {"labels": labels, "v": v, "a": a, "d": d, "rationale": ""}


def test_habits_answer_from_the_most_telling_context_that_knows_a_value():
    habits = Habits()
    assert habits.likely("v", {"labels": "joy"}, None, "") == ""
    for answer in (_said("joy", "0.83"), _said("joy", "0.83"), _said("joy", "0.91")):
        habits.learn(answer, _said("sad", "0.62"))
    habits.learn(_said("sad", "0.17"))
    assert habits.likely("v", {"labels": "joy"}, None, "") == "0.83"
    assert habits.likely("v", {"labels": "joy"}, None, "0.9") == "0.91"
    assert habits.likely("v", {"labels": "joy"}, None, "0.1") == "0.17"  # from any context
    assert habits.likely("v", {"labels": "joy"}, None, "0.2") == ""
    assert habits.likely("labels", {}, _said("sad", "0.50"), "") == "joy"  # as the hint went before
    assert habits.likely("labels", {}, _said("anger", "0.50"), "s") == "sad"


def test_a_habit_is_settled_once_its_value_was_seen_three_times_behind_the_same_fields():
    habits, before = Habits(), {"labels": "joy", "v": "0.83"}
    for _ in range(2):
        habits.learn(_said("joy", "0.83", "0.47"))
    habits.learn(_said("joy", "0.61", "0.47"))
    assert habits.settled("a", before) == ""
    habits.learn(_said("joy", "0.83", "0.50"))
    habits.learn(_said("joy", "0.83", "0.47"))
    assert habits.settled("a", before) == "0.47"
    assert habits.settled("a", {"labels": "sad", "v": "0.83"}) == ""
