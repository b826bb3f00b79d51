"""What arrives: lines of a stream, and texts, or why a line or record holds none.

A reader says not only what came but also when nothing more is there yet, so that what is there can
be answered at once. One line is held at a time, whatever the length of the stream.
"""

import io
import os
import select
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

from emoloom.corpora.lines import shown
from emoloom.prediction.results import RowId

TEXT = "text"
"""The key of a record's text where none is named."""

EMPTY_LINE = "an empty line"
"""What is wrong with a line in which nothing can be seen."""

MOST_BYTES = 1 << 20
"""A longer line is not held, and answered with an error."""

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Text:
    """A text to be answered."""

    id: RowId
    """What the answer is known by."""
    text: str
    """Any text."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that holds no text."""

    id: RowId
    """The row's own id where it could be read, else the line's number."""
    error: str
    """What was got and what is allowed."""
    of_column: bool = field(default=False, compare=False)
    """Whether another column or key of the record may hold a text."""


Item = Text | BadLine | None
"""None: nothing more is there yet."""


def ready_lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Lines without their ends as they arrive; None before each wait for more.

    Of a line of over `MOST_BYTES` the first `MOST_BYTES` + 2 bytes are given. Of a stream of the
    system the descriptor itself is read, so nothing else may have read from it before.
    """
    descriptor = _descriptor(stream)
    held = bytearray()
    while True:
        if descriptor is not None and not select.select([descriptor], [], [], 0)[0]:
            yield None
        block = stream.read(_BLOCK) if descriptor is None else os.read(descriptor, _BLOCK)
        if not block:
            break
        *whole, last = block.split(b"\n")
        for line in whole:
            _hold(held, line)
            yield bytes(held).removesuffix(b"\r")
            held.clear()
        _hold(held, last)
    if held:
        yield bytes(held).removesuffix(b"\r")


def _descriptor(stream: IO[bytes]) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return None  # bytes in memory: always there


def _hold(held: bytearray, more: bytes) -> None:
    held += more[: max(0, MOST_BYTES + 2 - len(held))]


def decoded(line: bytes) -> tuple[str, str]:
    """(The line as text, what is wrong with it or "")."""
    if len(line) > MOST_BYTES:
        return "", f"a line of over {MOST_BYTES} bytes"
    try:
        return line.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        text = line.decode("utf-8", errors="replace")
        return text, f"not UTF-8: byte 0x{line[error.start]:02x}"


def record_item(record: Mapping[str, object], number: RowId, column: str = TEXT) -> Text | BadLine:
    """The text of a record with its own `id`, or what is wrong.

    Args:
        record: Values by key.
        number: What it is known by where it has no id that can be used.
        column: The key of the text.
    """
    row_id = record.get("id", number)
    if not isinstance(row_id, str | int) or not _is_id(row_id):
        allowed = f"allowed: a text of 1 to {_LONGEST_ID} characters, or a whole number"
        return BadLine(number, f"an `id` that cannot be used; {allowed}")
    if column not in record:
        return BadLine(row_id, f"no key `{column}`", of_column=True)
    item = text_item(row_id, record[column], f"`{column}`")
    return item if isinstance(item, Text) else BadLine(row_id, item.error, of_column=True)


@dataclass(slots=True)
class Numbers:
    """What lines and records without an id are known by, in one stream; mutable, for one pass.

    Their numbers from 1; from the first record with an id of its own on, `name:7`: a number could
    be the id of another record. What is held does not grow with the stream.
    """

    name: str
    """Of the stream."""
    named: bool = False
    """Whether records have ids of their own, as far as is known."""
    at: int = 0
    """Number of the line or record that is read."""
    given: int = 0
    """The last number that a text is known by."""

    def next(self) -> RowId:
        """Of the next line or record."""
        self.at += 1
        return self._name() if self.named else self.at

    def item(self, record: Mapping[str, object], column: str = TEXT) -> Text | BadLine:
        """As `record_item`, of the next record; its own id may not be a number that was given."""
        number = self.next()
        found = record_item(record, number, column)
        own = record.get("id")
        if found.id is own:
            clash = not self.named and self._was_given(str(own))
            self.named = True
            if clash:
                error = f"the `id` {shown(own)} is the number of a record before, which has none"
                return BadLine(self._name(), f"{error}; allowed: an id in every record, or in none")
        elif isinstance(found, Text):
            self.given = self.at
        return found

    def text(self, text: object, what: str) -> Text | BadLine:
        """As `text_item`, of the next line or text."""
        found = text_item(self.next(), text, what)
        self.given = self.at if isinstance(found, Text) else self.given
        return found

    def _name(self) -> str:
        return f"{self.name}:{self.at}"

    def _was_given(self, row_id: str) -> bool:
        number = int(row_id) if row_id.isascii() and row_id.isdecimal() else 0
        return 0 < number <= self.given and str(number) == row_id


def text_item(row_id: RowId, text: object, what: str) -> Text | BadLine:
    """The text as an item, if there is something to answer and it can be encoded.

    Args:
        row_id: What it is known by.
        text: Anything.
        what: What it is, for the error.
    """
    if not isinstance(text, str):
        kind = "null" if text is None else f"no text but {shown(text)}"
        return BadLine(row_id, f"{what} is {kind}")
    if not _is_whole(text):
        return BadLine(row_id, "half a character (a lone surrogate) in the text")
    return BadLine(row_id, f"{what} is empty") if is_blank(text) else Text(row_id, text)


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: spaces, controls and marks without width alone."""
    return all(unicodedata.category(char) in _UNSEEN for char in text)


_UNSEEN = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))
# No `Cn`: a newer emoji than this Python knows is one.

_LONGEST_ID = 1000


def _is_id(value: str | int) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _LONGEST_ID and _is_whole(value)
    return type(value) is int and abs(value) < 1 << 63


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
