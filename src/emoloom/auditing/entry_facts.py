"""Who the entries of a leaderboard are, for the manifest: without it no table can be made again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from emoloom.errors import UserError
from emoloom.ranking.entries import ScoredCandidate, Status
from emoloom.recipes import FROZEN_PROBE, RECIPES, ZERO_SHOT

_TEXTS = ("name", "kind", "model", "recipe", "status", "reason", "pooled", "noise_of", "made_by")
_STATUSES = get_args(Status)
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""A name is joined to a path: it must stay below the run folder."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """What a candidate's answers come from, before training."""

    key: str
    """Name of the model in the config and in the manifest's `models`."""
    weights_sha256: str
    """Of its weights, 64 hex digits."""


def entry_facts(
    entries: Sequence[ScoredCandidate], bases: Mapping[str, BaseModel]
) -> list[dict[str, Any]]:
    """One object for each entry, in their order.

    Args:
        entries: of the leaderboard.
        bases: the model of each candidate, by the candidate's name.

    Returns:
        `base` is the model's key, `made_by` the candidate whose checkpoint and certificate the
        answers come from: the heads of a candidate answer under its name and a suffix.
    """
    made = []
    for entry in entries:
        by = _made_by(entry.name, bases)
        base = bases.get(by)
        made.append(
            {key: getattr(entry, key) for key in _TEXTS if key != "made_by"}
            | {"made_by": by, "base": None if base is None else base.key}
            | {"weights_sha256": None if base is None else base.weights_sha256}
        )
    return made


def read_entries(value: object) -> list[dict[str, Any]]:
    """What `entry_facts` wrote, once it is seen to be that.

    Raises:
        UserError: it is not, or an entry says that it is ranked where its recipe is not.
    """
    entries: list[Any] = value if isinstance(value, list) else [None]
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(entry.get(k), str) for k in _TEXTS):
            raise UserError("the manifest's `entries` cannot be read")
        if entry["status"] not in _STATUSES or entry["kind"] != _kind(entry):
            raise UserError(
                f"the manifest's entry {entry['name']!r} contradicts itself",
                got=f"{entry['kind']}, {entry['recipe']}, {entry['status']}",
            )
        if not all(isinstance(entry.get(k), str | None) for k in ("base", "weights_sha256")):
            raise UserError("the manifest's `entries` cannot be read")
        pooled = entry["pooled"] or entry["name"]
        if not all(_FOLDER.fullmatch(one) for one in (entry["name"], entry["made_by"], pooled)):
            raise UserError(f"the manifest's entry {entry['name']!r} has no name of a folder")
    return entries


def _kind(entry: Mapping[str, str]) -> str:
    """What trains is ranked; zero-shot, frozen probes and what measures noise are shown.

    All else is a floor.
    """
    recipe, noise = entry["recipe"], entry["noise_of"]
    if recipe in RECIPES:
        return "shown" if noise else "candidate"
    return "shown" if recipe in (ZERO_SHOT, FROZEN_PROBE) else "floor"


def _made_by(name: str, bases: Mapping[str, BaseModel]) -> str:
    """The candidate of this name, else the one whose name this one extends, else itself."""
    if name in bases:
        return name
    return max((base for base in bases if name.startswith(f"{base}.")), key=len, default=name)
