"""The antonym table: polar words, phrases and emoticons in pairs, in every inflected form.

The table ships (`data/antonyms/`). It is ours; pairs that WordNet 3.0 lists are marked so. Every
pair of words lies on both sides of 0.5 in the shipped lexicon's valence, else no gate could see it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from emoloom.corpora.lines import read_lines

ANTONYM_DATA = Path(__file__).resolve().parents[1] / "data" / "antonyms"
"""Where the table and the idioms are."""

_TAGS: Mapping[str, tuple[str, ...]] = {
    "adj": ("JJ", "JJR", "JJS"),
    "verb": ("VB", "VBP", "VBZ", "VBD", "VBN", "VBG"),
    "noun": ("NN", "NNS"),
}
_READING = {"adj": "ADJ", "verb": "VERB", "noun": "NOUN"}


class AntonymPair(NamedTuple):
    """One line of the table."""

    positive: str
    """The pleasant word, in its dictionary form."""
    negative: str
    """The unpleasant word."""
    pos: str
    """`adj`, `verb`, `noun`; `phrase` or `emoticon`: as it stands."""
    after: str
    """Where the dictionary form counts: `any`, or right behind a word of this `word_class`."""
    origin: str
    """`wordnet` where WordNet 3.0 lists the pair, else `ours`."""


class Form(NamedTuple):
    """What a form is replaced by."""

    antonym: str
    """In the same inflection, lower case; one to four words."""
    after: str
    """As `AntonymPair.after`; an inflected form counts anywhere."""


@dataclass(frozen=True, slots=True)
class Antonyms:
    """The table, ready for use."""

    pairs: tuple[AntonymPair, ...]
    """As listed."""
    forms: Mapping[str, Form]
    """Words or phrases in lower case -> their antonyms. Symmetric: a form's antonym maps back."""
    emoticons: Mapping[str, str]
    """Symmetric as well."""
    pleasant_emoticons: frozenset[str]
    """Those of them that stand for something pleasant."""
    max_words: int
    """Words of the longest form."""


class Idioms(NamedTuple):
    """Phrases whose words do not mean what they say, each a tuple of words in lower case."""

    kept: frozenset[tuple[str, ...]]
    """Left as they are (`right now`)."""
    dropped: frozenset[tuple[str, ...]]
    """A text with one of these is not flipped: it would not follow (`good luck`, `thanks`)."""


@cache
def load_antonyms() -> Antonyms:
    """The table that ships, inflected by LemmInflect 0.2.

    Where a form would have two antonyms (`spread`, say, is present and past), the first counts: the
    dictionary form comes before the others, a line before those below it.
    """
    pairs = tuple(AntonymPair(*line) for line in _table("antonyms.tsv"))
    forms: dict[str, Form] = {}
    for pair in pairs:
        if pair.pos == "emoticon":
            continue
        for one, other in _inflected(pair):
            # Both ways or neither, so that the map stays symmetric.
            if one not in forms and other not in forms:
                forms[one] = Form(other, _after(one, pair))
                forms[other] = Form(one, _after(other, pair))
    emoticons = {pair.positive: pair.negative for pair in pairs if pair.pos == "emoticon"}
    return Antonyms(
        pairs=pairs,
        forms=forms,
        emoticons=emoticons | {negative: positive for positive, negative in emoticons.items()},
        pleasant_emoticons=frozenset(emoticons),
        max_words=max(form.count(" ") + 1 for form in forms),
    )


@cache
def load_idioms() -> Idioms:
    """The idioms that ship (ours)."""
    found: dict[str, set[tuple[str, ...]]] = {"keep": set(), "drop": set()}
    for phrase, what in _table("idioms.tsv"):
        found[what].add(tuple(phrase.split(" ")))
    return Idioms(frozenset(found["keep"]), frozenset(found["drop"]))


@cache
def word_class(name: str) -> frozenset[str]:
    """Words of one class of `word_classes.tsv` (ours), in lower case.

    The classes named in a table's `after` are what may stand right before a form; there `^` is
    the beginning of a sentence.
    """
    return {key: frozenset(words.split(" ")) for key, words in _table("word_classes.tsv")}[name]


def verb_form(word: str, tag: str) -> str:
    """A verb in the form of a Penn tag, e.g. `like`, `VBZ` -> `likes`."""
    from lemminflect import getInflection

    return str(getInflection(word, tag)[0])


def is_base_verb(word: str) -> bool:
    """Whether a word can be the infinitive of a verb."""
    from lemminflect import getAllLemmas

    return word in getAllLemmas(word).get("VERB", ())


def _table(name: str) -> Iterator[tuple[str, ...]]:
    lines = read_lines(ANTONYM_DATA / name)
    next(lines)
    return (tuple(line.split("\t")) for _, line in lines)


def _after(form: str, pair: AntonymPair) -> str:
    return pair.after if form in (pair.positive, pair.negative) else "any"


def _inflected(pair: AntonymPair) -> Iterator[tuple[str, str]]:
    if pair.pos not in _TAGS:
        yield pair.positive, pair.negative
        return
    for tag in _TAGS[pair.pos]:
        one, other = (_inflect(word, tag, pair.pos) for word in (pair.positive, pair.negative))
        # `more impressive` is turned word by word.
        if " " not in one or " " not in other:
            yield one, other


def _inflect(word: str, tag: str, pos: str) -> str:
    from lemminflect import getAllInflections, getInflection

    listed = getAllInflections(word, _READING[pos]).get(tag)
    if listed:
        # Its list has `trueer`.
        return f"{word}r" if listed[0] == f"{word}er" and word.endswith("e") else str(listed[0])
    if tag in ("JJR", "JJS"):
        return ("more " if tag == "JJR" else "most ") + word
    return word if tag == "JJ" else str(getInflection(word, tag)[0])
