"""What a stream of rows leaves behind: lines on the disk, and a few bytes a row in memory."""

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from emoloom.corpora.lines import is_text_group, text_group
from emoloom.corpora.reading import hash64
from emoloom.corpora.rows import row_of_line
from emoloom.records import Row
from emoloom.row_sets.pools import Order


class Spool:
    """Lines on the disk, in the order added; read back in any order. Gone when closed."""

    def __init__(self, folder: Path) -> None:
        """Begin without lines, in a temporary file in this folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._ends = array("q", [0])
        self._marks = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, line: bytes, mark: bool = False) -> None:
        """Add a line; a mark can be asked for without reading it."""
        self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))
        self._marks.append(mark)

    def marked(self, order: Iterable[int]) -> Iterator[int]:
        """Those of `order` that have a mark."""
        return (at for at in order if self._marks[at])

    def lines(self, order: Iterable[int] | None = None) -> Iterator[bytes]:
        """The lines, in the order of these indices; in the order added when None."""
        self._file.flush()
        if order is None:
            self._file.seek(0)
            yield from self._file
            return
        for at in order:
            self._file.seek(self._ends[at])
            yield self._file.read(self._ends[at + 1] - self._ends[at])


@lru_cache(maxsize=4096)
def _labels_hash(labels: tuple[str, ...]) -> int:
    return hash64("\t".join(sorted(labels)))


class Conflicts:
    """Counts rows whose text stands there with another set of labels too, by hash.

    As `splits.conflicting_duplicates`.
    """

    def __init__(self) -> None:
        self._texts, self._labels = array("Q"), array("Q")

    def add(self, row: Row) -> None:
        """Take a row into account, if it has labels and a text."""
        if row.answer.labels is not None and row.text.strip():
            # A row without a conversation has this as its group already.
            text = row.group if is_text_group(row.group) else text_group(row.text)
            self._texts.append(hash64(text))
            self._labels.append(_labels_hash(row.answer.labels))

    def count(self) -> int:
        """Rows in conflict."""
        if not self._texts:
            return 0
        texts = np.frombuffer(self._texts, dtype=np.uint64)
        order = np.argsort(texts, kind="stable")
        texts, labels = texts[order], np.frombuffer(self._labels, dtype=np.uint64)[order]
        starts = np.flatnonzero(np.concatenate(([True], texts[1:] != texts[:-1])))
        sizes = np.diff(np.concatenate((starts, [len(texts)])))
        mixed = np.maximum.reduceat(labels, starts) != np.minimum.reduceat(labels, starts)
        return int(sizes[mixed].sum())


@dataclass(frozen=True, slots=True)
class Drawn:
    """One part of a row set: its rows on the disk, and which of them are drawn."""

    rows: Spool
    """All of them."""
    order: Order
    """Indices of those drawn."""

    def lines(self) -> Iterator[bytes]:
        """Lines of the rows drawn."""
        return self.rows.lines(None if isinstance(self.order, range) else self.order)

    def human(self) -> Iterator[Row]:
        """Drawn rows with human VAD."""
        return map(row_of_line, self.rows.lines(self.rows.marked(self.order)))
