"""Terms of several words and of all alphabets: the same term is found however it is written."""

import unicodedata
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.supervision import matching
from emoloom.supervision.lexicon import Lexicon, load_lexicon
from emoloom.supervision.matching import match_terms
from emoloom.supervision.tokens import tokenise
from emoloom.supervision.weak_vad import WeakReader, weak_vad

SENTENCES = [
    "I never make fun of a good friend",
    "She laughed, and nobody cried!",
    "not at all happy about Monday's meetings",
    "zzz",
    "",
]
HEADER = "term\tvalence\tarousal\tdominance\n"


def lexicon_of(folder: Path, *terms: str) -> Lexicon:
    """A lexicon whose term number n has valence n / 10."""
    path = folder / "terms.tsv"
    lines = [f"{term}\t{number / 10}\t0.5\t0.5" for number, term in enumerate(terms, start=1)]
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return load_lexicon(path)


def found(text: str, lexicon: Lexicon) -> list[tuple[int, int, float]]:
    """(first token, tokens, valence) of each match."""
    return [(m.start, m.length, m.vad.v) for m in match_terms(tokenise(text), lexicon)]


def test_the_longest_term_wins_and_terms_do_not_overlap(tmp_path):
    lexicon = lexicon_of(tmp_path, "a", "a b", "a b c", "b c d", "c d")
    assert lexicon.max_words == 3
    assert found("a b c d", lexicon) == [(0, 3, 0.3)]
    assert found("x b c d", lexicon) == [(1, 3, 0.4)]
    assert found("a b x c d a", lexicon) == [(0, 2, 0.2), (3, 2, 0.5), (5, 1, 0.1)]
    assert found("A, B - c!", lexicon) == [(0, 3, 0.3)], "signs between the words do not part them"
    assert weak_vad("a b c d", lexicon).hits == 3


def test_a_term_of_several_words_is_matched_as_listed(tmp_path):
    lexicon = lexicon_of(tmp_path, "make fun of", "not bad", "fun")
    assert found("they make fun of him", lexicon) == [(1, 3, 0.1)]
    assert found("they made fun of him", lexicon) == [(2, 1, 0.3)], "no lemmas inside a phrase"
    # A negator inside a term is part of it and mirrors nothing.
    (match,) = match_terms(tokenise("not bad"), lexicon)
    assert (match.length, match.negated) == (2, False)
    (match,) = match_terms(tokenise("never make fun of"), lexicon)
    assert match.negated


@pytest.mark.parametrize(
    ("term", "texts"),
    [
        ("Alarm-Clock", ["alarm clock", "ALARM CLOCK", "alarm-clock"]),
        ("o\u2019clock", ["o'clock", "O\u2019CLOCK", "o\u02bcclock"]),
        ("na\u00efve", ["nai\u0308ve", "NA\u00cfVE"]),
        ("stra\u00dfe", ["STRASSE", "strasse"]),
        (
            "\u03c7\u03b1\u03c1\u03ac",
            ["\u03a7\u03b1\u03c1\u03ac", "\u03a7\u0391\u03a1\u03b1\u0301"],
        ),
        (
            "\u0440\u0430\u0434\u043e\u0441\u0442\u044c",
            ["\u0420\u0410\u0414\u041e\u0421\u0422\u042c"],
        ),
        ("\u559c\u3073", ["\u559c\u3073"]),
        ("joie  de\u00a0vivre", ["joie de vivre", "Joie-de-Vivre"]),
    ],
)
def test_a_term_is_found_however_it_is_written(tmp_path, term, texts):
    lexicon = lexicon_of(tmp_path, term)
    assert lexicon.rejected == ()
    for text in texts:
        assert [v for _, _, v in found(f"so {text}!", lexicon)] == [0.1], text


def test_a_term_in_another_composition_is_the_same_term_twice(tmp_path):
    path = tmp_path / "terms.tsv"
    text = HEADER + "".join(f"w{n}\t0.5\t0.5\t0.5\n" for n in range(300))
    text += "caf\u00e9\t0.2\t0.5\t0.5\ncafe\u0301\t0.4\t0.5\t0.5\n"
    path.write_text(text, encoding="utf-8")
    again = load_lexicon(path)
    (bad,) = again.rejected
    assert "twice" in bad.reason


@given(st.text(max_size=30))
def test_composition_and_capitals_do_not_matter(text):
    for form in ("NFC", "NFD"):
        assert tokenise(unicodedata.normalize(form, text)) == tokenise(text)


@given(st.text(max_size=30))
def test_a_term_as_tokenised_is_tokenised_the_same(text):
    once = tokenise(text)
    assert tokenise(" ".join(once)) == once


@given(st.lists(st.sampled_from(SENTENCES), max_size=12), st.integers(1, 5))
def test_a_reader_says_of_each_text_what_a_fresh_one_says(texts, most):
    with mock.patch.object(matching, "_MOST_WORDS", most):
        reader = WeakReader(load_lexicon())
        for text in texts:
            assert reader.read(text) == weak_vad(text, load_lexicon())
        assert len(reader._matcher._words) <= most
