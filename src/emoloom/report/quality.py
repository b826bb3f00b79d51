"""Score against decoding time and against memory: points, floors, and a Pareto front for each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

from emoloom.recipes import FROZEN_PROBE
from emoloom.report.board import Entry
from emoloom.report.charts import Domain, Measure, domain
from emoloom.report.formats import finite, visible
from emoloom.report.inputs import Record, listed, mapping

AXES: Mapping[str, str] = MappingProxyType(
    {"seconds": "decoding time of a row", "memory": "peak memory"}
)
"""What a score is drawn against."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The largest memory that a process held by the end of a candidate's work."""

    mib: float
    """In MiB."""
    at_most: bool
    """Whether an earlier stage of another candidate had reached it: then it is an upper bound."""


@dataclass(frozen=True, slots=True)
class CostedPoint:
    """One model in the plot of score against cost."""

    name: str
    """Name of the entry."""
    kind: str
    """`candidate`, or `shown`: not ranked."""
    seconds: float | None
    """Decoding time of a row, in seconds."""
    memory: Memory | None
    """Peak memory."""
    score: Measure
    """The score that ranks."""
    n: int | None
    """Rows scored."""
    fronts: frozenset[str]
    """Keys of `AXES` in which no other candidate matches or beats it in score and cost."""

    def cost(self, axis: str) -> float | None:
        """Its cost on one of the `AXES`."""
        if axis == "memory":
            return None if self.memory is None else self.memory.mib
        return self.seconds


@dataclass(frozen=True, slots=True)
class Quality:
    """Score against cost."""

    points: tuple[CostedPoint, ...]
    """Models with a score and a cost, in the order of the leaderboard."""
    floors: tuple[tuple[str, Measure], ...]
    """Floors and their scores; their cost is about zero."""
    domain: Domain
    """Range of the scores."""
    axes: tuple[str, ...]
    """Keys of `AXES` on which any model has a cost."""
    untimed: tuple[str, ...]
    """Models with a score whose decoding time is not known."""
    why: str
    """Why there is no plot; empty where there is one."""

    @property
    def bounded(self) -> bool:
        """Whether any memory is only an upper bound."""
        return any(p.memory is not None and p.memory.at_most for p in self.points)


def score_against_cost(entries: Sequence[Entry], costs: Record) -> Quality:
    """Models with a score and a cost, the Pareto fronts among the candidates, floors."""
    decode, memory = mapping(costs.get("decode")), peak_memory(costs)
    models = [e for e in entries if e.scored and e.kind not in {"floor", "training"}]
    models = [e for e in models if e.recipe != FROZEN_PROBE]  # it decodes nothing
    models = [e for e in models if e.score.value is not None]
    bare = [
        CostedPoint(
            name=e.name,
            kind="candidate" if e.kind == "candidate" else "shown",
            seconds=_mean([_seconds_per_row(decode.get(name)) for name in e.trainings or [e.name]]),
            memory=_largest([memory.get(name) for name in e.trainings or [e.name]]),
            score=e.score,
            n=e.n,
            fronts=frozenset(),
        )
        for e in models
    ]
    fronts = {axis: _front(bare, axis) for axis in AXES}
    axes = tuple(axis for axis in AXES if any(p.cost(axis) is not None for p in bare))
    floors = [(e.name, e.score) for e in entries if e.kind == "floor" and e.score.value is not None]
    points = tuple(
        replace(p, fronts=frozenset(axis for axis in axes if p.name in fronts[axis]))
        for p in bare
        if any(p.cost(axis) is not None for axis in axes)
    )
    why = "" if points else "No decoding time is recorded in costs.json."
    return Quality(
        points=points,
        floors=tuple(floors),
        domain=domain([*(p.score for p in points), *(score for _, score in floors)]),
        axes=axes,
        untimed=tuple(p.name for p in bare if p.seconds is None),
        why=why if models else "No model has a score in this folder.",
    )


def peak_memory(costs: Record) -> dict[str, Memory]:
    """Peak memory by candidate, over its stages; in the order of costs.json.

    The figure is the process's largest so far, so what another candidate reached before is kept.
    """
    peaks: dict[str, float] = {}
    bounds: dict[str, bool] = {}
    for stage in listed(costs.get("stages")):
        mib, name = finite(stage.get("peak_memory_mb")), str(stage.get("candidate"))
        if mib is None or mib <= 0:
            continue
        others = max((peak for other, peak in peaks.items() if other != name), default=0.0)
        if mib > peaks.get(name, 0.0):
            peaks[name], bounds[name] = mib, mib == others
    return {name: Memory(mib, bounds[name]) for name, mib in peaks.items()}


def _seconds_per_row(cost: object) -> float | None:
    rows, seconds = (finite(mapping(cost).get(key)) for key in ("rows", "seconds"))
    if rows is None or seconds is None or rows < 1 or seconds <= 0:
        return None
    return seconds / rows


def _mean(values: Sequence[float | None]) -> float | None:
    """Over the trainings of one candidate; None where one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) and known else None


def _largest(values: Sequence[Memory | None]) -> Memory | None:
    known = [value for value in values if value is not None]
    return max(known, key=lambda memory: memory.mib, default=None)


def _front(points: Sequence[CostedPoint], axis: str) -> set[str]:
    """Candidates that no other one matches in both score and cost and beats in one of them."""
    known = [
        (p.name, p.score.value or 0.0, cost)
        for p in points
        if p.kind == "candidate" and (cost := p.cost(axis)) is not None
    ]

    def beaten(score: float, cost: float) -> bool:
        return any((s, c) != (score, cost) and s >= score and c <= cost for _, s, c in known)

    return {name for name, score, cost in known if not beaten(score, cost)}


def quality_payload(quality: Quality) -> Record:
    """What the script draws: points, floors, and the range of the scores."""
    labels = point_labels([p.name for p in quality.points])
    return {
        "axes": list(quality.axes),
        "points": [
            {**_point(p), "label": visible(label)}
            for p, label in zip(quality.points, labels, strict=True)
        ],
        "floors": [{"name": visible(name), **asdict(score)} for name, score in quality.floors],
        "domain": [quality.domain.low, quality.domain.high],
    }


def point_labels(names: Sequence[str]) -> list[str]:
    """What tells candidates apart: the recipe where all share a model, the model where a recipe.

    Args:
        names: of the form `model.recipe`; others stay as they are, and so does a single one.
    """
    parts = [name.rpartition(".") for name in names]
    if len(names) < 2 or not all(model and recipe for model, _, recipe in parts):
        return list(names)
    for kept, shared in ((2, 0), (0, 2)):
        if len({part[shared] for part in parts}) == 1:
            return [part[kept] for part in parts]
    return list(names)


def _point(point: CostedPoint) -> Record:
    memory = point.memory
    return {
        "name": visible(point.name),
        "kind": point.kind,
        "n": point.n,
        "seconds": point.seconds,
        "memory": None if memory is None else memory.mib,
        "at_most": memory is not None and memory.at_most,
        "fronts": sorted(point.fronts),
        **asdict(point.score),
    }
