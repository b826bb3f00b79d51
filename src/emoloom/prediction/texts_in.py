"""Texts of a stream or of files: plain, JSON Lines, CSV or TSV, decided once for each."""

import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from emoloom.corpora.guess import guess_text_column
from emoloom.corpora.lines import BadLineError, shown
from emoloom.corpora.other_texts import in_words, texts_beside
from emoloom.corpora.quoting import are_quoted
from emoloom.corpora.rows import decode_json
from emoloom.errors import UserError
from emoloom.prediction.inputs import (
    EMPTY_LINE,
    TEXT,
    BadLine,
    Item,
    Numbers,
    decoded,
    is_blank,
    ready_lines,
    record_item,
)
from emoloom.prediction.not_texts import check_is_json_lines, check_is_text
from emoloom.prediction.results import RowId
from emoloom.prediction.separated import separated_records

Form = Literal["auto", "text", "jsonl", "csv", "tsv"]
"""What is read; `auto` goes by a file's name, else by its first line with anything in it."""

_MOST_SAMPLED = 1000
"""Records that a column is guessed from, at most: as many as `data check` looks at."""

_BY_SUFFIX: Mapping[str, Form] = {
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
}
_MARKS: Mapping[Form, str] = {"csv": ",", "tsv": "\t"}
_JSON = re.compile(rb'\s*[\[{]\s*(["{}\]]|$)')
"""Begins like JSON of objects: a text may begin with a brace, hardly with `{"`."""
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Reading:
    """How texts are read."""

    form: Form = "auto"
    """What they stand in."""
    column: str | None = None
    """Column or key of the texts; None: guessed of CSV and TSV, `text` in JSON Lines."""
    say: Callable[[str], None] = lambda _: None
    """Told in a line, once for each stream or file, how it is read."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One stream under way."""

    path: Path | None
    """Of the file; None for stdin."""
    numbers: Numbers
    """What its lines or records are known by, where they have no id."""
    reading: Reading
    """As asked for."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        return "stdin" if self.path is None else str(self.path)

    def say(self, what: str) -> None:
        """How this stream is read."""
        hint = "" if self.reading.form != "auto" else " (--format says otherwise)"
        self.reading.say(f"{self.name}: {what}{hint}")


def read_items(
    lines: Iterator[bytes | None],
    reading: Reading,
    path: Path | None = None,
    prefix: str = "",
) -> Iterator[Item]:
    """Each line or record as a text or as what is wrong with it.

    What has no `id` is known by its number from 1, or where others have one by `name:7`; the
    header of CSV and TSV has none.

    Args:
        lines: From `ready_lines`.
        reading: What they are.
        path: Of the file that they are of, whose name tells a form; None for stdin.
        prefix: Stands before numbers, as `prefix:7`.

    Raises:
        UserError: it is no text, or JSON but not in lines; the column of texts is not there, or
            cannot be told.
    """
    name = "stdin" if path is None else str(path)
    numbers = Numbers(prefix or name, named=bool(prefix))
    place = _Place(path, numbers, reading)
    at_start = True
    for raw in lines:
        line = raw
        if line is not None:
            if at_start:
                check_is_text(name, line, path)
                line = line.removeprefix(BOM_UTF8)
            at_start = False
        if line is None:
            yield None
        elif not line.strip():
            yield BadLine(numbers.next(), EMPTY_LINE)
        else:
            yield from _in_form(chain([line], lines), line, place)
            return
    if at_start:
        reading.say(f"{place.name}: empty, no line in it")


def _in_form(lines: Iterator[bytes | None], first: bytes, place: _Place) -> Iterator[Item]:
    form = place.reading.form
    if form == "auto":
        form = _form_of(place.path, first, place.reading.column)
    if form == "jsonl":
        check_is_json_lines(first, place.path)
        return _json_items(lines, place)
    return _text_items(lines, place) if form == "text" else _table_items(lines, form, place)


def _form_of(path: Path | None, first: bytes, column: str | None) -> Form:
    """By the name, else by the first line: JSON, a header that names a column of texts, or text."""
    named = None if path is None else _BY_SUFFIX.get(path.suffix.casefold())
    if named is not None:
        tabs = named == "csv" and b"\t" in first and b"," not in first  # as `data check`
        return "tsv" if tabs else named
    if _JSON.match(first):
        return "jsonl"
    header = decoded(first)[0]
    for form, mark in _MARKS.items():
        names = [one.strip().strip('"') for one in header.split(mark)]
        if len(set(names)) < max(2, len(names)) or not all(map(_NAME.fullmatch, names)):
            continue
        if column in names or (column is None and guess_text_column(names, ())):
            return form
    return "text"


def _text_items(lines: Iterable[bytes | None], place: _Place) -> Iterator[Item]:
    if place.reading.column is not None:
        raise UserError(
            f"plain texts have no column {shown(place.reading.column)}",
            got=f"{place.name}, a text a line",
            allowed="CSV, TSV or JSON Lines",
            do="say which with --format, or leave --column out",
        )
    place.say("plain texts, one a line")
    for raw in lines:
        if raw is None:
            yield None
            continue
        text, fault = decoded(raw)
        if fault or is_blank(text):
            yield BadLine(place.numbers.next(), fault or EMPTY_LINE)
        else:
            yield place.numbers.text(text, "the line")


def _json_items(lines: Iterable[bytes | None], place: _Place) -> Iterator[Item]:
    column = place.reading.column or TEXT
    place.say(f"JSON Lines, texts from key {shown(column)}")
    for raw in lines:
        yield None if raw is None else _json_item(raw, place.numbers, column)


def _json_item(raw: bytes, numbers: Numbers, column: str) -> Item:
    line, fault = decoded(raw)
    if fault or is_blank(line):
        return BadLine(numbers.next(), fault or EMPTY_LINE)
    try:
        value = decode_json(line)
    except BadLineError as error:
        return BadLine(numbers.next(), str(error).removeprefix("got "))
    if isinstance(value, dict):
        return numbers.item(value, column)
    return BadLine(numbers.next(), f"no JSON object; allowed: an object with a text `{column}`")


@dataclass(frozen=True, slots=True)
class _Table:
    """CSV or TSV whose header is read."""

    form: Form
    names: tuple[str, ...]
    """Of its columns."""
    place: _Place
    quotes: bool
    """Whether fields may stand in double quotes."""

    def column(self, name: str | None) -> str:
        """The column of texts, once there is one of that name.

        Raises:
            UserError: there is none, or more than one.
        """
        if name is None or self.names.count(name) != 1:
            times = "no" if name is None or name not in self.names else "more than one"
            raise UserError(
                f"{self.place.name} has {times} column "
                + ("that looks like texts" if name is None else shown(name)),
                got=shown(", ".join(self.names), 120),
                allowed="one of these, each name once",
                do="name the column of texts with --column",
            )
        what = "CSV" if self.form == "csv" else f"TSV ({'' if self.quotes else 'not '}quoted)"
        where = f"texts from column {shown(name)}, {self._ids()}"
        self.place.say(f"{what} with a header, {where}")
        return name

    def _ids(self) -> str:
        return "ids from column 'id'" if "id" in self.names else "ids the numbers of its records"

    def by_name(self, fields: Sequence[str]) -> dict[str, str]:
        """The record."""
        return dict(zip(self.names, fields, strict=True))

    def item(self, found: "_Found", column: str) -> Item:
        """A record's text."""
        if found is None or isinstance(found, BadLine):
            return found
        return record_item(found.values, found.number, column)


