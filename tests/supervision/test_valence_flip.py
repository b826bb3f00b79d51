"""Valence Flip of rows: the gate, the labels, the marks, the counts."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.contract.parse import parse_output
from emoloom.contract.schema import write_answer
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.errors import UserError
from emoloom.records import VAD, Answer, Prediction, Row
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.mirror_pairs import load_mirror_pairs
from emoloom.supervision.valence_flip import (
    Dropped,
    DropReason,
    FlippedText,
    flip_row,
    flip_rows,
    flip_text,
)
from emoloom.supervision.weak_vad import weak_vad

SPACE = load_space("goemotions28")
LEXICON = load_lexicon()
MIRRORS = load_mirror_pairs(SPACE)


def row(text="I love this puppy", labels=("love",), split="train", vad=None) -> Row:
    answer = Answer(labels, vad, "cues: love")
    return Row("corpus/7", text, answer, "corpus", split, "human" if vad else None, "text:abc")


def test_a_row_is_turned_over_and_marked():
    original = row("I love this puppy :)", ("joy", "love"), vad=VAD(0.9, 0.6, 0.5))
    flip = flip_row(original, MIRRORS, LEXICON)
    assert isinstance(flip, Row)
    assert flip.text == "I hate this puppy :("
    assert flip.answer.labels == ("anger", "sadness")
    assert (flip.id, flip.source, flip.split) == ("corpus/7+flip", "corpus+flip", "train")
    assert (flip.vad_source, flip.group) == ("weak", "text:abc")
    # The VAD is the formula's of the new text; the human rating was of another.
    weak = weak_vad(flip.text, LEXICON)
    assert flip.answer.vad.as_tuple() == pytest.approx(weak.vad.as_tuple(), abs=5e-5)
    assert flip.answer.rationale == "cues: puppy, hate"
    assert original == row("I love this puppy :)", ("joy", "love"), vad=VAD(0.9, 0.6, 0.5))


def test_the_scale_maps_the_vad_and_not_the_gate():
    plain = flip_row(row(), MIRRORS, LEXICON)
    # A map that puts every valence above 0.5.
    high = AffineMap((0.1, 1.0, 1.0), (0.8, 0.0, 0.0))
    scaled = flip_row(row(), MIRRORS, LEXICON, high)
    assert scaled.text == plain.text
    assert scaled.answer.vad.v == pytest.approx(0.8 + 0.1 * plain.answer.vad.v, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "labels", "reason"),
    [
        ("I love this puppy", None, "no_labels"),
        ("I love this puppy", ("neutral",), "no_mirror"),
        ("I love this puppy", ("love", "neutral"), "no_mirror"),
        ("I love this puppy", ("love", "gratitude"), "no_mirror"),
        ("I love and hate it", ("love", "anger"), "both_sides"),
        ("I love it. " * 40, ("love",), "too_long"),
        ("Thanks, I love it", ("love",), "idiom"),
        ("The cat sat", ("love",), "no_polar_word"),
        # Beside two dead and one that weeps, a good thing stays on the same side.
        ("The good man murdered a dying child in war", ("anger",), "gate"),
        ("I love my sad cancer story, it is great, amazing", ("anger",), "mixed"),
        ("Great, just great", ("anger",), "against_labels"),
        # A smile that does not belong to the words.
        ("I would love to come :(", ("love",), "mixed"),
    ],
)
def test_why_a_row_is_dropped(text, labels, reason):
    assert flip_row(row(text, labels), MIRRORS, LEXICON) == Dropped(reason)


def test_every_reason_has_a_count_and_in_is_out_and_dropped():
    rows = [row(), row("The cat sat"), row(labels=("neutral",)), row("I hate it", ("anger",))]
    flipped = flip_rows(rows, MIRRORS, LEXICON)
    assert [flip.text for flip in flipped.rows] == ["I hate this puppy", "I love it"]
    assert list(flipped.dropped) == list(get_args(DropReason))
    assert {reason: n for reason, n in flipped.dropped.items() if n} == {
        "no_mirror": 1,
        "no_polar_word": 1,
    }
    assert flipped.rows_in == 4
    assert flip_rows([], MIRRORS, LEXICON).rows_in == 0


@pytest.mark.parametrize("split", ["dev", "test"])
def test_only_training_rows_are_flipped(split):
    with pytest.raises(UserError, match=f"'corpus/7' may not be flipped; got: split {split}"):
        flip_row(row(split=split), MIRRORS, LEXICON)
    # Also a row that would be dropped anyway.
    with pytest.raises(UserError, match="flip training rows only"):
        flip_rows([row(), row(split=split, labels=("neutral",))], MIRRORS, LEXICON)


def test_a_flip_is_not_flipped_again():
    flip = flip_row(row(), MIRRORS, LEXICON)
    with pytest.raises(UserError, match="a flip already; got: source corpus\\+flip"):
        flip_row(flip, MIRRORS, LEXICON)


VOCABULARY = """i you it is isn't not don't love hate like good bad worse best a an so very puppy
[NAME] AWFUL great fear hope agree happy :) ."""
words = st.lists(st.sampled_from(VOCABULARY.split()), max_size=12).map(" ".join)
labels = st.lists(st.sampled_from(SPACE.labels), min_size=1, max_size=3, unique=True)


@settings(deadline=None)
@given(words | st.text(max_size=60))
def test_the_gate_holds(text):
    flipped = flip_text(text, LEXICON)
    assert flip_text(text, LEXICON) == flipped
    if isinstance(flipped, FlippedText):
        before, after = weak_vad(text, LEXICON).vad, weak_vad(flipped.text, LEXICON).vad
        assert flipped.vad == after
        assert (before.v - 0.5) * (after.v - 0.5) < 0
    else:
        assert flipped.reason in get_args(DropReason)


@settings(deadline=None)
@given(words, labels)
def test_a_flipped_row_keeps_its_group_and_its_answer_keeps_the_contract(text, chosen):
    ordered = tuple(label for label in SPACE.labels if label in chosen)
    original = row(text, ordered)
    flip = flip_row(original, MIRRORS, LEXICON)
    if isinstance(flip, Dropped):
        return
    same = {"id": original.id, "text": text, "answer": original.answer}
    marks = {"source": original.source, "vad_source": None}
    assert replace(flip, **same, **marks) == original
    assert MIRRORS.of(flip.answer.labels) == ordered
    answer = write_answer(Prediction(flip.answer.labels, flip.answer.vad, flip.answer.rationale))
    assert isinstance(parse_output(answer, SPACE), Prediction)


def test_the_shipped_train_rows_flip_in_both_directions():
    rows = read_corpus("goemotions-sample", "train").rows
    flipped = flip_rows(rows, MIRRORS, LEXICON)
    # Measured once: 224 of 2,000.
    assert 200 < len(flipped.rows) < 260
    assert len({flip.id for flip in flipped.rows}) == len(flipped.rows)
    mirrored = [label for flip in flipped.rows for label in flip.answer.labels]
    assert {"anger", "disgust", "love", "admiration", "joy", "sadness"} <= set(mirrored)
