"""What the columns of a user's file may mean: a guess, to be shown and frozen in the config (ours).

It looks at the column names and at the first thousand records.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.label_cells import cell_labels, is_number
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.corpora.layouts import Layout, advice
from emoloom.corpora.lines import BadLineError, shown
from emoloom.corpora.own_rows import COLUMN_ROLES, SPLIT_NAMES
from emoloom.corpora.tables import Format, columns_of, format_of, has_quotes, table_records
from emoloom.errors import UserError
from emoloom.records import LabelSpace

_NAMES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "sentence", "utterance", "comment", "tweet", "message", "content", "body"),
    "id": ("id", "row_id", "comment_id", "tweet_id", "uid", "key"),
    "labels": (
        *("labels", "label", "emotions", "emotion", "categories", "category", "class"),
        *("label_text", "label_name", "label_names", "emotion_name", "emotion_label"),
    ),
    "valence": ("valence", "v", "stars", "star_rating"),
    "arousal": ("arousal", "a"),
    "dominance": ("dominance", "d"),
    "split": ("split", "set", "subset", "partition"),
    "group": ("group", "conversation_id", "conv_id", "dialogue_id", "conversation", "thread_id"),
}
"""Role -> names of columns that tell it, in lower case, the surest first."""

_VAD = ("valence", "arousal", "dominance")
_SCALES = ((0.0, 1.0), (-1.0, 1.0), (1.0, 5.0), (1.0, 7.0), (1.0, 9.0), (0.0, 10.0), (0.0, 100.0))
_SEPARATORS = (",", "|", ";", "/")
_SAMPLE_RECORDS = 1000
_ROW_KEYS = {"id", "answer"}


def is_row_file(path: Path) -> bool:
    """Whether a file holds dataset rows of our own form, which need no mapping."""
    return format_of(path) == "jsonl" and set(columns_of(path, "jsonl")) >= _ROW_KEYS


def guess_mapping(path: Path, space: LabelSpace | None) -> MappingConfig:
    """Guess what the columns mean.

    Args:
        path: JSON Lines, CSV, TSV or Parquet.
        space: Where the labels may be of; None looks at every space that ships.

    Raises:
        UserError: the file cannot be read, or no column of texts, or of labels or VAD, is found.
    """
    kind = format_of(path)
    quotes = has_quotes(path, kind, None)
    columns = columns_of(path, kind, quotes)
    sample = sample_records(path, kind, quotes)
    found = _roles(columns, sample, space)
    ratings = [found[role] for role in _VAD if role in found]
    if "text" not in found or not ("labels" in found or ratings):
        missing = "texts" if "text" not in found else "labels, or of valence, arousal or dominance"
        raise UserError(
            f"{path}: no column of {missing} is found",
            got=shown(", ".join(filter(None, columns)), 120),
            allowed=", ".join(f"{role} ({', '.join(_NAMES[role][:3])})" for role in _NAMES),
            do=advice(Layout(path, kind, columns, sample, found)),
        )
    settings: dict[str, Any] = dict(found)
    if "labels" in found:
        settings["label_separator"] = _separator(_texts(sample, found["labels"]), space)
    if ratings:
        settings["vad_scale"] = _scale(ratings, sample)
    if kind == "tsv" and quotes:
        settings["quotes"] = True
    return MappingConfig(format=kind, **settings)


def guess_text_column(columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> str | None:
    """The column of texts, as `guess_mapping` finds it; None where there is none.

    Args:
        columns: Their names.
        sample: The first records; without any, names alone tell.
    """
    return _roles(columns, sample, None).get("text")


def guess_space(path: Path, mapping: MappingConfig) -> LabelSpace | None:
    """The smallest label space that ships and holds most labels of the first records.

    None where none holds half of the different labels.
    """
    if mapping.labels is None:
        return None
    kind = mapping.format or format_of(path)
    sample = sample_records(path, kind, mapping.quotes)
    return space_of_most(_labels(sample, mapping.labels, mapping.label_separator))


def space_of_most(names: Iterable[str]) -> LabelSpace | None:
    """The smallest label space that ships and holds most of these labels, in any case.

    None where none holds half of the different ones.
    """
    labels = {name.casefold() for name in names}
    spaces = [load_space(name) for name in known_spaces()]
    spaces.sort(key=lambda space: len(space.labels))
    shares = {space.name: _held(labels, space) for space in spaces}
    best = max(spaces, key=lambda space: shares[space.name])
    return best if labels and shares[best.name] >= 0.5 * len(labels) else None


def best_space(path: Path) -> LabelSpace:
    """The label space that ships and holds most labels of a file of dataset rows."""
    answers = (record.get("answer") for record in sample_records(path, "jsonl"))
    whole = [answer for answer in answers if isinstance(answer, dict)]
    labels = set(_labels(whole, "labels", ","))
    spaces = [load_space(name) for name in known_spaces()]
    # Of equals the default: most rows are labelled in it.
    spaces.sort(key=lambda space: space.name != "goemotions28")
    return max(spaces, key=lambda space: _held(labels, space))


def sample_records(path: Path, kind: Format, quotes: bool | None = None) -> list[Mapping[str, Any]]:
    """The first thousand records, without those that cannot be read."""
    records = islice(table_records(path, kind, quotes), _SAMPLE_RECORDS)
    return [one for _, one, _ in records if not isinstance(one, BadLineError)]


def mapping_in_words(mapping: MappingConfig) -> str:
    """`text = comment, labels = emotion`."""
    named = ((role, getattr(mapping, role)) for role in COLUMN_ROLES)
    return ", ".join(f"{role} = {name}" for role, name in named if name)


def _roles(
    columns: Sequence[str], sample: Sequence[Mapping[str, Any]], space: LabelSpace | None
) -> dict[str, str]:
    by_name = {name.casefold().strip(): name for name in reversed(columns)}
    found = {}
    for role, names in _NAMES.items():
        name = next((by_name[name] for name in names if name in by_name), None)
        if name is not None:
            found[role] = name
    if "labels" in found:
        named = [by_name[name] for name in _NAMES["labels"] if name in by_name]
        found["labels"] = _column_of_names(named, sample, space)
    for role in _VAD:
        if role in found and not _is_rating(found, role, sample):
            del found[role]
    if "split" in found and not _tells_splits(_texts(sample, found["split"])):
        del found["split"]
    if "text" not in found:
        free = [name for name in columns if name and name not in found.values()]
        longest = max(free, key=lambda name: mean_length(sample, name), default=None)
        if longest is not None and mean_length(sample, longest) >= 10:
            found["text"] = longest
    return {role: found[role] for role in COLUMN_ROLES if role in found}


def _column_of_names(
    columns: Sequence[str], sample: Sequence[Mapping[str, Any]], space: LabelSpace | None
) -> str:
    """The first column, or where it holds numbers the first whose labels a space holds whole."""
    first = columns[0]
    given = [value for record in sample if (value := record.get(first)) is not None]
    labels = set(_labels(sample, first, ","))
    if not all(type(value) is int for value in given) and not all(map(is_number, labels)):
        return first
    spaces = [space] if space else [load_space(name) for name in known_spaces()]
    for name in columns[1:]:
        found = set(_labels(sample, name, ","))
        if found and any(_held(found, one) == len(found) for one in spaces):
            return name
    return first


def _is_rating(found: Mapping[str, str], role: str, sample: Sequence[Mapping[str, Any]]) -> bool:
    """Whether its fields are numbers, or empty; one letter is a name only where `v` and `a` are."""
    if len(found[role]) == 1 and not {"v", "a"} <= {found.get(r, "").casefold() for r in _VAD}:
        return False
    values = [record.get(found[role]) for record in sample]
    given = [value for value in values if not (value is None or str(value).strip() == "")]
    return 2 * sum(_finite(value) is not None for value in given) > len(given)


def _texts(sample: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    values = (record.get(column) for record in sample)
    return [value for value in values if isinstance(value, str)]


def _tells_splits(values: Sequence[str]) -> bool:
    known = sum(value.strip().casefold() in SPLIT_NAMES for value in values)
    return known > 0.5 * len(values)


def mean_length(sample: Sequence[Mapping[str, Any]], column: str) -> float:
    """Of the texts of a column, in characters; a field that is no text has none."""
    lengths = [len(text) for text in _texts(sample, column)]
    return sum(lengths) / max(1, len(sample))


def _labels(sample: Sequence[Mapping[str, Any]], column: str, separator: str) -> Iterable[str]:
    for record in sample:
        try:
            cell = cell_labels(record.get(column), separator)
        except BadLineError:
            continue
        yield from (label.casefold() for label in (cell.labels if cell else ()))


def _held(labels: Iterable[str], space: LabelSpace) -> int:
    names = {name.casefold() for name in space.labels}
    return sum(label in names for label in labels)


def _separator(values: Sequence[str], space: LabelSpace | None) -> str:
    """The one that gives the most known labels; the first that stands in values where none does."""
    spaces = [space] if space else [load_space(name) for name in known_spaces()]
    names = {name.casefold() for one in spaces for name in one.labels}
    counts: Counter[str] = Counter()
    for separator in _SEPARATORS:
        parts = (part.strip().casefold() for value in values for part in value.split(separator))
        counts[separator] = sum(part in names for part in parts)
    best = max(_SEPARATORS, key=lambda separator: counts[separator])
    if counts[best] > counts[_SEPARATORS[0]]:
        return best
    used = [one for one in _SEPARATORS if any(one in value for value in values)]
    return used[0] if used and not counts[_SEPARATORS[0]] else _SEPARATORS[0]


def _scale(columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The narrowest usual scale that holds nearly all ratings."""
    given = (record.get(column) for record in sample for column in columns)
    values = [value for value in map(_finite, given) if value is not None]
    for low, high in _SCALES:
        inside = sum(low <= value <= high for value in values)
        if values and inside >= 0.99 * len(values):
            return low, high
    return _SCALES[0]


def _finite(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
