"""Runs the stages of a screen in this process, one after the other.

A stage whose marker holds is skipped. Every time, rate and memory figure goes to costs.json,
and nowhere else.
"""

import json
import math
import resource
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoloom.engines.progress import Progress
from emoloom.runs.directory import RunDirectory, write_json_atomic
from emoloom.runs.work import Work
from emoloom.screening.polarity_set import POLARITY


class BudgetStop(Exception):  # noqa: N818 (a planned stop, no error)
    """The budget is spent: what is done is ranked, the rest is said to be missing."""


@dataclass(slots=True)
class LocalEngine:
    """One process; `wall_seconds` counts from its creation."""

    run: RunDirectory
    progress: Progress
    wall_seconds: float | None
    started: float = field(default_factory=time.monotonic)
    stopped: bool = False
    """Whether the budget has stopped any work."""

    def do(self, work: Work) -> bool:
        """Do a unit of work unless it is done.

        Returns:
            True if work was done, False if the marker held.

        Raises:
            BudgetStop: before or during the stage.
        """
        if work.stage.done() is not None:
            return False
        self._check_budget(work)
        task = self.progress.task(f"{work.stage.name} {work.candidate}", work.units, work.unit)

        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            task.advance(count)
            if done < work.units:
                self._check_budget(work)

        start = time.monotonic()
        try:
            outcome = work.make(advance)
        except BaseException:
            self._record(work, time.monotonic() - start, {"finished": False, "units": done})
            raise
        finally:
            task.close()
        self._record(work, time.monotonic() - start, outcome.costs)
        work.stage.finish(outcome.outputs, outcome.counts)
        return True

    def _check_budget(self, work: Work) -> None:
        if work.budgeted and self.wall_seconds is not None:
            spent = time.monotonic() - self.started
            if spent >= self.wall_seconds:
                self.stopped = True
                raise BudgetStop(
                    f"the budget of {self.wall_seconds:g} s wall time is spent "
                    f"(in {work.stage.name} of {work.candidate})"
                )

    def _record(self, work: Work, seconds: float, costs: Mapping[str, float]) -> None:
        """Write costs.json. The seconds of a stage are those of all calls that worked on it."""
        path = self.run.root / "costs.json"
        key = (work.stage.name, work.candidate)
        stages = _stages(path)
        before = [e for e in stages if (e["stage"], e["candidate"]) == key]
        seconds += sum(e["seconds"] for e in before if e.get("finished") is False)
        entry: dict[str, Any] = {
            "stage": work.stage.name,
            "candidate": work.candidate,
            "seconds": round(seconds, 3),
            "units": work.units,
            "unit": work.unit,
            "rate": 0.0,
            "peak_memory_mb": round(peak_memory_mb(), 1),
            **costs,
        }
        entry["rate"] = round(entry["units"] / max(seconds, 1e-9), 3)
        stages = [*(e for e in stages if e not in before), entry]
        tables = {
            key: _decode_table(entry for entry in stages if (entry["stage"] == POLARITY) is pairs)
            for key, pairs in (("decode", False), ("decode_polarity", True))
        }
        write_json_atomic(path, {"stages": stages, **tables})


def peak_memory_mb() -> float:
    """Largest resident set of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _stages(path: Path) -> list[dict[str, Any]]:
    try:
        stages = json.loads(path.read_text(encoding="utf-8"))["stages"]
        return [entry for entry in stages if _is_entry(entry)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return []  # figures for people: a damaged file is begun anew


def _is_entry(value: object) -> bool:
    """A record of ours: three names, and finite numbers beside them."""
    names = {"stage", "candidate", "unit"}
    if not isinstance(value, dict) or not {*names, "seconds"} <= value.keys():
        return False
    return all(
        isinstance(item, str)
        if key in names
        else isinstance(item, int | float) and math.isfinite(item)
        for key, item in value.items()
    )


def _decode_table(stages: Iterable[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Decoding figures by candidate, for the report."""
    keys = ("rows", "forwards", "tokens_computed", "near_ties", "truncated", "seconds")
    margin = ("tie_margin", "certified_margin", "tuned_margin", "margin_forwards", "dtype_widened")
    audit = (*margin, "decided", "audited_rows", "audited_tokens", "audit_mismatches")
    return {
        entry["candidate"]: {
            **{key: entry[key] for key in keys},
            **{key: entry[key] for key in audit if key in entry},
            "forwards_per_row": round(entry["forwards"] / max(1, entry["rows"]), 2),
            "rows_per_second": round(entry["rows"] / max(entry["seconds"], 1e-9), 3),
        }
        for entry in stages
        if all(key in entry for key in keys)
    }
