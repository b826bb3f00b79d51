"""Files of the user's as records: JSON Lines, CSV, TSV, Parquet. One record in memory at a time."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, cast

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.json_lines import check_json_lines, first_text
from emoloom.corpora.lines import BadLineError, check_file, check_line, read_lines, shown
from emoloom.corpora.parquet import parquet_columns, parquet_named
from emoloom.corpora.quoting import are_quoted
from emoloom.corpora.readers import columns_counted, csv_records
from emoloom.corpora.rows import decode_json
from emoloom.errors import UserError

Format = Literal["jsonl", "csv", "tsv", "parquet"]
"""What a file of records is."""

Record = Mapping[str, Any] | BadLineError
"""Values by column, or what is wrong."""

_HEAD_RECORDS = 1000

_MARKS: Mapping[Format, str] = {"csv": ",", "tsv": "\t"}
_BY_SUFFIX: Mapping[str, Format] = {
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}


def format_of(path: Path) -> Format:
    """The format, from the first bytes, then the name, then the first line.

    A `.csv` whose first line has tabs and no comma is a TSV.

    Raises:
        UserError: the file is missing, empty, a folder, an archive, or not UTF-8.
    """
    check_file(path)
    with path.open("rb") as stream:
        if stream.read(4) == b"PAR1":
            return "parquet"
    named = _BY_SUFFIX.get(path.suffix.casefold())
    if named is not None and named != "csv":
        return named
    first = first_text(path)
    if named == "csv":
        return "tsv" if "\t" in first and "," not in first else "csv"
    if first.startswith(("{", "[")):
        return "jsonl"
    return "tsv" if "\t" in first else "csv"


def has_quotes(path: Path, kind: Format, quotes: bool | None) -> bool:
    """Whether fields may stand in double quotes.

    As the mapping says; where it does not, they may in CSV, and do in TSV where the file shows it.

    Raises:
        UserError: it cannot be told, or the file cannot be read.
    """
    if kind == "tsv" and quotes is None:
        check_file(path)
        return are_quoted(path, _MARKS[kind])
    return kind == "csv" if quotes is None else quotes


def quotes_are_told(path: Path, mapping: MappingConfig) -> bool:
    """Whether double quotes are read as quoting because of what the file shows."""
    kind = mapping.format or format_of(path)
    return kind == "tsv" and mapping.quotes is None and has_quotes(path, kind, None)


def columns_of(path: Path, kind: Format, quotes: bool | None = None) -> tuple[str, ...]:
    """Names of a file's columns; for JSON Lines, the keys of the first thousand.

    The first may be empty: an index without a name, as pandas and R write it.

    Raises:
        UserError: the file cannot be read, its header names no columns, or it is JSON that is not
            written in lines.
    """
    if kind == "parquet":
        return parquet_columns(path)
    if kind == "jsonl":
        check_json_lines(path)
        first = islice(_json_lines(path), _HEAD_RECORDS)
        sound = (one for _, one, _ in first if not isinstance(one, BadLineError))
        return tuple(dict.fromkeys(chain.from_iterable(sound)))
    _, header = next(_separated(path, kind, quotes))
    return _header(path, header)


def table_records(
    path: Path, kind: Format, quotes: bool | None = None
) -> Iterator[tuple[int, Record, str]]:
    """Yield (line or record number from 1, record, text for an excerpt).

    Args:
        path: The file.
        kind: Its format.
        quotes: As in `has_quotes`.

    Raises:
        UserError: the file cannot be read, or its header names no columns.
    """
    if kind == "parquet":
        return ((number, one, "") for number, one in parquet_named(path))
    return _json_lines(path) if kind == "jsonl" else _rows_by_name(path, kind, quotes)


def _json_lines(path: Path) -> Iterator[tuple[int, Record, str]]:
    for number, line in read_lines(path):
        try:
            check_line(line)
            value = decode_json(line)
            if not isinstance(value, dict):
                raise BadLineError(shown(value), "a JSON object")
        except BadLineError as error:
            yield number, error, line
        else:
            yield number, cast(Mapping[str, Any], value), line


def _separated(
    path: Path, kind: Format, quotes: bool | None
) -> Iterator[tuple[int, list[str] | BadLineError]]:
    return csv_records(path, delimiter=_MARKS[kind], quotes=has_quotes(path, kind, quotes))


def _header(path: Path, header: list[str] | BadLineError) -> tuple[str, ...]:
    names = [] if isinstance(header, BadLineError) else [name.strip() for name in header]
    # The first may be an index without a name, as pandas and R write it.
    if not any(names) or not all(names[1:]) or len(set(names)) < len(names):
        raise UserError(
            f"{path} has no line of column names",
            got=str(header) if isinstance(header, BadLineError) else shown(",".join(names), 80),
            allowed="distinct names, none of them empty but the first one's, an index",
            do="put the names of the columns on the first line",
        )
    return tuple(names)


def _rows_by_name(
    path: Path, kind: Format, quotes: bool | None
) -> Iterator[tuple[int, Record, str]]:
    records = _separated(path, kind, quotes)
    names = _header(path, next(records)[1])
    width, mark = len(names), _MARKS[kind]
    for number, record in records:
        if isinstance(record, BadLineError):
            yield number, record, ""
        elif len(record) == width:
            yield number, dict(zip(names, record, strict=True)), ""
        else:
            got = columns_counted(len(record)) if record else "an empty line"
            yield number, BadLineError(got, f"{width}, as in the header"), mark.join(record)


def excerpt_of(record: Record, text: str, kind: Format) -> str:
    """Text of a record for its rejection."""
    if text or isinstance(record, BadLineError):
        return text
    if kind in _MARKS:
        return _MARKS[kind].join(record.values())
    return json.dumps(dict(record), ensure_ascii=False, default=str)[:200]
