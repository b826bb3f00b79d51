"""Rows from a file of the user's own: what each column means stands in a mapping."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.label_cells import Cell, cell_labels
from emoloom.corpora.labels_met import LabelsMet
from emoloom.corpora.lines import (
    MAX_NAME_CHARS,
    BadLineError,
    check_id_and_text,
    rejected,
    shown,
    text_group,
)
from emoloom.corpora.naming import Naming
from emoloom.corpora.reading import Item, Seen, check_new
from emoloom.corpora.rows import is_encodable
from emoloom.corpora.tables import (
    Format,
    columns_of,
    excerpt_of,
    format_of,
    has_quotes,
    table_records,
)
from emoloom.errors import UserError
from emoloom.records import DIMENSIONS, Answer, LabelSpace, RatedVAD, Row, VadSource, make_vad

SPLIT_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "valid", "validation", "val", "eval", "development"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a column of splits may hold, in any case, and the split that it means."""

COLUMN_ROLES = ("text", "id", "labels", *DIMENSIONS.values(), "split", "group")
"""Settings of a mapping that name a column."""

_DECIMALS = 6


NEUTRAL = "neutral"
"""The label of rows whose annotators found none, in a label space that has it."""


@dataclass(slots=True)
class ReadAs:
    """What was read as something else than the file says: counted, never silent."""

    neutral: int = 0
    """Rows annotated with an empty list of labels, read as `neutral`."""
    other_case: int = 0
    """Labels written in another case than in the label space."""

    def words(self) -> list[str]:
        """A line for each kind that was met."""
        said = []
        if self.neutral:
            said.append(f"rows annotated with no label, read as {NEUTRAL!r}: {self.neutral:,}")
        if self.other_case:
            said.append(
                f"labels in another case, read as the label space has them: {self.other_case:,}"
            )
        return said


def own_items(
    path: Path,
    mapping: MappingConfig,
    split: str,
    space: LabelSpace | None,
    read_as: ReadAs | None = None,
    naming: Naming | None = None,
) -> Iterator[Item]:
    """Read a file of the user's own.

    Ids are `<source>/<id>`, without a column of ids the line's number. A record without any
    label has null labels, one without any rating null VAD, one with some of its ratings those; one
    with neither label nor rating is rejected. An empty list of labels means that annotators found
    none: `neutral`, or rejected in a space without it.

    Args:
        path: JSON Lines, CSV, TSV or Parquet.
        mapping: What its columns mean.
        split: Of every row, where the mapping tells none.
        space: Labels must be its names, in any case; None takes them as they are.
        read_as: Counts what is read as something else, over all splits; None counts nothing.
        naming: How its rows are called; after the file's stem when None.

    Raises:
        UserError: the file cannot be read, lacks a column that the mapping names, or it cannot be
            told whether its quotes are CSV quoting; at its end, that no label in it can be used
            and all that is left are empty lists.
    """
    kind = mapping.format or format_of(path)
    quotes = has_quotes(path, kind, mapping.quotes)
    _check_columns(path, mapping, columns_of(path, kind, quotes))
    source = path.name if naming is None else naming.source
    reader = _RowMaker(
        naming or Naming(path.stem), mapping, split, space, read_as or ReadAs(), source
    )
    return _items(path, kind, quotes, reader)


