"""Weak VAD: what a lexicon says of a text, shrunk to the lexicon's centre (ours).

Of the text alone: a label's own place would be learnt in place of the text's (decision 0021).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from emoloom.corpora.lines import read_lines
from emoloom.records import MAX_RATIONALE_WORDS, VAD
from emoloom.supervision.affine import clipped
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.matching import DEFAULT, Formula, Match, Matcher, word_vad
from emoloom.supervision.tokens import LEXICON_DATA, tokenise

MAX_CUES = 3
"""Most cue words in a rationale."""


@dataclass(frozen=True, slots=True)
class WeakVad:
    """Weak VAD of one text."""

    vad: VAD
    """In [0, 1], on the lexicon's scale (not mapped to human ratings)."""
    hits: int
    """Tokens covered by a term of the lexicon, 0 to `tokens`."""
    tokens: int
    """Tokens of the text. `hits / tokens` is the hit rate."""
    cues: tuple[str, ...]
    """Up to three terms as they stand in the text, case-folded, the weightiest first."""


class Found(NamedTuple):
    """A text as the lexicon knows it."""

    tokens: tuple[str, ...]
    """As `tokenise` gives them."""
    matches: list[Match]
    """The terms among them."""

    @property
    def hits(self) -> int:
        """Tokens covered by a term."""
        return sum([match.length for match in self.matches])

    def cues(self) -> tuple[str, ...]:
        """Distinct terms as they stand in the text, the weightiest first: `MAX_CUES` at most.

        Those of equal weight stand in the text's order.
        """
        cues: list[str] = []
        for start, length, *_ in sorted(self.matches, key=_by_weight):
            one = self.tokens[start]
            term = one if length == 1 else " ".join(self.tokens[start : start + length])
            if term not in cues:
                cues.append(term)
                if len(cues) == MAX_CUES:
                    break
        return tuple(cues)


class WeakReader:
    """Weak VAD of text after text, by one lexicon: its words are looked up once."""

    def __init__(self, lexicon: Lexicon, formula: Formula = DEFAULT) -> None:
        """Nothing is looked up yet."""
        self._lexicon, self._k = lexicon, formula.prior_weight
        self._matcher = Matcher(lexicon, formula)

    def read(self, text: str) -> WeakVad:
        """Weak VAD of a text: see `weak_vad`."""
        found = self.find(text)
        return WeakVad(self.vad(found), found.hits, len(found.tokens), found.cues())

    def find(self, text: str) -> Found:
        """The terms of a text."""
        tokens = tokenise(text)
        return Found(tokens, self._matcher.match(tokens))

    def vad(self, found: Found) -> VAD:
        """What the terms say, in [0, 1]."""
        return _mean(found.matches, self._lexicon.centre, self._k)


def weak_vad(text: str, lexicon: Lexicon, formula: Formula = DEFAULT) -> WeakVad:
    """Weak VAD of a text (ours).

    `vad = (sum w_i x_i + k c) / (sum w_i + k)` over the terms found; x_i is the term's VAD, its
    valence mirrored (v -> 1 - v) behind a negator; w_i is the Euclidean distance of the term, as
    listed, from the lexicon's centre c. Without a hit the result is the centre exactly.

    Args:
        text: Any text.
        lexicon: Where terms are looked up.
        formula: Which parts are in force, and how strongly.
    """
    return WeakReader(lexicon, formula).read(text)


def label_prior(labels: Sequence[str], lexicon: Lexicon) -> VAD:
    """Mean of the lexicon's VAD of the label words.

    A label that is not listed is looked up by its lemmas, then by its kin in `label_words.tsv`
    (`disappointment`: `disappointed`; ours), else it counts as the lexicon's centre. No labels:
    the centre.
    """
    if not labels:
        return lexicon.centre
    found = [_label_vad(label, lexicon).as_tuple() for label in labels]
    # fsum is exact, so that the order of the labels cannot matter.
    v, a, d = (math.fsum(column) / len(found) for column in zip(*found, strict=True))
    return VAD(clipped(v), clipped(a), clipped(d))


def rationale(cues: Sequence[str]) -> str:
    """The contract's rationale: `cues: a, b`, or `cues: none`; at most 12 words in all.

    Cues are tokens, so no quote and no newline can stand in them. One that is too long is left
    out, and the next is tried.
    """
    kept: list[str] = []
    words = 1
    for cue in cues:
        more = cue.count(" ") + 1  # tokens, one space between
        if words + more <= MAX_RATIONALE_WORDS:
            kept.append(cue)
            words += more
    return "cues: " + (", ".join(kept) or "none")


def _label_vad(label: str, lexicon: Lexicon) -> VAD:
    term, kin = _label_words(label)
    vad = word_vad(term, lexicon) or (word_vad(kin, lexicon) if kin else None)
    return vad or lexicon.centre


@lru_cache(maxsize=1024)
def _label_words(label: str) -> tuple[str, str | None]:
    """(the label as a term, its kin if it has one)."""
    term = " ".join(tokenise(label))
    return term, _label_kin().get(term)


@cache
def _label_kin() -> dict[str, str]:
    """Label word -> a word of its kin, for labels that lexicons seldom list."""
    lines = (line.split("\t") for _, line in read_lines(LEXICON_DATA / "label_words.tsv"))
    return {label: kin for label, kin in lines}


def _mean(matches: Sequence[Match], centre: VAD, k: float) -> VAD:
    """Weighted mean of the terms and of the centre; the sums are exact, in whatever order."""
    total = math.fsum([match.weight for match in matches]) + k
    # With k = 0, a term at the centre itself weighs nothing.
    if not matches or total <= 0:
        return centre
    v = math.fsum([w * (1.0 - x.v if negated else x.v) for _, _, x, negated, w in matches])
    a = math.fsum([w * x.a for _, _, x, _, w in matches])
    d = math.fsum([w * x.d for _, _, x, _, w in matches])
    return VAD(
        clipped((v + k * centre.v) / total),
        clipped((a + k * centre.a) / total),
        clipped((d + k * centre.d) / total),
    )


def _by_weight(match: Match) -> float:
    return -match.weight
