"""Floors and candidates answer the rows; what each one came to, and how it ended."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from emoloom.engines.context import Context
from emoloom.engines.local import BudgetStop
from emoloom.errors import UserError
from emoloom.metrics.resampling import Bootstrap
from emoloom.models.logits import ModelError
from emoloom.runs.work import Work
from emoloom.screening.answers import (
    CandidateRun,
    candidate_work,
    has_heads,
    pair_work,
)
from emoloom.screening.candidates import Candidate
from emoloom.screening.entries import ScoredCandidate, Status
from emoloom.screening.extras import Extras
from emoloom.screening.floor_answers import floor_work, read_answers
from emoloom.screening.floors import FLOORS
from emoloom.screening.head_answers import SUFFIX
from emoloom.screening.polarity_set import pair_scores
from emoloom.screening.row_sets import SharedRows
from emoloom.sources.model_files import ModelFiles


def answer_with_floors(context: Context, rows: SharedRows) -> list[ScoredCandidate]:
    """The baselines every candidate must beat, on the same rows in the same contract."""
    scored = []
    for name in FLOORS:
        context.engine.do(
            floor_work(context.run, name, rows, context.space, context.lexicon, context.config.seed)
        )
        answers, ids = read_answers(context.run, name, context.space)
        scored.append(ScoredCandidate(name, "floor", "-", "floor", "scored", "", answers, ids))
    return scored


def candidate_runs(
    context: Context,
    rows: SharedRows,
    extras: Extras,
    chosen: Sequence[Candidate],
    files: dict[str, ModelFiles],
) -> list[CandidateRun]:
    """Each candidate with all it is given."""
    config, run, space, lexicon = context.config, context.run, context.space, context.lexicon
    return [
        CandidateRun(one, files[one.model.name], config, run, space, lexicon, rows, extras)
        for one in chosen
    ]


def answer_with_candidates(context: Context, jobs: Sequence[CandidateRun]) -> list[ScoredCandidate]:
    """Certify, train and decode each candidate; a failure stops that one alone."""
    scored: list[ScoredCandidate] = []
    for job in jobs:
        candidate = job.candidate
        status, reason = _do_all(context, candidate_work(job))
        if status != "scored":
            _tell(context, status, candidate.name, reason)
        done = status == "scored"
        answers, ids = (
            read_answers(context.run, candidate.name, context.space) if done else (None, ())
        )
        scored.append(
            ScoredCandidate(
                name=candidate.name,
                kind=candidate.kind,
                model=job.model.display_name,
                recipe=candidate.recipe,
                status=status,
                reason=reason,
                answers=answers,
                row_ids=ids,
            )
        )
        if done and has_heads(job):
            scored.append(_head_alone(context, job))
    return scored


def _head_alone(context: Context, job: CandidateRun) -> ScoredCandidate:
    """The heads as a floor: is generating worth it?"""
    name, shown = job.candidate.name + SUFFIX, job.model.display_name
    answers, ids = read_answers(context.run, name, context.space)
    return ScoredCandidate(name, "floor", shown, "head alone", "scored", "", answers, ids)


def _do_all(context: Context, units: Iterable[Work]) -> tuple[Status, str]:
    """Do what one candidate needs; how it ended, and why where it did not end well."""
    try:
        for unit in units:
            context.engine.do(unit)
    except (ModelError, UserError) as error:
        return "failed", str(error)
    except BudgetStop as error:
        return "not_done", str(error)
    return "scored", ""


def _tell(context: Context, event: str, name: str, reason: str) -> None:
    context.run.event(event, candidate=name, message=reason)
    context.progress.say(f"{name}: {reason}")


def add_polarity(
    context: Context,
    rows: SharedRows,
    entries: Sequence[ScoredCandidate],
    jobs: Sequence[CandidateRun],
) -> list[ScoredCandidate]:
    """Ask the polarity pairs after all that ranks: what goes wrong here costs nobody a rank."""
    asked = {job.candidate.name: job for job in jobs if job.candidate.kind == "candidate"}
    made = []
    for entry in entries:
        job, done = asked.get(entry.name), entry.status == "scored" and entry.kind != "shown"
        if done and job is not None:
            status, reason = _do_all(context, pair_work(job))
            done = status == "scored"
            if not done:
                _tell(context, f"polarity_{status}", entry.name, reason)
        made.append(_with_polarity(context, rows, entry) if done and rows.polarity else entry)
    return made


def _with_polarity(context: Context, rows: SharedRows, entry: ScoredCandidate) -> ScoredCandidate:
    run, space, lexicon = context.run, context.space, context.lexicon
    bootstrap = Bootstrap(draws=context.config.ranking.bootstrap, seed=context.config.seed)
    scores = pair_scores(run, entry.name, rows.polarity, space, lexicon, bootstrap)
    return replace(entry, polarity=scores)
