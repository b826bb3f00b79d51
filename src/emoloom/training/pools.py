"""What a mixture draws from: two pools, labelled rows by their first label, a few rows held out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.draws import generator
from emoloom.records import Row
from emoloom.supervision.valence_flip import SUFFIX
from emoloom.supervision.verbalisers import VERBALISER

UNLABELLED = "(no labels)"
"""Stratum of the rows that nobody labelled."""

LARGEST_SHARE = 10
"""At most one labelled row in so many is held out."""


@dataclass(frozen=True, slots=True)
class Pools:
    """Indices into the training rows; each is in one place."""

    strata: tuple[Mapping[str, tuple[int, ...]], ...]
    """Of A, then B: labelled rows by the first label that their answer writes."""
    unlabelled: tuple[tuple[int, ...], ...]
    """Of A, then B: rows that nobody labelled."""
    held_out: tuple[int, ...] = ()
    """Labelled rows that are never drawn: how well the model tells their labels drives the draw."""

    @property
    def rows(self) -> int:
        """Of all pools, those held out among them."""
        labelled = sum(len(rows) for pool in self.strata for rows in pool.values())
        return labelled + sum(map(len, self.unlabelled)) + len(self.held_out)


def make_pools(
    rows: Sequence[Row], pool_a: Sequence[str], held_out: frozenset[int] = frozenset()
) -> Pools:
    """Pools A and B with their strata.

    Strata are of the *first* label, since it is there that the loss can undo their shares: given
    the text and the first label, what else an answer says is drawn as it naturally is.

    Args:
        rows: the training rows.
        pool_a: names of the corpora of pool A; a flipped row is in the pool of its original. All
            other corpora are pool B.
        held_out: of `held_out_rows`.
    """
    strata: tuple[dict[str, list[int]], ...] = ({}, {})
    unlabelled: tuple[list[int], ...] = ([], [])
    for index, row in enumerate(rows):
        pool = 0 if row.source.removesuffix(SUFFIX) in pool_a else 1
        labels = row.answer.labels
        if labels is None:
            unlabelled[pool].append(index)
        elif index not in held_out:
            strata[pool].setdefault(labels[0], []).append(index)
    return Pools(
        strata=tuple({name: tuple(own) for name, own in sorted(one.items())} for one in strata),
        unlabelled=tuple(map(tuple, unlabelled)),
        held_out=tuple(sorted(held_out)),
    )


def held_out_rows(rows: Sequence[Row], count: int, seed: int) -> frozenset[int]:
    """Indices of labelled rows to be held out: whole groups, `count` rows or a tenth at most.

    No flip or neighbour with labels of a row that is held out is trained on; those that spell a
    label's name never are held out. Groups that are too large are passed over, so there may be
    fewer, or none.

    Args:
        rows: the training rows.
        count: how many are wanted.
        seed: of the choice.
    """
    labelled = [
        index
        for index, row in enumerate(rows)
        if row.answer.labels is not None and row.source != VERBALISER
    ]
    sizes = Counter(rows[index].group for index in labelled)
    groups, most = sorted(sizes), min(count, len(labelled) // LARGEST_SHARE)
    held: set[str] = set()
    left = most
    for place in generator(seed, "mixture-held-out").permutation(len(groups)).tolist():
        if sizes[groups[place]] <= left:
            held.add(groups[place])
            left -= sizes[groups[place]]
    return frozenset(index for index in labelled if rows[index].group in held)
