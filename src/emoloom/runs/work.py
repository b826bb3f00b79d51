"""A unit of work: what it depends on, what it makes, and how. Engines decide when and where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emoloom.runs.directory import Stage

Advance = Callable[[int], None]
"""Told how many units were just finished; may raise to stop the work at that border."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a unit of work made."""

    outputs: tuple[Path, ...]
    """Files inside the stage's folder; the done marker holds their hashes."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """In, out and dropped."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Figures for costs.json, such as forwards, tokens computed and near-ties."""


@dataclass(frozen=True, slots=True)
class Work:
    """One idempotent unit."""

    stage: Stage
    """Inputs by fingerprint, and the marker."""
    candidate: str
    """Whose work it is; `-` for what all share."""
    units: int
    """Rows or steps, for the display and the rate."""
    unit: str
    """`rows`, `steps`, ..."""
    make: Callable[[Advance], Outcome]
    """Does it."""
    budgeted: bool = True
    """Whether a spent budget stops it. Rows and floors always get done: they make the report."""
