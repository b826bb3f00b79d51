"""What a screen may spend and what it has spent, and the stops that follow.

A budget is of the run, not of one call: what every call has spent counts, however it ended. Time
shapes no result: it only causes a stop, which is an event, and holds until the limit is raised.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from emoloom.config_budget import BudgetConfig

STOPPED = "budget_stop"
"""Event: a limit was reached."""

ENDED = "work_ended"
"""Event: work took too long or too much memory, or its worker died too often."""

RUNG_ZERO = "rung_0"
"""Event: which candidates are too dear for the first rung, decided once."""

RAISED = "budget_raised"
"""Event: a limit that had been reached was raised, or taken away."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What all calls of a run have spent so far."""

    wall_seconds: float = 0.0
    """From the begin of each call to its end; of a killed one to its last record."""
    accelerator_seconds: float = 0.0
    """In which a unit of work held a model, loading it included, summed over all workers. The
    accelerator is the device that the model is on; where there is none, `threads` CPU cores."""
    tokens: int = 0
    """Positions computed in forwards, those of certificates and audits included."""


RESOURCES = {
    "wall_seconds": "s wall time",
    "accelerator_seconds": "accelerator-seconds",
    "tokens": "tokens",
}
"""What may be limited, in the order in which it is looked at, with the words for it."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A limit was reached at a border of units: nothing more that runs a model is begun."""

    resource: str
    """`wall_seconds`, `accelerator_seconds` or `tokens`."""
    limit: float
    """Of the config, at the stop."""
    stage: str
    """Of the unit of work that was stopped."""
    candidate: str
    """Whose work it was."""

    def event(self) -> dict[str, Any]:
        """For events.jsonl: no time stands here but the limit that the user gave."""
        return asdict(self)

    def in_force(self, budget: BudgetConfig) -> bool:
        """Whether the limit was neither raised nor taken away since."""
        limit = getattr(budget, self.resource)
        return limit is not None and limit <= self.limit


_LIMITS = {"time": "unit_seconds", "memory": "memory_mb", "crash": "attempts"}
"""Setting of the budget that a kind of end depends on."""


@dataclass(frozen=True, slots=True)
class WorkEnd:
    """Work was ended from outside: its candidate has failed, until a limit is raised."""

    kind: str
    """`time`, `memory` or `crash`."""
    limit: float
    """Of the config, then: `unit_seconds`, `memory_mb` or `attempts`."""
    message: str
    """What happened, for people."""

    def in_force(self, budget: BudgetConfig) -> bool:
        """Whether the limit was neither raised nor taken away since."""
        limit = getattr(budget, _LIMITS[self.kind])
        return limit is not None and limit <= self.limit


def work_ends(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], WorkEnd]:
    """The last such end of each piece of work, by stage and candidate."""
    found = {}
    for event in events:
        if event.get("event") == ENDED and _is_limit(event.get("limit")):
            kind, stage, candidate, message = (
                str(event.get(name)) for name in ("kind", "stage", "candidate", "message")
            )
            if kind in _LIMITS:
                found[stage, candidate] = WorkEnd(kind, event["limit"], message)
    return found


@dataclass(frozen=True, slots=True)
class TooDear:
    """A candidate whose first rung alone was forecast to need more than was left of a limit."""

    candidate: str
    """Its name."""
    resource: str
    """Of the limit."""
    limit: float
    """Of the config, then."""

    def in_force(self, budget: BudgetConfig) -> bool:
        """Whether the limit was neither raised nor taken away since."""
        limit = getattr(budget, self.resource)
        return limit is not None and limit <= self.limit

    def reason(self) -> str:
        """For the report."""
        left = f"what was left of {amount(self.resource, self.limit)}"
        return f"dropped at rung 0: its first rung alone was forecast to need more than {left}"


def too_dear(
    budget: BudgetConfig, spent: Spent, needed: Mapping[str, Mapping[str, float]]
) -> list[TooDear]:
    """Candidates that no order of work could bring to the first rung within the budget.

    Args:
        budget: with its limits.
        spent: by all calls.
        needed: by candidate and resource, for what is left up to its first rung, done alone.
    """
    found = []
    for name, own in needed.items():
        for resource in RESOURCES:
            limit = getattr(budget, resource)
            if limit is not None and getattr(spent, resource) + own[resource] > limit:
                found.append(TooDear(name, resource, limit))
                break
    return found


def decided_at_rung_zero(events: Iterable[Mapping[str, Any]]) -> list[TooDear] | None:
    """What the log says was decided; None where nothing was."""
    found: list[TooDear] | None = None
    for event in events:
        if event.get("event") == RUNG_ZERO:
            given = event.get("dropped")
            entries = given if isinstance(given, list) else []
            found = [
                TooDear(str(e["candidate"]), e["resource"], float(e["limit"]))
                for e in entries
                if isinstance(e, dict)
                and isinstance(e.get("resource"), str)
                and e["resource"] in RESOURCES
                and _is_limit(e.get("limit"))
                and "candidate" in e
            ]
    return found


def _is_limit(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def reached(budget: BudgetConfig, spent: Spent) -> str | None:
    """The first resource whose limit is reached; None while there is something left."""
    for resource in RESOURCES:
        limit = getattr(budget, resource)
        if limit is not None and getattr(spent, resource) >= limit:
            return resource
    return None


def last_stop(events: Iterable[Mapping[str, Any]]) -> Stop | None:
    """The last stop of a run that no raised limit has lifted; None where there is none."""
    found = None
    for event in events:
        if event.get("event") == STOPPED:
            found = _stop(event)
        elif event.get("event") == RAISED:
            found = None
    return found


def _stop(event: Mapping[str, Any]) -> Stop | None:
    """As logged; a damaged line stops nothing."""
    resource, limit = event.get("resource"), event.get("limit")
    known = isinstance(resource, str) and resource in RESOURCES
    if not known or not _is_limit(limit):
        return None
    where = (str(event.get("stage")), str(event.get("candidate")))
    return Stop(str(resource), float(str(limit)), *where)


def spent_text(budget: BudgetConfig, resource: str) -> str:
    """Which limit is spent, for people."""
    return f"the budget of {amount(resource, getattr(budget, resource))} is spent"


def amount(resource: str, value: float) -> str:
    """So much of a resource."""
    number = f"{value:,.0f}" if resource == "tokens" or value >= 1000 else f"{value:g}"
    return f"{number} {RESOURCES[resource]}"
