"""Readers of official corpus files. Counts in = rows + rejected; nothing is dropped in silence."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emoloom.corpora.lines import (
    BadLineError,
    check_line,
    read_lines,
    rejected,
    shown,
    text_group,
)
from emoloom.corpora.rows import parse_row
from emoloom.errors import UserError
from emoloom.records import VAD, Answer, LabelSpace, Rejected, Row, VadSource

SPLITS = ("train", "dev", "test")
"""The splits a corpus may have."""

_EMOBANK_COLUMNS = ("id", "split", "V", "A", "D", "text")
_EMOBANK_SCALE = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file that rows came from, for the run's provenance."""

    name: str
    """File name, without folders."""
    sha256: str
    """Hash of the bytes, in hexadecimal."""
    known: bool | None
    """True: the official file. False: another. None: the registry knows no hash."""


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

    def __post_init__(self) -> None:
        assert self.lines_in == len(self.rows) + len(self.rejected)


def read_goemotions(
    path: Path, split: str, *, space: LabelSpace, source: str = "goemotions"
) -> ReadResult:
    """Read one official GoEmotions file (Demszky et al. 2020): TSV, no header, no quoting.

    Args:
        path: `train.tsv`, `dev.tsv` or `test.tsv`.
        split: Written into the rows; the file does not say it.
        space: Its labels in the order of `emotions.txt`, in which the file's indices count.
        source: Registry name; also the prefix of the ids.

    Returns:
        Rows without VAD and rationale, texts exactly as the file has them.

    Raises:
        UserError: the file cannot be read as UTF-8 text.
    """

    def parse(line: str) -> Row:
        text, labels, key = _goemotions_fields(line, space)
        return _row(f"{source}/{key}", text, Answer(labels, None, ""), source, split)

    return _collect(path, source, parse)


def read_emobank(path: Path, split: str, *, source: str = "emobank") -> ReadResult:
    """Read one split of the official EmoBank file (Buechel and Hahn 2017).

    Ratings 1..5 become (x - 1) / 4, to six decimals. The group is the text's, not the document's:
    125 of its 135 documents stand on several sides of the official split.

    Args:
        path: `emobank.csv`, with the columns id, split, V, A, D, text.
        split: The split to return; records of the others are counted in `other_split`.
        source: Registry name; also the prefix of the ids.

    Returns:
        Rows with human VAD and no labels. A record whose split cannot be told is rejected.

    Raises:
        UserError: the file cannot be read as UTF-8 text, or a column is missing.
    """
    records = _csv_records(path)
    columns = _emobank_columns(path, records)
    rows: list[Row] = []
    bad: list[Rejected] = []
    seen: set[str] = set()
    count = other = 0
    for number, record in records:
        fields = [] if isinstance(record, BadLineError) else record
        if _split_of(fields, columns) not in (None, split):
            seen.add(f"{source}/{fields[columns['id']]}")
            other += 1
            continue
        count += 1
        try:
            row = _emobank_row(record, columns, source)
            _check_new(row.id, seen)
        except BadLineError as error:
            bad.append(rejected(source, number, error, ",".join(fields)))
        else:
            rows.append(row)
    return ReadResult(tuple(rows), tuple(bad), count, other)


def read_rows(path: Path, space: LabelSpace, *, need_answer: bool = True) -> ReadResult:
    """Read dataset rows (JSON Lines, the contract's row object), ours or a user's.

    Only `id` must be there, and `answer` where `need_answer`. The defaults: `text` "", `source`
    the file's name without its ending, `split` "test", `group` the text's hash (the id's without
    a text), `vad_source` "human" where there is a VAD, `rationale` "". Unknown keys are rejected.

    Args:
        path: The file; rows of all splits are returned.
        space: Labels must be its names; they are put into its order.
        need_answer: Reject a row without `answer`; in it, labels and VAD may both be null.

    Returns:
        Rows in the file's order.

    Raises:
        UserError: the file cannot be read as UTF-8 text.
    """

    def parse(line: str) -> Row:
        return parse_row(line, space, default_source=path.stem, need_answer=need_answer)

    return _collect(path, path.name, parse)


def _collect(path: Path, source: str, parse: Callable[[str], Row]) -> ReadResult:
    """One row or one rejection for each line; `source` names the file in rejections."""
    rows: list[Row] = []
    bad: list[Rejected] = []
    seen: set[str] = set()
    count = 0
    for number, line in read_lines(path):
        count += 1
        try:
            check_line(line)
            row = parse(line)
            _check_new(row.id, seen)
        except BadLineError as error:
            bad.append(rejected(source, number, error, line))
        else:
            rows.append(row)
    return ReadResult(tuple(rows), tuple(bad), count)


