"""What readers give: a stream of rows and rejections, and what is counted of it.

A reader is an iterator of `Item`s, one record in memory at a time. Counts in = rows + rejected;
nothing is dropped in silence.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from emoloom.corpora.lines import BadLineError, shown, text_group
from emoloom.records import Answer, Rejected, Row, VadSource

SPLITS = ("train", "dev", "test")
"""The splits a corpus may have."""

_FIRST_SLOTS = 1 << 10


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file that rows came from, for the run's provenance."""

    name: str
    """File name, without folders."""
    sha256: str
    """Hash of the bytes, in hexadecimal."""
    known: bool | None
    """True: the registry lists this hash. False: another. None: the registry knows no hash."""


class Item(NamedTuple):
    """One record of a file."""

    split: str | None
    """The split it belongs to; None where that cannot be told."""
    record: Row | Rejected | None
    """None: it goes on with a record already given, as further utterances of a conversation do."""


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a reader made of one split of a file."""

    rows: tuple[Row, ...]
    """In the file's order."""
    rejected: tuple[Rejected, ...]
    """Lines that could not become rows, in the file's order."""
    lines_in: int
    """Records read for this split: always `len(rows) + len(rejected)`."""
    other_split: int = 0
    """Records of the same file that belong to another split. They are not in `lines_in`."""
    files: tuple[FileRead, ...] = ()
    """The files read; filled in by `registry.read_corpus`."""
    continued: int = 0
    """Lines that go on with a record already counted. They are not in `lines_in`."""

    def __post_init__(self) -> None:
        assert self.lines_in == len(self.rows) + len(self.rejected)


def collect(items: Iterable[Item], split: str | None = None) -> ReadResult:
    """Everything a reader gives for one split, or for all of them, in memory."""
    rows: list[Row] = []
    bad: list[Rejected] = []
    other = continued = 0
    for found, record in items:
        if split is not None and found not in (None, split):
            other += 1
        elif record is None:
            continued += 1
        elif isinstance(record, Row):
            rows.append(record)
        else:
            bad.append(record)
    count = len(rows) + len(bad)
    return ReadResult(tuple(rows), tuple(bad), count, other, continued=continued)


def hash64(text: str) -> int:
    """64 bits of BLAKE2b, never 0: two of a million texts share one in 1 of 37 million cases."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


class Seen:
    """Texts already seen, by their `hash64` in one flat table: 12 to 24 bytes each."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * _FIRST_SLOTS))
        self._count = 0

    def add(self, text: str) -> bool:
        """Whether the text is new."""
        value, table = hash64(text), self._table
        at = self._slot(value)
        if table[at] == value:
            return False
        table[at] = value
        self._count += 1
        if 3 * self._count > 2 * len(table):
            self._grow()
        return True

    def __contains__(self, text: str) -> bool:
        value = hash64(text)
        return self._table[self._slot(value)] == value

    def __len__(self) -> int:
        return self._count

    def _slot(self, value: int) -> int:
        """Where the value is, or the free place that it would take."""
        table = self._table
        last = len(table) - 1
        at = value & last
        while (held := table[at]) and held != value:
            at = (at + 1) & last
        return at

    def _grow(self) -> None:
        old, self._table = self._table, array("Q", bytes(16 * len(self._table)))
        for value in old:
            if value:
                self._table[self._slot(value)] = value


def check_new(key: str, seen: Seen) -> None:
    """Remember an id. Raises `BadLineError` where it is not new."""
    if not seen.add(key):
        raise BadLineError(f"the id {shown(key)} again", "each id once")


def make_row(key: str, text: str, answer: Answer, source: str, split: str) -> Row:
    """A row whose VAD, if any, is human and whose group is its text's."""
    vad_source: VadSource | None = None if answer.vad is None else "human"
    return Row(key, text, answer, source, split, vad_source, text_group(text))


def of_split(items: Iterable[Item], split: str) -> Iterator[Item]:
    """What belongs to one split, and what cannot be told."""
    return (item for item in items if item.split in (None, split))
