"""Negators in a text: where one can be taken out, and where one can be put in (ours).

Only patterns that leave a grammatical clause: an auxiliary with its negation right before the
word, a few intensifiers between them at most. All else is left to antonyms.
"""

from collections.abc import Sequence
from typing import NamedTuple

from emoloom.supervision.antonyms import is_base_verb, verb_form, word_class
from emoloom.supervision.tokens import WordSpan, lemmas

_DO = {"don't": "VBP", "dont": "VBP", "doesn't": "VBZ", "doesnt": "VBZ", "didn't": "VBD"}
_DO |= {"didnt": "VBD", "do": "VBP", "does": "VBZ", "did": "VBD"}
_BE = {f"{be}n't": be for be in ("is", "are", "was", "were")}
_BE |= {f"{be}nt": be for be in ("is", "are", "was", "were")}


class Edit(NamedTuple):
    """Words `start` to `end` (not included) are replaced by `text`; empty takes them out."""

    start: int
    end: int
    text: str


def without_negator(words: Sequence[WordSpan], at: int, text: str) -> tuple[Edit, ...]:
    """The edits that take out the negator of the word at `at`; none where it has none.

    `don't like` -> `like`, `didn't like` -> `liked`, `isn't so good` -> `is so good`, `not good`
    after a form of be -> `good`.
    """
    before = _skip_back(words, at, word_class("adverb"), text)
    if before is not None:
        edits = _without_do(words, before, at, text)
        if edits:
            return edits
    before = _skip_back(words, at, word_class("intensifier"), text)
    if before is None:
        return ()
    word = words[before].word
    if word in _BE:
        return (Edit(before, before + 1, _BE[word]),)
    if word == "not" and before and words[before - 1].word in word_class("form of be"):
        return (Edit(before, before + 1, ""),) if joined(words, before - 1, text) else ()
    return ()


def with_negator(words: Sequence[WordSpan], at: int, text: str) -> tuple[Edit, ...]:
    """The edits that negate the word at `at`; none where no pattern fits.

    `I agree` -> `I don't agree`, `he deserves it` -> `he doesn't deserve it`; after a form of be
    `is very good` -> `is not very good`.
    """
    word = words[at].word
    verbs = word_class("negatable verb")
    lemma = next((form for form in (word, *lemmas(word)) if form in verbs), None)
    adverbs = word_class("adverb") | {"totally", "completely", "fully", "also"}
    subject = _skip_back(words, at, adverbs, text)
    if lemma and subject is not None:
        auxiliary = _auxiliary(word, lemma, words[subject].word)
        return (Edit(at, at + 1, f"{auxiliary} {lemma}"),) if auxiliary else ()
    before = _skip_back(words, at, word_class("intensifier"), text)
    if before is None or words[before].word not in word_class("form of be") - {"be", "been"}:
        return ()
    return () if lemma else (Edit(before + 1, before + 1, "not"),)


def joined(words: Sequence[WordSpan], at: int, text: str) -> bool:
    """Whether only blanks stand between the word at `at` and the next."""
    gap = text[words[at].end : words[at + 1].start]
    return bool(gap) and gap.isspace() and "\n" not in gap


def _skip_back(
    words: Sequence[WordSpan], at: int, skipped: frozenset[str], text: str
) -> int | None:
    """The nearest word before `at` that is not skipped (at most three are); None across commas."""
    for before in range(at - 1, max(-1, at - 5), -1):
        if not joined(words, before, text):
            return None
        if words[before].word not in skipped:
            return before
    return None


def _without_do(words: Sequence[WordSpan], before: int, at: int, text: str) -> tuple[Edit, ...]:
    word, first = words[before].word, before
    if word == "not" and before and words[before - 1].word in ("do", "does", "did"):
        if not joined(words, before - 1, text):
            return ()
        first, word = before - 1, words[before - 1].word
    elif word not in _DO or word in ("do", "does", "did"):
        return ()
    if not is_base_verb(words[at].word):
        return ()
    tag = _DO[word]
    verb = words[at].word if tag == "VBP" else verb_form(words[at].word, tag)
    # A question (`Don't you ...`) has its subject behind; there the pattern does not match.
    return (Edit(first, before + 1, ""), Edit(at, at + 1, verb))


def _auxiliary(word: str, lemma: str, subject: str) -> str | None:
    """What negates a verb in this form behind this subject; None where the two do not fit."""
    plural, singular = (word_class(f"{number} subject") for number in ("plural", "singular"))
    if word == lemma:
        return "don't" if subject in plural else None
    if word == verb_form(lemma, "VBD"):
        return "didn't" if subject in plural | singular else None
    return "doesn't" if word == verb_form(lemma, "VBZ") and subject in singular else None
