"""Which label was said in place of which: counts over the rows with gold labels (ours).

Of a row with several labels only what went wrong is paired: each gold label that was missed, with
each label that was said and is not gold. A missed label with nothing said in its place counts under
NOTHING, and so does every gold label of an output that did not parse.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.report.formats import visible
from emoloom.report.inputs import Record, mapping
from emoloom.report.rows import Answer, DecodedRows

NOTHING = "(nothing)"
"""Said in place of a label: no label that is not gold."""

LABELS = 32
"""At most this many labels are drawn, those with the most gold rows, then those said most."""

SHOWN = 8
"""Confusions of each entry in the table."""

CELL, HEAD = 21, 132
"""Height in pixels of a label's line, and of the names above."""

Pairs = Mapping[tuple[str, str], int]
"""(gold label, label said) -> rows; the same label twice: rows where it was found."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """One entry's answers against the gold labels."""

    name: str
    """Name of the entry."""
    pairs: Pairs
    """All counts."""
    gold: Mapping[str, int]
    """Gold rows of each label among the rows it answered."""

    def worst(self) -> list[tuple[str, str, int, int]]:
        """The commonest confusions: gold, said, rows, gold rows."""
        wrong = [(g, s, n) for (g, s), n in self.pairs.items() if g != s]
        wrong.sort(key=lambda one: (-one[2], one[0], one[1]))
        return [(g, s, n, self.gold[g]) for g, s, n in wrong[:SHOWN]]


@dataclass(frozen=True, slots=True)
class Confusions:
    """All entries."""

    labels: tuple[str, ...]
    """Labels drawn, in one order for gold and said."""
    entries: tuple[Confusion, ...]
    """In the order of the page."""
    left_out: int
    """Labels met that are not drawn."""
    why: str
    """Why there is no plot; empty where there is one."""

    @property
    def height(self) -> int:
        """Height of the plot in pixels."""
        return HEAD + CELL * len(self.labels)


def confusions(select: Sequence[Record], decoded: DecodedRows) -> Confusions:
    """Counts of every entry with answers to rows that have gold labels."""
    gold = {key: labels for row in select if (labels := _gold(row)) and (key := str(row.get("id")))}
    if not decoded.parsed:
        return Confusions((), (), 0, "The label space is not known here, so nothing is parsed.")
    found = [_confusion(name, gold, answers) for name, answers in decoded.answers.items()]
    entries = tuple(one for one in found if one.gold)
    totals: Counter[str] = Counter(label for labels in gold.values() for label in labels)
    said: Counter[str] = Counter()
    for one in entries:
        for (_, label), count in one.pairs.items():
            said[label] += count
    met = {*totals, *said} - {NOTHING}
    order = sorted(met, key=lambda label: (-totals[label], -said[label], label))
    why = "" if gold else "No row of this row set has gold labels."
    why = why or ("" if entries else "There are no answers to rows with gold labels.")
    return Confusions(tuple(order[:LABELS]), entries, len(order[LABELS:]), why)


def _gold(row: Record) -> tuple[str, ...]:
    labels = mapping(row.get("answer")).get("labels")
    return tuple(dict.fromkeys(map(str, labels))) if isinstance(labels, list) else ()


def _confusion(
    name: str, gold: Mapping[str, tuple[str, ...]], answers: Mapping[str, Answer]
) -> Confusion:
    pairs: Counter[tuple[str, str]] = Counter()
    rows: Counter[str] = Counter()
    for row_id, right in gold.items():
        if row_id not in answers:
            continue
        rows.update(right)
        said = answers[row_id].labels or ()
        extra = [label for label in said if label not in right] or [NOTHING]
        for label in right:
            pairs.update([(label, label)] if label in said else [(label, one) for one in extra])
    return Confusion(name, dict(pairs), dict(rows))


def confusion_payload(found: Confusions) -> Record:
    """What the script draws: per entry [gold, said, rows] by number of the label; -1 is NOTHING."""
    number = {label: index for index, label in enumerate(found.labels)} | {NOTHING: -1}
    return {
        "labels": [visible(label) for label in found.labels],
        "entries": [
            {
                "name": visible(one.name),
                "gold": [one.gold.get(label, 0) for label in found.labels],
                "pairs": [
                    [number[gold], number[said], rows]
                    for (gold, said), rows in sorted(one.pairs.items())
                    if gold in number and said in number
                ],
            }
            for one in found.entries
        ],
    }
