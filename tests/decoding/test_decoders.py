"""Verified decoding gives the canonical answers, token for token, whatever is packed or drafted."""

import random
from dataclasses import replace

import pytest

from emoloom.contract.parse import object_closed, parse_output
from emoloom.contract.schema import write_answer
from emoloom.decoding.canonical import Decoded
from emoloom.decoding.drafts import NoDrafts, contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.records import VAD, Prediction
from tiny_lm import (
    SPACE,
    Reference,
    hint,
    make_tiny,
    reference,
    trained_tiny,
    varied_rows,
    word_texts,
)


def texts(count: int, seed: int) -> list[str]:
    return [*word_texts(count - 4, seed), "", "a", "<|im_end|>", "word " * 200]  # the last is cut


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> Reference:
    """A model at random weights: its answers never close, and hold any token."""
    lm = make_tiny(tmp_path_factory.mktemp("decoders") / "random")
    return reference(lm, texts(120, 1), max_new_tokens=12)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Reference:
    """A model that writes contract lines, half of the time at least: trained until it does."""
    for epochs in (15, 30, 60, 120):
        folder = tmp_path_factory.mktemp("decoders") / "trained"
        lm = trained_tiny(folder, varied_rows(48), epochs)
        made = reference(lm, texts(60, 2), max_new_tokens=48)
        if len(in_form(made)) >= 30:
            break
    return made


def in_form(which: Reference) -> dict[str, Prediction]:
    """The answers that parse."""
    parsed = {key: parse_output(a.output, SPACE) for key, a in which.answers.items()}
    return {key: answer for key, answer in parsed.items() if isinstance(answer, Prediction)}


@pytest.fixture(params=["untrained", "trained"])
def whole(request) -> Reference:
    return request.getfixturevalue(request.param)


def decode(which: Reference, rows=None, hints=None, cert=None, **sizes) -> list[Decoded]:
    settings = DecodeSettings(max_new_tokens=which.max_new_tokens, **sizes)
    rows = which.rows if rows is None else rows
    drafter = contract_drafter(which.lm.prompter, hints)
    return list(decode_rows(which.lm, rows, cert or which.certificate, settings, drafter))


def assert_canonical(which: Reference, answers: list[Decoded], rows=None) -> None:
    rows = which.rows if rows is None else rows
    assert sorted(answer.id for answer in answers) == sorted(row_id for row_id, _ in rows)
    for answer in answers:
        expected = which.answers[answer.id]
        assert answer.ids == expected.ids, answer.id
        assert answer.output == expected.output
        assert answer.truncated == expected.truncated
        assert answer.prompt_tokens == expected.prompt_tokens


def test_the_references_are_worth_comparing_with(untrained, trained):
    assert len(untrained.rows) == 120
    assert len(trained.rows) == 60
    assert len({answer.ids for answer in untrained.answers.values()}) > 20
    assert len(in_form(trained)) >= 30
    assert len({answer.ids for answer in trained.answers.values()}) > 10
    assert sum(answer.truncated for answer in trained.answers.values()) == 1


@pytest.mark.parametrize("pack_rows", [1, 3, 16])
def test_verified_is_canonical_in_any_pack(whole, pack_rows):
    assert_canonical(whole, decode(whole, pack_rows=pack_rows))


@pytest.mark.parametrize("pack_tokens", [1, 500])
def test_verified_is_canonical_at_any_size(whole, pack_tokens):
    rows = whole.rows[-40:]  # the odd ones are the last
    answers = decode(whole, rows=rows, pack_tokens=pack_tokens, pack_rows=40)
    assert_canonical(whole, answers, rows)


@pytest.mark.parametrize("pack_rows", [1, 3, 16])
def test_hints_change_no_answer(whole, pack_rows):
    hints = {row_id: hint(row_id) for row_id, _ in whole.rows}
    assert_canonical(whole, decode(whole, hints=hints, pack_rows=pack_rows))


def test_hints_for_some_rows(whole):
    rows = whole.rows[-40:]
    hints = {row_id: hint(row_id) for row_id, _ in rows[::3]} | {"nobody": hint("x")}
    assert_canonical(whole, decode(whole, rows=rows, hints=hints), rows)


