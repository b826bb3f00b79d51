"""Rows that end before their answers do: where, which, and what is still proved of them."""

from collections import Counter
from dataclasses import replace

import pytest

from emoloom.contract.prompt import make_prompter
from emoloom.records import VAD, LabelSpace, VadSources
from emoloom.supervision.verbalisers import TEMPLATES, VERBALISER, verbaliser_rows
from emoloom.training.cut_rows import CutExamples, CutShares, cut, row_ends
from emoloom.training.examples import Examples, SoftDigits, make_example
from emoloom.training.soft_numbers import Spreads, numeral_tokens
from emoloom.training.target_proof import prove_targets
from small_tokenizers import CHATML, byte_level, dummy_prefix, fast, metaspace
from tiny_lm import SPACE, row, train_rows

KINDS = {
    "one token a digit": byte_level,
    "two digits a token": lambda: byte_level(merged_digits=True),
    "point fused": metaspace,
    "dummy prefix": dummy_prefix,
}
HALF = CutShares(labels=0.3, digits=0.3)


@pytest.fixture(scope="module", params=sorted(KINDS))
def prompter(request):
    return make_prompter(fast(KINDS[request.param](), template=CHATML), SPACE)


def weak(number: int):
    return replace(row(number, "a b", ("joy",), VAD(0.5, 0.5, 0.5)), vad_source="weak")


def test_a_cut_answer_is_the_beginning_of_the_whole_one(prompter):
    soft = SoftDigits(Spreads(0.05, 0.08), numeral_tokens(prompter), 7)
    for one in train_rows():
        whole = make_example(prompter, one, label="", vad=VAD(0, 0, 0), soft=soft)
        for end, last in (("labels", '"]'), ("digits", f'"d":{whole.drawn.d:.2f}')):
            short = cut(whole, end)
            assert short.ids == whole.ids[: len(short.ids)]
            assert short.trained == whole.trained[: len(short.trained)]
            assert len(short.ids) == short.answer_start + len(short.trained)
            text = prompter.decode(short.ids[short.answer_start :])
            # A token may hold what follows: never a character before the end is missing.
            assert last in text
            assert text.index(last) + len(last) + 3 >= len(text)
            assert {target.at for target in short.soft} == {
                target.at for target in whole.soft if target.at < len(short.trained)
            }
        assert cut(whole, None) is whole


def test_what_people_rated_is_never_cut_off():
    rated = [row(n, "a", ("joy",), VAD(0.5, 0.5, 0.5)) for n in range(400)]
    partly = [replace(one, vad_source=VadSources("human", "weak", "weak")) for one in rated]
    bare = [row(n, "a", None, VAD(0.5, 0.5, 0.5)) for n in range(400)]
    for rows in (rated, partly, bare):
        assert set(row_ends(rows, HALF, 7)) == {"digits", None}


def test_the_shares_are_kept_and_the_seed_chooses():
    rows = [weak(number) for number in range(2000)]
    found = Counter(row_ends(rows, HALF, 7))
    assert found["labels"] == pytest.approx(600, abs=70)
    assert found["digits"] == pytest.approx(600, abs=70)
    assert row_ends(rows, HALF, 7) == row_ends(rows, HALF, 7) != row_ends(rows, HALF, 8)
    assert set(row_ends(rows, None, 7)) == {None}


def test_rows_that_spell_a_label_end_behind_it_and_say_nothing_of_vad():
    space = LabelSpace("two", ("joy", "self_doubt"))
    rows = verbaliser_rows(space)
    assert len(rows) == len(TEMPLATES) * 2
    assert len({one.id for one in rows}) == len(rows)
    assert set(row_ends(rows, None, 7)) == {"labels"}
    assert {one.answer.labels for one in rows} == {("joy",), ("self_doubt",)}
    for one in rows:
        assert one.answer.vad is None
        assert one.source == VERBALISER
        assert one.answer.labels[0].replace("_", " ") in one.text


def test_whole_answers_are_proved_and_only_what_is_trained_is_counted(prompter):
    rows = [*train_rows(), *verbaliser_rows(SPACE)]
    filling = {one.id: "joy" for one in rows if one.answer.labels is None}
    examples = Examples(prompter, rows, filling, VAD(0.5, 0.5, 0.5))
    ends = row_ends(rows, CutShares(0.0, 0.5), 7)
    shown = CutExamples(examples, ends)
    proof = prove_targets(prompter, rows, examples, ends)
    assert proof.examples == len(shown) == len(rows)
    assert proof.trained_tokens == sum(sum(one.trained) for one in shown)
    assert proof.cut == sum(end is not None for end in ends) > len(TEMPLATES) * len(SPACE.labels)
    assert proof.trained_tokens + proof.masked_tokens == sum(len(e.trained) for e in examples)


def test_a_row_without_labels_trains_no_token_of_theirs(prompter):
    """Else every rated row would teach: one label, then close the list."""
    bare = row(9, "a text", None, VAD(0.5, 0.5, 0.5))
    made = make_example(prompter, bare, label="joy", vad=VAD(0, 0, 0))
    assert made.trained_in("labels") == 0
    assert made.trained_in("digits") > 0
    whole = make_example(prompter, row(8, "a text", ("joy",), None), label="", vad=VAD(0, 0, 0))
    assert whole.trained_in("labels") > 0
    assert whole.trained_in("digits") == 0
