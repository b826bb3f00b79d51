"""Whether double quotes of a separated file are CSV quoting or text: told from its content (ours).

Programs that write tabs (pandas, Excel) quote a field that holds a quote, a tab or a line end, and
double its own quotes. Corpora are often written without any quoting. The same bytes can be both.
"""

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from emoloom.corpora.lines import read_lines, shown
from emoloom.errors import UserError

_WHOLE = re.compile(r'"(?:[^"]|"")*"')
_NEVER_CLOSED = re.compile(r'"(?:[^"]|"")*')
_BLOCK_BYTES = 1 << 20

_Record = tuple[int, list[str], list[str] | None]
"""Number of its first line, the lines that it takes, its fields (None: it is no sound CSV)."""


@dataclass(slots=True)
class _Signs:
    """What speaks for either, by the first lines that show it."""

    mark: str
    quoting: dict[int, str] = field(default_factory=dict)
    """A quote doubled inside a quoted field, a tab in it, or a line end that would tear a row."""
    broken: dict[int, str] = field(default_factory=dict)
    """A field that begins with a quote and is no CSV."""
    spans: dict[int, str] = field(default_factory=dict)
    """A record of several lines that are as sound when each is a row."""
    inside: int = 0
    """Fields with a quote that is not their first character: who quotes, quotes those."""
    wrapped: int = 0
    """Lines with a field that stands in quotes and holds none."""
    records: int = 0
    width: int = 0
    """Fields of the header."""

    def take(self, record: _Record) -> None:
        number, lines, fields = record
        self.records += 1
        if not self.width:
            self.width = len(fields) if fields else lines[0].count(self.mark) + 1
        if not any('"' in line for line in lines):
            return
        torn = self._torn(lines)
        if fields is None:
            self._add(self.broken, number, lines[0])
        if torn is not None:
            self._add(self.quoting, number + torn, lines[torn])
        elif fields is not None and len(lines) > 1:
            self._add(self.spans, number, lines[0])
        elif fields is not None:
            self._one_line(number, lines[0], fields)

    def _torn(self, lines: list[str]) -> int | None:
        """The line that ends inside quotes where it or the next has too few fields for a row."""
        short = [line.count(self.mark) + 1 < self.width for line in lines]
        found = (
            at
            for at, line in enumerate(lines)
            if (short[at] or any(short[at + 1 : at + 2]))
            and _NEVER_CLOSED.fullmatch(line.rsplit(self.mark, 1)[-1])
        )
        return next(found, None)

    def _one_line(self, number: int, line: str, fields: list[str]) -> None:
        raw = line.split(self.mark)
        begun = [one for one in raw if one.startswith('"')]
        if not all(map(_WHOLE.fullmatch, begun)):
            tab_inside = len(fields) == self.width != len(raw)
            self._add(self.quoting if tab_inside else self.broken, number, line)
            return
        self.inside += sum('"' in one for one in raw) - len(begun)
        if any('"' in one[1:-1] for one in begun):
            self._add(self.quoting, number, line)
        elif begun:
            self.wrapped += 1

    def _add(self, where: dict[int, str], number: int, line: str) -> None:
        if not where:
            where[number] = line

    def verdict(self) -> bool | None:
        """Whether quotes are quoting; None where that cannot be told."""
        if self.broken:
            mostly_wrapped = 2 * self.wrapped > self.records
            return None if self.quoting or mostly_wrapped else False
        if self.quoting:
            return None if self.spans and self.inside else True
        if self.spans:
            return False if self.inside else None
        return self.wrapped > 0 and not self.inside


def are_quoted(path: Path, mark: str) -> bool:
    r"""Whether fields of the file stand in double quotes as CSV writes them.

    They do where every field that begins with a quote is sound CSV, unless nothing but whole
    fields in quotes speaks for it and others hold quotes that a writer of CSV would have quoted.
    They do not where such a field is no sound CSV and no row would be half a record without them.

    Args:
        path: A UTF-8 text file with a line of column names.
        mark: Between fields, `\t` for example.

    Raises:
        UserError: it cannot be told, or the file cannot be read as UTF-8 text.
    """
    if not _begins_quoted(path, mark.encode()):
        return False
    signs = _Signs(mark)
    for record in _records(path, mark):
        signs.take(record)
    found = signs.verdict()
    if found is None:
        raise _unclear(path, signs)
    return found


def _unclear(path: Path, signs: _Signs) -> UserError:
    kinds = (
        (signs.quoting, "that is quoted"),
        (signs.spans, "whose quote is closed on a later line"),
        (signs.broken, "that is no sound CSV"),
    )
    got = [f"line {n} {what} ({shown(line)})" for one, what in kinds for n, line in one.items()]
    if signs.wrapped and not signs.quoting:
        got.insert(0, f"{signs.wrapped} lines with a field in quotes")
    return UserError(
        f"{path}: it cannot be told whether double quotes are CSV quoting or text",
        got=", and ".join(got),
        allowed="quotes around whole fields, with those inside doubled; or quotes as text alone",
        do="say `quotes: true` or `quotes: false` in its `mapping`",
    )


def _begins_quoted(path: Path, mark: bytes) -> bool:
    """Whether any field begins with a quote."""
    before = b"\n"
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            seen = before + (block.removeprefix(BOM_UTF8) if before == b"\n" else block)
            if b'\n"' in seen or mark + b'"' in seen:
                return True
            before = block[-1:]
    return False


def _records(path: Path, mark: str) -> Iterator[_Record]:
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for _, line in read_lines(path):
            taken.append(line)
            yield f"{line}\n"

    reader = csv.reader(lines(), strict=True, delimiter=mark)
    number = 1
    while True:
        fields: list[str] | None = None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            pass
        yield number, taken, fields
        number += len(taken)
        taken.clear()
