"""Budget planned against spent: resources of the whole run, and units and time of each stage.

plan.json says what was planned and costs.json what was spent; a file or a field that is not there
leaves its part out. No figure here enters a score.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from emoloom.report.charts import Domain
from emoloom.report.formats import cell, duration, finite
from emoloom.report.inputs import Record, listed, mapping

RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        "wall_seconds": "Wall time",
        "accelerator_seconds": "Accelerator time",
        "tokens": "Tokens",
    }
)
"""What a budget is given in, and its name."""

PHASES = ("train", "decode", "other")
"""Kinds of work that time goes to, in the order of the bar."""

_KINDS = {
    **dict.fromkeys(("train", "rate"), "train"),
    **dict.fromkeys(("precision", "select", "polarity", "cross", "test", "decode"), "decode"),
}
"""Kind of work by the stage's name, without the number of its rung."""
_PLANNED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"wall_seconds": ("seconds",), "accelerator_seconds": ("seconds",), "tokens": ("tokens",)}
)
_SPENT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "wall_seconds": ("seconds",),
        "accelerator_seconds": ("accelerator_seconds",),
        "tokens": ("tokens", "tokens_computed"),
    }
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the whole run, in seconds or tokens."""

    name: str
    """Key of `RESOURCES`."""
    limit: float | None
    """What the budget allows; None where no limit was set or none is known."""
    planned: float | None
    """What the plan foresaw."""
    spent: float | None
    """What the stages recorded."""

    @property
    def title(self) -> str:
        """Its name for people."""
        return RESOURCES[self.name]

    def said(self, value: float | None) -> str:
        """An amount as people write it."""
        return cell(value) if self.name == "tokens" else duration(value)

    @property
    def scale(self) -> Domain:
        """From nothing to the largest of limit, plan and spent."""
        return Domain(0.0, max(self.limit or 0.0, self.planned or 0.0, self.spent or 0.0, 1e-9))


@dataclass(frozen=True, slots=True)
class Job:
    """One stage of one candidate; what is not known is None."""

    stage: str
    """Name of the stage."""
    candidate: str
    """Name of the candidate; `-` is the run's own work."""
    units_planned: float | None
    """Units in the plan."""
    units_done: float | None
    """Units done."""
    planned: float | None
    """Seconds that the plan foresaw."""
    spent: float | None
    """Seconds spent."""
    memory: float | None
    """Largest memory of the process so far, in MiB."""
    once_promoted: bool
    """Whether it was planned for those alone that a rung promotes, or that are of the best set."""
    train_rows: float | None = None
    """Rows that a training of the planned length sees, each as often as it is seen."""

    @property
    def rows_seen(self) -> float | None:
        """Rows that the training has seen, where it is done."""
        return None if self.undone or self.spent is None else self.train_rows

    @property
    def undone(self) -> bool:
        """Whether less was done than planned; a stage of the promoted is not due before."""
        due = self.units_planned is not None and not (self.once_promoted and self.spent is None)
        return due and (self.units_done or 0) < (self.units_planned or 0)


@dataclass(frozen=True, slots=True)
class Phase:
    """A kind of work and the time that went to it."""

    name: str
    """Of `PHASES`."""
    seconds: float
    """Spent in all."""
    start: float
    """Where its part of the bar begins, in [0, 1]."""
    share: float
    """Its part of all time, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Planned against spent."""

    resources: tuple[Resource, ...]
    """Those of which anything is known."""
    jobs: tuple[Job, ...]
    """In the order of the plan, then of costs.json."""
    phases: tuple[Phase, ...]
    """Where the time went; empty where no time is known."""

    @property
    def limited(self) -> bool:
        """Whether any limit was set."""
        return any(one.limit is not None for one in self.resources)

    @property
    def undone(self) -> int:
        """Stages of which less was done than planned."""
        return sum(job.undone for job in self.jobs)

    @property
    def seconds_planned(self) -> bool:
        """Whether any stage has planned seconds."""
        return any(job.planned is not None for job in self.jobs)


def budget_view(plan: Record, costs: Record) -> Budget:
    """What plan.json and costs.json say; the forecast of each stage stands in costs.json."""
    forecast = {_key(record): record for record in listed(costs.get("planned"))}
    planned = [{**forecast.get(_key(r), {}), **r} for r in listed(plan.get("stages"))]
    spent = listed(costs.get("stages"))
    resources = [_resource(name, plan, planned, costs) for name in RESOURCES]
    return Budget(
        resources=tuple(
            one for one in resources if one.limit is not None or one.planned or one.spent
        ),
        jobs=_jobs(planned, spent),
        phases=_phases(spent),
    )


def _resource(name: str, plan: Record, planned: list[Record], costs: Record) -> Resource:
    """One resource. Totals are what the files say, else sums over the stages."""
    limits, spent = mapping(plan.get("budget")), mapping(costs.get("spent"))
    old = plan.get("budget_seconds") if name == "wall_seconds" else None
    total = finite(spent.get(name))
    if total is None:
        total = _total(listed(costs.get("stages")), _SPENT[name])
    return Resource(
        name=name,
        limit=_first([limits.get(name), plan.get(name), old]),
        planned=_total(planned, _PLANNED[name]),
        spent=total,
    )


def _jobs(planned: list[Record], spent: list[Record]) -> tuple[Job, ...]:
    """Every stage that was planned or done, each once."""
    plan = {_key(record): record for record in planned}
    done = {_key(record): record for record in spent}
    return tuple(
        _job(key, plan.get(key, {}), done.get(key, {})) for key in dict.fromkeys([*plan, *done])
    )


def _job(key: tuple[str, str], plan: Record, done: Record) -> Job:
    return Job(
        stage=key[0],
        candidate=key[1],
        units_planned=finite(plan.get("units")),
        units_done=finite(done.get("units")),
        planned=finite(plan.get("seconds")),
        spent=finite(done.get("seconds")),
        memory=finite(done.get("peak_memory_mb")),
        once_promoted=plan.get("once_promoted") is True or plan.get("once_best") is True,
        train_rows=finite(plan.get("train_rows")),
    )


def _key(record: Record) -> tuple[str, str]:
    return str(record.get("stage") or "–"), str(record.get("candidate") or "-")


def _phases(spent: list[Record]) -> tuple[Phase, ...]:
    totals = dict.fromkeys(PHASES, 0.0)
    for record in spent:
        kind = _KINDS.get(str(record.get("stage")).partition("-")[0], "other")
        totals[kind] += max(finite(record.get("seconds")) or 0.0, 0.0)
    every, start, phases = sum(totals.values()), 0.0, []
    for name, seconds in totals.items():
        if seconds > 0:
            phases.append(Phase(name, seconds, start, seconds / every))
            start += seconds / every
    return tuple(phases)


def _total(stages: list[Record], keys: tuple[str, ...]) -> float | None:
    """Sum of the first known field of each stage; None where no stage has one."""
    known = [
        value for stage in stages if (value := _first(stage.get(key) for key in keys)) is not None
    ]
    return sum(known) if known else None


def _first(values: Iterable[object]) -> float | None:
    """The first that is a number of at least 0."""
    return next((n for v in values if (n := finite(v)) is not None and n >= 0), None)
