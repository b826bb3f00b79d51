"""Paths in a config: relative to the config's folder, whatever folder a command is run from.

A config keeps its paths as they are written, for all that is recorded of it, and as they are found,
for all that is opened.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Location = tuple[str, ...]
"""Keys and indices that lead to a setting: `("data", "train", "0", "file")`."""

PATHS: tuple[Location, ...] = (
    ("lexicon",),
    ("data", "*", "*", "file"),
    ("data", "*", "*", "path"),
    ("data", "*", "*", "label_map"),
    ("training", "mirror_pairs"),
    ("training", "appraisal", "verifier"),
    ("training", "appraisal", "crowd_envent"),
    ("training", "appraisal", "isear"),
    ("training", "appraisal", "theory"),
)
"""Settings that are always a path; `*` stands for any key or index."""

SPACES: tuple[Location, ...] = (("labels",), ("data", "*", "*", "label_space"))
"""A label space: a path where it ends in `.json` or names a folder."""

MODELS: tuple[Location, ...] = (("models", "*", "source"), ("floors", "*", "source"))
"""A model source: a path where it has no scheme."""

_SCHEMES = ("hf:", "pypi:", "random:")


@dataclass(frozen=True, slots=True)
class Found:
    """A config whose paths were looked for."""

    settings: dict[str, Any]
    """The config, with every path as it is opened."""
    given: Mapping[Location, str] = field(default_factory=dict)
    """What stands in the config, where that is another text."""
    missing: Mapping[Location, str] = field(default_factory=dict)
    """In words, of each path that is nowhere, where it was looked for."""
    warnings: tuple[str, ...] = ()
    """For the user."""


Look = Callable[[dict[str, Any]], Found]
"""Looks for the paths of a config."""


def beside(folder: Path, names: Collection[str] = ()) -> Look:
    """Look beside the config; failing that, this once, in the folder that the command is run from.

    Args:
        folder: The config's.
        names: Of label spaces and models: they are no paths, whatever lies beside the config.
    """

    def look(settings: dict[str, Any]) -> Found:
        opened, given = deepcopy(settings), dict[Location, str]()
        missing, warnings = dict[Location, str](), list[str]()
        for location, text in _relative_paths(settings, names):
            here, shell = folder / text, Path(text)
            if not _is_there(here) and not _is_there(shell):
                missing[location] = _nowhere(folder)
                continue
            warnings += _warning(location, folder, text)
            _put(opened, location, str(here if _is_there(here) else shell))
            given[location] = text
        return Found(opened, given, missing, tuple(warnings))

    return look


def recorded(found: object, root: Path) -> Look:
    """Look where a run found them.

    Args:
        found: `paths` of a run.json, from `record_paths`; anything else tells nothing.
        root: The run folder.
    """
    known = found if isinstance(found, dict) else {}

    def look(settings: dict[str, Any]) -> Found:
        opened, given = deepcopy(settings), dict[Location, str]()
        for location, text in _relative_paths(settings, ()):
            at = known.get(".".join(location))
            if isinstance(at, str):
                _put(opened, location, os.path.normpath(root.absolute() / at))
                given[location] = text
        return Found(opened, given)

    return look


def record_paths(found: Mapping[Location, str], root: Path) -> dict[str, str]:
    """For run.json: each relative path of a config, from the run folder to where it was found."""
    start = root.absolute()
    return {
        ".".join(location): Path(os.path.relpath(Path(path).absolute(), start)).as_posix()
        for location, path in found.items()
    }


def _relative_paths(
    settings: dict[str, Any], names: Collection[str]
) -> Iterator[tuple[Location, str]]:
    for pattern in (*PATHS, *SPACES, *MODELS):
        for location, text in _values(settings, pattern):
            named = pattern not in PATHS and _is_name(text, pattern, names)
            if text and not named and not text.startswith("~") and not Path(text).is_absolute():
                yield location, text


def _is_name(text: str, pattern: Location, names: Collection[str]) -> bool:
    if text.strip() in names:
        return True
    if pattern in MODELS:
        return text.strip().startswith(_SCHEMES)
    return not text.endswith(".json") and len(Path(text).parts) <= 1


def _values(value: Any, pattern: Location, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """Every text that stands where the pattern leads."""
    if not pattern:
        if isinstance(value, str):
            yield at, value
        return
    key, *rest = pattern
    inside = _items(value)
    for name in inside if key == "*" else (key,):
        if name in inside:
            yield from _values(inside[name], tuple(rest), (*at, name))


def _items(value: Any) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    return {str(at): one for at, one in enumerate(value)} if isinstance(value, list) else {}


def _put(settings: dict[str, Any], location: Location, path: str) -> None:
    inside: Any = settings
    for key in location[:-1]:
        inside = inside[int(key)] if isinstance(inside, list) else inside[key]
    inside[location[-1]] = path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True  # whoever opens it says so
    except (OSError, ValueError):
        return False  # too long, or a NUL


def _warning(location: Location, folder: Path, text: str) -> list[str]:
    """Until lately the shell's file was taken: where that makes a difference, it is said."""
    here, shell, where = folder / text, Path(text), ".".join(location)
    if not _is_there(here):
        return [
            f"{where}: {text} is not in the config's folder ({_shown(folder)}); the one in the "
            f"shell's folder ({_shown(Path())}) is used, which a later version will refuse: paths "
            "in a config are relative to the config's folder"
        ]
    if not _is_there(shell) or here.resolve() == shell.resolve():
        return []
    return [
        f"{where}: {text} is in the config's folder ({_shown(folder)}) and in the shell's folder "
        f"({_shown(Path())}); the config's is used"
    ]


def _nowhere(folder: Path) -> str:
    if folder.resolve() == Path().resolve():
        return f"in {_shown(folder)}, the config's folder"
    here, shell = _shown(folder), _shown(Path())
    return f"neither in {here} (the config's folder) nor in {shell} (the shell's folder)"


def _shown(folder: Path) -> str:
    return str(folder.absolute().resolve())
