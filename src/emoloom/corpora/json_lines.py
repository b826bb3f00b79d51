"""What is said of JSON that is not written in lines: what it is, and the command that mends it."""

import json
import shlex
from itertools import islice
from pathlib import Path
from typing import Any

from emoloom.corpora.lines import BadLineError, read_lines
from emoloom.corpora.rows import decode_json
from emoloom.errors import UserError

MAX_JSON_BYTES = 1 << 28
"""A larger file is not read whole to see what it is."""

_LINES_LOOKED_AT = 1000


def first_text(path: Path) -> str:
    """The first line that is not empty, without space at its ends; "" where none is near.

    Raises:
        UserError: the file cannot be read as UTF-8 text.
    """
    lines = islice(read_lines(path), _LINES_LOOKED_AT)
    return next((text for _, line in lines if (text := line.strip())), "")


def check_json_lines(path: Path) -> None:
    """See that a file is no JSON written in another way than one object a line.

    Raises:
        UserError: it is one JSON value over many lines, a list, an object that holds the records,
            or none of its first lines is an object by itself.
    """
    first = first_text(path)
    if not first.startswith(("{", "[")):
        return
    try:
        value = decode_json(first)
    except BadLineError:
        value = None
    if value is not None and not _is_one_line(path):
        return
    if isinstance(value, dict) and not (_records_key(value) or _all_objects(value)):
        return
    whole, several = _whole(path)
    if several and not _any_object(path):
        raise _not_lines(path, "several JSON objects that are not one a line", "jq -c .")
    if whole is not None or (first.startswith("[") and not several):
        what, records = _form(whole)
        script = f"import json, sys; [print(json.dumps(r)) for r in {records}]"
        raise _not_lines(path, what, f'python -c "{script}"')


def _not_lines(path: Path, what: str, command: str) -> UserError:
    made = path.with_suffix(".jsonl")
    made = made if made != path else path.with_name(f"{path.stem}-lines.jsonl")
    return UserError(
        f"{path} is {what}",
        allowed="JSON Lines: one object a line",
        do=f"{command} < {shlex.quote(str(path))} > {shlex.quote(str(made))}",
    )


def _whole(path: Path) -> tuple[Any, bool]:
    """(the file as one JSON value or None, whether it is several)."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            return None, False
        return json.loads(path.read_text(encoding="utf-8-sig")), False
    except (ValueError, RecursionError) as error:
        return None, isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"


def _any_object(path: Path) -> bool:
    """Whether a line near the beginning is an object by itself."""
    for _, line in islice(read_lines(path), _LINES_LOOKED_AT):
        try:
            if isinstance(decode_json(line), dict):
                return True
        except BadLineError:
            continue
    return False


def _form(whole: Any) -> tuple[str, str]:
    """(what a JSON value is, Python that gives its records)."""
    loaded = "json.load(sys.stdin)"
    if not isinstance(whole, dict):
        return "one JSON list", loaded
    key = _records_key(whole)
    if key:
        return f"one JSON object that holds a list in {key!r}", f"{loaded}[{key!r}]"
    if _all_objects(whole):
        columns = {tuple(held) for held in whole.values()}
        if len(columns) == 1 and all(map(str.isdecimal, columns.pop())):
            rows = "zip(*(c.values() for c in d.values()))"  # as pandas writes a table by default
            return (
                "one JSON object of columns",
                f"(dict(zip(d, r)) for d in [{loaded}] for r in {rows})",
            )
        return "one JSON object of objects", f"{loaded}.values()"
    return "one JSON object over many lines", f"[{loaded}]"


def _all_objects(value: dict[str, Any]) -> bool:
    return bool(value) and all(isinstance(held, dict) for held in value.values())


def _records_key(value: dict[str, Any]) -> str:
    """The key under which an object holds its records: a list of objects with longer texts."""
    lists = {
        key: held
        for key, held in value.items()
        if isinstance(held, list) and held and all(isinstance(one, dict) for one in held)
    }
    if len(lists) != 1:
        return ""
    ((key, records),) = lists.items()
    longer = max(map(_longest, records)) > _longest(value)
    # It goes into a command: a plain name and nothing else.
    return key if longer and key.isidentifier() and key.isascii() else ""


def _longest(record: dict[str, Any]) -> int:
    return max((len(held) for held in record.values() if isinstance(held, str)), default=0)


def _is_one_line(path: Path) -> bool:
    return sum(1 for _, line in islice(read_lines(path), _LINES_LOOKED_AT) if line.strip()) == 1
