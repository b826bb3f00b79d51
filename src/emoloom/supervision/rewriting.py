"""A text with its polar words turned over: antonyms first, else a negator out or in (ours).

Pure and deterministic; no model, no chance. It is a rewriter of short informal English: it knows
forms, not meanings. The gate of `valence_flip` decides which rewritings count.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from emoloom.corpora.lines import straight_apostrophes
from emoloom.supervision.antonyms import (
    Antonyms,
    Idioms,
    load_antonyms,
    load_idioms,
    word_class,
)
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.negation import (
    Edit,
    joined,
    with_negator,
    without_negator,
)
from emoloom.supervision.tokens import WordSpan, lemmas, negators, word_spans

MAX_WORDS = 16
"""Words of the longest text that is rewritten (ours).

Longer ones seldom hold one polarity: of 300 flips read, 85% were sound up to 16 words, 60% above.
"""

MIN_POLARITY = 0.2
"""Distance from 0.5 at which a word without an antonym is polar enough to be negated (ours)."""

NoRewrite = Literal["too_long", "idiom", "no_polar_word"]
"""Why a text was not rewritten.

`too_long`: more than `MAX_WORDS` words. `idiom`: it holds a phrase that would not follow, or is
marked as sarcasm (`/s`). `no_polar_word`: nothing that can be turned over.
"""

_SARCASM = re.compile(r"(?:^|\s)/s\b")
_HYPHENS = re.compile(r"[-\u2010\u2011_@/\\]")
_SENTENCE_END = re.compile(r"[.!?\n]")
_EMOTICON_EDGE = r"(?<![\w:;=-])({})(?![\w)(])"
_SILENT_H = ("honest", "honor", "honour", "hour", "heir")
_SOUNDED = ("use", "uni", "eu", "one")


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text turned over."""

    text: str
    """Another text than the one given."""
    flipped: tuple[str, ...]
    """The words that were turned over or negated, in lower case, in the text's order."""


def rewrite(text: str, lexicon: Lexicon) -> Rewritten | NoRewrite:
    """Turn the polar words of a text over.

    A word with an antonym whose negator can be taken out loses it; otherwise it becomes its
    antonym, in its inflection and capitals. Where no word has an antonym, a negator is taken out
    or put in at a polar word of the lexicon.
    """
    words = word_spans(text)
    if len(words) > MAX_WORDS:
        return "too_long"
    idioms = load_idioms()
    if _SARCASM.search(text) or _find(words, idioms.dropped):
        return "idiom"
    taken = _kept(words, text, idioms)
    edits, flipped = _by_antonyms(words, text, taken, load_antonyms())
    if not edits:
        edits, flipped = _by_negators(words, text, taken, lexicon)
    if not edits:
        return "no_polar_word"
    result = _emoticons(_apply(words, text, edits), load_antonyms())
    assert result != text
    return Rewritten(result, flipped)


def _by_antonyms(
    words: Sequence[WordSpan], text: str, taken: frozenset[int], table: Antonyms
) -> tuple[list[Edit], tuple[str, ...]]:
    edits: list[Edit] = []
    flipped: list[str] = []
    at = 0
    while at < len(words):
        length = 0 if at in taken else _longest(words, at, text, table)
        if length:
            phrase = " ".join(span.word for span in words[at : at + length])
            removed = without_negator(words, at, text) if length == 1 else ()
            antonym = table.forms[phrase].antonym
            edits += removed or (Edit(at, at + length, antonym),)
            flipped.append(phrase)
        at += max(1, length)
    if set(flipped) <= word_class("needs another"):
        return [], ()
    return edits, tuple(flipped)


def _longest(words: Sequence[WordSpan], at: int, text: str, table: Antonyms) -> int:
    """Words of the longest form of the table that starts here; 0 for none."""
    for length in range(min(table.max_words, len(words) - at), 0, -1):
        if not all(joined(words, i, text) for i in range(at, at + length - 1)):
            continue
        form = table.forms.get(" ".join(span.word for span in words[at : at + length]))
        if form and (form.after == "any" or _before(words, at, text) in word_class(form.after)):
            return length
    return 0


def _before(words: Sequence[WordSpan], at: int, text: str) -> str:
    """The word right before, or `^` at the beginning of a sentence, or `,` behind other marks."""
    if at == 0 or _SENTENCE_END.search(text[words[at - 1].end : words[at].start]):
        return "^"
    return words[at - 1].word if joined(words, at - 1, text) else ","


