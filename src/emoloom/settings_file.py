"""Text and YAML files of the user: read whole, and nothing in them taken on trust."""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from emoloom.errors import UserError


class _Loader(yaml.SafeLoader):
    """YAML without repeated keys (the second would silently win), and with `1e-3` as a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = repr(self.construct_object(key_node, deep=True))
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_text(path: Path, what: str) -> str:
    """A whole UTF-8 text file, a byte order mark allowed.

    Raises:
        UserError: missing, a folder, unreadable, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{what} {path} does not exist", do="check the path") from error
    except IsADirectoryError as error:
        raise UserError(f"{what} {path} is a folder", allowed="a file") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{what} {path} is not UTF-8 text",
            got=f"byte 0x{error.object[error.start]:02x} at offset {error.start}",
            do="save it as UTF-8",
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            f"{what} {path} cannot be read", got=str(error), do="check the path"
        ) from error


def read_mapping(path: Path, what: str, *, do: str) -> dict[Any, Any]:
    """A YAML file that holds one mapping.

    Args:
        path: the file.
        what: its name in messages, e.g. `the config`.
        do: what to do where it is no such file.

    Raises:
        UserError: it cannot be read, is empty, no YAML, or no mapping.
    """
    text = read_text(path, what)
    if len(text) > _MOST_CHARACTERS:
        raise UserError(
            f"{what} {path} is too long",
            got=f"{len(text)} characters",
            allowed=f"at most {_MOST_CHARACTERS}",
            do=do,
        )
    try:
        given = yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(
            f"{what} {path} is not valid YAML", got=" ".join(str(error).split()), do=do
        ) from error
    except RecursionError as error:
        raise UserError(f"{what} {path} is nested too deep", do=do) from error
    if given is None:
        raise UserError(f"{what} {path} is empty", do=do)
    if not isinstance(given, dict):
        raise UserError(f"{what} {path} is not a mapping", got=type(given).__name__, do=do)
    return given


def plain_values(given: dict[Any, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A YAML mapping as JSON can hold it.

    Returns:
        the mapping, null where a value is no JSON (a date, a NaN, a list inside itself), and what
        is wrong there, by path (`data.select.0.rows`).
    """
    faults: dict[str, str] = {}
    seen = 0

    def plain(value: Any, path: tuple[str, ...], inside: tuple[int, ...]) -> Any:
        nonlocal seen
        inner = (*inside, id(value))
        if id(value) in inside or len(path) > _DEEPEST:
            faults[".".join(path)] = "it is nested too deep, or inside itself"
            return None
        seen += 1
        if seen > _MOST_VALUES:  # aliases of aliases: a short file can stand for billions
            if seen == _MOST_VALUES + 1:
                faults[path[0]] = f"it stands for more than {_MOST_VALUES} values"
            return None
        if isinstance(value, dict):
            return {str(k): plain(v, (*path, str(k)), inner) for k, v in value.items()}
        if isinstance(value, list):
            return [plain(v, (*path, str(i)), inner) for i, v in enumerate(value)]
        if not _is_plain(value):
            allowed = "text, a finite number, a list or a mapping"
            faults[".".join(path)] = f"got {value!r}; it should be {allowed} (dates go in quotes)"
            return None
        return value

    return plain(given, (), ()), faults


_DEEPEST = 20
_MOST_VALUES = 10_000
_MOST_CHARACTERS = 1 << 20


def _is_plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)