def _items(path: Path, kind: Format, quotes: bool, reader: "_RowMaker") -> Iterator[Item]:
    seen = Seen()
    for number, record, text in table_records(path, kind, quotes):
        split: str | None = None
        try:
            if isinstance(record, BadLineError):
                raise record
            split = reader.stated_split(record)
            row = reader.row(record, number, split)
            split = row.split
            check_new(row.id, seen)
        except BadLineError as error:
            error.labels = reader.labels_named(record)
            excerpt = excerpt_of(record, text, kind)
            yield Item(split, rejected(reader.file, number, error, excerpt))
        else:
            yield Item(split, row)
    reader.met.check(path, reader.space)


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

    naming: Naming
    mapping: MappingConfig
    split: str
    space: LabelSpace | None
    read_as: ReadAs
    file: str
    """Names it in rejections."""
    names: Mapping[str, str] = field(init=False)
    """Label in lower case -> its name in the space."""
    order: Mapping[str, int] = field(init=False)
    """Label -> place in the space."""
    met: LabelsMet = field(init=False, default_factory=LabelsMet)
    """What its cells of labels hold."""

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
            group = self.naming.group(_name(record, mapping.group))
        vad_source: VadSource | None = None if vad is None else "human"
        answer = Answer(labels, vad, "")
        split = split or _share(group, mapping.split_shares or (100, 0, 0))
        source = self.naming.source
        return Row(self.naming.id(key), text, answer, source, split, vad_source, group)

    def labels_named(self, record: Mapping[str, Any] | BadLineError) -> tuple[str, ...]:
        """The labels of a record that was turned away, as they stand there; none if unreadable."""
        if isinstance(record, BadLineError) or self.mapping.labels is None:
            return ()
        try:
            cell = cell_labels(record.get(self.mapping.labels), self.mapping.label_separator)
        except BadLineError:
            return ()
        named = () if cell is None else cell.labels
        return tuple(dict.fromkeys(label for label in named if len(label) <= MAX_NAME_CHARS))

    def _labels(self, record: Mapping[str, Any]) -> tuple[str, ...] | None:
        if self.mapping.labels is None:
            return None
        value = record.get(self.mapping.labels)
        if isinstance(value, str) and value.casefold() in self.names:  # the commonest case
            self.met.placed += 1
            return (self._label(value),)
        try:
            cell = cell_labels(value, self.mapping.label_separator)
        except BadLineError:
            self.met.name(value)
            raise
        if cell is None:
            return None
        if not cell.labels:
            self.met.empty += 1
            return (self._neutral(value),)
        found = self._found(cell, value)
        self.met.placed += 1
        return found

    def _found(self, cell: Cell, value: object) -> tuple[str, ...]:
        """The labels of a cell that has some, in the order of the space."""
        self.met.name(value)
        if cell.ids and not all(label in self.names for label in cell.labels):
            self.met.ids += 1
            of = "a label space" if self.space is None else self.space.name
            raise BadLineError(
                f"labels = {shown(value)}, a list of numbers",
                f"the names of {of}; write names for the numbers first",
            )
        found = [self._label(label) for label in cell.labels]
        if len(set(found)) < len(found):
            raise BadLineError(f"labels = {shown(value)}", "each label once")
        return tuple(sorted(found, key=self.order.__getitem__) if self.order else found)

    def _label(self, label: str) -> str:
        if self.space is None:
            return _checked(label, "a label")
        known = self.names.get(label.casefold())
        if known is None:
            raise BadLineError(f"the label {shown(label)}", f"the names of {self.space.name}")
        self.read_as.other_case += known != label
        return known

    def _neutral(self, value: object) -> str:
        """What a row is labelled whose annotators found no label."""
        if NEUTRAL not in self.names:
            of = "a label space" if self.space is None else self.space.name
            raise BadLineError(
                f"labels = {shown(value)}, an annotated row without any",
                f"at least one of {of}; with {NEUTRAL!r} in it such a row is that",
            )
        self.read_as.neutral += 1
        return self.names[NEUTRAL]

    def _vad(self, record: Mapping[str, Any]) -> RatedVAD | None:
        mapping = self.mapping
        columns = (mapping.valence, mapping.arousal, mapping.dominance)
        v, a, d = (
            None if name is None else self._rating(name, record.get(name)) for name in columns
        )
        return make_vad(v, a, d)

    def _rating(self, name: str, value: object) -> float | None:
        """In [0, 1]; None where the field is empty."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
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
