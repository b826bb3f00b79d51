"""The units of work in which a candidate is trained: trials of rates, rungs, the whole training."""

import json
import shutil
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from emoloom.draws import generator
from emoloom.models.device import device_facts
from emoloom.models.logits import ModelError
from emoloom.recipes import RECIPES
from emoloom.records import Row
from emoloom.row_sets.shared import untrained_vad
from emoloom.runs.work import Meter, Outcome, Work
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.recipe_settings import (
    Mixture,
    fit_settings,
    made_rows,
    mixture_of,
    rung_ends,
    train_steps,
    trial_steps,
)
from emoloom.screening.training_steps import TRUNK, TrainJob, train, try_rate
from emoloom.supervision.likely_labels import likely_labels
from emoloom.supervision.verbalisers import VERBALISER
from emoloom.training.schedule import FitSettings


@dataclass(frozen=True, slots=True)
class _Asked:
    """A training before it is known where it ends."""

    settings: FitSettings
    mixture: Mixture | None
    rows: tuple[Row, ...]
    inputs: tuple[object, ...]
    """All that affects the adapter."""


def train_work(job: CandidateRun, rung: int = 0) -> Work:
    """The whole training, or a rung of it, from 1; the trials of its rate must be done before."""
    asked = _asked(job, chosen_rate(job))
    steps = train_steps(job.config, len(asked.rows))
    end = rung_ends(job.config, steps)[rung - 1] if rung else steps
    # Without rungs, and in the last one, this is the same training of the same inputs.
    stage = job.stage("train", *asked.inputs)
    trunk = job.stage(TRUNK, *asked.inputs).inputs if job.config.halving.rungs > 1 else ""
    if rung:
        stage = job.stage(f"train-{rung}", *asked.inputs, end)
    folder = job.folder(rung)

    def make(meter: Meter) -> Outcome:
        task = _train_job(job, asked, stage.inputs)
        task = replace(task, end=end, trunk=trunk)
        event = partial(job.run.event, candidate=job.candidate.name)
        lm = job.load(meter)
        counts = train(lm, task, folder, meter, event, job.folder() / TRUNK)
        if not rung:
            shutil.rmtree(job.folder() / TRUNK, ignore_errors=True)
        checkpoint = tuple(sorted((folder / "checkpoint").iterdir()))
        outs = (folder / "steps.jsonl", *checkpoint)
        return Outcome(outs, counts, made_on=device_facts(lm))

    return Work(stage, job.candidate.name, end, "steps", make)


def trial_works(job: CandidateRun) -> list[Work]:
    """A short training for each rate that is tried; none where the config has one rate."""
    return [_trial_work(job, number) for number in range(len(job.config.trials.learning_rates))]


def chosen_rate(job: CandidateRun) -> float:
    """The rate of the lowest loss on the rows held out; the config's where none is tried.

    Raises:
        ModelError: the training broke at every rate.
    """
    if not job.config.trials.learning_rates:
        return job.config.training.learning_rate
    count = len(job.config.trials.learning_rates)
    found = [json.loads(_loss_file(job, n).read_text(encoding="utf-8")) for n in range(count)]
    return best_rate(found)


def best_rate(trials: list[dict[str, Any]]) -> float:
    """The rate of the lowest loss, of equal ones the lowest rate.

    Raises:
        ModelError: no trial has a loss.
    """
    whole = [(one["loss"], one["learning_rate"]) for one in trials if one["loss"] is not None]
    if not whole:
        raise ModelError(f"training breaks at every learning rate tried: {trials[0]['reason']}")
    return float(min(whole)[1])


def _trial_work(job: CandidateRun, number: int) -> Work:
    rate = job.config.trials.learning_rates[number]
    asked = _asked(job, rate)
    kept, held_out = hold_out(asked.rows, job.config.trials.rows, job.config.seed)
    steps = trial_steps(job.config, train_steps(job.config, len(asked.rows)))
    held = [row.id for row in held_out]
    stage = job.stage(f"rate-{number + 1}", *asked.inputs, steps, held)
    out = _loss_file(job, number)

    def make(meter: Meter) -> Outcome:
        task = _train_job(job, asked, stage.inputs)
        # Fewer rows than the whole training has: what it lacks in steps is another epoch of them.
        epochs = -(-steps // -(-len(kept) // asked.settings.batch_rows))
        settings = replace(asked.settings, epochs=epochs)
        task = replace(task, rows=kept, held_out=held_out, settings=settings, end=steps)
        event = partial(job.run.event, candidate=job.candidate.name)
        try_rate(job.load(meter), task, out.parent, meter, event)
        return Outcome((out,), {"rows": len(kept), "held_out": len(held_out)})

    return Work(stage, job.candidate.name, steps, "steps", make)


def hold_out(
    rows: tuple[Row, ...], count: int, seed: int
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The rows that trials train on, and those that decide: about `count`, a quarter at most.

    Rows are held out with all others of their group, so that no flip of one is trained on; those
    that spell a label name never are. Where all rows are one group, they do both.
    """
    sizes = Counter(row.group for row in rows if row.source != VERBALISER)
    groups = sorted(sizes)
    order = generator(seed, "trial-rows").permutation(len(groups))
    held: set[str] = set()
    taken, most = 0, max(1, min(count, len(rows) // 4))
    for place in order:
        if taken >= most:
            break
        held.add(groups[place])
        taken += sizes[groups[place]]
    kept = tuple(row for row in rows if row.group not in held)
    if not kept:
        return rows, rows
    return kept, tuple(row for row in rows if row.group in held)


def _loss_file(job: CandidateRun, number: int) -> Path:
    return job.folder() / "rates" / str(number + 1) / "loss.json"


def _asked(job: CandidateRun, rate: float) -> _Asked:
    recipe, config = job.candidate.recipe, job.config
    settings = replace(fit_settings(config, recipe), learning_rate=rate)
    mixture = mixture_of(config, recipe)
    certificate = job.certificate()
    made = made_rows(recipe, job.extras.flips, job.space)
    inputs = (
        job.rows.hashes["train"],
        {k: v for k, v in asdict(settings).items() if k != "pack_tokens"},
        certificate.packed_up_to,
        job.extras.hashes["flips"] if "flip" in RECIPES[recipe] else "",
        job.extras.hashes["atoms"] if settings.weights.appraisal > 0 else "",
        None if mixture is None else asdict(mixture),
        [job.lexicon.sha256, asdict(job.rows.scale)] if settings.weights.charts else [],
    )
    return _Asked(settings, mixture, (*job.rows.train, *made), inputs)


def _train_job(job: CandidateRun, asked: _Asked, inputs: str) -> TrainJob:
    return TrainJob(
        rows=asked.rows,
        fill_labels=likely_labels(job.rows.train, job.space),
        fill_vad=untrained_vad(job.rows.train),
        packed_up_to=job.certificate().packed_up_to,
        settings=asked.settings,
        base=job.model.source,
        lexicon=job.lexicon,
        scale=job.rows.scale,
        atoms=job.extras.atoms if asked.settings.weights.appraisal > 0 else None,
        mixture=asked.mixture,
        checkpoint_steps=job.config.training.checkpoint_steps,
        inputs=inputs,
    )
