"""Rows from a file of the user's own: what each column means stands in a mapping."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.lines import (
    MAX_NAME_CHARS,
    BadLineError,
    check_id_and_text,
    rejected,
    shown,
    text_group,
)
from emoloom.corpora.reading import Item, Seen, check_new
from emoloom.corpora.rows import is_encodable
from emoloom.corpora.tables import columns_of, excerpt_of, format_of, table_records
from emoloom.errors import UserError
from emoloom.records import VAD, Answer, LabelSpace, Row, VadSource

SPLIT_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "valid", "validation", "val", "eval", "development"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a column of splits may hold, in any case, and the split that it means."""

COLUMN_ROLES = ("text", "id", "labels", "valence", "arousal", "dominance", "split", "group")
"""Settings of a mapping that name a column."""

_DECIMALS = 6


def own_items(
    path: Path, mapping: MappingConfig, split: str, space: LabelSpace | None
) -> Iterator[Item]:
    """Read a file of the user's own.

    Ids are `<file's stem>/<id>`, without a column of ids the line's number. A record without any
    label has null labels, one without any rating null VAD; one with neither is rejected.

    Args:
        path: JSON Lines, CSV, TSV or Parquet.
        mapping: What its columns mean.
        split: Of every row, where the mapping tells none.
        space: Labels must be its names, in any case; None takes them as they are.

    Raises:
        UserError: the file cannot be read, or lacks a column that the mapping names.
    """
    kind = mapping.format or format_of(path)
    _check_columns(path, mapping, columns_of(path, kind, mapping.quotes))
    reader = _RowMaker(path.stem, mapping, split, space)
    return _items(path, kind, reader)


def _items(path: Path, kind: Any, reader: "_RowMaker") -> Iterator[Item]:
    seen = Seen()
    for number, record, text in table_records(path, kind, reader.mapping.quotes):
        split: str | None = None
        try:
            if isinstance(record, BadLineError):
                raise record
            split = reader.stated_split(record)
            row = reader.row(record, number, split)
            split = row.split
            check_new(row.id, seen)
        except BadLineError as error:
            yield Item(split, rejected(path.name, number, error, excerpt_of(record, text, kind)))
        else:
            yield Item(split, row)


def _check_columns(path: Path, mapping: MappingConfig, columns: tuple[str, ...]) -> None:
    named = {role: getattr(mapping, role) for role in COLUMN_ROLES if getattr(mapping, role)}
    missing = [f"{role}: {name}" for role, name in named.items() if name not in columns]
    if missing:
        raise UserError(
            f"{path} lacks columns that its mapping names",
            got=", ".join(missing),
            allowed=", ".join(columns) or "none: no record of the file can be read",
            do="mend `mapping`; `emoloom data check FILE` guesses one",
        )


@dataclass(frozen=True, slots=True)
class _RowMaker:
    """Makes rows of records, all the same way."""

    source: str
    mapping: MappingConfig
    split: str
    space: LabelSpace | None
    names: Mapping[str, str] = field(init=False)
    """Label in lower case -> its name in the space."""
    order: Mapping[str, int] = field(init=False)
    """Label -> place in the space."""

    def __post_init__(self) -> None:
        labels = () if self.space is None else self.space.labels
        object.__setattr__(self, "names", {label.casefold(): label for label in labels})
        object.__setattr__(self, "order", {label: at for at, label in enumerate(labels)})

    def stated_split(self, record: Mapping[str, Any]) -> str | None:
        """What the record's own column says."""
        if self.mapping.split is None:
            return None if self.mapping.split_shares else self.split
        value = record.get(self.mapping.split)
        named = SPLIT_NAMES.get(value.strip().casefold()) if isinstance(value, str) else None
        if named is None:
            raise BadLineError(f"the split {shown(value)}", "train, dev or test")
        return named

    def row(self, record: Mapping[str, Any], number: int, split: str | None) -> Row:
        """The row of one record."""
        mapping = self.mapping
        key = str(number) if mapping.id is None else _name(record, mapping.id)
        text = _text(record, mapping.text)
        check_id_and_text(key, text)
        labels, vad = self._labels(record), self._vad(record)
        if labels is None and vad is None:
            raise BadLineError("neither a label nor VAD", "at least one")
        group = text_group(text)
        if mapping.group is not None:
            group = f"{self.source}/{_name(record, mapping.group)}"
        vad_source: VadSource | None = None if vad is None else "human"
        answer = Answer(labels, vad, "")
        split = split or _share(group, mapping.split_shares or (100, 0, 0))
        return Row(f"{self.source}/{key}", text, answer, self.source, split, vad_source, group)

    def _labels(self, record: Mapping[str, Any]) -> tuple[str, ...] | None:
        if self.mapping.labels is None:
            return None
        value = record.get(self.mapping.labels)
        if value is None:
            return None
        if isinstance(value, str) and value.casefold() in self.names:  # the commonest case
            return (self.names[value.casefold()],)
        given = value.split(self.mapping.label_separator) if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise BadLineError(f"labels = {shown(value)}", "names, as text or as a list")
        stripped = [label.strip() for label in given if label.strip()]
        if not stripped:
            return None
        found = [self._label(label) for label in stripped]
        if len(set(found)) < len(found):
            raise BadLineError(f"labels = {shown(value)}", "each label once")
        return tuple(sorted(found, key=self.order.__getitem__) if self.order else found)

    def _label(self, label: str) -> str:
        if self.space is None:
            return _checked(label, "a label")
        known = self.names.get(label.casefold())
        if known is None:
            raise BadLineError(f"the label {shown(label)}", f"the names of {self.space.name}")
        return known

    def _vad(self, record: Mapping[str, Any]) -> VAD | None:
        mapping = self.mapping
        columns = (mapping.valence, mapping.arousal, mapping.dominance)
        for name in columns:
            value = None if name is None else record.get(name)
            if value is not None and not (isinstance(value, str) and not value.strip()):
                break
        else:
            return None
        v, a, d = (self._rating(str(name), record.get(str(name))) for name in columns)
        return VAD(v, a, d)

    def _rating(self, name: str, value: object) -> float:
        low, high = self.mapping.vad_scale
        number = _number(name, value)
        if not low <= number <= high:
            raise BadLineError(f"{name} = {shown(value)}", f"{low:g} to {high:g}")
        return round((number - low) / (high - low), _DECIMALS)


def _number(name: str, value: object) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            pass
        else:
            if math.isfinite(number):
                return number
    raise BadLineError(f"{name} = {shown(value)}", "a number")


def _text(record: Mapping[str, Any], column: str) -> str:
    value = record.get(column)
    if not isinstance(value, str):
        raise BadLineError(f"{column} = {shown(value)}", "text")
    if not is_encodable(value):
        raise BadLineError(f"half a character (a lone surrogate) in {column}", "text")
    return value


def _name(record: Mapping[str, Any], column: str) -> str:
    """An id or a group: text or a whole number."""
    value = record.get(column)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise BadLineError(f"{column} = {shown(value)}", "text or a whole number")
    return _checked(value.strip(), column)


def _checked(value: str, what: str) -> str:
    if not value or not value.isprintable() or len(value) > MAX_NAME_CHARS:
        raise BadLineError(f"{what} = {shown(value)}", "printable, not empty, not long")
    return value


def _share(group: str, shares: tuple[int, int, int]) -> str:
    """The split of a group: a function of the group alone, so that a longer file moves no row."""
    digest = hashlib.sha256(group.encode("utf-8")).digest()
    at = int.from_bytes(digest[:8], "big") % 100
    return "train" if at < shares[0] else "dev" if at < shares[0] + shares[1] else "test"
