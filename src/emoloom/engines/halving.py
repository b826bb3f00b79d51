"""The rungs of a screen: certificates, then ever longer trainings of ever fewer candidates."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from emoloom.engines.context import Context
from emoloom.engines.local import read_events
from emoloom.engines.outcomes import do_all, tell
from emoloom.engines.planning import Planned
from emoloom.planning.budget import RUNG_ZERO, decided_at_rung_zero, too_dear
from emoloom.planning.stage_costs import StageForecast
from emoloom.ranking.entries import ScoredCandidate, Status
from emoloom.ranking.halving import RUNGS, RungResult, decide
from emoloom.ranking.rule import RankingRule
from emoloom.runs.directory import write_json_atomic
from emoloom.screening.answers import certificate_work, rung_work
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.decode_inputs import asked_rows
from emoloom.screening.outputs import SELECT, read_answers
from emoloom.screening.precision_record import PRECISION_STAGE


@dataclass(frozen=True, slots=True)
class Halved:
    """What the rungs made of the candidates."""

    ended: dict[str, tuple[Status, str]] = field(default_factory=dict)
    """Those that do no more work, with the reason."""
    results: tuple[RungResult, ...] = ()
    """What each whole rung decided."""

    def reached(self, name: str) -> str:
        """How far a candidate came that the budget stopped; empty where it passed no rung."""
        passed = [one for one in self.results if name in one.promotion.promoted]
        if not passed:
            return ""
        last = passed[-1]
        score = last.scores[name]
        said = "" if score is None else f", score {score:.3f} on {last.rows} rows"
        return f"; it was promoted at rung {last.rung}{said}"


def halve(
    context: Context, rule: RankingRule, jobs: Sequence[CandidateRun], planned: Planned | None
) -> Halved:
    """Synchronous successive halving; without rungs nobody is dropped here.

    Rung 0 drops what its certificate refuses, and what is too dear for the budget. Floors and
    zero-shot stand outside. A rung that the budget stops decides nothing: it is gone on with once
    the budget is raised.
    """
    settings, ended = context.config.halving, dict[str, tuple[Status, str]]()
    results: list[RungResult] = []
    alive = [job for job in jobs if job.candidate.kind == "candidate"]
    for rung in range(settings.rungs if settings.rungs > 1 else 0):
        ends = _do_rung(context, alive, rung)
        for job, (status, reason) in zip(alive, ends, strict=True):
            if status == "failed":
                ended[job.candidate.name] = (status, reason)
                tell(context, status, job.candidate.name, reason)
        alive = [job for job in alive if job.candidate.name not in ended]
        if not alive or any(status == "not_done" for status, _ in ends):
            break
        if rung:
            results.append(_decide(context, rule, alive, rung))
            dropped = {n: results[-1].why_dropped(n) for n in results[-1].promotion.dropped}
        else:
            dropped = _too_dear(context, alive, planned)
        for name, reason in dropped.items():
            ended[name] = ("dropped", reason)
            context.progress.say(f"{name}: {reason}")
        alive = [job for job in alive if job.candidate.name not in ended]
    if settings.rungs > 1:
        found = {"rungs": [result.to_dict() for result in results]}
        write_json_atomic(context.run.root / RUNGS, found)
    return Halved(ended, tuple(results))


def _too_dear(
    context: Context, alive: Sequence[CandidateRun], planned: Planned | None
) -> dict[str, str]:
    """Decided once, by the forecast; replayed on continuing, until the limit is raised."""
    budget, engine = context.config.budget, context.engine
    found = decided_at_rung_zero(read_events(context.run))
    if found is None:
        stages = () if planned is None else planned.forecast.stages
        needed = {job.candidate.name: _first_rung(stages, job.candidate.name) for job in alive}
        found = too_dear(budget, engine.ledger.spent(), needed)
        context.run.event(RUNG_ZERO, dropped=[asdict(one) for one in found])
    dropped = {one.candidate: one.reason() for one in found if one.in_force(budget)}
    engine.stopped |= bool(dropped)
    return dropped


def _first_rung(stages: Sequence[StageForecast], name: str) -> dict[str, float]:
    first = ("rate-", "train-1", f"{PRECISION_STAGE}-1", "select-1")
    own = [one for one in stages if one.candidate == name and one.stage.startswith(first)]
    seconds = sum(stage.seconds for stage in own)
    tokens = sum(stage.tokens for stage in own)
    return {"wall_seconds": seconds, "accelerator_seconds": seconds, "tokens": tokens}


def _do_rung(
    context: Context, alive: Sequence[CandidateRun], rung: int
) -> list[tuple[Status, str]]:
    def do(job: CandidateRun) -> tuple[Status, str]:
        return do_all(context, rung_work(job, rung) if rung else certificate_work(job))

    return context.engine.each(do, alive)


def _decide(
    context: Context, rule: RankingRule, alive: Sequence[CandidateRun], rung: int
) -> RungResult:
    space = context.space
    answered = []
    for job in alive:
        name = job.candidate.name
        answers, ids = read_answers(context.run, name, space, f"{SELECT}-{rung}")
        display, recipe = job.model.display_name, job.candidate.recipe
        answered.append(
            ScoredCandidate(name, "candidate", display, recipe, "scored", "", answers, ids)
        )
    rows = asked_rows(alive[0], SELECT, rung)
    return decide(rung, answered, rows, (space, rule), context.config.halving)
