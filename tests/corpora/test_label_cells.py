"""What a cell of labels holds: names, a list as a value, or a list printed by a program."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.corpora.label_cells import MAX_CELL_CHARS, Cell, cell_labels
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.corpora.lines import BadLineError

NAMES = [name for space in known_spaces() for name in load_space(space).labels]


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ("joy", ["joy"]),
        (" joy ; love;", ["joy", "love"]),
        ("(joy)", ["(joy)"]),
        ('["joy"]', ["joy"]),
        ("['joy', 'love']", ["joy", "love"]),
        ("['joy' 'love']", ["joy", "love"]),
        ("['joy'\n 'love']", ["joy", "love"]),
        ("""["don't", 'joy']""", ["don't", "joy"]),
        ('["caf\\u00e9"]', ["café"]),
        ("('joy',)", ["joy"]),
        ("{'joy', 'love'}", ["joy", "love"]),
        ("[joy, love]", ["joy", "love"]),
        ("[joy]", ["joy"]),
        ("[np.str_('joy'), np.str_('love')]", ["joy", "love"]),
        ("array(['joy', 'love'], dtype=object)", ["joy", "love"]),
        ("array([], dtype='<U3')", []),
        (["joy", " love "], ["joy", "love"]),
        ("[]", []),
        ("[ ]", []),
        ("set()", []),
        ([], []),
    ],
)
def test_names(value, labels):
    assert cell_labels(value, ";") == Cell(labels)


@pytest.mark.parametrize("value", [None, "", "  ", ";", '[""]', [""]])
def test_an_empty_cell_is_not_annotated(value):
    assert cell_labels(value, ";") is None


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ("[9, 25]", ["9", "25"]),
        ("[0 2]", ["0", "2"]),
        ("[ 0\n 12]", ["0", "12"]),
        ("[27]", ["27"]),
        ("[1. 0.]", ["1.0", "0.0"]),
        ("[np.int64(9), np.int64(25)]", ["9", "25"]),
        ([3, 4], ["3", "4"]),
        (f"[{'9' * 5000}]", ["inf"]),
    ],
)
def test_numbers_of_a_list_are_ids(value, numbers):
    assert cell_labels(value, ",") == Cell(numbers, ids=True)


@pytest.mark.parametrize(
    "value",
    [
        "[0",
        "27]",
        "joy|['love']",
        "{'joy': 1}",
        "[joy love]",
        "[[1]]",
        "[true]",
        "[0 1 ... 5]",
        "['joy",
        "['a\\'b']",
        "[,]",
        "[" * 5000,
        "x" * (MAX_CELL_CHARS + 1),
        3,
        True,
        {"joy": 1},
        [["joy"]],
        [True],
        ["joy", 3],
    ],
)
def test_what_is_neither_names_nor_a_list_is_refused(value):
    with pytest.raises(BadLineError, match=r"labels .*; allowed: "):
        cell_labels(value, ",")


@given(st.lists(st.sampled_from(NAMES), max_size=30))
def test_lists_as_programs_print_them(names):
    whole = Cell(names)
    array = np.array(names, dtype=object)
    assert cell_labels(json.dumps(names), ",") == cell_labels(str(names), ",") == whole
    for printed in (str(array), repr(array), str([np.str_(name) for name in names])):
        assert cell_labels(printed, ",") == whole, printed


@given(st.lists(st.integers(0, 27), min_size=1, max_size=30))
def test_ids_as_programs_print_them(ids):
    whole = Cell([str(number) for number in ids], ids=True)
    array = np.array(ids)
    for printed in (str(ids), str(array), repr(array), str(list(array))):
        assert cell_labels(printed, ",") == whole, printed


@given(st.text("ab,[](){}'\"\\ 09.\n", max_size=30))
def test_no_label_ever_has_a_bracket(text):
    try:
        cell = cell_labels(text, ",")
    except BadLineError:
        return
    names = cell.labels if cell else []
    assert not any(set("[]{}") & set(name) for name in names), names
