"""The labels of one cell: a name, names between separators, or a list, as a value or printed."""

import json
import re
from typing import Any, NamedTuple

from emoloom.corpora.lines import BadLineError, shown

MAX_CELL_CHARS = 10_000
"""A longer cell of labels is turned away."""

_ALLOWED = "names, as text or as a list"
_BRACKETS = frozenset("[]{}")
# A tuple or a set of names; `(joy)` alone is a name in brackets, and no list.
_PYTHON = re.compile(r"""[({]\s*(['"]).*\1\s*,?\s*[)}]""", re.DOTALL)
_ARRAY = re.compile(r"array\((\[.*\])(?:,\s*dtype=[^()]*)?\)", re.DOTALL)
_NUMPY_ITEM = re.compile(r"np\.\w+\(([^()]*)\)")
_EMPTY = frozenset({"()", "{}", "set()"})
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?", re.IGNORECASE)
_QUOTED = re.compile(r"""'([^'\\]*)'|"([^"\\]*)\"""")
_ALL_QUOTED = re.compile(rf"(?:(?:{_QUOTED.pattern})\s*(?:,\s*)?)+")


class Cell(NamedTuple):
    """What a cell of labels holds."""

    labels: list[str]
    """Each stripped; empty where a list says that there is none."""
    ids: bool = False
    """Whether they came as the numbers of a list."""


def cell_labels(value: Any, separator: str) -> Cell | None:
    r"""The labels of one cell; None where it is empty, that is, not annotated.

    A list is one of JSON or Parquet, or one printed by JSON, Python or NumPy (`["joy"]`,
    `('joy',)`, `['joy' 'love']`, `[0 2]`, `[np.str_('joy')]`) or without quotes (`[joy, love]`).

    Args:
        value: Text, a list, or None.
        separator: Between names in text that is no list.

    Raises:
        BadLineError: it is neither names nor a list of them.
    """
    if value is None:
        return None
    if isinstance(value, list):
        return _of_list(value, value)
    if not isinstance(value, str):
        raise BadLineError(f"labels = {shown(value)}", _ALLOWED)
    text = value.strip()
    if len(text) > MAX_CELL_CHARS:
        raise BadLineError(f"labels of {len(text)} characters", f"at most {MAX_CELL_CHARS}")
    if not _BRACKETS.isdisjoint(text) or _is_python(text):
        return _of_list(_printed(text), value)
    labels = [label.strip() for label in text.split(separator) if label.strip()]
    return Cell(labels) if labels else None


def is_number(label: str) -> bool:
    """Whether a label is written as a number."""
    return _NUMBER.fullmatch(label) is not None


def _is_python(text: str) -> bool:
    return text in _EMPTY or _PYTHON.fullmatch(text) is not None


def _of_list(items: list[Any], value: Any) -> Cell | None:
    numbers = [item for item in items if isinstance(item, int | float)]
    if items and len(numbers) == len(items) and not any(isinstance(x, bool) for x in numbers):
        return Cell([str(number) for number in numbers], ids=True)
    if not all(isinstance(item, str) for item in items):
        raise BadLineError(f"labels = {shown(value)}", _ALLOWED)
    labels = [item.strip() for item in items if item.strip()]
    return None if items and not labels else Cell(labels)


def _printed(text: str) -> list[Any]:
    """Items of a printed list: names, or numbers where they are ids.

    Raises:
        BadLineError: it is none that can be read.
    """
    if (array := _ARRAY.fullmatch(text)) is not None:
        text = array[1]
    if text in _EMPTY:
        return []
    plain = _NUMPY_ITEM.sub(r"\1", text)
    if (plain[:1], plain[-1:]) != ("[", "]") and not _is_python(plain):
        raise BadLineError(f"labels = {shown(text)}", "names without brackets, or a whole list")
    try:
        listed = json.loads(plain)
    except (ValueError, RecursionError):
        listed = None
    if isinstance(listed, list):
        return listed
    found = _items(plain[1:-1].strip())
    if found is None:
        raise BadLineError(f"labels = {shown(text)}", "a list of names in quotes, or with commas")
    return found


def _items(inner: str) -> list[Any] | None:
    """What stands between the brackets of a list that is no JSON."""
    if not inner:
        return []
    if _ALL_QUOTED.fullmatch(inner):
        return [single or double for single, double in _QUOTED.findall(inner)]
    if not {"'", '"', "\\", *_BRACKETS}.isdisjoint(inner):
        return None
    parts = [part.strip() for part in inner.split(",")] if "," in inner else inner.split()
    parts = parts[:-1] if len(parts) > 1 and not parts[-1] else parts
    if all(map(is_number, parts)):
        return [int(part) if len(part) < 10 and part.isdecimal() else float(part) for part in parts]
    return parts if all(parts) and ("," in inner or len(parts) == 1) else None
