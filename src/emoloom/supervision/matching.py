"""Terms of a lexicon in a text: the longest first, a word also by its lemmas, negators before them.

What a lexicon says of a word is looked up once and kept, since a million texts share their words.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from emoloom.records import VAD
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.tokens import lemmas, negators

PRIOR_WEIGHT = 1.0
"""k, the prior's weight: that of one word at a distance of 1 from the lexicon's centre."""

NEGATION_WINDOW = 3
"""Tokens before a term in which a negator mirrors its valence."""

_MOST_WORDS = 1 << 16
"""Words kept at a time, so that memory stays flat however many texts there are."""


@dataclass(frozen=True, slots=True)
class Formula:
    """The parts of weak VAD that can be turned; the defaults are in force everywhere.

    They were chosen on EmoBank's train and dev (docs/weak-vad.md).
    """

    prior_weight: float = PRIOR_WEIGHT
    """k, at least 0. At 0 a text with a hit is not shrunk at all."""
    window: int = NEGATION_WINDOW
    """Tokens before a term in which a negator mirrors its valence; 0 turns negation off."""
    lemmas: bool = True
    """Whether a token that is not listed is looked up by its lemmas."""
    weight_power: float = 1.0
    """A term's weight is its distance from the centre to this power; at 0 all weigh the same."""


DEFAULT = Formula()
"""The formula in force."""


class Match(NamedTuple):
    """A term found in a text."""

    start: int
    """Index of its first token."""
    length: int
    """Tokens it covers."""
    vad: VAD
    """As the lexicon lists it."""
    negated: bool
    """Whether a negator stands within the window before it."""
    weight: float
    """What it weighs in the mean, at least 0."""


class _Word(NamedTuple):
    """What is known of a token."""

    vad: VAD | None
    weight: float
    negates: bool
    longest: int
    """Tokens of the longest phrase that begins with it; 1: none does."""


class _Words(dict[str, _Word]):
    """What is known of words; a new one is looked up."""

    def __init__(self, look_up: Callable[[str], _Word]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, word: str) -> _Word:
        if len(self) >= _MOST_WORDS:
            self.clear()
        found = self[word] = self._look_up(word)
        return found


class Matcher:
    """Finds the terms of one lexicon, by one formula, in text after text."""

    def __init__(self, lexicon: Lexicon, formula: Formula = DEFAULT) -> None:
        """Nothing is looked up yet."""
        self._lexicon, self._formula = lexicon, formula
        self._centre = lexicon.centre.as_tuple()
        self._words = _Words(self._look_up)

    def match(self, tokens: Sequence[str]) -> list[Match]:
        """Terms from left to right, the longest first, none overlapping (ours).

        A phrase matches as listed, a single token also by its lemmas. A negator is no term by
        itself.

        Args:
            tokens: As `tokens.tokenise` gives them.
        """
        words = list(map(self._words.__getitem__, tokens))
        matches: list[Match] = []
        window, negator = self._formula.window, -1 - self._formula.window
        at, end = 0, len(tokens)
        while at < end:
            vad, weight, negates, longest = words[at]
            length = 1
            if longest > 1 and (phrase := self._phrase(tokens, at, longest)) is not None:
                length, vad, weight = phrase
            if vad is not None:
                matches.append(Match(at, length, vad, at - negator <= window, weight))
            if length > 1:
                inside = [place for place in range(at, at + length) if words[place].negates]
                negator = inside[-1] if inside else negator
            elif negates:
                negator = at
            at += length
        return matches

    def _phrase(
        self, tokens: Sequence[str], at: int, longest: int
    ) -> tuple[int, VAD, float] | None:
        """(tokens, VAD, weight) of the longest phrase that starts here."""
        for length in range(min(longest, len(tokens) - at), 1, -1):
            vad = self._lexicon.entries.get(" ".join(tokens[at : at + length]))
            if vad is not None:
                return length, vad, self._weight(vad)
        return None

    def _look_up(self, word: str) -> _Word:
        negates, vad = word in negators(), None
        if not negates:
            one = word_vad if self._formula.lemmas else _listed
            vad = one(word, self._lexicon)
        longest = self._lexicon.starts.get(word, 1)
        return _Word(vad, self._weight(vad) if vad else 0.0, negates, longest)

    def _weight(self, vad: VAD) -> float:
        return float(math.dist(vad.as_tuple(), self._centre) ** self._formula.weight_power)


def match_terms(
    tokens: Sequence[str], lexicon: Lexicon, formula: Formula = DEFAULT
) -> tuple[Match, ...]:
    """The terms of a single text: `Matcher.match`."""
    return tuple(Matcher(lexicon, formula).match(tokens))


def word_vad(word: str, lexicon: Lexicon) -> VAD | None:
    """VAD of a word as listed, else of the first of its lemmas that is."""
    vad = lexicon.entries.get(word)
    if vad is not None:
        return vad
    found = (lexicon.entries.get(lemma) for lemma in lemmas(word))
    return next((vad for vad in found if vad is not None), None)


def _listed(word: str, lexicon: Lexicon) -> VAD | None:
    return lexicon.entries.get(word)
