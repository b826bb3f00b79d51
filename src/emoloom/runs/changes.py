"""What a run folder was made from, against what it would be made from now: each difference by name.

A folder holds one run. Whoever calls the same command again means the same run, so nothing is
written where settings, versions or inputs are others than run.json records.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.runs.directory import dumps

ACCEPT = "--accept-changed-inputs"
"""Goes on in a folder whose inputs have changed."""

CHANGED = "inputs_changed"
"""The event where somebody did."""

_ABSENT = "not there"
_MOST = 20
_LONGEST = 60
_HASH = 12


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; a value that is not there is empty."""

    name: str
    """The setting's path, the package, or the input."""
    before: str
    """Value as JSON, version, or hash of 64 hex digits, as run.json has it."""
    now: str
    """The same of this call."""

    def in_words(self, longest: int = _LONGEST) -> str:
        """`name: before -> now`, the values cut."""
        before, now = (_cut(value, longest) for value in (self.before, self.now))
        return f"{self.name}: {before} -> {now}"


def changed_settings(before: object, now: object) -> list[Change]:
    """Settings that differ, each by its path (`data.train.0.rows`); a part that is new is one."""
    return list(_differences(before, now, ""))


def changed_names(before: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    """Versions or hashes that differ, by name, in their order."""
    names = dict.fromkeys([*before, *now])
    pairs = [(name, before.get(name, ""), now.get(name, "")) for name in names]
    return [Change(name, *both) for name, *both in pairs if both[0] != both[1]]


def refuse_settings(folder: Path, changes: Sequence[Change]) -> UserError:
    """The error that names each setting with both values."""
    return UserError(
        f"{folder} was made from another config",
        got=_listed([one.in_words() for one in changes]),
        do="put these settings back, choose another folder with --out, or delete this one",
    )


def refuse_versions(folder: Path, changes: Sequence[Change]) -> UserError:
    """The error that names each package with both versions."""
    return UserError(
        f"{folder} was made with another version of emoloom or of a package",
        got=_listed([one.in_words() for one in changes]),
        do="install those versions, choose another folder with --out, or delete this one",
    )


def refuse_inputs(folder: Path, changes: Sequence[Change]) -> UserError:
    """The error that names each input with its old and new hash."""
    return UserError(
        f"{folder} was made from other inputs",
        got=_listed([one.in_words(_HASH) for one in changes]),
        allowed="inputs of the same sha256 as when it was made",
        do="put them back, choose another folder with --out, or go on in this one with "
        f"{ACCEPT}: what they reach is made anew, over what is there",
    )


def change_event(changes: Sequence[Change]) -> dict[str, Any]:
    """For events.jsonl: what was accepted, for people and whole."""
    return {
        "message": _listed([one.in_words(_HASH) for one in changes]),
        "changed": [asdict(one) for one in changes],
    }


def _differences(before: object, now: object, path: str) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys: Sequence[object] = list(dict.fromkeys([*before, *now]))
        pairs = [(key, before.get(key, _MISSING), now.get(key, _MISSING)) for key in keys]
    elif isinstance(before, list | tuple) and isinstance(now, list | tuple) and (before or now):
        longest = max(len(before), len(now))
        padded = [[*one, *[_MISSING] * (longest - len(one))] for one in (before, now)]
        pairs = list(zip(range(longest), *padded, strict=True))
    else:
        if before != now:
            yield Change(path, _text(before), _text(now))
        return
    for key, old, new in pairs:
        yield from _differences(old, new, f"{path}.{key}" if path else str(key))


_MISSING = object()


def _text(value: object) -> str:
    return "" if value is _MISSING else dumps(value)


def _cut(value: str, longest: int) -> str:
    if not value:
        return _ABSENT
    if longest == _HASH:
        return value[:_HASH]
    return value if len(value) <= longest else value[: longest - 3] + "..."


def _listed(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return ", ".join([*lines[:_MOST], *more])