def _row(key: str, text: str, answer: Answer, source: str, split: str) -> Row:
    vad_source: VadSource | None = None if answer.vad is None else "human"
    return Row(key, text, answer, source, split, vad_source, text_group(text))


def _check_new(key: str, seen: set[str]) -> None:
    if key in seen:
        raise BadLineError(f"the id {shown(key)} again", "each id once")
    seen.add(key)


def _check_id_and_text(key: str, text: str) -> None:
    if not key.strip() or not key.isprintable():
        raise BadLineError(f"the id {shown(key)}", "printable, not empty")
    if not text.strip():
        raise BadLineError("an empty text", "some text")


def _goemotions_fields(line: str, space: LabelSpace) -> tuple[str, tuple[str, ...], str]:
    """(text, labels in the order of the space, id)."""
    fields = line.split("\t")
    if len(fields) != 3:
        raise BadLineError(_columns(len(fields)), "3: text, label indices, id")
    text, indices, key = fields
    _check_id_and_text(key, text)
    last = len(space.labels) - 1
    numbers: set[int] = set()
    for index in indices.split(","):
        # `isdecimal` alone would let other scripts' digits pass.
        if not (index.isascii() and index.isdecimal() and len(index) <= 4 and int(index) <= last):
            raise BadLineError(f"label index {shown(index)}", f"0 to {last}, comma-separated")
        if int(index) in numbers:
            raise BadLineError(f"label index {shown(index)} twice", "each index once")
        numbers.add(int(index))
    return text, tuple(space.labels[n] for n in sorted(numbers)), key


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _csv_records(path: Path) -> Iterator[tuple[int, list[str] | BadLineError]]:
    """Yield (number of its first line, fields, or what is wrong with the record)."""
    reader = csv.reader((f"{line}\n" for _, line in read_lines(path)), strict=True)
    while True:
        first = reader.line_num + 1
        try:
            yield first, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            got = f"lines {first} to {reader.line_num} that are no CSV record ({error})"
            yield first, BadLineError(got, "quotes in pairs")


def _emobank_columns(
    path: Path, records: Iterator[tuple[int, list[str] | BadLineError]]
) -> dict[str, int]:
    """Index of each column, from the header."""
    _, header = next(records)
    names = [] if isinstance(header, BadLineError) else header
    if sorted(names) != sorted(_EMOBANK_COLUMNS):
        raise UserError(
            f"{path} has not the columns of emobank.csv",
            got=shown(",".join(names), 80),
            allowed=",".join(_EMOBANK_COLUMNS),
            do="give the official file",
        )
    return {name: names.index(name) for name in _EMOBANK_COLUMNS}


def _split_of(fields: list[str], columns: dict[str, int]) -> str | None:
    """The split a record names, or None where it names none."""
    if len(fields) != len(columns) or fields[columns["split"]] not in SPLITS:
        return None
    return fields[columns["split"]]


def _emobank_row(record: list[str] | BadLineError, columns: dict[str, int], source: str) -> Row:
    if isinstance(record, BadLineError):
        raise record
    if len(record) != len(columns):
        got = _columns(len(record)) if record else "an empty line"
        raise BadLineError(got, ",".join(_EMOBANK_COLUMNS))
    key, split, v, a, d, text = (record[columns[name]] for name in _EMOBANK_COLUMNS)
    if split not in SPLITS:
        raise BadLineError(f"the split {shown(split)}", ", ".join(SPLITS))
    if "\0" in text:
        raise BadLineError("a NUL character", "text")
    _check_id_and_text(key, text)
    vad = VAD(*(_emobank_rating(name, x) for name, x in (("V", v), ("A", a), ("D", d))))
    return _row(f"{source}/{key}", text, Answer(None, vad, ""), source, split)


def _emobank_rating(name: str, field: str) -> float:
    low, high = _EMOBANK_SCALE
    try:
        value = float(field)
    except ValueError:
        raise BadLineError(f"{name} = {shown(field)}", "a number") from None
    # Not a number, NaN and the infinities included, fails the comparison too.
    if not low <= value <= high:
        raise BadLineError(f"{name} = {shown(field)}", f"{low:g} to {high:g}")
    return round((value - low) / (high - low), 6)
