"""Words of a text as the lexicon knows them: tokens, lemmas, negators."""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple, cast

from emoloom.corpora.lines import read_lines, straight_apostrophes

LEXICON_DATA = Path(__file__).resolve().parents[1] / "data" / "lexicon"
"""Where the shipped lexicon and the word lists beside it are."""

_PLACEHOLDER = re.compile(r"\[[A-Z]+\]")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# Lower case, and blanks for all that is in no word: for texts without an apostrophe.
_ASCII_WORDS = bytes(ord(chr(k).lower()) if _WORD.match(chr(k)) else 32 for k in range(128)) * 2
# A verb reading first: it is the commonest source of inflected forms.
_READINGS = ("VERB", "NOUN", "ADJ", "ADV")


def tokenise(text: str) -> tuple[str, ...]:
    """Words of a text, case-folded, in order (ours).

    A word is a run of Unicode letters and digits; apostrophes inside it stay (`don't`), all forms
    of them made straight. Hyphens and all else part words. Placeholders in capitals such as
    `[NAME]` (GoEmotions) are not words. Letters are compared whatever their case and composition
    (Unicode's canonical caseless matching).
    """
    if text.isascii():  # composed already; most texts are
        plain = _PLACEHOLDER.sub(" ", text) if "[" in text else text
        if "'" in plain or "`" in plain:
            return tuple(_WORD.findall(straight_apostrophes(plain).lower()))
        return tuple(plain.encode("ascii").translate(_ASCII_WORDS).decode("ascii").split())
    plain = _PLACEHOLDER.sub(" ", unicodedata.normalize("NFC", text))
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", plain).casefold())
    return tuple(_WORD.findall(straight_apostrophes(folded)))


class WordSpan(NamedTuple):
    """A word where it stands in a text."""

    start: int
    """Index of its first character."""
    end: int
    """Index behind its last character."""
    word: str
    """Case-folded, with straight apostrophes, as in `tokenise`."""


def word_spans(text: str) -> tuple[WordSpan, ...]:
    """The words of a text with their places in it, for those who edit the text itself.

    As `tokenise`, but without composing the text first: a decomposed accent ends a word.
    """
    blanked = _PLACEHOLDER.sub(lambda found: " " * len(found.group()), text)
    plain = straight_apostrophes(blanked)
    return tuple(
        WordSpan(found.start(), found.end(), found.group().casefold())
        for found in _WORD.finditer(plain)
    )


@lru_cache(maxsize=65536)
def lemmas(word: str) -> tuple[str, ...]:
    """Dictionary forms that an inflected token may have, the likeliest first (LemmInflect 0.2).

    Without context the verb's reading comes first, then noun, adjective, adverb; a form of an
    auxiliary has that reading alone. A possessive `'s` is taken off first and counts as a form.
    Unknown words have none: rules for them would turn names into words.
    """
    stem = word.removesuffix("'s")
    found = dict.fromkeys(() if stem == word else (stem,))
    readings = _lemmatiser()(stem)
    for reading in ("AUX",) if "AUX" in readings else _READINGS:
        found.update(dict.fromkeys(readings.get(reading, ())))
    found.pop(word, None)
    return tuple(found)


@cache
def _lemmatiser() -> Callable[[str], dict[str, tuple[str, ...]]]:
    # Late: its word list takes a quarter of a second to load.
    from lemminflect import getAllLemmas

    return cast(Callable[[str], dict[str, tuple[str, ...]]], getAllLemmas)


@cache
def negators() -> frozenset[str]:
    """Tokens that mirror the valence of what follows; the list ships as `negators.txt` (ours)."""
    lines = (line.strip() for _, line in read_lines(LEXICON_DATA / "negators.txt"))
    return frozenset(line for line in lines if line and not line.startswith("#"))
