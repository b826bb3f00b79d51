"""Draws, overlaps and counts of rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import text_group
from emoloom.corpora.splits import conflicting_duplicates, draw, positives, remove_overlap
from emoloom.errors import UserError
from emoloom.records import Answer, Row

SPACE = load_space("ekman7")


def row(
    key: str, text: str = "", labels: tuple[str, ...] | None = ("joy",), group: str = ""
) -> Row:
    return Row(key, text, Answer(labels, None, ""), "s", "train", None, group or text_group(text))


MANY = tuple(row(str(i), f"text {i}") for i in range(200))


@given(st.integers(0, 200), st.integers(0, 2**32))
def test_a_draw_has_no_row_twice_and_repeats_itself(n, seed):
    drawn = draw(MANY, n, np.random.default_rng(seed))
    assert len({r.id for r in drawn}) == len(drawn) == n
    assert drawn == draw(MANY, n, np.random.default_rng(seed))
    # A smaller draw is the beginning of a larger one.
    assert drawn == draw(MANY, 200, np.random.default_rng(seed))[:n]


def test_every_row_has_the_same_chance():
    rng = np.random.default_rng(0)
    counts = Counter(r.id for _ in range(2000) for r in draw(MANY[:10], 3, rng))
    # Each is drawn 600 times on average, standard deviation 20.5.
    assert all(500 < counts[r.id] < 700 for r in MANY[:10])


@pytest.mark.parametrize("n", [-1, 201])
def test_too_many_rows_say_how_many_there_are(n):
    with pytest.raises(UserError, match=f"got: {n}; allowed: 0 to 200"):
        draw(MANY, n, np.random.default_rng(0))


def test_overlaps_leave_train_and_never_the_other_sets():
    train = (
        row("same words", "Thank YOU!"),
        row("same group", "something else", group="conversation 1"),
        row("own", "own text"),
        row("empty", "", group="id:empty"),
    )
    dev = (row("d", "thank you"), row("e", "", group="id:e"))
    test = (row("t", "hello", group="conversation 1"),)
    kept, removed = remove_overlap(train, dev, test)
    assert [r.id for r in kept] == ["own", "empty"]
    assert [r.id for r in removed] == ["same words", "same group"]
    assert remove_overlap(train) == (train, ())


def test_conflicting_duplicates_are_rows_whose_text_has_other_labels_too():
    rows = (
        row("1", "Thanks!", ("joy",)),
        row("2", "thanks", ("neutral",)),
        row("3", "THANKS", ("joy",)),
        row("4", "same", ("joy", "surprise")),
        row("5", "same", ("joy", "surprise")),
        row("6", "thanks", None),
        row("7", "", ("joy",)),
        row("8", "", ("anger",)),
    )
    assert conflicting_duplicates(rows) == 3


def test_positives_count_every_label_of_the_space_in_its_order():
    counts = positives((row("1", labels=("joy", "fear")), row("2"), row("3", labels=None)), SPACE)
    assert list(counts) == list(SPACE.labels)
    assert counts["joy"] == 2
    assert counts["fear"] == 1
    assert sum(counts.values()) == 3
