"""The antonym table and the rewriter: worked examples and properties."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.corpora.lines import straight_apostrophes
from emoloom.supervision.antonyms import ANTONYM_DATA, load_antonyms, load_idioms
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.matching import match_terms
from emoloom.supervision.rewriting import MAX_WORDS, Rewritten, rewrite
from emoloom.supervision.tokens import tokenise, word_spans

LEXICON = load_lexicon()


def valence(word: str) -> float:
    (match,) = match_terms((word,), LEXICON)
    return match.vad.v


def test_every_pair_of_words_lies_on_both_sides():
    words = [pair for pair in load_antonyms().pairs if pair.pos in ("adj", "verb", "noun")]
    assert len(words) > 220
    for pair in words:
        assert valence(pair.positive) > 0.5 > valence(pair.negative), pair


def test_double_flip_of_the_table_is_the_word_itself():
    table = load_antonyms()
    assert len(table.forms) > 800
    for form, flipped in table.forms.items():
        assert flipped.antonym != form
        assert table.forms[flipped.antonym].antonym == form
    for emoticon, other in table.emoticons.items():
        assert table.emoticons[other] == emoticon
        assert (emoticon in table.pleasant_emoticons) != (other in table.pleasant_emoticons)


def test_the_tables_are_whole():
    for pair in load_antonyms().pairs:
        assert pair.pos in ("adj", "verb", "noun", "phrase", "emoticon"), pair
        assert pair.origin in ("ours", "wordnet"), pair
    idioms = load_idioms()
    assert not idioms.kept & idioms.dropped
    for line in (ANTONYM_DATA / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, file = line.split()
        assert hashlib.sha256((ANTONYM_DATA / file).read_bytes()).hexdigest() == digest, file
    notice = (ANTONYM_DATA / "NOTICE-wordnet").read_text("utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in notice


@pytest.mark.parametrize(
    ("text", "flip"),
    [
        # Inflection and capitals.
        ("I loved it", "I hated it"),
        ("She loves dogs. LOVES.", "She hates dogs. HATES."),
        ("Enjoying this", "Loathing this"),
        ("The best day, a better week", "The worst day, a worse week"),
        ("He is funnier", "He is more annoying"),
        ("He is more annoying", "He is funnier"),
        ("What geniuses", "What idiots"),
        # Articles.
        ("An awful day", "An awesome day"),
        ("a good idea and an honest man", "a bad idea and a dishonest man"),
        ("It was A TRUE HERO, an angel", "It was A TRUE VILLAIN, a monster"),
        ("What a genius", "What an idiot"),
        # A negator is taken out.
        ("I don't like it", "I like it"),
        ("She doesn\u2019t really like it", "She really likes it"),
        ("She doesn`t really like it", "She really likes it"),
        ("He isn´t a good man", "He is a good man"),
        ("I did not enjoy it", "I enjoyed it"),
        ("This isn't a good idea", "This is a good idea"),
        ("I'm not so happy", "I'm so happy"),
        ("Don't trust him", "Trust him"),
        # ... or put in, where there is no antonym.
        ("I agree with you", "I don't agree with you"),
        ("he totally deserves it", "he totally doesn't deserve it"),
        ("we agreed", "we didn't agree"),
        ("This was very humorous", "This was not very humorous"),
        # Forms that count in their place only.
        ("I like it like this", "I dislike it like this"),
        ("you're right, turn right now", "you're wrong, turn right now"),
        ("I mean it is mean", "I mean it is sweet"),
        ("That was fun", "That was painful"),
        # Phrases come before their words; idioms stay.
        ("I am so tired of this", "I am so fond of this"),
        ("My best friend is nice", "My best friend is nasty"),
        ("a no-good, lovely place", "a no-good, vile place"),
        # Emoticons go along, words in capitals in brackets do not.
        ("[LOVE] is great :)", "[LOVE] is terrible :("),
        # Hope becomes fear where something is feared.
        ("I hope you win and it gets better", "I fear you win and it gets worse"),
    ],
)
def test_worked_examples(text, flip):
    rewritten = rewrite(text, LEXICON)
    assert isinstance(rewritten, Rewritten), rewritten
    assert rewritten.text == flip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_polar_word"),
        ("xyzzy plugh", "no_polar_word"),
        ("It looks like rain", "no_polar_word"),
        ("I hope it works", "no_polar_word"),
        ("Good luck, my love", "idiom"),
        ("Thanks, I love it", "idiom"),
        ("I love it /s", "idiom"),
        ("good " * (MAX_WORDS + 1), "too_long"),
    ],
)
def test_what_is_not_rewritten(text, reason):
    assert rewrite(text, LEXICON) == reason


VOCABULARY = """i you it is isn't not don't didn't love hated like good worse best a an so very
friend happy [NAME] AWFUL Great really fear hope agree deserves :) no-good \u2019 . , ?"""
texts = st.lists(st.sampled_from(VOCABULARY.split()), max_size=14).map(" ".join) | st.text(
    max_size=80
)


@settings(deadline=None)
@given(texts)
def test_rewriting_is_deterministic_and_changes_only_what_it_says(text):
    rewritten = rewrite(text, LEXICON)
    assert rewrite(text, LEXICON) == rewritten
    if isinstance(rewritten, Rewritten):
        assert rewritten.text != text
        assert rewritten.flipped
        assert set(" ".join(rewritten.flipped).split()) <= {span.word for span in word_spans(text)}
        # Placeholders, line breaks and all that is no word stay.
        assert rewritten.text.count("[NAME]") == text.count("[NAME]")
        assert rewritten.text.count("\n") == text.count("\n")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_spans_are_where_their_words_are(text):
    spans = word_spans(text)
    assert list(spans) == sorted(spans)
    for span in spans:
        assert straight_apostrophes(text[span.start : span.end]).casefold() == span.word
    if text.isascii():
        assert tuple(span.word for span in spans) == tokenise(text)
