"""Layouts of tables that no mapping can say: what they are, and what to do first."""

from collections.abc import Mapping, Sequence
from typing import Any

_MARKS = {";": "semicolons", "|": "bars", "\t": "tabs", ",": "commas"}
_FLAGS = frozenset({"0", "1", "0.0", "1.0", "true", "false"})
_LEAST_FLAGS = 3
_LONG_NAME = 40


def advice(columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> str:
    """What to do with a table in which no texts or labels are found."""
    if len(columns) == 1:
        for mark, name in _MARKS.items():
            if mark in columns[0]:
                return f"write it with commas or tabs: fields seem to be parted by {name}"
    flags = [name for name in columns if _holds_flags(sample, name)]
    if len(flags) >= _LEAST_FLAGS:
        return (
            f"write the names of a row's labels into one column (`joy,love`): {len(flags)} "
            f"columns hold 0 and 1 alone ({', '.join(flags[:3])}, ...)"
        )
    if any(len(name) > _LONG_NAME or name.isdecimal() for name in columns):
        return "put a line of column names first: the first line seems to be a record"
    return "name the columns in `mapping`"


def _holds_flags(sample: Sequence[Mapping[str, Any]], column: str) -> bool:
    values = {str(record.get(column)).strip().casefold() for record in sample}
    return bool(values) and values <= _FLAGS
