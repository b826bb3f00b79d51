"""Row sets: draws in natural proportions, and no text on two sides of a split."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from emoloom.corpora.lines import normalise_text
from emoloom.errors import UserError
from emoloom.records import LabelSpace, Row


class Overlap(NamedTuple):
    """Training rows after `remove_overlap`; both parts keep the order of the input."""

    kept: tuple[Row, ...]
    """Rows that stand in none of the other sets."""
    removed: tuple[Row, ...]
    """Rows taken out of train."""


def draw(rows: Sequence[Row], n: int, rng: np.random.Generator) -> tuple[Row, ...]:
    """Draw `n` rows without replacement, each with the same chance: natural proportions.

    The rows come in the order drawn. From the same rows and seed a smaller draw is the beginning
    of a larger one.

    Raises:
        UserError: fewer than `n` rows, or a negative `n`.
    """
    if not 0 <= n <= len(rows):
        raise UserError(
            "cannot draw that many rows",
            got=str(n),
            allowed=f"0 to {len(rows)}, the rows there are",
            do="ask for fewer rows or give more data",
        )
    return tuple(rows[i] for i in rng.permutation(len(rows))[:n])


def remove_overlap(train: Sequence[Row], *others: Iterable[Row]) -> Overlap:
    """Take rows out of train whose text or group stands in another set; others stay as they are.

    Texts are compared as `normalise_text` leaves them. An empty text equals no other.
    """
    texts: set[str] = set()
    groups: set[str] = set()
    for rows in others:
        for row in rows:
            texts.add(normalise_text(row.text))
            groups.add(row.group)
    texts.discard("")
    groups.discard("")
    kept: list[Row] = []
    removed: list[Row] = []
    for row in train:
        overlaps = row.group in groups or normalise_text(row.text) in texts
        (removed if overlaps else kept).append(row)
    return Overlap(tuple(kept), tuple(removed))


def conflicting_duplicates(rows: Iterable[Row]) -> int:
    """Number of rows whose text stands in `rows` with another set of labels too.

    They are counted and kept: annotators do disagree. Rows without labels do not count.
    """
    by_text: dict[str, list[frozenset[str]]] = {}
    for row in rows:
        if row.answer.labels is not None and row.text.strip():
            by_text.setdefault(normalise_text(row.text), []).append(frozenset(row.answer.labels))
    return sum(len(answers) for answers in by_text.values() if len(set(answers)) > 1)


def positives(rows: Iterable[Row], space: LabelSpace) -> dict[str, int]:
    """Rows that carry each label, for every label of the space in its order (0 where none)."""
    counts = dict.fromkeys(space.labels, 0)
    for row in rows:
        for label in row.answer.labels or ():
            counts[label] += 1
    return counts
