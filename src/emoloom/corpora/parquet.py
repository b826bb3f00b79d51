"""Parquet files, record by record. pyarrow is asked for only where such a file is read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emoloom.corpora.lines import check_file
from emoloom.errors import UserError

MAX_ROW_GROUP_BYTES = 1 << 31
"""Row groups that unpack to more are refused: a small file can claim to hold any amount."""

_BATCH_ROWS = 1024


def parquet_columns(path: Path) -> tuple[str, ...]:
    """Names of the columns.

    Raises:
        UserError: pyarrow is not installed, or the file is no sound Parquet file.
    """
    with _opened(path) as file:
        return tuple(file.schema_arrow.names)


def parquet_records(
    path: Path, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (number from 1, record), about a thousand records in memory at a time.

    Args:
        path: The file.
        columns: Only these; all of them when None.

    Raises:
        UserError: pyarrow is not installed, the file is no sound Parquet file, or unpacks to too
            much.
    """
    number = 0
    with _opened(path) as file:
        _check_size(path, file)
        batches = file.iter_batches(_BATCH_ROWS, columns=None if columns is None else [*columns])
        while True:
            try:
                batch = next(batches)
                values = {name: _values(batch.column(name)) for name in batch.schema.names}
            except StopIteration:
                return
            except Exception as error:  # pyarrow raises errors of many kinds
                raise _unsound(path, error) from error
            for at in range(batch.num_rows):
                number += 1
                yield number, {name: column[at] for name, column in values.items()}


def parquet_named(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """As `parquet_records`, with names for class numbers where the file says them.

    The datasets library writes the names of a `ClassLabel` column into the file's metadata; a
    number below 0 is its missing label. Numbers that have no name stay.
    """
    with _opened(path) as file:
        named = _class_names(file.schema_arrow.metadata or {})
    for number, record in parquet_records(path):
        for column in named.keys() & record.keys():
            record[column] = _named(record[column], named[column])
        yield number, record


def _values(column: Any) -> list[Any]:
    """Of a column of a batch; databases write numbers as decimals, which are numbers here too."""
    from pyarrow import types

    values = list(column.to_pylist())
    if not types.is_decimal(column.type):
        return values
    number = float if column.type.scale > 0 else int
    return [None if value is None else number(value) for value in values]


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Column -> names of its numbers, from the metadata of the datasets library."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = {name: _names_in(feature) for name, feature in features.items()}
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return {}
    return {name: names for name, names in found.items() if names}


def _names_in(feature: Any) -> tuple[str, ...]:
    """Of a `ClassLabel`, or of a list of them in any of the spellings that were used."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names_in(feature[0])
    if not isinstance(feature, dict):
        return ()
    names = feature.get("names")
    if feature.get("_type") == "ClassLabel" and isinstance(names, list):
        return tuple(names) if all(isinstance(name, str) for name in names) else ()
    return _names_in(feature.get("feature"))


def _named(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    if type(value) is not int or value >= len(names):
        return value
    return names[value] if value >= 0 else None


def _opened(path: Path) -> Any:
    check_file(path)
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(
            f"{path.name} is a Parquet file, which needs pyarrow",
            got=str(error),
            do="pip install 'emoloom[parquet]'",
        ) from error
    try:
        return parquet.ParquetFile(path)
    except Exception as error:  # pyarrow raises errors of many kinds
        raise _unsound(path, error) from error


def _unsound(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} is no sound Parquet file",
        got=" ".join(str(error).split())[:200] or type(error).__name__,
        do="check that it is whole, or fetch it again",
    )


def _check_size(path: Path, file: Any) -> None:
    for index in range(file.metadata.num_row_groups):
        size = file.metadata.row_group(index).total_byte_size
        if size > MAX_ROW_GROUP_BYTES:
            raise UserError(
                f"{path} unpacks to too much",
                got=f"row group {index} of {size} bytes",
                allowed=f"at most {MAX_ROW_GROUP_BYTES}",
                do="write it with smaller row groups",
            )
