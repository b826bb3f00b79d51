"""Rows and answers of one label space read in another, with an account of what that costs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from emoloom.corpora.label_maps import LabelMap
from emoloom.records import Prediction, Row


@dataclass(slots=True)
class MapAccount:
    """What a label map did to the rows that went through it: rows in = rows out + lost."""

    label_map: LabelMap
    """The map."""
    rows_in: int = 0
    """Rows read."""
    lost: int = 0
    """Rows dropped: none of their labels has a counterpart, and they have no VAD."""
    shortened: int = 0
    """Rows kept that have fewer labels than before: some were lost, or merged into one."""
    merged: int = 0
    """Rows kept of which two labels became one."""
    masked: int = 0
    """Rows kept for their VAD alone: all their labels were lost, and are null now."""
    lost_labels: Counter[str] = field(default_factory=Counter)
    """Label that becomes nothing -> rows that carried it, kept or not."""
    dropped_labels: Counter[str] = field(default_factory=Counter)
    """Label -> rows that carried it and were dropped."""

    def counts(self) -> dict[str, Any]:
        """The JSON object of the account; only lost labels that were met."""
        labels = self.label_map.source.labels
        return {
            "from": self.label_map.source.name,
            "to": self.label_map.target.name,
            "sha256": self.label_map.sha256,
            "rows_in": self.rows_in,
            "rows_out": self.rows_in - self.lost,
            "rows_lost": self.lost,
            "rows_with_fewer_labels": self.shortened,
            "rows_with_labels_merged": self.merged,
            "rows_without_labels_now": self.masked,
            "labels_lost": {x: self.lost_labels[x] for x in labels if self.lost_labels[x]},
        }

    def warning(self, corpus: str) -> list[str]:
        """What a user should be told of the losses; empty where there were none."""
        if not self.lost_labels:
            return []
        gone = ", ".join(f"{label} {n}" for label, n in self.counts()["labels_lost"].items())
        return [
            f"{corpus}: {self.lost} of {self.rows_in} rows are lost from "
            f"{self.label_map.source.name} to {self.label_map.target.name}; labels without a "
            f"counterpart: {gone}"
        ]


def map_row(row: Row, label_map: LabelMap) -> Row | None:
    """The row in the map's target space; None where nothing is left to learn or score.

    A row without labels stays as it is. One whose labels are all lost keeps its VAD, if it has
    one, with null labels.
    """
    if row.answer.labels is None:
        return row
    labels = label_map.of(row.answer.labels) or None
    if labels is None and row.answer.vad is None:
        return None
    return replace(row, answer=replace(row.answer, labels=labels))


def map_stream(rows: Iterable[Row], account: MapAccount) -> Iterator[Row]:
    """Rows in the target space of the account's map, one at a time, each entered in the account."""
    targets = account.label_map.targets
    for row in rows:
        account.rows_in += 1
        before = row.answer.labels or ()
        account.lost_labels.update(label for label in before if not targets[label])
        mapped = map_row(row, account.label_map)
        if mapped is None:
            account.lost += 1
            account.dropped_labels.update(before)
            continue
        after = mapped.answer.labels or ()
        found = [target for label in before for target in targets[label]]
        account.shortened += len(after) < len(before)
        account.merged += len(set(found)) < len(found)
        account.masked += bool(before) and not after
        yield mapped


def map_rows(rows: Sequence[Row], label_map: LabelMap) -> tuple[tuple[Row, ...], MapAccount]:
    """Every row in the map's target space, and what was merged and lost."""
    account = MapAccount(label_map)
    return tuple(map_stream(rows, account)), account


def map_answer(answer: Prediction, label_map: LabelMap) -> Prediction:
    """A model's answer in the map's target space, to score it on rows of that space.

    An answer whose labels all have no counterpart predicts no label (`labels` is empty then,
    which only a mapped answer may be).
    """
    return replace(answer, labels=label_map.of(answer.labels))
