"""Which labels rank, and what stands in where too few have gold rows enough."""

import pytest

from emoloom.ranking.ranked_labels import ranked_labels
from emoloom.records import Answer, LabelSpace, Row

SEVEN = LabelSpace("seven", tuple("abcdefg"))
THREE = LabelSpace("three", tuple("abc"))


def rows_of(**counts):
    """So many gold rows of each label."""
    named = [label for label, count in counts.items() for _ in range(count)]
    return [
        Row(f"{i}", "t", Answer((label,), None, ""), "s", "dev", None, "g")
        for i, label in enumerate(named)
    ]


def found(space=SEVEN, least=20, **counts):
    return ranked_labels(rows_of(**counts), space, least)


def test_labels_with_enough_gold_rows_rank_in_the_order_of_the_space():
    made = found(g=20, b=21, c=99, d=20, a=20, e=19, f=2)
    assert made.labels == ("a", "b", "c", "d", "g")
    assert (made.least_positives, made.stands_in) == (20, "")


def test_fewer_than_five_labels_do_not_rank_alone():
    """One label with 20 gold rows would make the score that label's F1."""
    made = found(a=300, b=19, c=3, d=2)
    assert (made.labels, made.least_positives) == (("a", "b", "c"), 3)
    said = "too few labels have 20 gold rows (1 of 4 in gold), so those with at least 3 stand in"
    assert made.stands_in == said
    assert found(a=20, b=20, c=20, d=20, e=19).labels == ("a", "b", "c", "d", "e")


def test_fewer_than_half_of_the_labels_in_gold_do_not_rank_alone():
    space = LabelSpace("many", tuple("abcdefghijkl"))
    five = dict.fromkeys("abcde", 20)
    enough = found(space, **five, **dict.fromkeys("fghij", 4))
    assert (enough.labels, enough.stands_in) == (tuple("abcde"), ""), "5 of 10"
    few = found(space, **five, **dict.fromkeys("fghij", 4), k=1)
    assert (few.labels, few.least_positives) == (tuple("abcdefghij"), 3), "5 of 11"
    assert few.stands_in.startswith("too few labels have 20 gold rows (5 of 11 in gold)")


def test_where_no_label_has_three_all_in_gold_stand_in():
    made = found(a=2, c=1)
    assert (made.labels, made.least_positives) == (("a", "c"), 1)
    assert made.stands_in == (
        "too few labels have 20 gold rows (0 of 2 in gold), and none has 3 gold rows, so all"
        " stand in"
    )


def test_of_a_space_of_fewer_than_five_all_labels_are_enough():
    assert found(THREE, a=20, b=20, c=20).stands_in == ""
    assert found(THREE, a=20, b=20, c=19).stands_in != ""


@pytest.mark.parametrize("least", [1, 2, 3])
def test_what_the_user_asks_of_a_label_is_never_raised(least):
    made = found(least=least, a=9, b=least)
    assert (made.labels, made.least_positives) == (("a", "b"), least)


def test_without_gold_labels_there_is_no_list():
    made = ranked_labels([], SEVEN, 20)
    assert (made.labels, made.least_positives, made.stands_in) == ((), 0, "")
