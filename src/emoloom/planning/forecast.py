"""What a plan will cost on this machine: counts of the plan times the rates of the probes.

Every stage that runs a model is a number of tokens (positions computed in forwards) at a rate that
was measured, and a load (`stage_costs`); here they are added up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emoloom.config import Config
from emoloom.planning.plan import PlannedStage
from emoloom.planning.probe_record import Probe
from emoloom.planning.stage_costs import OPEN, StageForecast, adapter_mb, forecast_stage
from emoloom.ranking.halving import promoted_counts


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is left to be done, and what it will take."""

    stages: tuple[StageForecast, ...]
    """In the order of the plan."""
    expected: tuple[StageForecast, ...]
    """Without those of candidates that rungs will drop, and with `test` of one candidate, the least
    that a best set has: of each stage the dearest stay."""
    wall_seconds: float
    """Of the expected stages on all workers."""
    accelerator_seconds: float
    """Of the expected stages, summed."""
    tokens: int
    """Of the expected stages."""
    memory_mb: float
    """The most that any stage holds, in MiB, for each worker."""
    disk_mb: float
    """What the expected stages leave, and the checkpoints open at a time, in MiB."""
    unknown: tuple[str, ...]
    """Models without a probe: their stages are not in any sum."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        found = asdict(self)
        del found["expected"]
        return found


def make_forecast(
    config: Config,
    stages: Sequence[PlannedStage],
    probes: Mapping[str, Probe],
    is_done: Callable[[PlannedStage], bool],
) -> Forecast:
    """Forecast what is left of a plan.

    Args:
        config: the screen.
        stages: of the plan.
        probes: by name of the model.
        is_done: whether a stage needs no more work.
    """
    left = [stage for stage in stages if not is_done(stage)]
    known = [stage for stage in left if stage.model in probes]
    made = tuple(forecast_stage(config, stage, probes[stage.model]) for stage in known)
    expected = _expected(config, known, made, stages)
    seconds = sum(stage.seconds for stage in expected)
    by_candidate: dict[str, float] = {}
    for one in expected:
        by_candidate[one.candidate] = by_candidate.get(one.candidate, 0.0) + one.seconds
    longest = max(by_candidate.values(), default=0.0)
    adapters = [adapter_mb(probes[stage.model]) for stage in known if stage.kind == "training"]
    return Forecast(
        stages=made,
        expected=expected,
        wall_seconds=max(seconds / max(1, config.workers), longest),
        accelerator_seconds=seconds,
        tokens=sum(stage.tokens for stage in expected),
        memory_mb=max((stage.memory_mb for stage in made), default=0.0),
        disk_mb=sum(stage.disk_mb for stage in expected)
        + max(adapters, default=0.0) * OPEN * max(1, config.workers),
        unknown=tuple(dict.fromkeys(s.model for s in left if s.model not in probes)),
    )


def _expected(
    config: Config,
    known: Sequence[PlannedStage],
    made: Sequence[StageForecast],
    stages: Sequence[PlannedStage],
) -> tuple[StageForecast, ...]:
    """Of the stages that only promoted candidates reach, as many as rungs keep, the dearest.

    Of `test` those of one candidate: all its trainings.
    """
    count = len({stage.candidate for stage in stages if stage.kind == "training"})
    reach = {0: count}
    for rung in range(1, config.halving.rungs):
        reach[rung] = count
        count = promoted_counts(config.halving, count)[0]
    reach[0] = count
    groups: dict[str, list[int]] = {}
    for index, stage in enumerate(known):
        if stage.once_promoted or stage.once_best:
            groups.setdefault(f"{stage.stage} {stage.kind}", []).append(index)
    dropped: set[int] = set()
    for members in groups.values():
        dearest, first = sorted(members, key=lambda index: -made[index].seconds), known[members[0]]
        kept = max(1, len(config.seeds)) if first.once_best else reach[first.rung]
        dropped |= set(dearest[kept:])
    return tuple(one for index, one in enumerate(made) if index not in dropped)
