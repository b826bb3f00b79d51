"""Candidates (model x recipe) and the three pieces of work each one needs.

Every function here takes records and folders and writes its outputs whole; when it runs, and
whether it must, is for the engine and the pipeline.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from emoloom.config import Config, Recipe
from emoloom.contract.schema import write_answer
from emoloom.errors import UserError
from emoloom.models.causal_lm import CausalLM, load_causal_lm
from emoloom.models.certificate import Certificate
from emoloom.models.preflight import certify
from emoloom.records import VAD, LabelSpace, Prediction, Row
from emoloom.runs.directory import (
    write_folder_atomic,
    write_json_atomic,
    write_jsonl_atomic,
)
from emoloom.runs.work import Advance
from emoloom.sources.model_files import ModelFiles, ModelSource, parse_source
from emoloom.training.examples import commonest_label, make_example, prove_targets
from emoloom.training.fit import (
    FitSettings,
    add_adapter,
    fit,
    load_adapter,
    save_adapter,
)

PROBE_ANSWERS = 16
"""Answers shown to the model by the certificate."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One line of the comparison."""

    name: str
    """`<model>.<recipe>`; also its folder."""
    model: ModelSource
    """The base model."""
    recipe: Recipe
    """What is done with it."""

    @property
    def kind(self) -> Literal["candidate", "shown"]:
        """Zero-shot stands outside the ranking: it does not predict fine-tuned quality."""
        return "shown" if self.recipe == "zero-shot" else "candidate"


def list_candidates(config: Config) -> tuple[Candidate, ...]:
    """Every model with every recipe, in the order of the config.

    Raises:
        UserError: an unknown model source, or two models of one name.
    """
    models = [
        parse_source(
            model.source,
            name=model.name,
            allow_large=model.allow_large,
            trust_remote_code=model.trust_remote_code,
        )
        for model in config.models
    ]
    # Names become folders, and some disks take `A` and `a` for one.
    names = [model.name.casefold() for model in models]
    for model in models:
        if names.count(model.name.casefold()) > 1:
            raise UserError(
                "two models have one name", got=model.name, do="give each a `name` of its own"
            )
    return tuple(
        Candidate(f"{model.name}.{recipe}", model, recipe)
        for model in models
        for recipe in config.recipes
    )


def load(files: ModelFiles, config: Config, space: LabelSpace) -> CausalLM:
    """The base model on this run's threads, in the mode that gives the same bytes each time."""
    torch.set_num_threads(config.threads)
    # cuBLAS reads it when it starts; without it deterministic algorithms refuse to run on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    return load_causal_lm(
        files.folder,
        space,
        name=files.display_name,
        max_text_tokens=config.training.max_text_tokens,
        trust_remote_code=files.trust_remote_code,
    )


def preflight(lm: CausalLM, train: Sequence[Row], config: Config, out: Path) -> Certificate:
    """Certify the base model and write preflight.json."""
    rows = [row for row in train if row.answer.labels and row.answer.vad][:PROBE_ANSWERS]
    answers = [
        write_answer(Prediction(row.answer.labels, row.answer.vad, row.answer.rationale))
        for row in rows
        if row.answer.labels and row.answer.vad
    ] or [_ANY_ANSWER]
    certificate = certify(lm, [row.text for row in train], answers, config.decoding.max_new_tokens)
    write_json_atomic(out, certificate.to_dict())
    return certificate


_ANY_ANSWER = '{"labels":["neutral"],"vad":{"v":0.50,"a":0.50,"d":0.50},"rationale":"cues: none"}'


def read_certificate(path: Path) -> Certificate:
    """What `preflight` wrote."""
    return Certificate.from_dict(json.loads(path.read_text(encoding="utf-8")))


def fit_settings(config: Config) -> FitSettings:
    """The recipe `sft` in the trainer's terms."""
    training = config.training
    return FitSettings(
        seed=config.seed,
        epochs=training.epochs,
        batch_rows=training.batch_rows,
        pack_tokens=training.pack_tokens,
        learning_rate=training.learning_rate,
        warmup_share=training.warmup_share,
        decay_share=training.decay_share,
        lora_rank=training.lora_rank,
    )


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What training one candidate needs."""

    rows: tuple[Row, ...]
    """The train set."""
    fill_vad: VAD
    """Stands, untrained, where a row has no VAD."""
    packed_up_to: int
    """From the certificate."""
    settings: FitSettings
    """The recipe."""
    base: str
    """Source string of the base model, kept in the adapter."""


def train(lm: CausalLM, job: TrainJob, folder: Path, advance: Advance) -> dict[str, int]:
    """Train an adapter; writes steps.jsonl, targets.json and checkpoint/ into `folder`.

    Returns:
        Counts: rows in, examples out, trained tokens, masked tokens, truncated texts.

    Raises:
        ModelError: a loss is not finite.
        UserError: a row cannot be trained on.
    """
    label = commonest_label(job.rows, lm.prompter.space)
    examples = [make_example(lm.prompter, row, label=label, vad=job.fill_vad) for row in job.rows]
    proof = prove_targets(lm.prompter, job.rows, examples)
    wrapper = add_adapter(lm, job.settings)
    steps = []
    for step in fit(lm, wrapper, examples, job.packed_up_to, job.settings):
        steps.append(asdict(step))
        advance(1)
    write_jsonl_atomic(folder / "steps.jsonl", steps)
    write_folder_atomic(
        folder / "checkpoint", lambda checkpoint: save_adapter(wrapper, checkpoint, job.base)
    )
    return {"rows": len(job.rows), **asdict(proof)}


def with_adapter(lm: CausalLM, folder: Path) -> CausalLM:
    """The base model with the candidate's checkpoint merged in."""
    return load_adapter(lm, folder / "checkpoint")
