"""Training of one candidate: what its recipe asks for, checkpointed, continued where it stopped."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emoloom.config import RECIPES, Config, Recipe
from emoloom.errors import UserError
from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import ModelError
from emoloom.records import VAD, Row
from emoloom.runs.directory import write_folder_atomic, write_jsonl_atomic
from emoloom.runs.work import Advance
from emoloom.screening.extras import pool_a_of
from emoloom.screening.head_answers import HEADS
from emoloom.supervision.appraisal import Verifier
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.theory import atom_profile, load_theory_table
from emoloom.supervision.weak_vad import AffineMap
from emoloom.training.adapters import add_adapter, save_adapter
from emoloom.training.charts import Charts, make_charts
from emoloom.training.checkpoints import restore_checkpoint, save_checkpoint
from emoloom.training.examples import Examples, commonest_label, prove_targets
from emoloom.training.fit import Training
from emoloom.training.heads import Heads, save_heads
from emoloom.training.label_chart import log_odds
from emoloom.training.mixture import MixtureSampler, MixtureSettings, make_pools
from emoloom.training.schedule import EpochSampler, FitSettings, batches
from emoloom.training.terms import Reader, Weights

Event = Callable[..., None]
"""Told an event's name and, by keyword, its details."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """How a recipe draws its rows from pools."""

    pool_a: tuple[str, ...]
    """Corpora of pool A; all others are pool B."""
    settings: MixtureSettings
    """Heating and cooling."""


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What training one candidate needs."""

    rows: tuple[Row, ...]
    """The train set, flipped rows behind it where the recipe has them."""
    fill_vad: VAD
    """Stands, untrained, where a row has no VAD."""
    packed_up_to: int
    """From the certificate."""
    settings: FitSettings
    """The recipe in the trainer's terms."""
    base: str
    """Source string of the base model, kept in the adapter."""
    lexicon: Lexicon
    """Gives the VAD of labels and cue words."""
    scale: AffineMap
    """From the lexicon's VAD to that of the targets."""
    verifier: Verifier | None
    """Gives the atoms of a text; None where the recipe has no `appraisal`."""
    theory: Path | None
    """A theory table of the user's own."""
    mixture: Mixture | None
    """None: every row once an epoch."""
    checkpoint_steps: int
    """Steps between two checkpoints."""
    inputs: str
    """Fingerprint of all that affects the adapter."""


def fit_settings(config: Config, recipe: Recipe) -> FitSettings:
    """A recipe in the trainer's terms."""
    training, parts = config.training, RECIPES[recipe]
    given = training.weights
    heads = "heads" in parts
    return FitSettings(
        seed=config.seed,
        epochs=training.epochs,
        batch_rows=training.batch_rows,
        pack_tokens=training.pack_tokens,
        learning_rate=training.learning_rate,
        warmup_share=training.warmup_share,
        decay_share=training.decay_share,
        lora_rank=training.lora_rank,
        weights=Weights(
            labels=given.labels if heads else 0.0,
            vad=given.vad if heads else 0.0,
            vad_preserving=given.vad_preserving if "vad_preserving" in parts else 0.0,
            appraisal=given.appraisal if "appraisal" in parts else 0.0,
        ),
        dtype=training.dtype,
        recompute=training.recompute,
    )


def mixture_of(config: Config, recipe: Recipe) -> Mixture | None:
    """The mixture of a recipe, or None."""
    if "mixture" not in RECIPES[recipe]:
        return None
    given = config.training.mixture
    return Mixture(
        pool_a_of(config),
        MixtureSettings(
            tau0=given.tau0,
            entropy_low=given.entropy_low,
            entropy_high=given.entropy_high,
            most_draws=given.most_draws,
        ),
    )


