"""Texts that are nearly the same, so that a split never parts them: found exactly, not by chance.

MinHash would find most of such pairs; the prefix filter finds all, and fast enough for short texts
(docs/decisions/0015, benchmarks/near_duplicates.py).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from emoloom.corpora.lines import normalise_text

NEAR_DUPLICATE = 0.8
"""Least share of common words at which two texts count as one (ours)."""

_Bag = tuple[int, ...]
"""The distinct words of a text by rank, the rarest first."""


class Near(NamedTuple):
    """A text of an index that is near another."""

    place: int
    """Which of the texts given."""
    jaccard: float
    """Words in common over words in all, in [threshold, 1]."""


class NearIndex:
    """Texts that any number of others are compared with, one at a time.

    Exact, by the prefix filter (Chaudhuri, Ganti and Kaushik 2006): two texts whose word sets have
    a Jaccard index of at least the threshold share one of the `n - ceil(threshold n) + 1` rarest
    words of either. Nothing hangs on a hash: every process gives the same answers.
    """

    def __init__(self, texts: Iterable[str], threshold: float = NEAR_DUPLICATE) -> None:
        """Index the texts; give each once, or it is found as often.

        Args:
            texts: Compared by the words of `normalise_text`. One without a word is near none.
            threshold: In (0, 1]; 1 finds texts with the same words.
        """
        assert 0 < threshold <= 1
        self._threshold = threshold
        self._rank, self._bags = _ranked(texts)
        self._listed: defaultdict[int, list[int]] = defaultdict(list)
        for number, bag in enumerate(self._bags):
            for word in bag[: len(bag) - _at_least(threshold, len(bag)) + 1]:
                self._listed[word].append(number)

    def near(self, text: str) -> list[Near]:
        """The texts near this one, in the order given."""
        words = _words(text)
        # A word that the index has not is rarer than all, and fills the prefix first.
        known = sorted(self._rank[word] for word in words if word in self._rank)
        size, least = len(words), _at_least(self._threshold, len(words))
        candidates: set[int] = set()
        for word in known[: max(0, len(known) - least + 1)]:
            candidates.update(self._listed.get(word, ()))
        mine = frozenset(known)
        found = []
        for number in sorted(candidates):
            jaccard = _jaccard(mine, size, self._bags[number], self._threshold)
            if jaccard:
                found.append(Near(number, jaccard))
        return found


def near_duplicate_groups(
    texts: Sequence[str], threshold: float = NEAR_DUPLICATE
) -> tuple[int, ...]:
    """Group of each text: the index of the first text it is linked to, directly or by others.

    Two texts are linked if the Jaccard index of their word sets (`normalise_text`) is at least
    `threshold`.

    Args:
        texts: Any texts. One without a word is a group of its own.
        threshold: In (0, 1]; 1 links texts with the same words.
    """
    assert 0 < threshold <= 1
    _, all_bags = _ranked(texts)
    numbers: dict[_Bag, int] = {}
    of_text = [numbers.setdefault(bag, len(numbers)) if bag else -1 for bag in all_bags]
    leader = list(range(len(numbers)))
    for one, other in _linked(list(numbers), threshold):
        first, second = sorted((_root(leader, one), _root(leader, other)))
        leader[second] = first
    first_text: dict[int, int] = {}
    return tuple(
        index if bag < 0 else first_text.setdefault(_root(leader, bag), index)
        for index, bag in enumerate(of_text)
    )


def _linked(bags: Sequence[_Bag], threshold: float) -> Iterator[tuple[int, int]]:
    """Every pair of bags at or above the threshold, each once.

    In the order of size a bag is only compared with bags that are no larger, which need be listed
    under fewer words than the prefix has (Xiao et al. 2008, the index prefix).
    """
    kept = 2 * threshold / (1 + threshold)
    listed: defaultdict[int, list[int]] = defaultdict(list)
    for one in sorted(range(len(bags)), key=lambda number: len(bags[number])):
        bag = bags[one]
        size, least = len(bag), _at_least(threshold, len(bag))
        candidates: set[int] = set()
        for word in bag[: size - least + 1]:
            candidates.update(listed.get(word, ()))
        if candidates:
            mine = frozenset(bag)
            for other in candidates:
                if _jaccard(mine, size, bags[other], threshold):
                    yield one, other
        for word in bag[: size - _at_least(kept, size) + 1]:
            listed[word].append(one)


def _jaccard(mine: frozenset[int], size: int, bag: _Bag, threshold: float) -> float:
    """Jaccard index of a bag with `size` words, `mine` among them; 0.0 below the threshold."""
    smaller, larger = sorted((size, len(bag)))
    if smaller < threshold * larger - 1e-9:
        return 0.0
    common = len(mine.intersection(bag))
    union = size + len(bag) - common
    return common / union if common >= threshold * union - 1e-9 else 0.0


def _ranked(texts: Iterable[str]) -> tuple[dict[str, int], list[_Bag]]:
    """(word -> rank, the rarest first; the bag of each text)."""
    numbers: dict[str, int] = {}
    bags = [
        tuple({numbers.setdefault(word, len(numbers)) for word in _words(text)}) for text in texts
    ]
    frequency = Counter(number for bag in bags for number in bag)
    # A word's first place settles ties.
    by_rarity = sorted(numbers.values(), key=lambda number: (frequency[number], number))
    rank = [0] * len(numbers)
    for place, number in enumerate(by_rarity):
        rank[number] = place
    for at, bag in enumerate(bags):
        bags[at] = tuple(sorted(rank[number] for number in bag))
    return {word: rank[number] for word, number in numbers.items()}, bags


def _words(text: str) -> tuple[str, ...]:
    """Distinct words, in the order of the text."""
    return tuple(dict.fromkeys(normalise_text(text).split()))


def _at_least(share: float, size: int) -> int:
    """Words in common that so large a share takes; 0.8 x 5 stays 4 whatever the rounding."""
    return math.ceil(share * size - 1e-9)


def _root(leader: list[int], index: int) -> int:
    """The first bag of a group; paths are halved on the way."""
    while leader[index] != index:
        leader[index] = leader[leader[index]]
        index = leader[index]
    return index
