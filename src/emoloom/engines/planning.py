"""Before the work: the plan is written, models are timed, and it is said whether the budget holds.

Counts are fixed by the plan; the forecast shapes nothing. What is wrong with a model that cannot be
timed shows in its own stages.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emoloom.engines.context import Context
from emoloom.engines.outcomes import do_all
from emoloom.planning.budget import Spent
from emoloom.planning.encoder_probe import encoder_probe_work
from emoloom.planning.forecast import Forecast, make_forecast
from emoloom.planning.forecast_texts import LimitForecast, forecast_lines, limits
from emoloom.planning.plan import PlannedStage, encoder_stage, make_plan, planned_stages
from emoloom.planning.probe import probe_work
from emoloom.planning.probe_record import Probe, read_probe
from emoloom.runs.directory import write_json_atomic
from emoloom.runs.work import Work
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.candidates import Candidate
from emoloom.screening.encoder_floor import EncoderRun


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan came to."""

    plan: dict[str, Any]
    """plan.json."""
    forecast: Forecast
    """Of what is left to be done."""
    spent: Spent
    """By earlier calls, and by the probes."""
    limits: tuple[LimitForecast, ...]
    """Each limit of the budget against the forecast."""

    @property
    def holds(self) -> bool:
        """Whether every limit is enough."""
        return all(limit.holds for limit in self.limits)


def plan_ahead(
    context: Context, jobs: Sequence[CandidateRun], encoders: Sequence[EncoderRun] = ()
) -> Planned | None:
    """Write plan.json; probe each model and forecast what is left, unless that is off.

    Args:
        context: the screen.
        jobs: every candidate, in the order in which they are done.
        encoders: floors that run a model; they come before the candidates.

    Returns:
        The forecast; None where models are not to be timed.
    """
    config, run, ledger = context.config, context.run, context.engine.ledger
    chosen, rows = [job.candidate for job in jobs], jobs[0].rows
    flips = jobs[0].extras.flips
    floors = [encoder_stage(job.name, rows, len(job.texts)) for job in encoders]
    plan = make_plan(config, chosen, rows, flips, floors)
    write_json_atomic(run.root / "plan.json", plan)
    if not config.budget.probe:
        return None
    stages = (*floors, *planned_stages(config, chosen, rows, flips))
    undone = left_to_do(context, stages, chosen)
    left = {stage.model for stage in undone}
    probes = probe_models(context, [job for job in jobs if job.candidate.model.name in left])
    probes |= probe_encoders(context, [job for job in encoders if job.name in left])
    forecast = make_forecast(config, stages, probes, lambda stage: stage not in undone)
    spent = ledger.spent()
    found = limits(config.budget, spent, forecast)
    ledger.plan(asdict(stage) for stage in forecast.stages)
    return Planned(plan, forecast, spent, found)


def announce(context: Context, planned: Planned | None) -> None:
    """Show what is to be expected, where there is anything left to be done."""
    if planned is not None and (planned.forecast.expected or planned.forecast.unknown):
        for line in forecast_lines(planned.forecast, planned.limits):
            context.progress.say(line)


def probe_models(context: Context, jobs: Sequence[CandidateRun]) -> dict[str, Probe]:
    """Time each model once, in the name of its first candidate."""
    first: dict[str, CandidateRun] = {}
    for job in jobs:
        first.setdefault(job.candidate.model.name, job)

    def probe(job: CandidateRun) -> None:
        _timed(context, probe_work(job), job.candidate.name, job.candidate.model.name)

    context.engine.each(probe, list(first.values()))
    figures = context.engine.ledger.probes
    found = {name: read_probe(figures.get(j.candidate.name, {})) for name, j in first.items()}
    return {name: probe for name, probe in found.items() if probe is not None}


def probe_encoders(context: Context, encoders: Sequence[EncoderRun]) -> dict[str, Probe]:
    """Time each encoder floor."""

    def probe(job: EncoderRun) -> None:
        _timed(context, encoder_probe_work(job), job.name, job.name)

    context.engine.each(probe, list(encoders))
    figures = context.engine.ledger.probes
    found = {job.name: read_probe(figures.get(job.name, {})) for job in encoders}
    return {name: probe for name, probe in found.items() if probe is not None}


def _timed(context: Context, work: Work, candidate: str, model: str) -> None:
    """Time a model; what cannot be timed is said, and shows in its own stages."""
    status, reason = do_all(context, [work])
    if status == "failed":
        context.run.event("probe_failed", candidate=candidate, message=reason)
        context.progress.say(f"{model} cannot be timed: {reason}")


def left_to_do(
    context: Context, stages: Sequence[PlannedStage], chosen: Sequence[Candidate]
) -> set[PlannedStage]:
    """What has no marker; once all that ranks is done, of `test` that of the best set alone."""
    undone = {stage for stage in stages if not is_done(context, stage)}
    if not all(stage.once_best for stage in undone):
        return undone
    try:
        board = json.loads((context.run.root / "leaderboard.json").read_text(encoding="utf-8"))
        best = set(board["verdict"]["best_set"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return undone  # not ranked yet
    asked = {one.name for one in chosen if (one.pooled or one.name) in best}
    return {stage for stage in undone if stage.candidate in asked}


def is_done(context: Context, stage: PlannedStage) -> bool:
    """Whether a marker stands; its hashes are looked at when the stage's turn comes."""
    folder = context.run.candidate(stage.candidate)
    return (folder / "done" / f"{stage.stage}.json").exists()
