"""Texts about events with human appraisal ratings: what the readers of such corpora share.

No such corpus may ship: all are read from where the user has them. Ratings become values in
[0, 1], (x - low) / (high - low), and stay ordinal: nothing is cut at a threshold here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emoloom.corpora.lines import BadLineError, check_file, shown
from emoloom.corpora.readers import FileRead
from emoloom.errors import UserError
from emoloom.records import Rejected
from emoloom.runs.directory import sha256_file


@dataclass(frozen=True, slots=True)
class RatedText:
    """An event in words and its ratings, in the order of `RatingsRead.atoms`."""

    id: str
    """Distinct within a read."""
    text: str
    """Without what the corpus put into it: masks, marks of line ends."""
    own: tuple[float, ...]
    """The writer's ratings, each in [0, 1]."""
    pooled: tuple[float, ...]
    """Means of the writer's and all readers' ratings; the writer's alone where nobody read it."""
    related: tuple[float, ...] = ()
    """What else the writer said of the event, about 0 to 1: other ratings, the emotion as 0 and 1.
    The same things in the same order in every text of a read; an answer left out counts as 0."""


@dataclass(frozen=True, slots=True)
class RatingsRead:
    """What a reader made of one corpus."""

    atoms: tuple[str, ...]
    """Which of `records.ATOMS` the ratings are of."""
    rows: tuple[RatedText, ...]
    """In the file's order."""
    readings: int
    """Records that went into the `pooled` ratings of rows."""
    not_applicable: int
    """Records whose writer said that the question does not apply; left out."""
    rejected: tuple[Rejected, ...]
    """Records that could not be used, and why."""
    records_in: int
    """Always `len(rows) + readings + not_applicable + len(rejected)`."""
    files: tuple[FileRead, ...]
    """The files read, with their hashes."""

    def __post_init__(self) -> None:
        used = len(self.rows) + self.readings + self.not_applicable
        assert self.records_in == used + len(self.rejected)


def read_either(path: Path) -> str:
    """The whole file. A text in cp1252 with a character beyond ASCII is hardly ever UTF-8."""
    check_file(path)
    data = path.read_bytes()
    if b"\0" in data:
        raise UserError(
            f"{path} is no text in UTF-8 or cp1252",
            got="a NUL byte",
            do="give the official file, or save it as UTF-8",
        )
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            fault = error
    raise UserError(
        f"{path} is neither UTF-8 nor cp1252",
        got=f"byte 0x{data[fault.start]:02x} at offset {fault.start}",
        do="give the official file, or save it as UTF-8",
    )


def at_least_one(
    rows: list[RatedText], path: Path, bad: Sequence[Rejected]
) -> tuple[RatedText, ...]:
    """The rows; a `UserError` where there is none, with the first of the bad records."""
    if not rows:
        got = f"line {bad[0].line}: {bad[0].reason}" if bad else "a header alone"
        raise UserError(f"{path} holds no text with ratings", got=got, do="give the official file")
    return tuple(rows)


def file_read(path: Path) -> FileRead:
    """Name and hash; no official hash is known."""
    return FileRead(path.name, sha256_file(path), None)


def check_columns(path: Path, names: Sequence[str], needed: Sequence[str]) -> None:
    """Raise `UserError` unless the header has each needed column once."""
    missing = [name for name in needed if names.count(name) != 1]
    if missing:
        raise UserError(
            f"{path} is not the official file",
            got=f"{shown('|'.join(names), 60)} without a column {missing[0]}",
            allowed="a header with " + ", ".join(needed),
            do="give the official file",
        )


def check_new(key: str, seen: Mapping[str, object]) -> None:
    """Raise `BadLineError` for an id that was seen."""
    if key in seen:
        raise BadLineError(f"the id {shown(key)} again", "each id once")


def check_text(text: str) -> str:
    """The text; `BadLineError` where it holds no letter and no digit."""
    if not any(character.isalnum() for character in text):
        raise BadLineError(f"the text {shown(text)}", "at least one word")
    return text


def rating_value(name: str, field: str, scale: str) -> float:
    """A digit of the scale as a value in [0, 1]."""
    if len(field) != 1 or field not in scale:
        raise BadLineError(f"{name} = {shown(field)}", f"{scale[0]} to {scale[-1]}")
    return scale.index(field) / (len(scale) - 1)


def related_values(
    record: Mapping[str, str], items: Sequence[str], top: float, emotion: tuple[str, Sequence[str]]
) -> tuple[float, ...]:
    """`RatedText.related` of a record: items divided by `top`, then one value for each emotion.

    Args:
        record: Fields by column. Columns may be missing: these are a help, not needed.
        items: Columns with a digit.
        top: The highest digit.
        emotion: Its column, and what may stand there.
    """
    column, emotions = emotion
    digits = (record.get(item, "") for item in items)
    rated = tuple(int(d) / top if len(d) == 1 and d in "0123456789" else 0.0 for d in digits)
    return (*rated, *(float(record.get(column) == one) for one in emotions))
