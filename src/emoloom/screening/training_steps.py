"""Training of one candidate: what its recipe asks for, checkpointed, continued where it stopped."""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import ModelError
from emoloom.records import VAD, Appraisal, RatedVAD, Row, fill_vad
from emoloom.runs.directory import write_folder_atomic, write_json_atomic, write_jsonl_atomic
from emoloom.runs.work import Advance
from emoloom.screening.head_answers import HEADS, PackLimits
from emoloom.screening.probe_targets import probe_targets
from emoloom.screening.recipe_settings import Mixture
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.mean_vad import MIDPOINT, mean_vad
from emoloom.supervision.verbalisers import VERBALISER
from emoloom.training.adapters import add_adapter, save_adapter
from emoloom.training.answer_fields import Field
from emoloom.training.balance import LevellingSampler, levelled, natural_priors
from emoloom.training.charts import Charts, make_charts
from emoloom.training.checkpoints import restore_checkpoint, save_checkpoint
from emoloom.training.cut_rows import CutExamples, row_ends
from emoloom.training.examples import Example, Examples, SoftDigits
from emoloom.training.fit import Training
from emoloom.training.heads import Heads, save_heads
from emoloom.training.label_chart import log_odds
from emoloom.training.label_tree import LabelTree, Priors, label_tree
from emoloom.training.label_watch import Watch, make_watch
from emoloom.training.mixture import MixtureSampler
from emoloom.training.pools import held_out_rows, make_pools
from emoloom.training.schedule import EpochSampler, FitSettings, Sampler, batches, trunk_end
from emoloom.training.soft_numbers import numeral_tokens
from emoloom.training.target_proof import TargetProof, prove_targets
from emoloom.training.terms import Reader

Event = Callable[..., None]
"""Told an event's name and, by keyword, its details."""

TRUNK = "trunk"
"""Folder of the state before the decay, from which later rungs go on."""

DECIDING: tuple[Field, ...] = ("labels", "digits")
"""Whose losses decide between learning rates."""


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What training one candidate needs."""

    rows: tuple[Row, ...]
    """The train set, and behind it what the recipe makes: flipped rows, label names spelled."""
    fill_labels: Mapping[str, str]
    """Id of each row without labels -> what stands, untrained, in their place."""
    fill_vad: VAD
    """Stands, untrained, where a row has no VAD, or lacks a dimension."""
    packed_up_to: int
    """From the certificate."""
    settings: FitSettings
    """The recipe in the trainer's terms."""
    base: str
    """Source string of the base model, kept in the adapter."""
    lexicon: Lexicon
    """Gives the VAD of cue words."""
    scale: AffineMap
    """From weak VAD to that of the targets."""
    atoms: Mapping[str, Appraisal] | None
    """Id of each row -> the verifier's atoms of it; None where the recipe has no `appraisal`."""
    mixture: Mixture | None
    """None: every row once an epoch."""
    checkpoint_steps: int
    """Steps between two checkpoints."""
    inputs: str
    """Fingerprint of all that affects the adapter."""
    end: int | None = None
    """Last step of a rung; None for the whole training."""
    trunk: str = ""
    """Fingerprint of the training itself, wherever it ends: its state before the decay is kept, so
    that a later rung goes on from there. Empty where there are no rungs."""
    held_out: tuple[Row, ...] = ()
    """Rows of a trial's loss, no rows of `rows`."""


def train(
    lm: CausalLM,
    job: TrainJob,
    folder: Path,
    advance: Advance,
    event: Event,
    trunk: Path | None = None,
) -> dict[str, int]:
    """Train an adapter; writes steps.jsonl and checkpoint/ into `folder`.

    Args:
        lm: the model; it is used up.
        job: what to train on, and how.
        folder: of the training, or of one of its rungs.
        advance: told of each finished step.
        event: told when packs shrink.
        trunk: where the state before the decay is kept; in `folder` when left out.

    Returns:
        Counts: rows in, examples out, trained tokens, masked tokens, truncated texts.

    Raises:
        ModelError: a loss is not finite, or memory does not suffice.
        UserError: a row cannot be trained on, or the disk is too full for a checkpoint.
    """
    begun = _begin(lm, job, event, advance)
    _take_steps(begun.training, job, folder, trunk or folder / TRUNK, advance)

    def fill(checkpoint: Path) -> None:
        save_adapter(begun.wrapper, checkpoint, job.base)
        if begun.heads is not None:
            save_heads(begun.heads, checkpoint / HEADS)

    _write_log(begun.training, folder)
    write_folder_atomic(folder / "checkpoint", fill)
    shutil.rmtree(folder / "training", ignore_errors=True)
    return {"rows": len(job.rows), **asdict(begun.proof), **begun.counts}


