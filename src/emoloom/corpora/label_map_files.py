"""Files of label maps: those that ship and a user's own, validated; the way between two spaces."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emoloom.corpora.label_maps import LabelMap, compose, identity_map
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.corpora.lines import check_file, shown
from emoloom.errors import UserError
from emoloom.records import LabelSpace

_FOLDER = Path(__file__).resolve().parents[1] / "data" / "label_maps"
_KEYS = ("from", "to", "source", "licence", "labels")
_LABEL_KEYS = ("to", "why")
_ENTRY = '{"to": ["label", ...], "why": "..."}; an empty list means none and needs a why'


def known_maps() -> tuple[tuple[str, str], ...]:
    """(from, to) of each map that ships, sorted; others are composed of these."""
    stems = sorted(path.stem for path in _FOLDER.glob("*.json"))
    return tuple((stem.split("-to-")[0], stem.split("-to-")[1]) for stem in stems)


def read_map(path: Path, source: LabelSpace, target: LabelSpace) -> LabelMap:
    """Read a map file: `{"from", "to", "labels": {label: {"to": [...], "why": "..."}}}`.

    Args:
        path: The file; `source` and `licence` may stand in it too.
        source: The space that its `from` must name, each label of which it must list once.
        target: The space that its `to` must name, and its lists' labels must be of.

    Raises:
        UserError: the file cannot be read, is of other spaces, misses a label or has one too many,
            maps to a label that is not there, or maps to none without a reason.
    """
    record = _read_json(path)
    if not {"from", "to", "labels"} <= set(record) <= set(_KEYS):
        raise UserError(
            f"{path} is no label map", got=", ".join(map(str, record)), allowed=", ".join(_KEYS)
        )
    for key, space in (("from", source), ("to", target)):
        if record[key] != space.name:
            raise UserError(
                f"{path} maps {key} another label space",
                got=shown(record[key]),
                allowed=space.name,
                do="give the map of these two spaces",
            )
    entries = record["labels"]
    if not isinstance(entries, dict):
        raise UserError(f"{path} has no labels", got=shown(entries), allowed=f"label: {_ENTRY}")
    _check_total(path, entries, source)
    targets = {label: _targets(path, label, entries[label], target) for label in source.labels}
    reasons = {label: entries[label].get("why", "") for label in source.labels}
    return LabelMap(
        source,
        target,
        MappingProxyType(targets),
        MappingProxyType({label: why for label, why in reasons.items() if why}),
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def find_map(source: LabelSpace, target: LabelSpace, path: Path | None = None) -> LabelMap:
    """The map from one space to the other: the user's file, or one that ships, or composed.

    Of several ways through the maps that ship the shortest is taken, then the first by name.
    A space maps to itself.

    Raises:
        UserError: the file cannot be used, or no file is given and no way leads there.
    """
    if path is not None:
        return read_map(path, source, target)
    if source == target:
        return identity_map(source)
    way = _way(source.name, target.name)
    if way is None or not (_is_shipped(source) and _is_shipped(target)):
        known = ", ".join(f"{start} to {end}" for start, end in known_maps())
        raise UserError(
            "there is no map between these label spaces",
            got=f"{source.name} to {target.name}",
            allowed=f"{known}, and what these compose to",
            do="give a map file of your own (`emoloom labels map --help`)",
        )
    spaces = [load_space(name) for name in way]
    steps = [
        read_map(_FOLDER / f"{start.name}-to-{end.name}.json", start, end)
        for start, end in itertools.pairwise(spaces)
    ]
    whole = steps[0]
    for step in steps[1:]:
        whole = compose(whole, step)
    return whole


def maps_from(path: Path) -> object:
    """What a map file says that it maps from; None where it does not say.

    Raises:
        UserError: the file cannot be read.
    """
    return _read_json(path).get("from")


def _read_json(path: Path) -> dict[str, Any]:
    check_file(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        record = json.loads(text, object_pairs_hook=_no_repeats)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path} is no JSON file", allowed="UTF-8, one JSON object") from None
    if not isinstance(record, dict):
        raise UserError(
            f"{path} is no label map", got=type(record).__name__, allowed=", ".join(_KEYS)
        )
    return record


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError("a key stands twice", got=shown(twice), do="keep one of the two")
    return record


def _check_total(path: Path, entries: Mapping[str, Any], source: LabelSpace) -> None:
    missing = [label for label in source.labels if label not in entries]
    strange = [label for label in entries if label not in source.labels]
    if missing:
        raise UserError(
            f"{path} does not say what becomes of every label of {source.name}",
            got=f"nothing on {', '.join(missing)}",
            allowed=_ENTRY,
            do="add these labels, to none if need be",
        )
    if strange:
        raise UserError(
            f"{path} maps labels that are not of {source.name}",
            got=shown(strange[0]),
            allowed=", ".join(source.labels),
            do="mend or remove them",
        )


def _targets(path: Path, label: str, entry: Any, target: LabelSpace) -> tuple[str, ...]:
    """Checks one entry whole, its reason included."""
    well_formed = (
        isinstance(entry, dict)
        and {"to"} <= set(entry) <= set(_LABEL_KEYS)
        and isinstance(entry["to"], list)
        and isinstance(entry.get("why", ""), str)
        and entry.get("why", "").isprintable()
    )
    if not well_formed or not (entry["to"] or entry.get("why", "").strip()):
        raise UserError(
            f"{path} has a bad entry for {label}", got=shown(entry), allowed=_ENTRY, do="mend it"
        )
    names = entry["to"]
    for name in names:
        if name not in target.labels or names.count(name) > 1:
            raise UserError(
                f"{path} maps {label} to what it cannot become",
                got=shown(name),
                allowed=f"each at most once: {', '.join(target.labels)}",
                do="mend the name",
            )
    return tuple(name for name in target.labels if name in names)


def _way(start: str, end: str) -> tuple[str, ...] | None:
    """Names of the spaces on the shortest way through the maps that ship, both ends included."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for way in ways:
        for source, target in known_maps():
            if source == way[-1] and target not in seen:
                if target == end:
                    return (*way, target)
                seen.add(target)
                ways.append((*way, target))
    return None


def _is_shipped(space: LabelSpace) -> bool:
    """A user's space may bear the name of a shipped one and have other labels."""
    return space.name in known_spaces() and load_space(space.name) == space
