"""Rows whose text stands there with other labels too are counted by the text, not by its group."""

from emoloom.corpora.lines import text_group
from emoloom.records import Answer, Row
from emoloom.row_sets.spool import Conflicts


def conflicts(*rows: tuple[str, str, str]) -> int:
    """Of (text, label, group)."""
    found = Conflicts()
    for text, label, group in rows:
        found.add(Row("a", text, Answer((label,), None, ""), "s", "train", None, group))
    return found.count()


def test_a_files_own_group_is_no_text():
    assert conflicts(("one", "joy", "text:mine"), ("two", "fear", "text:mine")) == 0
    assert conflicts(("one", "joy", "text:mine"), ("One!", "fear", "talk/7")) == 2


def test_a_texts_group_stands_for_the_text():
    assert conflicts(("one", "joy", text_group("one")), ("one", "fear", "talk/7")) == 2
