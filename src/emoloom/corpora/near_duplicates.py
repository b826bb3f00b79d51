"""Groups of texts that are nearly the same, so that a split never parts them."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from emoloom.corpora.lines import normalise_text

NEAR_DUPLICATE = 0.8
"""Least share of common words at which two texts count as one (ours)."""


def near_duplicate_groups(
    texts: Sequence[str], threshold: float = NEAR_DUPLICATE
) -> tuple[int, ...]:
    """Group of each text: the index of the first text it is linked to, directly or by others.

    Two texts are linked if the Jaccard index of their word sets (`normalise_text`) is at least
    `threshold`. Exact, by the prefix filter (Chaudhuri, Ganti and Kaushik 2006): such texts share
    a word among the rarest `n - ceil(threshold n) + 1` of either, so few pairs are compared.

    Args:
        texts: Any texts. One without a word is a group of its own.
        threshold: In (0, 1]; 1 links texts with the same words.
    """
    assert 0 < threshold <= 1
    bags = [frozenset(normalise_text(text).split()) for text in texts]
    frequency = Counter(word for bag in bags for word in bag)
    leader = list(range(len(bags)))
    by_word: defaultdict[str, list[int]] = defaultdict(list)
    for index, bag in enumerate(bags):
        rare = sorted(bag, key=lambda word: (frequency[word], word))
        # The tolerance keeps 0.8 x 5 at 4 whatever the rounding.
        prefix = rare[: len(rare) - math.ceil(threshold * len(rare) - 1e-9) + 1]
        for other in {other for word in prefix for other in by_word[word]}:
            common = len(bag & bags[other])
            if common >= threshold * (len(bag) + len(bags[other]) - common) - 1e-9:
                first, second = sorted((_root(leader, index), _root(leader, other)))
                leader[second] = first
        for word in prefix:
            by_word[word].append(index)
    return tuple(_root(leader, index) for index in range(len(bags)))


def _root(leader: list[int], index: int) -> int:
    """The first text of a group; paths are halved on the way."""
    while leader[index] != index:
        leader[index] = leader[leader[index]]
        index = leader[index]
    return index
