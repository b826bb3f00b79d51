import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.auditing.comparing import (
    count_numbers,
    csv_differences,
    differences,
    text_differences,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(JSON)
def test_nothing_differs_from_itself(value):
    assert list(differences(value, value)) == []


@given(JSON, JSON)
def test_it_never_raises_and_says_something_of_what_is_unequal(one, other):
    said = list(differences(one, other))
    if one == other and repr(one) == repr(other):
        assert said == []
    if type(one) is not type(other) and not {type(one), type(other)} <= {int, float}:
        assert said


@pytest.mark.parametrize(
    ("stated", "computed", "said"),
    [
        ({"a": 1}, {"a": 2}, "a: stated 1, computed 2"),
        ({"a": {"b": [1, 5]}}, {"a": {"b": [1, 2]}}, "a.b[1]: stated 5, computed 2"),
        ({"a": [{"name": "x", "n": 1}]}, {"a": [{"name": "x", "n": 2}]}, "a[x].n: stated 1, "),
        ({"a": [{"label": "joy", "n": 1}]}, {"a": [{"label": "joy", "n": 2}]}, "a[joy].n: "),
        ({}, {"a": 1}, "a: stated nothing, computed 1"),
        ({"a": 1}, {}, "a: stated 1, computed nothing"),
        ({"a": [1]}, {"a": []}, "a[0]: stated 1, computed nothing"),
        ({"a": "1"}, {"a": 1}, "a: stated '1', computed 1"),
        ({"a": True}, {"a": 1}, "a: stated True, computed 1"),
        ({"a": None}, {"a": 0.5}, "a: stated None, computed 0.5"),
        ({"a": math.nan}, {"a": 0.5}, "a: stated nan, computed 0.5"),
        ({"a": 10**400}, {"a": 0.5}, "a: stated 1000"),
        ({"a": 0.500001}, {"a": 0.5}, "a: stated 0.500001, computed 0.5"),
        ([], {}, ": stated [], computed {}"),
        ({"a": "nothing"}, {}, "a: stated 'nothing', computed nothing"),
    ],
)
def test_a_difference_is_named_by_its_path(stated, computed, said):
    (found,) = differences(stated, computed)
    assert found.startswith(said)


def test_last_bits_do_not_count_and_an_integer_may_stand_for_its_float():
    assert list(differences({"a": 0.1 + 0.2, "b": 1}, {"a": 0.3, "b": 1.0})) == []


TABLE = "rank,name,score\n1,x,0.5\n2,y,0.25\n"


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (TABLE.replace("0.25", "0.75"), ["y, score: stated '0.75', computed '0.25'"]),
        (TABLE.replace("2,y", "1,z"), ["y, rank: stated '1', computed '2'", "y, name: stated 'z'"]),
        (TABLE + "3,w,0\n", ["line 4, rank: stated '3', computed nothing"]),
        (TABLE.replace("0.5", '"0.5"'), ["the cells are the same, written in another way"]),
        ("", ["line 1, rank: stated nothing, computed 'rank'"]),
    ],
)
def test_a_cell_is_named_by_entry_and_column(stated, said):
    found = list(csv_differences(stated, TABLE))
    assert [one for one in said if not any(line.startswith(one) for line in found)] == []
    assert list(csv_differences(TABLE, TABLE)) == []


def test_a_line_is_named_by_its_number_and_its_first_other_word():
    assert list(text_differences("a\nb 1 c\n", "a\nb 2 d\n")) == [
        "line 2: stated '1', computed '2'"
    ]
    assert list(text_differences("a", "a\nb")) == ["line 2: stated nothing, computed 'b'"]


def test_numbers_are_counted():
    assert count_numbers({"a": [1, 2.5, None, "3", True], "b": {"c": 4}}) == 3
