"""Rows cut behind what is scored: fewer tokens a row, more rows for the same seconds (ours).

Behind the labels come digits that nobody rated and cue words that nobody scores; behind the digits
the cue words alone. Some rows are trained to their end, so that a model learns to end an answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from emoloom.draws import generator
from emoloom.records import Row
from emoloom.supervision.verbalisers import VERBALISER
from emoloom.training.answer_fields import Field
from emoloom.training.charts import Targets
from emoloom.training.examples import Example, Examples

End = Literal["labels", "digits"]
"""The field whose last token is the last of a cut row."""


@dataclass(frozen=True, slots=True)
class CutShares:
    """Which share of the rows ends early; their sum is below 1, the rest is whole."""

    labels: float
    """Behind the labels, of the rows with labels and without human VAD."""
    digits: float
    """Behind the digits of VAD."""


def row_ends(rows: Sequence[Row], shares: CutShares | None, seed: int) -> tuple[End | None, ...]:
    """Where each row ends; None for its whole answer.

    Rows are chosen by chance, each by itself. What people rated is never cut off, and a row that
    says nothing but a label name (`verbalisers`) always ends behind it.
    """
    chance = generator(seed, "cut-rows").random(len(rows)).tolist()
    return tuple(_end(row, shares, drawn) for row, drawn in zip(rows, chance, strict=True))


def _end(row: Row, shares: CutShares | None, drawn: float) -> End | None:
    if row.source == VERBALISER:
        return "labels"
    if shares is None:
        return None
    digits_alone = row.answer.labels is None or row.human_vad is not None
    behind_labels = 0.0 if digits_alone else shares.labels
    if drawn < behind_labels:
        return "labels"
    return "digits" if drawn < behind_labels + shares.digits else None


def cut(example: Example, end: End | None) -> Example:
    """The example up to the last token of a field, without the end token; or as it is."""
    last: Field | None = end
    if last is None or last not in example.fields:
        return example
    kept = len(example.fields) - example.fields[::-1].index(last)
    stop = example.answer_start + kept
    return replace(
        example,
        ids=example.ids[:stop],
        trained=example.trained[:kept],
        fields=example.fields[:kept],
        soft=tuple(target for target in example.soft if target.at < kept),
        targets=None if example.targets is None else _cut(example.targets, stop),
    )


def _cut(targets: Targets, stop: int) -> Targets:
    return replace(
        targets,
        numbers=tuple(one for one in targets.numbers if one[0] < stop),
        cues=tuple(place for place in targets.cues if place < stop),
    )


@dataclass(frozen=True, slots=True)
class CutExamples(Sequence[Example]):
    """Examples of rows, each up to its end, made when they are asked for."""

    whole: Examples
    """With their whole answers."""
    ends: Sequence[End | None]
    """Where each ends."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.whole)

    def __getitem__(self, index: int) -> Example:  # type: ignore[override]
        """The example of one row."""
        return cut(self.whole[index], self.ends[index])

    def __iter__(self) -> Iterator[Example]:
        """Each in turn."""
        return (self[index] for index in range(len(self)))
