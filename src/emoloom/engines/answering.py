"""Floors and candidates answer the rows; what each one came to, and how it ended."""

from collections.abc import Sequence
from dataclasses import replace

from emoloom.engines.context import Context
from emoloom.engines.halving import Halved
from emoloom.engines.outcomes import do_all, tell
from emoloom.metrics.resampling import Bootstrap
from emoloom.screening.answers import candidate_work, pair_work
from emoloom.screening.candidate_run import CandidateRun, has_heads
from emoloom.screening.candidates import list_candidates
from emoloom.screening.entries import ScoredCandidate, Status
from emoloom.screening.extras import Extras
from emoloom.screening.floor_work import floor_work
from emoloom.screening.floors import FLOORS
from emoloom.screening.head_answers import SUFFIX
from emoloom.screening.outputs import read_answers
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
    files: dict[str, ModelFiles],
) -> list[CandidateRun]:
    """Each candidate with all it is given; the seed of its config is that of its training."""
    run, space, lexicon = context.run, context.space, context.lexicon
    say = context.progress.say
    jobs = []
    for one in list_candidates(context.config):
        config = context.config.model_copy(update={"seed": one.seed})
        model = files[one.model.name]
        jobs.append(CandidateRun(one, model, config, run, space, lexicon, rows, extras, say))
    return jobs


def answer_with_candidates(
    context: Context, jobs: Sequence[CandidateRun], halved: Halved
) -> list[ScoredCandidate]:
    """Certify, train and decode each candidate; a failure stops that one alone.

    Args:
        context: the screen.
        jobs: every candidate.
        halved: what the rungs made of them; those that they ended do no more work.
    """

    def answer(job: CandidateRun) -> list[ScoredCandidate]:
        name = job.candidate.name
        if name in halved.ended:
            return [scored_candidate(context, job, *halved.ended[name])]
        status, reason = do_all(context, candidate_work(job))
        if status != "scored":
            reason += halved.reached(name)
            tell(context, status, name, reason)
        entry = scored_candidate(context, job, status, reason)
        heads = status == "scored" and has_heads(job)
        return [entry, _head_alone(context, job)] if heads else [entry]

    return [entry for made in context.engine.each(answer, jobs) for entry in made]


def scored_candidate(
    context: Context, job: CandidateRun, status: Status, reason: str
) -> ScoredCandidate:
    """The candidate as it ended, with its answers where it has them all."""
    candidate = job.candidate
    done = status == "scored"
    answers, ids = read_answers(context.run, candidate.name, context.space) if done else (None, ())
    return ScoredCandidate(
        name=candidate.name,
        kind=candidate.kind,
        model=job.model.display_name,
        recipe=candidate.recipe,
        status=status,
        reason=reason,
        answers=answers,
        row_ids=ids,
        pooled=candidate.pooled,
    )


def _head_alone(context: Context, job: CandidateRun) -> ScoredCandidate:
    """The heads as a floor: is generating worth it?"""
    name, model = job.candidate.name + SUFFIX, job.model.display_name
    answers, ids = read_answers(context.run, name, context.space)
    pooled = job.candidate.pooled and job.candidate.pooled + SUFFIX
    return ScoredCandidate(
        name, "floor", model, "head alone", "scored", "", answers, ids, pooled=pooled
    )


def add_polarity(
    context: Context,
    rows: SharedRows,
    entries: Sequence[ScoredCandidate],
    jobs: Sequence[CandidateRun],
) -> list[ScoredCandidate]:
    """Ask the polarity pairs after all that ranks: what goes wrong here costs nobody a rank."""
    asked = {job.candidate.name: job for job in jobs if job.candidate.kind == "candidate"}

    def ask(entry: ScoredCandidate) -> ScoredCandidate:
        job, done = asked.get(entry.name), entry.status == "scored" and entry.kind != "shown"
        if done and job is not None:
            status, reason = do_all(context, pair_work(job))
            done = status == "scored"
            if not done:
                tell(context, f"polarity_{status}", entry.name, reason)
        return _with_polarity(context, rows, entry) if done and rows.polarity else entry

    return context.engine.each(ask, entries)


def _with_polarity(context: Context, rows: SharedRows, entry: ScoredCandidate) -> ScoredCandidate:
    run, space, lexicon = context.run, context.space, context.lexicon
    bootstrap = Bootstrap(draws=context.config.ranking.bootstrap, seed=context.config.seed)
    scores = pair_scores(run, entry.name, rows.polarity, space, lexicon, bootstrap)
    return replace(entry, polarity=scores)
