"""Text files line by line, and texts made comparable. Data text is never trusted."""

import hashlib
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

from emoloom.errors import UserError
from emoloom.records import Rejected

MAX_LINE_CHARS = 1 << 20
"""A longer record is turned away: no text of a corpus is a megabyte."""

MAX_TEXT_CHARS = 1 << 17
"""Of one text: escaped as JSON it still fits into a record."""

MAX_NAME_CHARS = 1000
"""Of an id or a group."""

MAX_LINE_BYTES = 1 << 26
"""A file with a longer line is refused: it is no text file, and would fill the memory."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh91AY&SY": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
}
"""First bytes of an archive -> its kind."""
_WORKBOOK = "an Excel workbook"
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""First bytes of a workbook, or another document, of Office before 2007."""
_LOOKED_AT = 1 << 16
_WORD = re.compile(r"\w+")
# Lower case, and blanks for what `_WORD` leaves out: faster, and most texts are ASCII.
_ASCII_WORDS = bytes(ord(chr(k).lower()) if _WORD.match(chr(k)) else 32 for k in range(128)) * 2
# Quotation marks, a prime, a letter and two accents that are typed or set where an apostrophe is.
_APOSTROPHE_LIKE = "\u2018\u2019\u201b\u2032\u02bb\u02bc\u00b4`\uff07"
_APOSTROPHES = str.maketrans(dict.fromkeys(_APOSTROPHE_LIKE, "'"))
_TEXT_GROUP = re.compile(r"text:[0-9a-f]{16}")
_EXCERPT_CHARS = 80


class BadLineError(ValueError):
    """A line that cannot become a record: got what, allowed what. Readers turn it into a count.

    `labels` are those that the line names, as far as that is known.
    """

    def __init__(self, got: str, allowed: str, labels: tuple[str, ...] = ()) -> None:
        super().__init__(f"got {got}; allowed: {allowed}")
        self.labels = labels


def check_file(path: Path, *, archive: bool = False) -> None:
    """Raise `UserError` unless `path` is a readable file that holds at least one byte.

    Args:
        path: the file.
        archive: whether it may be one: our own verifier is a zip.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder", allowed="a file", do="give the file itself")
    try:
        if not path.is_file():
            raise UserError(f"there is no file {path}", do="check the path")
        with path.open("rb") as stream:
            head = stream.read(16)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read", got=str(error), do="check the path") from None
    if not head.removeprefix(BOM_UTF8):
        raise UserError(f"{path} is empty", allowed="at least one line")
    if not archive:
        check_is_no_archive(path, head)


def check_is_no_archive(path: Path, head: bytes) -> None:
    """Archives are never unpacked here: what they hold is for the user to look at.

    Args:
        path: a file.
        head: its first bytes, 8 at least where it has them.

    Raises:
        UserError: it is an archive, or a workbook.
    """
    workbook = _workbook(path, head)
    if workbook:
        raise UserError(
            f"{path} is {workbook}",
            allowed="a text file",
            do="save the sheet as CSV UTF-8 and give that",
        )
    for magic, kind in ARCHIVES.items():
        if head.startswith(magic):
            raise UserError(
                f"{path} is an archive",
                got=kind,
                allowed="the file itself",
                do="unpack it and give what it holds",
            )


def _workbook(path: Path, head: bytes) -> str:
    """What kind of workbook a file is, or "": told by a name that stands plainly in such a zip."""
    if head.startswith(OLD_OFFICE):
        return f"{_WORKBOOK} or another file of old Office"
    if not head.startswith(b"PK\x03\x04"):
        return ""
    with path.open("rb") as stream:
        seen = stream.read(_LOOKED_AT)
        stream.seek(max(0, path.stat().st_size - _LOOKED_AT))
        seen += stream.read(_LOOKED_AT)
    if b"opendocument.spreadsheet" in seen:
        return "an OpenDocument spreadsheet"
    return _WORKBOOK if b"xl/workbook." in seen else ""


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text without its line end), one line in memory at a time.

    A line feed ends a line and nothing else does, since a text may hold U+2028 and the like; a
    carriage return before it goes with it. A UTF-8 byte-order mark is dropped.

    Raises:
        UserError: the file is missing, empty, a folder, an archive, unreadable, not UTF-8, or has
            a line of more than `MAX_LINE_BYTES`.
    """
    check_file(path)
    with path.open("rb") as stream:
        for number, raw in enumerate(iter(partial(stream.readline, MAX_LINE_BYTES), b""), start=1):
            line = raw.removeprefix(BOM_UTF8) if number == 1 else raw
            if len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
                raise UserError(
                    f"{path} has a line that is too long",
                    got=f"line {number} of at least {MAX_LINE_BYTES} bytes",
                    allowed=f"records of at most {MAX_LINE_CHARS} characters, one a line",
                    do="check that it is a text file with line ends",
                )
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{path} is not UTF-8" + (" but UTF-16" if raw.startswith(_UTF_16) else ""),
                    got=f"byte 0x{error.object[error.start]:02x} on line {number}",
                    do="save it as UTF-8",
                ) from None
            yield number, text.removesuffix("\n").removesuffix("\r")