@dataclass(frozen=True, slots=True)
class _Record:
    number: RowId
    values: Mapping[str, str]


_Found = _Record | BadLine | None


def _table_items(lines: Iterator[bytes | None], form: Form, place: _Place) -> Iterator[Item]:
    quotes = form == "csv" or _tabs_are_quoted(place.path)
    records = separated_records(lines, delimiter=_MARKS[form], quotes=quotes)
    for header in records:
        if header is not None:
            break
        yield None
    else:
        return
    if isinstance(header, str):
        raise UserError(
            f"{place.name} has no line of column names",
            got=header,
            do="put the names of the columns on the first line",
        )
    table = _Table(form, tuple(name.strip() for name in header), place, quotes)
    place.numbers.named |= "id" in table.names
    column = place.reading.column or guess_text_column(table.names, ())
    found = _records(records, table)
    if column is not None:
        column = table.column(column)
        yield from (table.item(one, column) for one in found)
    else:
        yield from _guessed(found, table)


def _tabs_are_quoted(path: Path | None) -> bool:
    """As corpora's are read; not where the file does not tell, or cannot be read twice."""
    if path is None or not path.is_file():
        return False
    try:
        return are_quoted(path, _MARKS["tsv"])
    except UserError:
        return False


def _records(records: Iterable[list[str] | str | None], table: _Table) -> Iterator[_Found]:
    width = len(table.names)
    for fields in records:
        if fields is None:
            yield None
            continue
        number = table.place.numbers.next()
        if isinstance(fields, str):
            yield BadLine(number, fields)
        elif len(fields) == width:
            yield _Record(number, table.by_name(fields))
        else:
            got = f"{len(fields)} columns; allowed: {width}, as in the header"
            yield BadLine(number, got if fields else EMPTY_LINE)


def _guessed(found: Iterator[_Found], table: _Table) -> Iterator[Item]:
    """The column of texts is told from the records that are there before the first wait."""
    held: list[_Found] = []
    sample: list[Mapping[str, str]] = []
    for one in found:
        held.append(one)
        if isinstance(one, _Record):
            sample.append(one.values)
        elif one is None and not sample:  # what is held is errors
            yield from (table.item(bad, "") for bad in held)
            held.clear()
        if sample and (one is None or len(held) >= _MOST_SAMPLED):
            break
    if not sample:
        yield from (table.item(bad, "") for bad in held)
        return
    column = guess_text_column(table.names, sample)
    if column is not None:
        others = (name for name in table.names if name not in ("id", column))
        if left_out := in_words(column, texts_beside(column, others, sample)):
            table.place.reading.say(f"{table.place.name}: {left_out}; --column names another")
    column = table.column(column)
    yield from (table.item(one, column) for one in chain(held, found))


def read_files(paths: Sequence[Path], reading: Reading) -> Iterator[Item]:
    """The texts of several files, one after the other; those of each are numbered from 1.

    Raises:
        UserError: at once, where one cannot be read, is no text, or has no column of texts.
    """
    for path in paths:
        fault = "a folder" if path.is_dir() else "" if path.exists() else "no such file"
        if not fault and not os.access(path, os.R_OK):
            fault = "not readable"
        if fault:
            raise UserError(f"cannot read texts from {path}", got=fault, do="check the path")
        if path.is_file():  # else a pipe, which can be read but once
            with closing(_file(path, replace(reading, say=lambda _: None), "")) as peeked:
                next(peeked, None)
    several = len(paths) > 1
    return chain.from_iterable(_file(path, reading, str(path) if several else "") for path in paths)


def _file(path: Path, reading: Reading, prefix: str) -> Generator[Item, None, None]:
    with path.open("rb", buffering=0) as stream:
        yield from read_items(ready_lines(stream), reading, path, prefix)
