"""Tokens, lemmas and negators."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.supervision.tokens import lemmas, negators, tokenise


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't STOP", ("don't", "stop")),
        ("don\u2019t \u2018stop\u2019", ("don't", "stop")),
        *((f"don{mark}t", ("don't",)) for mark in "’‘‛′ʻʼ´`＇"),
        ("`code` isn´t, don`t", ("code", "isn't", "don't")),
        ("'tis 'quoted' rock'n'roll", ("tis", "quoted", "rock'n'roll")),
        ("[NAME] met [RELIGION], not [name]", ("met", "not", "name")),
        ("well-being, x_y; 3rd", ("well", "being", "x", "y", "3rd")),
        ("caf\u00e9 cafe\u0301 \u00c9T\u00c9", ("café", "café", "été")),
        ('she said "hi"\n\t\u2028 there', ("she", "said", "hi", "there")),
        ("😂 :( ...", ()),
        ("", ()),
    ],
)
def test_tokens(text, tokens):
    assert tokenise(text) == tokens


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_texts_have_the_words_of_all_others(text):
    (*words, last) = tokenise(f"{text} é")
    assert (tuple(words), last) == (tokenise(text), "é")


@given(st.text())
def test_no_token_can_break_a_rationale(text):
    for token in tokenise(text):
        assert token
        assert '"' not in token
        assert len(token.split()) == 1
        assert len(token.splitlines()) == 1


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("loved", "love"),
        ("puppies", "puppy"),
        ("happiest", "happy"),
        ("wives", "wife"),
        ("playing", "play"),
        ("wife's", "wife"),
        ("children's", "children"),
        ("was", "be"),
    ],
)
def test_the_likeliest_lemma_comes_first(word, first):
    assert lemmas(word)[0] == first


def test_an_auxiliary_is_nothing_else():
    assert "doe" not in lemmas("does")


@pytest.mark.parametrize("word", ["metallica", "zzzz", "love", "happy"])
def test_unknown_and_base_forms_have_no_other_lemma(word):
    assert lemmas(word) == ()


def test_negators_are_tokens():
    assert {"not", "never", "can't", "cannot", "without", "dont", "ain't"} <= negators()
    assert all(tokenise(word) == (word,) for word in negators())


def test_importing_loads_no_word_list_and_no_torch():
    code = (
        "import sys, emoloom.supervision.weak_vad;"
        "bad = {'lemminflect', 'torch', 'transformers', 'sklearn', 'scipy'} & set(sys.modules);"
        "assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
