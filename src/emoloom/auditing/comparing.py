"""What a run folder states against what its raw outputs give, number by number."""

import csv
import io
import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

RELATIVE = 1e-9
"""Unrounded scores that agree so far are equal (ours): another CPU may sum in another order."""


class _Absent:
    """Stands for a value that one side lacks; equal to nothing that a file can hold."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Any = _Absent()

_SHOWN = 60
_LARGEST = 2.0**53


def differences(stated: Any, computed: Any, where: str = "") -> Iterator[str]:
    """Each place where two JSON values differ: `entries[one.sft].score.value: stated 0.5, ...`.

    Items of a list that have a `name` are called by it, others by their place from 0.
    """
    if isinstance(stated, dict) and isinstance(computed, dict):
        for key in dict.fromkeys([*computed, *stated]):
            inner = f"{where}.{key}" if where else str(key)
            yield from differences(stated.get(key, ABSENT), computed.get(key, ABSENT), inner)
    elif isinstance(stated, list) and isinstance(computed, list):
        for index, (ours, theirs) in enumerate(zip_longest(computed, stated, fillvalue=ABSENT)):
            yield from differences(theirs, ours, f"{where}[{_called(ours, theirs, index)}]")
    elif not _same(stated, computed):
        yield f"{where}: stated {_short(stated)}, computed {_short(computed)}"


def csv_differences(stated: str, computed: str) -> Iterator[str]:
    """Each cell where two tables differ, by the entry's name and the column."""
    try:
        theirs, ours = (list(csv.reader(io.StringIO(text))) for text in (stated, computed))
    except csv.Error as error:
        yield f"it is no table of comma-separated values ({error})"
        return
    columns = ours[0] if ours else []
    found = False
    nothing: list[str] = []
    for number, (line, wanted) in enumerate(zip_longest(theirs, ours, fillvalue=nothing), start=1):
        named = f"line {number}"
        if len(wanted) > 1 and number > 1:
            named = wanted[columns.index("name")]
        for index, (got, want) in enumerate(zip_longest(line, wanted, fillvalue=ABSENT)):
            if got != want:
                found = True
                column = columns[index] if index < len(columns) else f"cell {index + 1}"
                yield f"{named}, {column}: stated {_short(got)}, computed {_short(want)}"
    if not found and stated != computed:
        yield "the cells are the same, written in another way"


def text_differences(stated: str, computed: str) -> Iterator[str]:
    """Each line where two texts differ, and the first word of it that does."""
    pairs = zip_longest(stated.split("\n"), computed.split("\n"), fillvalue=ABSENT)
    for number, (theirs, ours) in enumerate(pairs, start=1):
        if theirs != ours:
            got, want = theirs, ours
            if ABSENT not in (theirs, ours):
                words = zip_longest(theirs.split(" "), ours.split(" "), fillvalue=ABSENT)
                got, want = next(pair for pair in words if pair[0] != pair[1])
            yield f"line {number}: stated {_short(got)}, computed {_short(want)}"


def count_numbers(value: Any) -> int:
    """Numbers in a JSON value."""
    if isinstance(value, dict):
        return sum(count_numbers(part) for part in value.values())
    if isinstance(value, list):
        return sum(count_numbers(part) for part in value)
    return int(isinstance(value, int | float) and not isinstance(value, bool))


def _same(stated: Any, computed: Any) -> bool:
    if isinstance(computed, float) and type(stated) in (int, float):
        if abs(stated) > _LARGEST:
            return bool(stated == computed)
        return math.isclose(stated, computed, rel_tol=RELATIVE, abs_tol=1e-12)
    return type(stated) is type(computed) and bool(stated == computed)


def _called(ours: Any, theirs: Any, index: int) -> str:
    for item in (ours, theirs):
        if isinstance(item, dict):
            for key in ("name", "label"):
                if isinstance(item.get(key), str):
                    return str(item[key])
    return str(index)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
