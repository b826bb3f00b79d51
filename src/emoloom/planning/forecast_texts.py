"""Whether a budget holds, and a forecast in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emoloom.config_budget import BudgetConfig
from emoloom.planning.budget import RESOURCES, Spent, amount
from emoloom.planning.forecast import Forecast
from emoloom.planning.planned_spent import columns
from emoloom.planning.stage_costs import StageForecast


@dataclass(frozen=True, slots=True)
class LimitForecast:
    """One limit of the budget against what is forecast."""

    resource: str
    """`wall_seconds`, `accelerator_seconds` or `tokens`."""
    limit: float
    """Of the config."""
    needed: float
    """Spent by earlier calls, and forecast for what is left."""
    holds: bool
    """Whether it is enough."""
    ends_in: tuple[str, str] | None
    """Stage and candidate in which it will end; None where it holds, or where no model was timed
    before it was spent."""

    def text(self) -> str:
        """One line."""
        words = f"budget of {amount(self.resource, self.limit)}"
        needed = f"about {amount(self.resource, self.needed)} will be needed"
        if self.holds:
            return f"{words}: holds; {needed}"
        if self.ends_in is None:
            return f"{words}: does not hold, it is spent before any model could be timed"
        stage, candidate = self.ends_in
        return f"{words}: does not hold, it will end in {stage} of {candidate}; {needed}"


def limits(budget: BudgetConfig, spent: Spent, forecast: Forecast) -> tuple[LimitForecast, ...]:
    """Every limit that the user gave, against the forecast."""
    found = []
    for resource in RESOURCES:
        limit = getattr(budget, resource)
        if limit is not None:
            before, more = getattr(spent, resource), getattr(forecast, resource)
            needed = before + more
            # Nothing left to be done is nothing that a spent budget could stop.
            holds = needed < limit or not (forecast.expected or forecast.unknown)
            known = forecast.expected and not holds
            ends = _end(resource, limit - before, forecast) if known else None
            found.append(LimitForecast(resource, limit, round(needed, 3), holds, ends))
    return tuple(found)


def _end(resource: str, left: float, forecast: Forecast) -> tuple[str, str]:
    """The stage in which what is left runs out; workers share the wall time evenly."""
    share = 1.0
    if resource == "wall_seconds" and forecast.accelerator_seconds:
        share = forecast.wall_seconds / forecast.accelerator_seconds
    for stage in forecast.expected:
        left -= _of(stage, resource) * share
        if left <= 0:
            return stage.stage, stage.candidate
    last = forecast.expected[-1]
    return last.stage, last.candidate


def _of(stage: StageForecast, resource: str) -> float:
    return stage.tokens if resource == "tokens" else stage.seconds


def forecast_lines(forecast: Forecast, found: Sequence[LimitForecast]) -> list[str]:
    """For people: the sums, each limit, and what is not known."""
    count = len(forecast.expected)
    lines = [
        f"forecast: about {_time(forecast.wall_seconds)} for {count} stage{'s'[: count != 1]} "
        f"({forecast.accelerator_seconds:,.0f} accelerator-seconds, {forecast.tokens:,} tokens), "
        f"{forecast.memory_mb:,.0f} MiB of memory a worker, {forecast.disk_mb:,.0f} MiB of disk"
    ]
    if any(one.once_best for one in forecast.expected):
        lines.append("test rows are counted for one candidate: a larger best set takes more")
    lines += [limit.text() for limit in found]
    lines += [f"{model} could not be timed: its stages are in no sum" for model in forecast.unknown]
    return lines


def forecast_table(forecast: Forecast) -> list[str]:
    """A line for each stage, in columns."""
    rows = [("stage", "candidate", "seconds", "tokens", "MiB held", "MiB left", "")]
    for one in forecast.stages:
        note = "once promoted" if one.once_promoted else ""
        note = "if of the best set" if one.once_best else note
        held = (f"{one.memory_mb:,.0f}", f"{one.disk_mb:,.2f}")
        rows.append(
            (one.stage, one.candidate, f"{one.seconds:,.1f}", f"{one.tokens:,}", *held, note)
        )
    return columns(rows)


def to_dict(
    plan: Mapping[str, Any], forecast: Forecast, spent: Spent, found: Sequence[LimitForecast]
) -> dict[str, Any]:
    """The JSON object of `emoloom plan --json`."""
    return {
        "holds": all(limit.holds for limit in found),
        "limits": [asdict(limit) for limit in found],
        "spent": asdict(spent),
        "forecast": forecast.to_dict(),
        "plan": dict(plan),
    }


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