def check_line(line: str) -> None:
    """Raise `BadLineError` for a line without content, with a NUL, or too long."""
    if len(line) > MAX_LINE_CHARS:
        raise BadLineError(f"a record of {len(line)} characters", f"at most {MAX_LINE_CHARS}")
    if not line.strip():
        raise BadLineError("an empty line", "one record a line")
    if "\0" in line:
        raise BadLineError("a NUL character", "text")


def shown(value: object, limit: int = 40) -> str:
    """`repr` of a value, cut to `limit` characters: fit for a message."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def check_id_and_text(key: str, text: str) -> None:
    """Raise `BadLineError` unless the id is printable, the text holds something, both not long."""
    if not key.strip() or not key.isprintable() or len(key) > MAX_NAME_CHARS:
        raise BadLineError(f"the id {shown(key)}", "printable, not empty, not long")
    check_length(text)
    if not text.strip():
        raise BadLineError("an empty text", "some text")
    if "\0" in text:
        raise BadLineError("a NUL character", "text")


def check_length(text: str) -> None:
    """Raise `BadLineError` for a text that is too long."""
    if len(text) > MAX_TEXT_CHARS:
        raise BadLineError(f"a text of {len(text)} characters", f"at most {MAX_TEXT_CHARS}")


def rejected(source: str, line: int, error: BadLineError, text: str) -> Rejected:
    """The record of a line that was turned away; unprintable characters are shown as `�`."""
    excerpt = "".join(c if c.isprintable() else "�" for c in text[:_EXCERPT_CHARS])
    return Rejected(source, line, str(error), excerpt, error.labels)


@lru_cache(maxsize=8)  # a row's text is compared with several sets in turn
def normalise_text(text: str) -> str:
    """The text as duplicates are compared: its words in lower case, one space between (ours).

    Punctuation and emoji do not count, except in a text that has no word at all. In GoEmotions
    113 dev and 109 test texts then stand in train; with punctuation kept it is 49 and 42.
    """
    if text.isascii():
        words = text.encode("ascii").translate(_ASCII_WORDS).decode("ascii")
        return " ".join(words.split()) or " ".join(text.split())
    folded = straight_apostrophes(text).casefold()
    return " ".join(_WORD.findall(folded)) or " ".join(folded.split())


def straight_apostrophes(text: str) -> str:
    """The text with every form of an apostrophe as `'`, each in its place (ours).

    The forms are ’ ‘ ‛ ′ ʻ ʼ ´ ` and the full-width ＇: keyboards, phones and word processors set
    them for one another, so that `don’t` is `don't`.
    """
    return text.translate(_APOSTROPHES)


def is_text_group(group: str) -> bool:
    """Whether a group is what `text_group` gives, and none of a file's own."""
    return _TEXT_GROUP.fullmatch(group) is not None


def text_group(text: str) -> str:
    """`Row.group` of a text without a conversation: a hash of its normalised form (ours).

    The same text has the same group in every corpus.
    """
    digest = hashlib.sha256(normalise_text(text).encode("utf-8")).hexdigest()
    return f"text:{digest[:16]}"
