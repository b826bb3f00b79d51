"""Floors and candidates answer the rows; what each one came to, and how it ended."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from emoloom.auditing.final_answers import final_answers, finalists
from emoloom.engines.context import Context
from emoloom.engines.halving import Halved
from emoloom.engines.outcomes import do_all, tell
from emoloom.metrics.resampling import Bootstrap
from emoloom.ranking.entries import ScoredCandidate, Status
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.polarity_set import POLARITY, pair_scores
from emoloom.row_sets.shared import SharedRows
from emoloom.runs.work import Work
from emoloom.screening.answers import candidate_work, cross_work, pair_work, test_work
from emoloom.screening.candidate_run import CandidateRun, has_heads
from emoloom.screening.candidates import all_candidates
from emoloom.screening.cross_set import cross_scores
from emoloom.screening.encoder_floor import (
    CUT,
    READ,
    EncoderRun,
    cut_text,
    encoder_work,
    list_encoders,
)
from emoloom.screening.extras import Extras
from emoloom.screening.floor_work import floor_work
from emoloom.screening.floors import FLOORS
from emoloom.screening.head_answers import SUFFIX
from emoloom.screening.outputs import read_answers, read_forced
from emoloom.sources.model_files import ModelFiles, ModelSource


def answer_with_floors(
    context: Context,
    rows: SharedRows,
    encoders: Sequence[EncoderRun],
    missing: Mapping[str, str],
) -> list[ScoredCandidate]:
    """The baselines every candidate must beat, on the same rows in the same contract.

    Args:
        context: the screen.
        rows: that all share.
        encoders: floors that run a model; a failure, or a spent budget, stops that one alone.
        missing: why an encoder cannot be had, by the floor's name.
    """
    scored = []
    for name in FLOORS:
        context.engine.do(floor_work(context.run, name, rows, context.space, context.lexicon))
        answers, ids = read_answers(context.run, name, context.space)
        scored.append(ScoredCandidate(name, "floor", "-", "floor", "scored", "", answers, ids))
    return [*scored, *_encoder_floors(context, encoders, missing)]


def _encoder_floors(
    context: Context, encoders: Sequence[EncoderRun], missing: Mapping[str, str]
) -> list[ScoredCandidate]:
    """In the order of the config."""
    jobs = {job.name: job for job in encoders}

    def answer(source: ModelSource) -> ScoredCandidate:
        name, run = source.name, context.run
        work = encoder_work(jobs[name]) if name in jobs else None
        status: Status = "failed"
        if work is None:
            reason = missing[name]
        else:
            status, reason = do_all(context, [work])
        shown = source.display_name if work is None else jobs[name].model.display_name
        if work is None or status != "scored":
            tell(context, status, name, reason)
            return ScoredCandidate(name, "floor", shown, "floor", status, reason, None, ())
        counts = dict((work.stage.done() or {}).get("counts", {}))
        if counts.get(CUT):
            told = cut_text(counts[CUT], work.units, counts[READ])
            context.progress.say(f"{name}: {told}")
        answers, ids = read_answers(run, name, context.space)
        return ScoredCandidate(name, "floor", shown, "floor", "scored", "", answers, ids)

    return context.engine.each(answer, list_encoders(context.config))


def encoder_runs(
    context: Context, rows: SharedRows, files: Mapping[str, ModelFiles]
) -> list[EncoderRun]:
    """Each encoder floor that is on this disk, with all it is given."""
    return [
        EncoderRun(one, files[one.name], context.config, context.run, context.space, rows)
        for one in list_encoders(context.config)
        if one.name in files
    ]


def candidate_runs(
    context: Context,
    rows: SharedRows,
    extras: Extras,
    files: Mapping[str, ModelFiles],
) -> list[CandidateRun]:
    """Each candidate with all it is given; the seed of its config is that of its training."""
    run, space, lexicon = context.run, context.space, context.lexicon
    say = context.progress.say
    jobs = []
    parameters = {name: model.parameters for name, model in files.items()}
    for one in all_candidates(context.config, parameters):
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
        heads = status == "scored" and has_heads(job) and not job.candidate.noise_of
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
        forced=read_forced(context.run, candidate.name, job.rows, context.space) if done else None,
        pooled=candidate.pooled,
        noise_of=candidate.noise_of,
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
    bootstrap = _bootstrap(context)

    def scored(entry: ScoredCandidate) -> ScoredCandidate:
        run, space, lexicon = context.run, context.space, context.lexicon
        scores = pair_scores(run, entry.name, rows.polarity, space, lexicon, bootstrap)
        return replace(entry, polarity=scores)

    if not rows.polarity:
        return list(entries)
    return _ask_beside(context, entries, jobs, _Beside(POLARITY, pair_work, scored))


def add_cross(
    context: Context,
    rows: SharedRows,
    entries: Sequence[ScoredCandidate],
    jobs: Sequence[CandidateRun],
) -> list[ScoredCandidate]:
    """Ask the rows of corpora never trained on, the last of all: as `add_polarity`."""
    bootstrap = _bootstrap(context)

    def scored(entry: ScoredCandidate) -> ScoredCandidate:
        scores = cross_scores(context.run, entry.name, rows, context.space, bootstrap)
        return replace(entry, cross=scores)

    if not rows.cross:
        return list(entries)
    return _ask_beside(context, entries, jobs, _Beside(CROSS, cross_work, scored))


def answer_test(
    context: Context,
    rows: SharedRows,
    entries: Sequence[ScoredCandidate],
    best_set: Sequence[str],
    jobs: Sequence[CandidateRun],
) -> list[ScoredCandidate]:
    """Ask `test`, once all that ranks is known, of the best set alone; floors have answered.

    Returns:
        The best set and the floors with these answers; one that the budget stopped is not done.
    """
    chosen = finalists(entries, best_set) if rows.test else []
    asked = {job.candidate.name: job for job in jobs}

    def ask(entry: ScoredCandidate) -> None:
        if entry.kind == "candidate":
            status, reason = do_all(context, test_work(asked[entry.name]))
            if status != "scored":
                tell(context, f"{TEST}_{status}", entry.name, reason)

    context.engine.each(ask, chosen)
    return final_answers(context.run, chosen, rows.test, context.space)


@dataclass(frozen=True, slots=True)
class _Beside:
    """A row set that never ranks."""

    row_set: str
    work: Callable[[CandidateRun], Iterable[Work]]
    scored: Callable[[ScoredCandidate], ScoredCandidate]


def _ask_beside(
    context: Context,
    entries: Sequence[ScoredCandidate],
    jobs: Sequence[CandidateRun],
    beside: _Beside,
) -> list[ScoredCandidate]:
    asked = {job.candidate.name: job for job in jobs if job.candidate.kind == "candidate"}

    def ask(entry: ScoredCandidate) -> ScoredCandidate:
        if entry.status != "scored" or entry.kind == "shown":
            return entry
        job = asked.get(entry.name)  # floors have answered already
        if job is not None:
            status, reason = do_all(context, beside.work(job))
            if status != "scored":
                tell(context, f"{beside.row_set}_{status}", entry.name, reason)
                return entry
        return beside.scored(entry)

    return context.engine.each(ask, entries)


def _bootstrap(context: Context) -> Bootstrap:
    return Bootstrap(draws=context.config.ranking.bootstrap, seed=context.config.seed)
