"""How the page writes values: numbers, times, names of fields, and text that is not trusted."""

import json
import math
import re
from collections.abc import Iterator, Mapping

from jinja2 import Undefined
from markupsafe import Markup

NOTHING = "–"
"""Shown where there is no value."""

_DEPTH = 8
"""Objects nested deeper than this are shown as JSON."""

_MANY = 12
"""Objects of more numbers than this are written on one line."""

# C0 and C1 controls but tab and newline; bidirectional embeddings, overrides and isolates, which
# could make a name read as another; lone surrogates, which UTF-8 cannot write.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_FIELDS = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_recall": "macro-recall",
    "rmse": "RMSE",
    "one_minus_rmse": "1−RMSE",
    "n_labels": "labels scored",
    "peak_memory_mb": "peak memory (MB)",
    "seconds": "seconds",
    "rate": "units/s",
    "forwards_per_row": "forwards/row",
    "seconds_per_row": "seconds/row",
    "cpu": "CPU",
    "vad": "VAD",
}
_WORDS = {"rmse": "RMSE", "pearson": "r", "ccc": "CCC", "vad": "VAD", "json": "JSON"}


def visible(text: str) -> str:
    """The text with every control character written out as `⟨U+202E⟩`, so that it stays text."""
    return _UNSAFE.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def finalize(value: object) -> object:
    """What the template engine prints for an expression: visible text, and nothing for None."""
    if isinstance(value, Markup | Undefined):
        return value
    if value is None:
        return ""
    return visible(value) if isinstance(value, str) else value


def finite(value: object) -> float | None:
    """The value as a float if it is a finite number (a truth value is none); else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def number(value: object, places: int = 3, *, signed: bool = False) -> str:
    """A fixed number of decimals, a true minus sign, and a dash where there is no number."""
    got = finite(value)
    if got is None:
        return NOTHING
    text = f"{got:{'+' if signed else ''}.{places}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def percent(value: object) -> str:
    """A share in [0, 1] as per cent with one decimal."""
    got = finite(value)
    return NOTHING if got is None else f"{number(100 * got, 1)}%"


def duration(value: object) -> str:
    """Seconds in the units a person would use."""
    got = finite(value)
    if got is None or got < 0:
        return NOTHING
    if got < 59.95:
        return f"{got:.1f} s"
    minutes, seconds = divmod(round(got), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def cell(value: object) -> str:
    """Any JSON value in a table cell: whole numbers by thousands, others to four digits."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    got = finite(value)
    if got is None:
        return json.dumps(value, ensure_ascii=False) if _shallow(value) else "(nested too deep)"
    if isinstance(value, int) or (got.is_integer() and abs(got) >= 1000):
        return f"{int(got):,}".replace("-", "−")
    return (f"{got:,.1f}" if abs(got) >= 1000 else f"{got:.4g}").replace("-", "−")


def field(name: object) -> str:
    """The name of a field as a person would write it."""
    text = str(name)
    if text in _FIELDS:
        return _FIELDS[text]
    if text.startswith(("strict_", "parsed_")):
        view, _, rest = text.partition("_")
        return f"{view} {field(rest)}"
    stem, _, dimension = text.rpartition("_")
    if dimension in {"v", "a", "d"} and stem:
        return f"{_WORDS.get(stem, stem)} {dimension.upper()}"
    return " ".join(_WORDS.get(word, word) for word in text.split("_"))


def plural(count: int, noun: str) -> str:
    """`1 row`, `2 rows`, `1,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, then how many were left out."""
    left = len(text) - limit
    return text if left <= 0 else f"{text[:limit]}… ({left:,} more characters)"


def flatten(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """(dotted path, text) of every leaf, in the order given.

    A list of scalars is one leaf, and so is a long object of numbers, such as counts by label.
    """
    if isinstance(value, Mapping) and depth and len(value) > _MANY and _all_numbers(value):
        yield path, ", ".join(f"{key} {cell(item)}" for key, item in value.items())
    elif isinstance(value, Mapping) and value and depth < _DEPTH:
        for key, item in value.items():
            yield from flatten(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        for index, item in enumerate(value):
            yield from flatten(item, f"{path}[{index}]", depth + 1)
    else:
        yield path, _leaf(value)


def _all_numbers(value: Mapping[str, object]) -> bool:
    return all(finite(item) is not None for item in value.values())


def _leaf(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_leaf(item) for item in value) or "none"
    return json.dumps(value, ensure_ascii=False) if _shallow(value) else "(nested too deep)"


def _shallow(value: object, depth: int = 0) -> bool:
    """Whether the value is nested little enough to be written out."""
    if depth > 4 * _DEPTH:
        return False
    if isinstance(value, Mapping):
        return all(_shallow(item, depth + 1) for item in value.values())
    return not isinstance(value, list) or all(_shallow(item, depth + 1) for item in value)