def train_steps(config: Config, rows: int) -> int:
    """Optimiser steps over so many rows, whatever the recipe."""
    return config.training.epochs * -(-rows // config.training.batch_rows)


def train(
    lm: CausalLM, job: TrainJob, folder: Path, advance: Advance, event: Event
) -> dict[str, int]:
    """Train an adapter; writes steps.jsonl and checkpoint/ into `folder`.

    Returns:
        Counts: rows in, examples out, trained tokens, masked tokens, truncated texts.

    Raises:
        ModelError: a loss is not finite, or memory does not suffice.
        UserError: a row cannot be trained on, or the disk is too full for a checkpoint.
    """
    weights = job.settings.weights
    charts = _charts(lm, job) if weights.charts or job.mixture else None
    examples = Examples(
        lm.prompter,
        job.rows,
        commonest_label(job.rows, lm.prompter.space),
        job.fill_vad,
        charts,
        job.verifier.appraise([row.text for row in job.rows]) if job.verifier else None,
    )
    proof = prove_targets(lm.prompter, job.rows, examples)
    wrapper = add_adapter(lm, job.settings)
    heads = _heads(lm, job) if weights.heads else None
    training = Training(
        lm,
        examples,
        job.packed_up_to,
        job.settings,
        sampler=_sampler(job),
        reader=Reader(weights, charts, heads, watch_entropy=job.mixture is not None),
        on_shrink=lambda tokens: event("pack_shrunk", pack_tokens=tokens),
    )
    _take_steps(training, job, folder, advance)

    def fill(checkpoint: Path) -> None:
        save_adapter(wrapper, checkpoint, job.base)
        if heads is not None:
            save_heads(heads, checkpoint / HEADS)

    write_jsonl_atomic(folder / "steps.jsonl", [_line(asdict(step)) for step in training.log])
    write_folder_atomic(folder / "checkpoint", fill)
    shutil.rmtree(folder / "training", ignore_errors=True)
    return {"rows": len(job.rows), **asdict(proof)}


def _take_steps(training: Training, job: TrainJob, folder: Path, advance: Advance) -> None:
    """From the newest checkpoint to the end; a stop at a step's border loses no step."""
    kept = folder / "training"
    advance(restore_checkpoint(training, kept, job.inputs))
    while not training.finished:
        try:
            training.step()
        except ModelError:
            write_jsonl_atomic(folder / "steps.jsonl", [_line(asdict(s)) for s in training.log])
            raise
        done = len(training.log)
        try:
            advance(1)
        except BaseException:
            save_checkpoint(training, kept, job.inputs)
            raise
        if done % job.checkpoint_steps == 0 and not training.finished:
            save_checkpoint(training, kept, job.inputs)


def _charts(lm: CausalLM, job: TrainJob) -> Charts:
    profile = None
    if job.verifier is not None:
        space = lm.prompter.space
        profile = atom_profile(space, load_theory_table(space, job.theory))
    charts = make_charts(lm.prompter, job.rows, job.lexicon, job.scale, profile)
    if job.settings.weights.vad_preserving and not len(charts.words.token_ids_W):
        raise UserError(
            f"the lexicon {job.lexicon.name} has no word that {lm.name} writes as one token",
            do="give a lexicon of the texts' language, or leave out recipes with vad_preserving",
        )
    return charts


def _heads(lm: CausalLM, job: TrainJob) -> Heads:
    hidden = lm.model.get_output_embeddings().weight.shape[-1]
    given = [row.answer.vad.as_tuple() for row in job.rows if row.answer.vad is not None]
    columns = zip(*given, strict=True) if given else ((0.5,),) * 3
    v, a, d = (sum(column) / len(column) for column in map(tuple, columns))
    heads = Heads(hidden, log_odds(job.rows, lm.prompter.space), VAD(v, a, d))
    return heads.to(lm.device)


def _sampler(job: TrainJob) -> MixtureSampler | EpochSampler:
    if job.mixture is None:
        return EpochSampler(tuple(batches(len(job.rows), job.settings)))
    pools = make_pools(job.rows, job.mixture.pool_a)
    settings = job.settings
    return MixtureSampler(
        pools, settings.seed, settings.epochs, settings.batch_rows, job.mixture.settings
    )


def _line(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step for people and charts: without what was not watched."""
    return {key: value for key, value in step.items() if value is not None and value != {}}
