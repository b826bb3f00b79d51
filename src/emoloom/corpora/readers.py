"""Readers of official corpus files, one record at a time, and of dataset rows."""

import csv
from collections.abc import Iterator
from pathlib import Path

from emoloom.corpora.lines import (
    BadLineError,
    check_id_and_text,
    check_line,
    read_lines,
    rejected,
    shown,
)
from emoloom.corpora.naming import Naming
from emoloom.corpora.reading import (
    SPLITS,
    FileRead,
    Item,
    ReadResult,
    Seen,
    check_new,
    collect,
    make_row,
)
from emoloom.corpora.rows import parse_row
from emoloom.errors import UserError
from emoloom.records import VAD, Answer, LabelSpace, Row

__all__ = [
    "SPLITS",
    "FileRead",
    "ReadResult",
    "csv_records",
    "emobank_items",
    "goemotions_items",
    "read_emobank",
    "read_goemotions",
    "read_rows",
    "row_items",
]

EMOBANK_COLUMNS = ("id", "split", "V", "A", "D", "text")
"""Of the official file, in any order."""

_EMOBANK_SCALE = (1.0, 5.0)


def read_goemotions(
    path: Path, split: str, *, space: LabelSpace, source: str = "goemotions"
) -> ReadResult:
    """All that `goemotions_items` gives, in memory."""
    return collect(goemotions_items(path, split, space=space, source=source))


def goemotions_items(
    path: Path, split: str, *, space: LabelSpace, source: str = "goemotions"
) -> Iterator[Item]:
    """Read one official GoEmotions file (Demszky et al. 2020): TSV, no header, quoted as CSV.

    A text with a double quote stands in double quotes with its own doubled, as the authors' code
    and the hub's copy read it.

    Args:
        path: `train.tsv`, `dev.tsv` or `test.tsv`.
        split: Written into the rows; the file does not say it.
        space: Its labels in the order of `emotions.txt`, in which the file's indices count.
        source: Registry name; also the prefix of the ids.

    Yields:
        Rows without VAD and rationale, texts as they were before quoting; or rejections.

    Raises:
        UserError: the file cannot be read as UTF-8 text.
    """
    seen = Seen()
    for number, record in csv_records(path, delimiter="\t"):
        fields = [] if isinstance(record, BadLineError) else record
        try:
            text, labels, key = _goemotions_fields(record, space)
            row = make_row(f"{source}/{key}", text, Answer(labels, None, ""), source, split)
            check_new(row.id, seen)
        except BadLineError as error:
            yield Item(split, rejected(source, number, error, "\t".join(fields)))
        else:
            yield Item(split, row)


def read_emobank(path: Path, split: str, *, source: str = "emobank") -> ReadResult:
    """All that `emobank_items` gives for one split, in memory."""
    return collect(emobank_items(path, source=source), split)


def emobank_items(path: Path, *, source: str = "emobank") -> Iterator[Item]:
    """Read the official EmoBank file (Buechel and Hahn 2017), all its splits.

    Ratings 1..5 become (x - 1) / 4, to six decimals. The group is the text's, not the document's:
    125 of its 135 documents stand on several sides of the official split.

    Args:
        path: `emobank.csv`, with the columns id, split, V, A, D, text.
        source: Registry name; also the prefix of the ids.

    Yields:
        Rows with human VAD and no labels; or rejections, without a split where it cannot be told.

    Raises:
        UserError: the file cannot be read as UTF-8 text, or a column is missing.
    """
    records = csv_records(path)
    columns = _emobank_columns(path, records)
    seen = Seen()
    for number, record in records:
        fields = [] if isinstance(record, BadLineError) else record
        split = _split_of(fields, columns)
        try:
            row = _emobank_row(record, columns, source)
            check_new(row.id, seen)
        except BadLineError as error:
            yield Item(split, rejected(source, number, error, ",".join(fields)))
        else:
            yield Item(split, row)


def read_rows(path: Path, space: LabelSpace, *, need_answer: bool = True) -> ReadResult:
    """All that `row_items` gives, in memory."""
    return collect(row_items(path, space, need_answer=need_answer))


