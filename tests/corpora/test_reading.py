"""Records counted and remembered without keeping them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.corpora.lines import normalise_text, text_group
from emoloom.corpora.reading import Item, Seen, collect, hash64
from emoloom.corpora.rows import row_line, row_of_line
from emoloom.records import VAD, Answer, Rejected, Row
from emoloom.runs.directory import dumps


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), max_size=400))
def test_seen_is_a_set(texts):
    seen, known = Seen(), set()
    for text in texts:
        assert (text in seen) == (text in known)
        assert seen.add(text) == (text not in known)
        known.add(text)
    assert len(seen) == len(known)
    assert all(text in seen for text in known)
    assert "\ud800 not there" not in seen


def test_seen_grows_and_forgets_nothing():
    seen = Seen()
    assert all(seen.add(f"row {n}") for n in range(20_000))
    assert not any(seen.add(f"row {n}") for n in range(20_000))
    assert len(seen) == 20_000


def test_the_hash_is_blake2b_of_the_text():
    # hashlib.blake2b(b"", digest_size=8): e4a6a0577479b2b4, read from its lowest byte
    assert hash64("") == int.from_bytes(bytes.fromhex("e4a6a0577479b2b4"), "little")
    assert hash64("\ud800") != hash64("?")


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_texts_are_normalised_as_all_others(text):
    words = normalise_text(f"{text} é").split()
    assert words == [*(normalise_text(text).split() if any_word(text) else []), "é"]


@pytest.mark.parametrize("mark", "’‘‛′ʻʼ´`＇")
def test_every_form_of_an_apostrophe_makes_one_text(mark):
    assert normalise_text(f"I don{mark}t, 😂") == normalise_text("I don't, 😂") == "i don t"
    assert text_group(f"don{mark}t") == text_group("don't")


def any_word(text: str) -> bool:
    return any(char.isalnum() or char == "_" for char in text)


def row(split: str) -> Row:
    return Row("s/1", "a\n“b”", Answer(("joy",), VAD(0.1, 1.0, 0.0), "x"), "s", split, "human", "g")


def test_collecting_counts_every_item_once():
    bad = Rejected("s", 2, "why", "text")
    items = [
        Item("train", row("train")),
        Item("train", bad),
        Item(None, bad),
        Item("dev", bad),
        Item("dev", row("dev")),
        Item("train", None),
    ]
    read = collect(items, "train")
    assert (len(read.rows), len(read.rejected), read.other_split, read.continued) == (1, 2, 2, 1)
    whole = collect(items)
    assert (len(whole.rows), len(whole.rejected), whole.other_split) == (2, 3, 0)


def test_a_row_comes_back_from_its_line():
    for given_row in (row("dev"), Row("a", "t", Answer(None, None, ""), "s", "dev", None, "g")):
        assert row_of_line(row_line(given_row)) == given_row
        assert row_line(given_row).count(b"\n") == 1


@given(
    st.text(max_size=20),
    st.none() | st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3),
    st.none() | st.tuples(*[st.floats(0, 1)] * 3),
    st.text(max_size=6),
)
def test_the_line_is_what_json_writes(text, labels, ratings, word):
    vad = None if ratings is None else VAD(*ratings)
    answer = Answer(None if labels is None else tuple(labels), vad, word)
    one = Row(f"s/{word}", text, answer, "s", "dev", None if vad is None else "weak", word)
    assert row_line(one) == f"{dumps(one.to_dict())}\n".encode()
    assert row_of_line(row_line(one)) == one
