"""Planned against spent: how far off the forecast of a run was, stage by stage."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emoloom.errors import UserError

LONG_SECONDS = 5.0
"""Stages that took longer count for the median: in shorter ones loading and chance prevail."""


@dataclass(frozen=True, slots=True)
class StageError:
    """One stage that was forecast and is done."""

    stage: str
    """Name of the stage."""
    candidate: str
    """Whose it is."""
    planned: float
    """Seconds forecast."""
    spent: float
    """Seconds it took, in all calls."""

    @property
    def error(self) -> float:
        """Of the forecast, as a share of what was spent; below 0 it was forecast too short."""
        return (self.planned - self.spent) / max(self.spent, 1e-9)


@dataclass(frozen=True, slots=True)
class PlannedSpent:
    """All stages that can be compared."""

    stages: tuple[StageError, ...]
    """In the order in which they were done."""

    @property
    def long(self) -> tuple[StageError, ...]:
        """Those that took longer than `LONG_SECONDS`."""
        return tuple(stage for stage in self.stages if stage.spent > LONG_SECONDS)

    @property
    def median_error(self) -> float | None:
        """Median size of the error of the long stages; None where there is none."""
        return statistics.median(abs(stage.error) for stage in self.long) if self.long else None

    def lines(self) -> list[str]:
        """For people."""
        rows = [("stage", "candidate", "planned s", "spent s", "error")]
        for one in self.stages:
            figures = (f"{one.planned:.1f}", f"{one.spent:.1f}", f"{one.error:+.0%}")
            rows.append((one.stage, one.candidate, *figures))
        median = self.median_error
        last = f"no stage took over {LONG_SECONDS:g} s"
        if median is not None:
            count = len(self.long)
            last = f"median error of {count} stages over {LONG_SECONDS:g} s: {median:.0%}"
        return [*columns(rows), last]

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "stages": [asdict(stage) | {"error": round(stage.error, 4)} for stage in self.stages],
            "long_seconds": LONG_SECONDS,
            "long_stages": len(self.long),
            "median_error": self.median_error,
        }


def read_planned_spent(folder: Path) -> PlannedSpent:
    """Compare what a run's costs.json holds.

    Raises:
        UserError: it holds no forecast.
    """
    path = folder / "costs.json"
    record = _object(folder / "run.json")
    if record and not path.exists():
        raise _no_forecast(folder, record)
    try:
        costs = json.loads(path.read_text(encoding="utf-8"))
        planned = {_key(e): float(e["seconds"]) for e in costs.get("planned", [])}
        spent = {
            _key(e): float(e["seconds"]) for e in costs["stages"] if e.get("finished") is not False
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path} cannot be read", got=repr(error)[:200], do="give a run folder"
        ) from error
    if not planned:
        raise _no_forecast(folder, record)
    both = [key for key in spent if key in planned]
    return PlannedSpent(tuple(StageError(*key, planned[key], spent[key]) for key in both))


def _no_forecast(folder: Path, record: Mapping[str, Any]) -> UserError:
    """Why there is none: nobody asked for it, or the models are not timed yet."""
    config = record.get("config")
    budget = config.get("budget") if isinstance(config, dict) else None
    if not record or (isinstance(budget, dict) and budget.get("probe") is False):
        return UserError(
            f"{folder} holds no forecast", do="screen with `budget: {probe: true}`, the default"
        )
    return UserError(
        f"{folder} holds no forecast yet",
        got=f"a run that is {str(record.get('status'))[:40]}",
        allowed="a run whose models are timed",
        do="wait until they are; if it ended before, run the same command again",
    )


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells: the first two and the last, words, to the left; numbers to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place < 2 or place == len(row) - 1 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _key(entry: Mapping[str, Any]) -> tuple[str, str]:
    return str(entry["stage"]), str(entry["candidate"])