def try_rate(
    lm: CausalLM, job: TrainJob, folder: Path, advance: Advance, event: Event
) -> dict[str, Any]:
    """Train for a while with one learning rate; writes loss.json and steps.jsonl into `folder`.

    The loss is that of what is scored: mean cross-entropy of the label tokens plus that of the
    digits, on the rows held out. In a short training the JSON around them would decide it.

    Returns:
        the learning rate, the loss on the rows held out and its parts (None where training broke,
        and why).
    """
    found: dict[str, Any] = {"learning_rate": job.settings.learning_rate, "loss": None}
    try:
        training = _begin(lm, job, event, advance, apart=True).training
        _take_steps(training, job, folder, folder / TRUNK, advance)
        _write_log(training, folder)
        held_out = Examples(lm.prompter, job.held_out, job.fill_labels, job.fill_vad)
        priors = _answered(job)  # what is decided is told by natural base rates
        found |= deciding(training.losses_on([replace(e, priors=priors) for e in held_out]))
    except ModelError as error:
        found["reason"] = str(error)
    write_json_atomic(folder / "loss.json", found)
    shutil.rmtree(folder / "training", ignore_errors=True)
    return found


def deciding(losses: Mapping[Field, float]) -> dict[str, float]:
    """The loss that decides between learning rates, and its parts.

    Args:
        losses: mean cross-entropy of each field's tokens on the rows held out, in nats.

    Raises:
        ModelError: the rows train neither labels nor digits, or a loss is not finite.
    """
    parts: dict[str, float] = {field: losses[field] for field in DECIDING if field in losses}
    if not parts:
        raise ModelError("no row held out trains a token of a label or a digit")
    if not all(map(math.isfinite, parts.values())):
        raise ModelError("the loss is not finite")
    return {"loss": math.fsum(parts.values()), **parts}


@dataclass(frozen=True, slots=True)
class _Begun:
    """A training before its first step."""

    training: Training
    wrapper: Any
    """Of peft, around the model."""
    heads: Heads | None
    proof: TargetProof
    counts: Mapping[str, int]
    """Of rows that are measured and not trained on; empty without any."""


def _begin(
    lm: CausalLM, job: TrainJob, event: Event, advance: Advance, *, apart: bool = False
) -> _Begun:
    weights = job.settings.weights
    appraisals = None if job.atoms is None else [job.atoms.get(row.id) for row in job.rows]
    charts = _charts(lm, job) if weights.charts else None
    soft = _soft_digits(lm, job, advance)
    examples = Examples(
        lm.prompter,
        job.rows,
        job.fill_labels,
        job.fill_vad,
        charts,
        appraisals,
        soft,
    )
    ends = row_ends(job.rows, job.settings.cut, job.settings.seed)
    proof = prove_targets(lm.prompter, job.rows, examples, ends)
    wrapper = add_adapter(lm, job.settings)
    heads = _heads(lm, job) if weights.heads else None
    drawing = _drawing(lm, job, examples)
    training = Training(
        lm,
        CutExamples(examples, ends),
        job.packed_up_to,
        job.settings,
        sampler=drawing.sampler,
        reader=Reader(
            weights,
            charts,
            heads,
            drawing.tree,
            margin=job.settings.label_margin,
        ),
        watch=drawing.watch,
        on_shrink=lambda tokens: event("pack_shrunk", pack_tokens=tokens),
        end=job.end,
        apart=apart,
    )
    return _Begun(training, wrapper, heads, proof, drawing.counts)


def _soft_digits(lm: CausalLM, job: TrainJob, advance: Advance) -> SoftDigits | None:
    settings = job.settings
    if settings.spreads is None:
        return None
    told: Mapping[str, RatedVAD] = {}
    if settings.distil:
        limits = PackLimits(settings.pack_tokens, job.packed_up_to)
        told = probe_targets(lm, job.rows, limits, lambda _: advance(0))  # a border, and no step
    return SoftDigits(
        settings.spreads, numeral_tokens(lm.prompter), settings.seed, told, settings.distil
    )


