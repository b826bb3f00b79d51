"""What holds no lines of texts whatever its name says: refused before a model is asked.

Its bytes fall into lines all the same, of which some are UTF-8 by chance and would be answered.
"""

from collections.abc import Mapping
from pathlib import Path

from emoloom.corpora.json_lines import check_json_lines
from emoloom.corpora.lines import ARCHIVES, OLD_OFFICE, BadLineError, check_is_no_archive
from emoloom.corpora.rows import decode_json
from emoloom.errors import UserError

_AS_TEXT = "save it as UTF-8 text: a text a line, JSON Lines, CSV or TSV"
_UTF_16 = 'UTF-16, as Windows and Excel write "Unicode text"'

_KINDS: Mapping[bytes, str] = {
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"PAR1\x15": "Parquet",
    b"ARROW1\0\0": "Arrow",
    b"%PDF-": "PDF",
    b"SQLite format 3\0": "an SQLite database",
    OLD_OFFICE: "a workbook or document of old Office",
    **{magic: f"an archive or workbook ({kind})" for magic, kind in ARCHIVES.items()},
}
"""First bytes -> what begins with them."""


def check_is_text(name: str, line: bytes, path: Path | None) -> None:
    """Raise `UserError` where a stream is no text.

    Args:
        name: of the stream, for people.
        line: its first line.
        path: of the file that it is; None for stdin.
    """
    if path is not None and path.is_file():
        check_is_no_archive(path, line[:16])
    for magic, kind in _KINDS.items():
        if line.startswith(magic):
            raise UserError(
                f"{name} holds no lines of UTF-8 text", got=kind, allowed="text", do=_AS_TEXT
            )


def check_is_json_lines(line: bytes, path: Path | None) -> None:
    """Raise `UserError` where a JSON file is a list, or one value over many lines.

    Args:
        line: its first line with anything in it; where that is an object by itself, so are others.
        path: of the file; None for stdin, and a pipe, which cannot be read twice.
    """
    if path is None or not path.is_file():
        return
    try:
        value = decode_json(line.decode("utf-8"))
    except BadLineError:
        value = None
    except UnicodeDecodeError:
        return
    if not isinstance(value, dict):
        check_json_lines(path)
