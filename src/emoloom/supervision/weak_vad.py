"""Weak VAD: what a lexicon says of a text, shrunk to what it says of the labels (ours)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoloom.corpora.lines import read_lines
from emoloom.errors import UserError
from emoloom.records import VAD
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.tokens import LEXICON_DATA, lemmas, negators, tokenise

PRIOR_WEIGHT = 1.0
"""k, the prior's weight: that of one word at a distance of 1 from the lexicon's centre."""

NEGATION_WINDOW = 3
"""Tokens before a term in which a negator mirrors its valence."""

MAX_CUES = 3
"""Most cue words in a rationale."""

MIN_AFFINE_PAIRS = 10
"""Fewest pairs on which an affine map is fitted."""

_MAX_RATIONALE_WORDS = 12


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


def weak_vad(
    text: str,
    lexicon: Lexicon,
    labels: Sequence[str] | None = None,
    formula: Formula = DEFAULT,
) -> WeakVad:
    """Weak VAD of a text (ours).

    `vad = (sum w_i x_i + k prior) / (sum w_i + k)` over the terms found; x_i is the term's VAD,
    its valence mirrored (v -> 1 - v) behind a negator; w_i is the Euclidean distance of the term,
    as listed, from the lexicon's centre. Without a hit the result is the prior exactly.

    Args:
        text: Any text.
        lexicon: Where terms are looked up.
        labels: The row's labels; their order does not matter. None or empty: the prior is the
            lexicon's centre.
        formula: Which parts are in force, and how strongly.
    """
    tokens = tokenise(text)
    matches = match_terms(tokens, lexicon, formula)
    weights = [_distance(match.vad, lexicon.centre) ** formula.weight_power for match in matches]
    prior = label_prior(labels, lexicon) if labels else lexicon.centre
    vad = prior
    k = formula.prior_weight
    total = math.fsum(weights) + k
    # Without a prior, a term at the centre itself weighs nothing.
    if matches and total > 0:
        columns = zip(*(_mirrored(match) for match in matches), strict=True)
        v, a, d = (
            (math.fsum(w * x for w, x in zip(weights, column, strict=True)) + k * p) / total
            for column, p in zip(columns, prior.as_tuple(), strict=True)
        )
        vad = VAD(_clipped(v), _clipped(a), _clipped(d))
    hits = sum(match.length for match in matches)
    return WeakVad(vad, hits, len(tokens), _cues(tokens, matches, weights))


def match_terms(
    tokens: Sequence[str], lexicon: Lexicon, formula: Formula = DEFAULT
) -> tuple[Match, ...]:
    """Terms of the lexicon in the text, left to right, the longest first, none overlapping (ours).

    A phrase matches as listed, a single token also by its lemmas. A negator is no term by itself.
    """
    matches: list[Match] = []
    at = 0
    while at < len(tokens):
        length, vad = _longest(tokens, at, lexicon, lemmatised=formula.lemmas)
        if vad is not None:
            before = tokens[max(0, at - formula.window) : at]
            matches.append(Match(at, length, vad, not negators().isdisjoint(before)))
        at += length
    return tuple(matches)


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
    return VAD(_clipped(v), _clipped(a), _clipped(d))


def rationale(cues: Sequence[str]) -> str:
    """The contract's rationale: `cues: a, b`, or `cues: none`; at most 12 words in all.

    Cues are tokens, so no quote and no newline can stand in them. One that is too long is left
    out, and the next is tried.
    """
    kept: list[str] = []
    words = 1
    for cue in cues:
        if words + len(cue.split()) <= _MAX_RATIONALE_WORDS:
            kept.append(cue)
            words += len(cue.split())
    return "cues: " + (", ".join(kept) or "none")


@dataclass(frozen=True, slots=True)
class AffineMap:
    """Weak VAD to the spread of human VAD, each dimension by itself."""

    slope: tuple[float, float, float]
    """Of v, a, d."""
    intercept: tuple[float, float, float]
    """Of v, a, d."""

    @classmethod
    def identity(cls) -> "AffineMap":
        """The map that changes nothing."""
        return cls((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))

    def apply(self, vad: VAD) -> VAD:
        """The mapped VAD, clipped to [0, 1]."""
        v, a, d = (
            _clipped(slope * x + intercept)
            for slope, x, intercept in zip(self.slope, vad.as_tuple(), self.intercept, strict=True)
        )
        return VAD(v, a, d)


def fit_affine(weak: Sequence[VAD], human: Sequence[VAD]) -> AffineMap:
    """Least squares of human on weak VAD, each dimension by itself.

    Args:
        weak: At least `MIN_AFFINE_PAIRS`, not all the same in any dimension.
        human: Human VAD of the same rows.

    Raises:
        UserError: too few pairs, or nothing to fit. No silent identity: whoever wants the weak
            values unmapped says so with `AffineMap.identity()`.
    """
    assert len(weak) == len(human)
    if len(weak) < MIN_AFFINE_PAIRS:
        raise UserError(
            "too few rows to map weak to human VAD",
            got=str(len(weak)),
            allowed=f"at least {MIN_AFFINE_PAIRS} rows with human VAD",
            do="give more such rows, or leave weak VAD unmapped",
        )
    x, y = (np.array([vad.as_tuple() for vad in side]) for side in (weak, human))
    centred = x - x.mean(axis=0)
    spread = (centred**2).sum(axis=0)
    for name, value in zip("vad", spread, strict=True):
        # Rounding alone leaves about 1e-32 a row.
        if value < 1e-20:
            raise UserError(
                f"weak VAD is the same in every row ({name}), so nothing can be fitted",
                do="check the lexicon's hit rate, or leave weak VAD unmapped",
            )
    slope = (centred * (y - y.mean(axis=0))).sum(axis=0) / spread
    intercept = y.mean(axis=0) - slope * x.mean(axis=0)
    return AffineMap(_triple(slope), _triple(intercept))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    v, a, d = (float(value) for value in values)
    return v, a, d


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _distance(vad: VAD, centre: VAD) -> float:
    return math.dist(vad.as_tuple(), centre.as_tuple())


def _mirrored(match: Match) -> tuple[float, float, float]:
    v, a, d = match.vad.as_tuple()
    return (1.0 - v if match.negated else v), a, d


def _longest(
    tokens: Sequence[str], at: int, lexicon: Lexicon, *, lemmatised: bool
) -> tuple[int, VAD | None]:
    """(tokens to move on by, VAD of the term that starts here, if any)."""
    for length in range(min(lexicon.starts.get(tokens[at], 1), len(tokens) - at), 1, -1):
        vad = lexicon.entries.get(" ".join(tokens[at : at + length]))
        if vad is not None:
            return length, vad
    word = tokens[at]
    if word in negators():
        return 1, None
    return 1, _word_vad(word, lexicon) if lemmatised else lexicon.entries.get(word)


def _word_vad(word: str, lexicon: Lexicon) -> VAD | None:
    vad = lexicon.entries.get(word)
    if vad is not None:
        return vad
    found = (lexicon.entries.get(lemma) for lemma in lemmas(word))
    return next((vad for vad in found if vad is not None), None)


def _label_vad(label: str, lexicon: Lexicon) -> VAD:
    term, kin = _label_words(label)
    vad = _word_vad(term, lexicon) or (_word_vad(kin, lexicon) if kin else None)
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


def _cues(
    tokens: Sequence[str], matches: Sequence[Match], weights: Sequence[float]
) -> tuple[str, ...]:
    """Distinct terms as they stand in the text, by weight; equal weights in the text's order."""
    ranked = sorted(zip(weights, matches, strict=True), key=lambda pair: -pair[0])
    terms = (" ".join(tokens[m.start : m.start + m.length]) for _, m in ranked)
    return tuple(dict.fromkeys(terms))[:MAX_CUES]