def _by_negators(
    words: Sequence[WordSpan], text: str, taken: frozenset[int], lexicon: Lexicon
) -> tuple[list[Edit], tuple[str, ...]]:
    for find in (without_negator, with_negator):
        for at, span in enumerate(words):
            if at in taken or not _is_negatable(span.word, lexicon):
                continue
            edits = find(words, at, text)
            if edits:
                return list(edits), (span.word,)
    return [], ()


def _is_negatable(word: str, lexicon: Lexicon) -> bool:
    from lemminflect import getAllLemmas

    if word in negators():
        return False
    if not word_class("negatable verb").isdisjoint((word, *lemmas(word))):
        return True
    vad = lexicon.entries.get(word)
    polar = (
        vad is not None
        and abs(vad.v - 0.5) >= MIN_POLARITY
        and word not in word_class("plain adjective")
    )
    # What may be another part of speech too (`like`, `mean`, `party`) is left alone.
    readings = getAllLemmas(word).keys()
    return polar and "ADJ" in readings and readings <= {"ADJ", "ADV"}


def _kept(words: Sequence[WordSpan], text: str, idioms: Idioms) -> frozenset[int]:
    """Words to leave alone: those of idioms, and parts of hyphenated words (`no-good`)."""
    kept = {at for first, n in _find(words, idioms.kept) for at in range(first, first + n)}
    for at, span in enumerate(words):
        if _HYPHENS.search(
            text[max(0, span.start - 1) : span.start] + text[span.end : span.end + 1]
        ):
            kept.add(at)
    return frozenset(kept)


def _find(words: Sequence[WordSpan], phrases: Iterable[tuple[str, ...]]) -> list[tuple[int, int]]:
    """(first word, words) of every phrase that stands in the text."""
    plain = [span.word for span in words]
    return [
        (at, len(phrase))
        for phrase in phrases
        for at in range(len(plain) - len(phrase) + 1)
        if tuple(plain[at : at + len(phrase)]) == phrase
    ]


def _apply(words: Sequence[WordSpan], text: str, edits: Sequence[Edit]) -> str:
    parts: list[str] = []
    done = 0
    raise_next = False
    for edit in sorted(edits):
        start, end, new = _place(words, edit)
        old = text[start:end]
        if new and edit.end > edit.start:
            new = _as_written(new, old, upper=raise_next)
            parts.append(_article(text[done:start], new))
        else:
            parts.append(text[done:start])
        raise_next = not new and old[:1].isupper() and _before(words, edit.start, text) == "^"
        parts.append(new)
        done = end
    return "".join([*parts, _raised(text[done:]) if raise_next else text[done:]])


def _place(words: Sequence[WordSpan], edit: Edit) -> tuple[int, int, str]:
    """Characters to replace. What is taken out goes with the blank behind it."""
    if edit.end == edit.start:
        return words[edit.start].start, words[edit.start].start, f"{edit.text} "
    start, end = words[edit.start].start, words[edit.end - 1].end
    if not edit.text and edit.end < len(words):
        end = words[edit.end].start
    return start, end, edit.text


def _raised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _as_written(new: str, old: str, *, upper: bool) -> str:
    if len(old) > 1 and old.isupper():
        return new.upper()
    return _raised(new) if upper or old[:1].isupper() else new


def _article(before: str, new: str) -> str:
    """The text before a new word, its `a` or `an` mended."""
    plain = straight_apostrophes(before)
    found = re.search(r"(?<![\w'])(an?)(\s+)$", plain, re.IGNORECASE)
    if not found:
        return before
    article = "an" if _begins_with_vowel(new.casefold()) else "a"
    if found[1].isupper() and len(found[1]) > 1:
        article = article.upper()
    elif found[1][0].isupper():
        article = article.capitalize()
    return before[: found.start()] + article + found[2]


def _begins_with_vowel(word: str) -> bool:
    return word.startswith(_SILENT_H) or (
        word.startswith(tuple("aeiou")) and not word.startswith(_SOUNDED)
    )


def find_emoticons(text: str) -> tuple[str, ...]:
    """The emoticons of the table that stand in a text, in order."""
    return tuple(found[1] for found in _emoticon_pattern().finditer(text))


def _emoticons(text: str, table: Antonyms) -> str:
    return _emoticon_pattern().sub(lambda found: table.emoticons[found[1]], text)


@cache
def _emoticon_pattern() -> re.Pattern[str]:
    return re.compile(_EMOTICON_EDGE.format("|".join(map(re.escape, load_antonyms().emoticons))))
