"""What is lost of a source before anything is drawn: whole labels, and many of its records."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emoloom.corpora.nearest_label import nearest_label
from emoloom.records import LabelSpace, Rejected, Row

MOST_REJECTED = 0.05
"""A larger share of a source's records that are rejected is warned of (ours)."""

RANKING = ("train", "select", "test")
"""Row sets whose losses bear on the verdict."""

_SHOWN = 6
_MOST_NAMES = 1000


@dataclass(slots=True)
class _Source:
    """What was read of one source."""

    sets: set[str] = field(default_factory=set)
    rows: int = 0
    rejected: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    """Label in lower case -> as it was first met."""

    def count(self, labels: Iterable[str], into: Counter[str]) -> None:
        for label in labels:
            key = label.casefold()
            if key in self.names or len(self.names) < _MOST_NAMES:
                self.names.setdefault(key, label)
                into[key] += 1

    def whole(self) -> dict[str, int]:
        """Label of which no row is kept -> records that name it, the commonest first."""
        gone = [key for key in self.lost if not self.kept[key]]
        return {self.names[key]: self.lost[key] for key in sorted(gone, key=self._place)}

    def _place(self, key: str) -> tuple[int, str]:
        return -self.lost[key], key


class Losses:
    """Counts every record of every source, once."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def row(self, source: str, row_set: str, row: Row) -> None:
        """A record became a row."""
        one = self._of(source, row_set)
        one.rows += 1
        one.count(row.answer.labels or (), one.kept)

    def rejected(self, source: str, row_set: str, record: Rejected) -> None:
        """A record did not."""
        one = self._of(source, row_set)
        one.rejected += 1
        one.count(record.labels, one.lost)

    def dropped(self, source: str, labels: Mapping[str, int]) -> None:
        """Rows were dropped by a label map; `labels` are those that they had."""
        one = self._sources[source]
        for label, count in labels.items():
            one.kept[label.casefold()] -= count
            one.lost[label.casefold()] += count

    def _of(self, source: str, row_set: str) -> _Source:
        one = self._sources.setdefault(source, _Source())
        one.sets.add(row_set)
        return one

    def to_list(self) -> list[dict[str, Any]]:
        """For counts.json: each source that lost a label whole, or many of its records."""
        return [
            {
                "source": name,
                "sets": sorted(one.sets),
                "records": one.rows + one.rejected,
                "rejected": one.rejected,
                "labels_lost": one.whole(),
            }
            for name, one in self._sources.items()
            if one.whole() or one.rejected > MOST_REJECTED * (one.rows + one.rejected)
        ]


def loss_warnings(losses: Iterable[Mapping[str, Any]], space: LabelSpace) -> list[str]:
    """What a user should be told of the losses of `Losses.to_list`, and what to do."""
    return [text for one in losses for text in (*_of_labels(one, space), *_of_records(one))]


def loss_notes(losses: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The same for the verdict: the losses of what ranks and of what is trained on.

    Raises:
        KeyError, TypeError, ValueError: the counts are another's.
    """
    ranked = [one for one in losses if set(one["sets"]) & set(RANKING)]
    return tuple(text for one in ranked for text in (*_of_labels(one), *_of_records(one)))


def _of_labels(one: Mapping[str, Any], space: LabelSpace | None = None) -> list[str]:
    lost = {str(label): int(count) for label, count in one["labels_lost"].items()}
    if not lost:
        return []
    many = f"{len(lost)} labels are lost whole, no row has them"
    what = "a label is lost whole, no row has it" if len(lost) == 1 else many
    shown = [_with_hint(label, count, space) for label, count in list(lost.items())[:_SHOWN]]
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    told = f"{one['source']}: {what}: {', '.join(shown)}{more} (of {int(one['records']):,} records)"
    mend = "give a label space that has it, or a `label_space` and `label_map` of your own"
    return [told if space is None else f"{told}; {mend}"]


def _with_hint(label: str, count: int, space: LabelSpace | None) -> str:
    near = None if space is None else nearest_label(label, space)
    return f"{label} {count:,}" + (f" (nearest in {space.name}: {near})" if near and space else "")


def _of_records(one: Mapping[str, Any]) -> list[str]:
    records, bad = int(one["records"]), int(one["rejected"])
    if bad <= MOST_REJECTED * records:
        return []
    return [f"{one['source']}: {bad:,} of {records:,} records are rejected ({bad / records:.0%})"]