def _take_steps(
    training: Training, job: TrainJob, folder: Path, trunk: Path, advance: Advance
) -> None:
    """From the newest checkpoint to the end; a stop loses no step that is taken."""
    kept = folder / "training"
    done = restore_checkpoint(training, kept, job.inputs)
    if not done and job.trunk:
        done = restore_checkpoint(training, trunk, job.trunk)
    advance(done)
    while not training.finished:
        try:
            training.step()
        except ModelError:
            _write_log(training, folder)
            raise
        except KeyboardInterrupt:
            if training.whole and training.log:
                save_checkpoint(training, kept, job.inputs)
            raise
        done = len(training.log)
        if job.trunk and done == trunk_end(training.end, job.settings):
            save_checkpoint(training, trunk, job.trunk)
        try:
            advance(1)
        except BaseException:
            save_checkpoint(training, kept, job.inputs)
            raise
        if done % job.checkpoint_steps == 0 and not training.finished:
            save_checkpoint(training, kept, job.inputs)


def _write_log(training: Training, folder: Path) -> None:
    write_jsonl_atomic(folder / "steps.jsonl", [_line(asdict(step)) for step in training.log])


def _charts(lm: CausalLM, job: TrainJob) -> Charts:
    rows = _annotated(job)
    appraisals = None if job.atoms is None else [job.atoms[row.id] for row in rows]
    charts = make_charts(lm.prompter, rows, job.lexicon, job.scale, appraisals)
    if job.settings.weights.vad_preserving and not len(charts.words.token_ids_W):
        raise UserError(
            f"the lexicon {job.lexicon.name} has no word that {lm.name} writes as one token",
            do="give a lexicon of the texts' language, or leave out recipes with vad_preserving",
        )
    return charts


def _annotated(job: TrainJob) -> list[Row]:
    """The rows that tell what labels stand for, and how frequent they are."""
    return [row for row in job.rows if row.source != VERBALISER]


def _heads(lm: CausalLM, job: TrainJob) -> Heads:
    hidden = lm.model.get_output_embeddings().weight.shape[-1]
    start = fill_vad(mean_vad(row.answer.vad for row in job.rows), MIDPOINT)
    heads = Heads(hidden, log_odds(_annotated(job), lm.prompter.space), start)
    return heads.to(lm.device)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """How rows are drawn, and what that takes."""

    sampler: Sampler
    tree: LabelTree | None = None
    watch: Watch | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


def _drawing(lm: CausalLM, job: TrainJob, examples: Examples) -> _Drawing:
    settings = job.settings
    if job.mixture is None:
        drawing = _Drawing(EpochSampler(tuple(batches(len(job.rows), settings))))
    else:
        drawing = _mixing(lm, job, job.mixture, examples)
    if not settings.level:
        return drawing
    sampler = LevellingSampler(drawing.sampler, natural_priors(job.rows), settings.level)
    return replace(drawing, sampler=sampler, tree=drawing.tree or label_tree(lm.prompter))


def _mixing(lm: CausalLM, job: TrainJob, given: Mixture, examples: Sequence[Example]) -> _Drawing:
    settings, mixture, tree = job.settings, given.settings, label_tree(lm.prompter)
    held_out = held_out_rows(job.rows, mixture.held_out, settings.seed)
    pools = make_pools(job.rows, (*given.pool_a, VERBALISER), held_out)
    priors = _answered(job)
    watched = {index: replace(examples[index], priors=priors) for index in held_out}
    return _Drawing(
        MixtureSampler(pools, settings.seed, settings.epochs, settings.batch_rows, mixture),
        tree,
        make_watch(watched, job.rows, held_out, tree, mixture.measure_steps),
        {"held_out": len(held_out)},
    )


def _answered(job: TrainJob) -> Priors | None:
    """Natural base rates beside those that answers shall follow; None where they are the same."""
    level = job.settings.level
    return levelled(natural_priors(job.rows), level) if level else None


def _line(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step for people and charts: without what was not watched."""
    return {key: value for key, value in step.items() if value is not None and value != {}}
