"""The appraisal verifier: a light text classifier that gives four atoms of a text (ours).

TF-IDF of words and of characters, and one logistic regression for each atom, outside the language
model. It is used in training alone, and says how good it is on texts it was not fitted on.

Legend: F features, A atoms of a part, N texts.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoloom.corpora.lines import straight_apostrophes
from emoloom.records import ATOMS, Appraisal

WORD_FEATURES: Mapping[str, Any] = MappingProxyType(
    {
        "analyzer": "word",
        "ngram_range": (1, 2),
        # One-letter words count ("I"), and an apostrophe does not part a word.
        "token_pattern": r"(?u)\b\w+(?:'\w+)*\b",
        "sublinear_tf": True,
    }
)
"""How words become features, in scikit-learn's terms; apostrophes are made straight before."""

CHARACTER_FEATURES: Mapping[str, Any] = MappingProxyType(
    {
        "analyzer": "char_wb",
        "ngram_range": (3, 5),
        "sublinear_tf": True,
    }
)
"""How characters become features, in scikit-learn's terms."""


@dataclass(frozen=True, slots=True)
class AtomQuality:
    """How well one atom is told on texts that the verifier was not fitted on."""

    atom: str
    """One of `records.ATOMS`."""
    source: str
    """What it was fitted on and is measured against: `crowd-enVENT`, `ISEAR`, `theory table`.
    Only the first two are people's ratings."""
    auroc: float | None
    """AUROC of "above the middle of the scale" against the rest; None where all are on one side."""
    r: float | None
    """Pearson's r with the rating; None where either does not vary."""
    fitted_rows: int
    """Texts fitted on."""
    held_out_rows: int
    """Texts measured on."""


@dataclass(frozen=True)
class VerifierPart:
    """Atoms that were fitted on the same texts."""

    atoms: tuple[str, ...]
    """In the order of `records.ATOMS`."""
    words: tuple[str, ...]
    """The word features, in their order."""
    characters: tuple[str, ...]
    """The character features, which follow them."""
    idf: NDArray[np.float64]
    """(F,): inverse document frequency of each feature."""
    weights: NDArray[np.float64]
    """(A, F)."""
    intercepts: NDArray[np.float64]
    """(A,)."""

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(N, A) in [0, 1]. A text has the same bits whatever stands beside it."""
        found = np.empty((len(texts), len(self.atoms)))
        for line, text in enumerate(texts):
            columns, values = self._features(straight_apostrophes(text))
            logits = (self.weights[:, columns] * values).sum(axis=1) + self.intercepts
            found[line] = [_sigmoid(logit) for logit in logits.tolist()]
        return found

    def _features(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """TF-IDF of one text as scikit-learn's `TfidfVectorizer` has it: (columns, values).

        Of each kind of feature: (1 + ln count) idf, divided by its Euclidean length. (Its own
        `transform` reads the whole vocabulary at each call: 40 ms a text.)
        """
        columns: list[int] = []
        values: list[float] = []
        for analyse, column_of in self._analysers:
            counts = Counter(filter(column_of.__contains__, analyse(text)))
            places = [column_of[term] for term in counts]
            raw = [
                (1 + math.log(count)) * self.idf[place]
                for place, count in zip(places, counts.values(), strict=True)
            ]
            length = math.sqrt(math.fsum(value * value for value in raw))
            columns += places
            values += [value / length for value in raw]
        return np.array(columns, dtype=np.intp), np.array(values, dtype=np.float64)

    @cached_property
    def _analysers(self) -> tuple[tuple[Callable[[str], Iterable[str]], dict[str, int]], ...]:
        """How a text becomes terms, and the column of each known term; words, then characters."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = {term: column for column, term in enumerate(self.words)}
        characters = {term: len(words) + at for at, term in enumerate(self.characters)}
        kinds = ((WORD_FEATURES, words), (CHARACTER_FEATURES, characters))
        return tuple((TfidfVectorizer(**how).build_analyzer(), terms) for how, terms in kinds)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A fitted verifier: text in, four probabilities out."""

    parts: tuple[VerifierPart, ...]
    """Between them each atom once."""
    quality: tuple[AtomQuality, ...]
    """One for each atom, in the order of `records.ATOMS`."""
    seed: int
    """Of the held-out split."""
    inputs: tuple[tuple[str, str], ...]
    """(name, sha256) of every file it was fitted on."""

    def __post_init__(self) -> None:
        assert sorted(atom for part in self.parts for atom in part.atoms) == sorted(ATOMS)
        assert tuple(one.atom for one in self.quality) == ATOMS

    def appraise(self, texts: Sequence[str]) -> tuple[Appraisal, ...]:
        """The atoms of each text. A text without a known feature gets the base rates."""
        values = self.matrix(texts)
        return tuple(Appraisal(*line) for line in values.tolist())

    def matrix(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(N, 4) in [0, 1], columns in the order of `records.ATOMS`."""
        found = np.empty((len(texts), len(ATOMS)))
        for part in self.parts:
            found[:, [ATOMS.index(atom) for atom in part.atoms]] = part.probabilities(texts)
        return found


def auroc(positive: Sequence[bool], scores: Sequence[float]) -> float | None:
    """Probability that a positive's score is above a negative's, ties counting half.

    In [0, 1], 0.5 by chance; None without a positive or without a negative. By midranks
    (Mann-Whitney's U).
    """
    is_positive = np.asarray(positive, dtype=bool)
    count = int(is_positive.sum())
    others = len(is_positive) - count
    if not count or not others:
        return None
    values, inverse, counts = np.unique(
        np.asarray(scores, dtype=np.float64), return_inverse=True, return_counts=True
    )
    assert len(values) == len(counts)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[is_positive].sum() - count * (count + 1) / 2) / (count * others))


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's r in [-1, 1]; None with fewer than two pairs, or where one side does not vary."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def _sigmoid(value: float) -> float:
    # Value by value with `math`, so that no vector width of the processor can show.
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    power = math.exp(max(value, -700.0))
    return power / (1 + power)
