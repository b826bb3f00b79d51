"""Label spaces: closed, ordered sets of label names, as data files."""

import json
from pathlib import Path
from typing import Any

from emoloom.corpora.lines import check_file, shown
from emoloom.errors import UserError
from emoloom.records import LabelSpace

_FOLDER = Path(__file__).resolve().parents[1] / "data" / "label_spaces"
_KEYS = ("name", "labels", "source", "licence")
# These would break the instruction's comma-separated list, or the JSON of an answer.
_FORBIDDEN = "\"'`,{}[]\\"
_ALLOWED = "distinct, printable, no space at the ends, none of " + " ".join(_FORBIDDEN)


def known_spaces() -> tuple[str, ...]:
    """Names of the label spaces that ship, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def load_space(name_or_path: str) -> LabelSpace:
    """Load a label space that ships, or one from a user's JSON file.

    Args:
        name_or_path: A name of `known_spaces`, or the path of a file
            `{"name", "labels", "source", "licence"}`; the last two are optional.

    Raises:
        UserError: unknown name, unreadable file, or labels that the contract cannot carry.
    """
    if name_or_path in known_spaces():
        return _read(_FOLDER / f"{name_or_path}.json")
    path = Path(name_or_path)
    if path.suffix != ".json" and len(path.parts) <= 1:
        raise UserError(
            "unknown label space",
            got=shown(name_or_path),
            allowed=", ".join(known_spaces()),
            do="name one of these, or give the path of a .json file",
        )
    return _read(path)


def _read(path: Path) -> LabelSpace:
    check_file(path)
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise UserError(f"{path} is no JSON file", allowed="UTF-8, one JSON object") from None
    if not isinstance(record, dict) or not {"name", "labels"} <= set(record) <= set(_KEYS):
        got = ", ".join(map(str, record)) if isinstance(record, dict) else type(record).__name__
        raise UserError(
            f"{path} is no label space", got=got, allowed="an object with " + ", ".join(_KEYS)
        )
    return LabelSpace(_name(path, record["name"]), _labels(path, record["labels"]))


def _name(path: Path, value: Any) -> str:
    if not isinstance(value, str) or not is_label(value):
        raise UserError(f"{path} has a bad name", got=shown(value), allowed=_ALLOWED)
    return value


def _labels(path: Path, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise UserError(f"{path} has no labels", got=shown(value), allowed="a list of names")
    seen: set[str] = set()
    for label in value:
        if not isinstance(label, str) or not is_label(label) or label.casefold() in seen:
            raise UserError(f"{path} has a bad label", got=shown(label), allowed=_ALLOWED)
        seen.add(label.casefold())
    return tuple(value)


def is_label(name: str) -> bool:
    """Whether the contract can carry a name as a label."""
    printable = bool(name) and name.isprintable() and name == name.strip()
    return printable and not any(character in _FORBIDDEN for character in name)
