"""Drafts: the completion of any piece of a contract line is a contract line again."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.contract.parse import parse_output
from emoloom.contract.prompt import make_prompter
from emoloom.contract.schema import write_answer
from emoloom.decoding.drafts import RowDraft, contract_drafter
from emoloom.decoding.habits import Habits
from emoloom.decoding.ngrams import MOST, reach_after
from emoloom.decoding.skeleton import Guess, complete, fields_of, labels_of, read_fields
from emoloom.records import VAD, LabelSpace, Prediction
from small_tokenizers import CHATML, byte_level, fast

SPACE = LabelSpace("six", ("joy", "joyful pride", "sad", "sadness", "anger", "neutral"))
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


def test_a_guess_of_a_prediction():
    guess = Guess.of(Prediction(("sad", "joy"), VAD(0.1, 1.0, 0.0049), "cues: x"))
    assert guess == Guess(("sad", "joy"), "0.10", "1.00", "0.00", "cues: x")
    assert Guess.of(Prediction(("sad",), VAD(math.nan, 2.0, -1.0), "")).v == "nan"


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


@pytest.fixture(scope="module")
def prompter():
    return make_prompter(fast(byte_level(), template=CHATML), SPACE)


def test_a_draft_continues_the_ids_written(prompter):
    drafter = contract_drafter(prompter)
    line = LINES[0]
    ids = prompter.answer(line).ids
    answer = parse_output(line, SPACE)
    assert isinstance(answer, Prediction)
    row = RowDraft(fields_of(answer))
    for stop in range(len(ids) + 1):
        assert drafter.propose(row, ids[:stop]) == ids[stop:]


def test_ids_that_the_tokenizer_would_cut_otherwise_are_continued_too(prompter):
    """A model may spell a text letter by letter; the draft goes on behind it."""
    drafter = contract_drafter(prompter)
    written = '{"labels":["'
    spelt = tuple(prompter.answer(letter).ids[0] for letter in written)
    assert prompter.decode(spelt) == written
    assert spelt != prompter.answer(written).ids
    draft = drafter.propose(RowDraft(HINT), spelt)
    assert prompter.decode((*spelt, *draft)) == '{"labels":["anger' + REST


def first_draft(drafter, row_id: str) -> str:
    return drafter.prompter.decode(drafter.propose(drafter.start(row_id), ()))


def test_a_row_starts_from_habits_else_from_its_hint_else_from_a_plain_line(prompter):
    hint = Prediction(("anger",), VAD(0.1, 0.2, 0.3), "cues: x")
    drafter = contract_drafter(prompter, {"hinted": hint})
    plain = Prediction(("neutral",), VAD(0.5, 0.5, 0.5), "cues: none")
    assert first_draft(drafter, "other") == write_answer(plain)
    assert first_draft(drafter, "hinted") == write_answer(hint)
    drafter.finished(RowDraft(), prompter.answer(LINES[3]).ids)
    drafter.finished(RowDraft(), prompter.answer("no contract line").ids)
    said = parse_output(LINES[3], SPACE)
    assert isinstance(said, Prediction)
    assert first_draft(drafter, "other") == write_answer(replace(said, rationale="cues: none"))
    assert first_draft(drafter, "hinted") == write_answer(replace(said, rationale="cues: x"))


def test_training_answers_are_known_until_own_ones_are(prompter):
    taught = parse_output(LINES[2], SPACE)
    assert isinstance(taught, Prediction)
    drafter = contract_drafter(prompter, answers=[taught])
    assert first_draft(drafter, "x") == write_answer(replace(taught, rationale="cues: none"))
    drafter.finished(RowDraft(), prompter.answer(LINES[0]).ids)
    assert first_draft(drafter, "x").startswith('{"labels":["joy"],"vad":{"v":0.83,"a":0.55')


def test_reach_doubles_after_a_full_hit_and_falls_to_the_hits_after_a_miss():
    assert reach_after(MOST, drafted=20, hits=3) == 3
    assert reach_after(3, drafted=3, hits=3) == 6
    assert reach_after(16, drafted=16, hits=16) == MOST
    assert reach_after(6, drafted=6, hits=0) == 1
    assert reach_after(6, drafted=0, hits=0) == 1
    assert reach_after(1, drafted=1, hits=1) == 2


def test_what_cannot_be_foretold_is_drafted_briefly(prompter):
    drafter = contract_drafter(prompter)
    drafter.memory.learn(tuple(range(100, 140)))
    row = drafter.decided(RowDraft(), (105, 106, 107), (), tuple(range(108, 128)), 2)
    assert drafter.propose(row, (105, 106, 107)) == (108, 109)


def test_n_grams_of_earlier_answers(prompter):
    drafter = contract_drafter(prompter)
    drafter.memory.learn(tuple(range(100, 140)))
    assert drafter.propose(RowDraft(), (7, 105, 106, 107)) == tuple(range(108, 132))
    assert drafter.propose(RowDraft(), (105, 106, 108)) == ()
    assert drafter.propose(RowDraft(), (107,)) == ()
    drafter.memory.learn((105, 106, 107, 9))
    assert drafter.propose(RowDraft(), (7, 105, 106, 107)) == (9,)  # last seen wins


def test_an_answer_that_repeats_itself_is_followed(prompter):
    drafter = contract_drafter(prompter)
    assert drafter.propose(RowDraft(), (1, 2, 3, 4, 1, 2, 3)) == (4, 1, 2, 3) * 6
    assert drafter.propose(RowDraft(), (5, 5, 5, 5)) == (5,) * 24


def test_the_own_repetition_goes_before_other_answers(prompter):
    drafter = contract_drafter(prompter)
    drafter.memory.learn((1, 2, 3, 9, 9, 9))
    assert drafter.propose(RowDraft(), (1, 2, 3, 4, 1, 2, 3))[0] == 4


def test_what_the_forward_said_itself_is_the_last_resort(prompter):
    drafter = contract_drafter(prompter)
    prose = prompter.answer("well").ids
    row = drafter.decided(RowDraft(), prose, (8, 7), (4, 4), 2)
    assert drafter.propose(row, prose) == (8, 7)


def test_a_guess_that_left_the_contract_falls_back_to_n_grams(prompter):
    drafter = contract_drafter(prompter)
    garbage = prompter.answer("I think it is joy, I think it is").ids
    drafter.memory.learn((*garbage, 7, 7))
    assert drafter.propose(RowDraft(HINT), garbage[:6])[:1] == garbage[6:7]


def test_nothing_is_drafted_behind_a_whole_line(prompter):
    drafter = contract_drafter(prompter)
    assert drafter.propose(RowDraft(HINT), prompter.answer(LINES[0]).ids) == ()


HOSTILE = {
    "control tokens": ("<|im_end|>", "<s>", "0", "", "<|im_end|></s>"),
    "half a character": ("joy", "0.50", "0.50", "0.50", "cues: \ud83d"),
    "nothing": ("", "", "", "", ""),
    "quotes and braces": ('"}]{', '"}', "}", "{", '"}"}'),
    "very long": ("joy", "0." + "3" * 2000, "0.50", "0.50", "x " * 2000),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_hint_does_not_break_a_draft(prompter, case):
    drafter = contract_drafter(prompter)
    hint = dict(zip(("labels", "v", "a", "d", "rationale"), HOSTILE[case], strict=True))
    ids = prompter.answer(LINES[0]).ids
    for stop in range(len(ids) + 1):
        draft = drafter.propose(RowDraft(hint), ids[:stop])
        assert not prompter.stop_ids & set(draft)
