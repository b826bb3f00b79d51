"""A unit of work: what it depends on, what it makes, and how. Engines decide when and where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from emoloom.runs.directory import Stage

Advance = Callable[[int], None]
"""Told how many units were just finished; may raise to stop the work at that border. Told of 0
where work goes on that is no unit of its own, as an audit."""


class Meter(Protocol):
    """What an engine gives a unit of work to report to; an `Advance` too."""

    def __call__(self, count: int, /) -> None:
        """As `Advance`."""

    def spend(self, tokens: int, /) -> None:
        """Charge positions computed in a forward; never raises."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a unit of work made."""

    outputs: tuple[Path, ...]
    """Files inside the stage's folder; the done marker holds their hashes."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """In, out and dropped."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Figures for costs.json, such as forwards, tokens computed and near-ties."""
    made_on: Mapping[str, str] = field(default_factory=dict)
    """Device and threads, where a model was run; kept in the marker."""


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
    make: Callable[[Meter], Outcome]
    """Does it."""
    budgeted: bool = True
    """Whether it runs a model: that is charged to the budget, and a spent budget stops it. Rows
    and floors always get done: they make the report."""
