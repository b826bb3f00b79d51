"""Text files line by line, and texts made comparable. Data text is never trusted."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from emoloom.errors import UserError
from emoloom.records import Rejected

_BOM = b"\xef\xbb\xbf"
_WORD = re.compile(r"\w+")
_EXCERPT_CHARS = 80


class BadLineError(ValueError):
    """A line that cannot become a record: got what, allowed what. Readers turn it into a count."""

    def __init__(self, got: str, allowed: str) -> None:
        super().__init__(f"got {got}; allowed: {allowed}")


def check_file(path: Path) -> None:
    """Raise `UserError` unless `path` is a readable file that holds at least one byte."""
    if path.is_dir():
        raise UserError(f"{path} is a folder", allowed="a file", do="give the file itself")
    try:
        if not path.is_file():
            raise UserError(f"there is no file {path}", do="check the path")
        with path.open("rb") as stream:
            empty = not stream.read(len(_BOM) + 1).removeprefix(_BOM)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read", got=str(error), do="check the path") from None
    if empty:
        raise UserError(f"{path} is empty", allowed="at least one line")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text without its line end), one line in memory at a time.

    A line feed ends a line and nothing else does, since a text may hold U+2028 and the like; a
    carriage return before it goes with it. A UTF-8 byte-order mark is dropped.

    Raises:
        UserError: the file is missing, empty, a folder, unreadable, or not UTF-8.
    """
    check_file(path)
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            line = raw.removeprefix(_BOM) if number == 1 else raw
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{path} is not UTF-8",
                    got=f"byte 0x{error.object[error.start]:02x} on line {number}",
                    do="save it as UTF-8",
                ) from None
            yield number, text.removesuffix("\n").removesuffix("\r")


def check_line(line: str) -> None:
    """Raise `BadLineError` for a line without content or with a NUL."""
    if not line.strip():
        raise BadLineError("an empty line", "one record a line")
    if "\0" in line:
        raise BadLineError("a NUL character", "text")


def shown(value: object, limit: int = 40) -> str:
    """`repr` of a value, cut to `limit` characters: fit for a message."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def rejected(source: str, line: int, error: BadLineError, text: str) -> Rejected:
    """The record of a line that was turned away; unprintable characters are shown as `�`."""
    excerpt = "".join(c if c.isprintable() else "�" for c in text[:_EXCERPT_CHARS])
    return Rejected(source=source, line=line, reason=str(error), excerpt=excerpt)


def normalise_text(text: str) -> str:
    """The text as duplicates are compared: its words in lower case, one space between (ours).

    Punctuation and emoji do not count, except in a text that has no word at all. In GoEmotions
    113 dev and 109 test texts then stand in train; with punctuation kept it is 49 and 42.
    """
    folded = text.casefold()
    return " ".join(_WORD.findall(folded)) or " ".join(folded.split())


def text_group(text: str) -> str:
    """`Row.group` of a text without a conversation: a hash of its normalised form (ours).

    The same text has the same group in every corpus.
    """
    digest = hashlib.sha256(normalise_text(text).encode("utf-8")).hexdigest()
    return f"text:{digest[:16]}"
