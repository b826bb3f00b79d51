"""Drafts: what is proposed, from what is known, and how much of it."""

from dataclasses import replace

import pytest

from emoloom.contract.parse import parse_output
from emoloom.contract.prompt import make_prompter
from emoloom.contract.schema import write_answer
from emoloom.decoding.drafts import RowDraft, contract_drafter
from emoloom.decoding.ngrams import MOST, reach_after
from emoloom.decoding.skeleton import fields_of
from emoloom.records import VAD, LabelSpace, Prediction
from small_tokenizers import CHATML, byte_level, fast

SPACE = LabelSpace("six", ("joy", "joyful pride", "sad", "sadness", "anger", "neutral"))
REST = '"],"vad":{"v":0.43,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}'
LINES = (
    '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}',
    '{"labels":["joy","sadness","neutral"],"vad":{"v":0.00,"a":1.00,"d":0.50},"rationale":""}',
    '{"labels":["joyful pride"],"vad":{"v":1.00,"a":1.00,"d":1.00},"rationale":"a } b , c"}',
    '{"labels":["sad","anger"],"vad":{"v":0.10,"a":0.09,"d":0.99},"rationale":"none"}',
)
HINT = fields_of(Prediction(("anger",), VAD(0.43, 0.55, 0.61), "cues: love, puppy"))


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
    return drafter.prompter.decode(drafter.propose(drafter.start(row_id, "a text"), ()))


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


def test_a_settled_habit_goes_before_arousal_that_was_read_behind_another_valence(prompter):
    drafter = contract_drafter(prompter)
    read = {"v": "0.43", "a": "0.57", "d": "0.61", "rationale": "cues: x"}
    row = RowDraft(read=read, read_behind="joy")
    written = prompter.answer('{"labels":["joy"],"vad":{"v":0.83').ids
    for seen in range(4):
        draft = prompter.decode((*written, *drafter.propose(row, written)))
        assert ('"a":0.55' if seen == 3 else '"a":0.57') in draft
        drafter.finished(RowDraft(), prompter.answer(LINES[0]).ids)


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


def test_what_training_and_the_instruction_showed_is_known_before_any_answer(prompter):
    taught = parse_output(LINES[0], SPACE)
    assert isinstance(taught, Prediction)
    drafter = contract_drafter(prompter, answers=[taught])
    line, head = prompter.answer(LINES[0]).ids, tuple(prompter.head_ids)
    assert drafter.memory.propose(line[:12]) == line[12 : 12 + MOST]
    start = next(k for k in range(len(head)) if head.count(head[k + 2]) == 1)
    assert drafter.memory.propose(head[start : start + 3])[:5] == head[start + 3 : start + 8]


def test_a_finished_answer_is_known_to_the_next_row(prompter):
    drafter = contract_drafter(prompter)
    prose = prompter.answer("I would say that this is anger, if anything").ids
    assert drafter.propose(RowDraft(), prose[:6]) == ()
    drafter.finished(RowDraft(), prose)
    assert drafter.propose(RowDraft(), prose[:6]) == prose[6 : 6 + MOST]


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