def row_items(
    path: Path, space: LabelSpace, *, need_answer: bool = True, naming: Naming | None = None
) -> Iterator[Item]:
    """Read dataset rows (JSON Lines, the contract's row object), ours or a user's.

    Only `id` must be there, and `answer` where `need_answer`. The defaults: `text` "", `source`
    the file's name without its ending, `split` "test", `group` the text's hash (the id's without
    a text), `vad_source` "human" where there is a VAD, `rationale` "". Unknown keys are rejected.

    Args:
        path: The file; rows of all splits are returned.
        space: Labels must be its names; they are put into its order.
        need_answer: Reject a row without `answer`; in it, labels and VAD may both be null.
        naming: What stands before ids and groups, and is the `source` of rows that state none;
            None leaves them as they are.

    Yields:
        Rows in the file's order; or rejections.

    Raises:
        UserError: the file cannot be read as UTF-8 text.
    """
    source = path.stem if naming is None else naming.source
    file = path.name if naming is None else source
    seen = Seen()
    for number, line in read_lines(path):
        try:
            check_line(line)
            row = parse_row(line, space, default_source=source, need_answer=need_answer)
            row = row if naming is None else naming.row(row)
            check_new(row.id, seen)
        except BadLineError as error:
            yield Item(None, rejected(file, number, error, line))
        else:
            yield Item(row.split, row)


def _goemotions_fields(
    record: list[str] | BadLineError, space: LabelSpace
) -> tuple[str, tuple[str, ...], str]:
    """(text, labels in the order of the space, id)."""
    if isinstance(record, BadLineError):
        raise record
    if len(record) != 3:
        got = columns_counted(len(record)) if record else "an empty line"
        raise BadLineError(got, "3: text, label indices, id")
    text, indices, key = record
    check_id_and_text(key, text)
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


def columns_counted(count: int) -> str:
    """`1 column`, `2 columns`."""
    return "1 column" if count == 1 else f"{count} columns"


def csv_records(
    path: Path, *, delimiter: str = ",", quotes: bool = True
) -> Iterator[tuple[int, list[str] | BadLineError]]:
    """Yield (number of its first line, fields, or what is wrong with the record).

    Args:
        path: A UTF-8 text file.
        delimiter: Between fields.
        quotes: Whether a field may stand in double quotes; a quote is a character like others
            where not.

    Raises:
        UserError: the file cannot be read as UTF-8 text.
    """
    lines = (f"{line}\n" for _, line in read_lines(path))
    if quotes:
        reader = csv.reader(lines, strict=True, delimiter=delimiter)
    else:
        reader = csv.reader(lines, strict=True, delimiter=delimiter, quoting=csv.QUOTE_NONE)
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
    if sorted(names) != sorted(EMOBANK_COLUMNS):
        raise UserError(
            f"{path} has not the columns of emobank.csv",
            got=shown(",".join(names), 80),
            allowed=",".join(EMOBANK_COLUMNS),
            do="give the official file",
        )
    return {name: names.index(name) for name in EMOBANK_COLUMNS}


def _split_of(fields: list[str], columns: dict[str, int]) -> str | None:
    """The split a record names, or None where it names none."""
    if len(fields) != len(columns) or fields[columns["split"]] not in SPLITS:
        return None
    return fields[columns["split"]]


def _emobank_row(record: list[str] | BadLineError, columns: dict[str, int], source: str) -> Row:
    if isinstance(record, BadLineError):
        raise record
    if len(record) != len(columns):
        got = columns_counted(len(record)) if record else "an empty line"
        raise BadLineError(got, ",".join(EMOBANK_COLUMNS))
    key, split, v, a, d, text = (record[columns[name]] for name in EMOBANK_COLUMNS)
    if split not in SPLITS:
        raise BadLineError(f"the split {shown(split)}", ", ".join(SPLITS))
    check_id_and_text(key, text)
    vad = VAD(*(_emobank_rating(name, x) for name, x in (("V", v), ("A", a), ("D", d))))
    return make_row(f"{source}/{key}", text, Answer(None, vad, ""), source, split)


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