HOSTILE = {
    "not a number": Prediction(("joy",), VAD(float("nan"), float("inf"), -7.0), "cues: none"),
    "control tokens": Prediction(("<|im_end|>",), VAD(0, 0, 0), "<|im_end|><|im_start|>"),
    "no labels": Prediction((), VAD(0.5, 0.5, 0.5), ""),
    "half a character": Prediction(("joy",), VAD(0.5, 0.5, 0.5), "cues: \ud83d"),
    "endless": Prediction(("joy",), VAD(0.5, 0.5, 0.5), "cues: " + "love " * 500),
    "another answer's": Prediction(("anger",), VAD(0.15, 0.78, 0.42), 'cues: "}{"labels":["joy'),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_hints_change_no_answer(trained, case):
    rows = trained.rows[:24]
    hints = {row_id: HOSTILE[case] for row_id, _ in rows}
    assert_canonical(trained, decode(trained, rows=rows, hints=hints), rows)


def test_true_answers_as_hints_change_no_answer(trained):
    hints = in_form(trained)
    answers = decode(trained, hints=hints)
    assert_canonical(trained, answers)
    as_drafted = [
        answer
        for answer in answers
        if answer.id in hints
        and len(hints[answer.id].labels) == 1
        and answer.output == write_answer(hints[answer.id])
        and answer.ids == trained.lm.prompter.answer(answer.output).ids
        and "none, " not in answer.output  # which says that there are no cues, and names some
        and ", none" not in answer.output
    ]
    assert as_drafted
    assert all(answer.forwards == 1 + answer.near_ties for answer in as_drafted)


def test_the_order_of_rows_changes_no_answer(whole):
    rows = list(whole.rows)
    random.Random(0).shuffle(rows)
    assert_canonical(whole, decode(whole, rows=rows, pack_rows=5), rows)


def test_doubled_rows_get_one_answer(trained):
    rows = [(row_id, text) for row_id, text in trained.rows[:20] for _ in range(3)]
    answers = decode(trained, rows=rows, pack_rows=4)
    assert_canonical(trained, answers, rows)


def test_one_text_under_many_ids(trained):
    row_id, text = trained.rows[0]
    answers = decode(trained, rows=[(f"copy{k}", text) for k in range(9)], pack_rows=4)
    assert sorted(answer.id for answer in answers) == [f"copy{k}" for k in range(9)]
    assert {answer.ids for answer in answers} == {trained.answers[row_id].ids}


@pytest.mark.parametrize("tie_margin", [0.0, 1e9])
def test_any_margin_gives_the_canonical_answers(trained, tie_margin):
    """With a huge margin every token is decided by the canonical forward."""
    rows = trained.rows[:12]
    cert = replace(trained.certificate, tie_margin=tie_margin)
    answers = decode(trained, rows=rows, cert=cert)
    assert_canonical(trained, answers, rows)
    for answer in answers:
        stopped = len(answer.ids) < trained.max_new_tokens and not object_closed(answer.output)
        assert answer.near_ties == (len(answer.ids) + stopped if tie_margin else 0)
        assert answer.forwards > answer.near_ties


@pytest.mark.parametrize("max_new_tokens", [1, 2, 7, 30])
def test_the_limit_holds_in_the_middle_of_a_draft(trained, max_new_tokens):
    rows = trained.rows[:10]
    hints = {row_id: hint(row_id) for row_id, _ in rows}
    settings = DecodeSettings(max_new_tokens=max_new_tokens)
    drafter = contract_drafter(trained.lm.prompter, hints)
    for answer in decode_rows(trained.lm, rows, trained.certificate, settings, drafter):
        assert answer.ids == trained.answers[answer.id].ids[:max_new_tokens]


def test_no_rows_no_answers(trained):
    assert decode(trained, rows=[]) == []


def test_drafts_are_worth_their_while(trained):
    """Of answers in the contract's form, many tokens are accepted for each forward."""
    rows = [row for row in trained.rows if row[0] in in_form(trained)]
    for hints in ({row_id: hint(row_id) for row_id, _ in rows}, None):
        answers = decode(trained, rows=rows, hints=hints)
        tokens = sum(len(answer.ids) for answer in answers)
        assert sum(answer.forwards for answer in answers) < tokens / 2


def test_costs_add_up(untrained):
    head = len(untrained.lm.prompter.head_ids)
    for answer in untrained.answers.values():
        steps = len(answer.ids) + (len(answer.ids) < untrained.max_new_tokens)
        assert answer.forwards == steps
        assert answer.tokens_computed == sum(answer.prompt_tokens + k for k in range(steps))
        assert answer.prompt_tokens > head
        assert answer.near_ties == 0
    for answer in decode(untrained, rows=untrained.rows[:20], pack_rows=1):
        assert answer.tokens_computed >= answer.forwards * answer.prompt_tokens


def test_text_that_cannot_be_foretold_costs_no_more_than_no_drafts(untrained):
    """A random model's answers follow no skeleton: against one token a forward, rows packed."""
    settings = DecodeSettings(untrained.max_new_tokens, first_rows=32)
    told = (untrained.lm, untrained.rows, untrained.certificate, settings)
    plain = list(decode_rows(*told, NoDrafts()))
    assert_canonical(untrained, plain)
    drafted = list(decode_rows(*told))
    assert_canonical(untrained, drafted)
    for cost, most in (("forwards", 1.0), ("tokens_computed", 1.02)):
        before = sum(getattr(answer, cost) for answer in plain)
        assert sum(getattr(answer, cost) for answer in drafted) <= most * before
