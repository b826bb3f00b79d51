"""Records of any shape as plain tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from emoloom.report.inputs import Record


@dataclass(frozen=True, slots=True)
class Table:
    """A plain table of JSON values."""

    columns: tuple[str, ...]
    """Names of the fields, in the order first met."""
    rows: tuple[tuple[Any, ...], ...]
    """One value per column; None where the record lacks the field."""


def table_of(records: Sequence[Record], first: Iterable[str] = ()) -> Table:
    """Records as a table; `first` names the columns to put first where they occur."""
    found = dict.fromkeys(key for record in records for key in record)
    columns = tuple(dict.fromkeys([*(key for key in first if key in found), *found]))
    return Table(columns, tuple(tuple(r.get(key) for key in columns) for r in records))
