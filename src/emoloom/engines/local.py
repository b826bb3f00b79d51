"""Runs the units of work of a screen in this process, one after the other.

A unit whose marker holds is skipped. The budget is looked at before a unit and at each border
inside it (a step, a row), so it is never exceeded by more than one of these.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import NoReturn, TypeVar

from emoloom.config_budget import BudgetConfig
from emoloom.engines.ledger import Ledger
from emoloom.engines.progress import Progress, Task
from emoloom.models.logits import ModelError
from emoloom.planning.budget import (
    ENDED,
    RAISED,
    STOPPED,
    Stop,
    WorkEnd,
    last_stop,
    reached,
    spent_text,
    work_ends,
)
from emoloom.runs.directory import RunDirectory
from emoloom.runs.work import Outcome, Work
from emoloom.sources.model_files import ModelFiles

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class BudgetStop(Exception):  # noqa: N818 (a planned stop, no error)
    """The budget is spent: what is done is ranked, the rest is said to be missing."""


@dataclass(slots=True)
class LocalEngine:
    """One process. The budget counts over all calls on the run."""

    run: RunDirectory
    progress: Progress
    budget: BudgetConfig
    started: float = field(default_factory=time.monotonic)
    stopped: bool = False
    """Whether the budget has stopped any work in this call."""
    files: Mapping[str, ModelFiles] = field(default_factory=dict)
    """Models on this disk, by name, for workers; known once they are fetched."""
    ledger: Ledger = field(init=False)
    """costs.json."""
    _stop: Stop | None = field(init=False)
    """A limit that was reached, in this call or an earlier one, and not raised since."""
    _ends: dict[tuple[str, str], WorkEnd] = field(init=False)
    """Work that was ended from outside, in this call or an earlier one."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.run.root / "costs.json", self.started, _now)
        events = read_events(self.run)
        self._stop, self._ends = self._in_force(last_stop(events)), work_ends(events)

    def do(self, work: Work) -> bool:
        """Do a unit of work unless it is done.

        Returns:
            True if work was done, False if the marker held.

        Raises:
            BudgetStop: before or during the stage.
            ModelError: it was ended from outside, in an earlier call and under the same limit.
        """
        if work.stage.done() is not None:
            return False
        end = self._ends.get((work.stage.name, work.candidate))
        if end is not None and end.in_force(self.budget):
            raise ModelError(end.message)
        self.check_budget(work)
        task = self.progress.task(f"{work.stage.name} {work.candidate}", work.units, work.unit)
        meter = UnitMeter(self, work, task)
        self.ledger.begin(work)
        try:
            outcome = self.make(work, meter)
        except BaseException:
            self.ledger.end(work, {"finished": False, "units": meter.done})
            raise
        finally:
            task.close()
        self.ledger.end(work, outcome.costs)
        work.stage.finish(outcome.outputs, outcome.counts, outcome.made_on)
        return True

    def make(self, work: Work, meter: "UnitMeter") -> Outcome:
        """Do the work, here and now; other engines do it elsewhere."""
        return work.make(meter)

    def each(self, do: Callable[[_Item], _Made], items: Sequence[_Item]) -> list[_Made]:
        """Apply to every item, one after the other; other engines do several at a time."""
        return [do(item) for item in items]

    def close(self) -> None:
        """No more work comes."""

    def end_work(self, end: WorkEnd, work: Work) -> NoReturn:
        """Log that work was ended from outside: its candidate fails, now and on continuing.

        Raises:
            ModelError: always.
        """
        stage, candidate = work.stage.name, work.candidate
        self.run.event(ENDED, stage=stage, candidate=candidate, **asdict(end))
        self._ends[stage, candidate] = end
        raise ModelError(end.message)

    def check_budget(self, work: Work) -> None:
        """Stop work that runs a model once a limit is reached, by this call or an earlier one.

        Raises:
            BudgetStop: it is reached.
        """
        if not work.budgeted:
            return
        with self._lock:
            if self._stop is None and (name := reached(self.budget, self.ledger.spent())):
                limit = getattr(self.budget, name)
                self._stop = Stop(name, limit, work.stage.name, work.candidate)
                self.run.event(STOPPED, **self._stop.event())
            if self._stop is not None:
                self.stopped = True
                spent = spent_text(self.budget, self._stop.resource)
                raise BudgetStop(f"{spent} (in {work.stage.name} of {work.candidate})")

    def _in_force(self, stop: Stop | None) -> Stop | None:
        """A stop is replayed, whatever costs.json says now, until its limit is raised."""
        if stop is None or stop.in_force(self.budget):
            return stop
        self.run.event(RAISED, resource=stop.resource, limit=getattr(self.budget, stop.resource))
        return None


@dataclass(slots=True)
class UnitMeter:
    """Counts the units of one piece of work, and stops it at a border."""

    engine: LocalEngine
    work: Work
    task: Task
    done: int = 0
    """Units finished."""

    def __call__(self, count: int, /) -> None:
        """So many more units are finished.

        Raises:
            BudgetStop: a limit is reached, and there are units left, or other work (0 units).
        """
        self.done += count
        self.task.advance(count)
        self.wait()
        if self.done < self.work.units or count == 0:
            self.engine.check_budget(self.work)

    def spend(self, tokens: int, /) -> None:
        """So many more positions are computed."""
        self.engine.ledger.spend(self.work, tokens)

    def wait(self) -> None:
        """Time goes on: it is recorded now and then."""
        self.engine.ledger.beat(self.work, self.done)

    def restart(self) -> None:
        """The work is begun again."""
        if self.done:
            self.task.advance(-self.done)
            self.done = 0


def _now() -> float:
    return time.monotonic()


def read_events(run: RunDirectory) -> list[dict[str, object]]:
    """The log of the run; a line that is no event of ours says nothing, and hides no other."""
    try:
        whole = (run.root / "events.jsonl").read_bytes().split(b"\n")[:-1]
    except OSError:
        return []
    found = []
    for line in whole:
        with suppress(ValueError, RecursionError):
            found.append(json.loads(line))
    return [event for event in found if isinstance(event, dict)]
