"""Which labels rank: those with gold rows enough, or what stands in where they are too few.

Macro-F1 over one label is that label's F1, and micro-F1 pays for answering the commonest label:
neither can stand for the labels (ours). So a short list gives way to a longer one of less sure
labels, and the ranking is marked indicative.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.records import LabelSpace, Row

LEAST_LABELS = 5
"""Fewer labels with enough gold rows do not rank alone; all of a space that has fewer."""

LEAST_POSITIVES = 3
"""Gold rows of a label that stands in, at least."""


@dataclass(frozen=True, slots=True)
class RankedLabels:
    """The labels over which strict macro-F1 goes."""

    labels: tuple[str, ...]
    """In the order of the space; empty where `select` has no gold labels."""
    least_positives: int
    """Gold rows that each of them has at least; 0 where there is none."""
    stands_in: str
    """Why this list stands in for that of the labels with enough gold rows; empty where it is
    that list."""


def ranked_labels(rows: Sequence[Row], space: LabelSpace, min_positives: int) -> RankedLabels:
    """The labels with at least `min_positives` gold rows, or those that stand in for them.

    They stand in where fewer than `LEAST_LABELS` labels have so many, or fewer than half of the
    labels in gold: then all with at least `LEAST_POSITIVES`, and where no label has these, all in
    gold.
    """
    positives = Counter(label for row in rows for label in row.answer.labels or ())

    def having(least: int) -> tuple[str, ...]:
        return tuple(label for label in space.labels if positives[label] >= least)

    found, in_gold = having(min_positives), having(1)
    if not in_gold:
        return RankedLabels((), 0, "")
    enough = min(LEAST_LABELS, len(space.labels))
    if len(found) >= enough and 2 * len(found) >= len(in_gold):
        return RankedLabels(found, min_positives, "")
    have = f"{len(found)} of {len(in_gold)} in gold"
    why = f"too few labels have {_rows(min_positives)} ({have})"
    least = min(LEAST_POSITIVES, min_positives)
    if more := having(least):
        return RankedLabels(more, least, f"{why}, so those with at least {least} stand in")
    return RankedLabels(in_gold, 1, f"{why}, and none has {_rows(least)}, so all stand in")


def _rows(count: int) -> str:
    return "a gold row" if count == 1 else f"{count} gold rows"
