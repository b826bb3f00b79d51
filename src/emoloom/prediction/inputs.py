"""Texts as they arrive: lines of a stream, each a text or a JSON object that holds one.

A reader says not only what came but also when nothing more is there yet, so that what is there can
be answered at once. One line is held at a time, whatever the length of the stream.
"""

import io
import json
import os
import select
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from emoloom.errors import UserError
from emoloom.prediction.results import RowId

Form = Literal["auto", "text", "jsonl"]
"""How a line is read; `auto` takes JSON Lines where the first line with anything in it begins
with a brace, and plain texts elsewhere."""

MOST_BYTES = 1 << 20
"""A longer line is not held, and answered with an error."""

_BLOCK = 1 << 16
_BOM = b"\xef\xbb\xbf"


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


def read_items(lines: Iterable[bytes | None], form: Form, place: str = "") -> Iterator[Item]:
    """Each line as a text or as what is wrong with it.

    Args:
        lines: from `ready_lines`.
        form: how a line is read.
        place: stands before the number of a line that has no id of its own, as `place:7`.
    """
    number = 0
    for raw in lines:
        if raw is None:
            yield None
            continue
        number += 1
        line = raw.removeprefix(_BOM) if number == 1 else raw
        if form == "auto" and line.strip():
            form = "jsonl" if line.lstrip().startswith(b"{") else "text"
        own: RowId = f"{place}:{number}" if place else number
        yield _read(line, own, as_json=form == "jsonl")


def _read(line: bytes, number: RowId, *, as_json: bool) -> Text | BadLine:
    if len(line) > MOST_BYTES:
        return BadLine(number, f"a line of over {MOST_BYTES} bytes")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return BadLine(number, f"not UTF-8: byte 0x{line[error.start]:02x}")
    return _read_object(text, number) if as_json else Text(number, text)


def _read_object(line: str, number: RowId) -> Text | BadLine:
    allowed = "allowed: an object with a text `text` and, if you like, an `id`"
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return BadLine(number, f"no JSON; {allowed}")
    if not isinstance(value, dict):
        return BadLine(number, f"no JSON object; {allowed}")
    row_id = value.get("id", number)
    if not _is_id(row_id):
        return BadLine(number, "an `id` that is no text and no whole number")
    return read_text(row_id, value.get("text"))


def read_text(row_id: RowId, text: object) -> Text | BadLine:
    """The text as an item, if it is one that can be encoded."""
    if not isinstance(text, str):
        return BadLine(row_id, "no text `text`")
    if not _is_whole(text):
        return BadLine(row_id, "half a character (a lone surrogate) in the text")
    return Text(row_id, text)


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_ID and _is_whole(value)
    return type(value) is int and abs(value) < 1 << 63


_LONGEST_ID = 1000


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def read_files(paths: Sequence[Path], form: Form) -> Iterator[Item]:
    """The lines of several files, one after the other; those of each are numbered from 1.

    Raises:
        UserError: at once, where one cannot be read.
    """
    for path in paths:
        fault = "a folder" if path.is_dir() else "" if path.exists() else "no such file"
        if not fault and not os.access(path, os.R_OK):
            fault = "not readable"
        if fault:
            raise UserError(f"cannot read texts from {path}", got=fault, do="check the path")
    return _files(paths, form)


def _files(paths: Sequence[Path], form: Form) -> Iterator[Item]:
    for path in paths:
        with path.open("rb", buffering=0) as stream:
            place = str(path) if len(paths) > 1 else ""
            yield from read_items(ready_lines(stream), form, place)
