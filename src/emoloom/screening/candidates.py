"""Candidates (model x recipe): listed, loaded, certified.

Every function here takes records and folders and writes its outputs whole; when it runs, and
whether it must, is for the engine and the pipeline.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from emoloom.config import Config
from emoloom.config_sections import ModelConfig
from emoloom.contract.schema import write_answer
from emoloom.draws import seed_of_library
from emoloom.errors import UserError
from emoloom.models.causal_lm import CausalLM, load_causal_lm
from emoloom.models.certificate import Certificate
from emoloom.models.preflight import certify
from emoloom.recipes import FROZEN_PROBE, PROBE_SUFFIX, RECIPES, ZERO_SHOT, Recipe, Treatment
from emoloom.records import VAD, LabelSpace, Prediction, Row
from emoloom.runs.directory import write_json_atomic
from emoloom.sizes import PROBE_ANSWERS
from emoloom.sources.model_files import ModelFiles, ModelSource, parse_source
from emoloom.training.adapters import load_adapter

Spend = Callable[[int], object]
"""Told how many positions a forward computes."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One line of the comparison."""

    name: str
    """`<model>.<recipe>`; also its folder."""
    model: ModelSource
    """The base model."""
    recipe: Treatment
    """What is done with it."""
    seed: int
    """Of its training."""
    pooled: str = ""
    """Name of the candidate that this is one of several trainings of; empty where it is alone."""
    noise_of: str = ""
    """Name of the candidate that this is a further training of, to measure how much trainings vary;
    empty where it is none."""

    @property
    def kind(self) -> Literal["candidate", "shown"]:
        """Zero-shot stands outside the ranking: it does not predict fine-tuned quality.

        So do frozen probes, and trainings that measure noise.
        """
        return "candidate" if self.trained and not self.noise_of else "shown"

    @property
    def trained(self) -> bool:
        """Whether the recipe trains the model."""
        return self.recipe in RECIPES


def list_candidates(config: Config) -> tuple[Candidate, ...]:
    """Every model with every recipe, in the order of the config; what is only shown comes last.

    Raises:
        UserError: an unknown model source, or two models of one name.
    """
    models = [_source(model) for model in config.models]
    # Names become folders, and some disks take `A` and `a` for one.
    names = [model.name.casefold() for model in models]
    for model in models:
        if names.count(model.name.casefold()) > 1:
            raise UserError(
                "two models have one name", got=model.name, do="give each a `name` of its own"
            )
    every = [
        one
        for model in models
        for recipe in config.recipes
        for one in _trainings(config, model, recipe)
    ]
    return tuple(sorted(every, key=lambda candidate: not candidate.trained))


def all_candidates(config: Config, parameters: Mapping[str, int]) -> tuple[Candidate, ...]:
    """As `list_candidates`, and what is made beside them for comparison, in the order of the work.

    Each model's frozen probe comes behind all that trains, before zero-shot. Last are the trainings
    that measure how much trainings vary. They are of the cheapest candidate: the model with the
    fewest parameters, the first of equal ones, with its first recipe that trains.

    Args:
        config: the screen.
        parameters: of each model, by its name.
    """
    listed = list_candidates(config)
    trained = [one for one in listed if one.trained]
    untrained = [one for one in listed if not one.trained]
    found = (*trained, *_frozen_probes(config, listed), *untrained)
    further = config.seeds_for_noise - max(1, len(config.seeds))
    if further < 1 or not trained:
        return found
    cheapest = min(trained, key=lambda one: parameters[one.model.name])
    of = cheapest.pooled or cheapest.name
    return (
        *found,
        *(
            replace(
                cheapest,
                name=f"{of}.noise{number}",
                seed=seed_of_library(config.seed, "noise-trainings", number),
                pooled="",
                noise_of=of,
            )
            for number in range(1, further + 1)
        ),
    )


def _frozen_probes(config: Config, listed: Sequence[Candidate]) -> list[Candidate]:
    """One for each model, in their order; none where they are off."""
    if config.frozen_probe.rows == 0:
        return []
    models = {one.model.name: one.model for one in listed}
    return [
        Candidate(f"{name}{PROBE_SUFFIX}", model, FROZEN_PROBE, config.seed)
        for name, model in models.items()
    ]


def _source(model: ModelConfig) -> ModelSource:
    """Where it is opened, under the source that the config writes: that one is recorded."""
    source = parse_source(
        model.source,
        name=model.name,
        allow_large=model.allow_large,
        trust_remote_code=model.trust_remote_code,
    )
    return replace(source, source=model.written("source")) if model.moved("source") else source


def _trainings(config: Config, model: ModelSource, recipe: Recipe) -> Iterator[Candidate]:
    """One candidate, or one for each of the config's seeds where the recipe trains."""
    name = f"{model.name}.{recipe}"
    if not config.seeds or recipe == ZERO_SHOT:
        yield Candidate(name, model, recipe, config.seed)
        return
    for seed in config.seeds:
        yield Candidate(f"{name}.seed{seed}", model, recipe, seed, pooled=name)


def deterministic(config: Config) -> None:
    """This run's threads, and the algorithms that give the same bytes each time."""
    torch.set_num_threads(config.threads)
    # cuBLAS reads it when it starts; without it deterministic algorithms refuse to run on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)


def load(
    files: ModelFiles, config: Config, space: LabelSpace, spend: Spend = lambda _: None
) -> CausalLM:
    """The base model on this run's threads, in the mode that gives the same bytes each time.

    Its forwards tell `spend` how many positions they compute.
    """
    deterministic(config)
    lm = load_causal_lm(
        files.folder,
        space,
        name=files.display_name,
        max_text_tokens=config.training.max_text_tokens,
        trust_remote_code=files.trust_remote_code,
    )
    return replace(lm, spend=spend)


def preflight(lm: CausalLM, train: Sequence[Row], config: Config, out: Path) -> Certificate:
    """Certify the base model and write preflight.json."""
    rows = [row for row in train if row.answer.labels and isinstance(row.answer.vad, VAD)][
        :PROBE_ANSWERS
    ]
    answers = [
        write_answer(Prediction(row.answer.labels, row.answer.vad, row.answer.rationale))
        for row in rows
        if row.answer.labels and isinstance(row.answer.vad, VAD)
    ] or [_ANY_ANSWER]
    certificate = certify(
        lm,
        [row.text for row in train],
        answers,
        config.decoding.max_new_tokens,
        bf16=True,
    )
    write_json_atomic(out, certificate.to_dict())
    return certificate


_ANY_ANSWER = '{"labels":["neutral"],"vad":{"v":0.50,"a":0.50,"d":0.50},"rationale":"cues: none"}'


def read_certificate(path: Path) -> Certificate:
    """What `preflight` wrote."""
    return Certificate.from_dict(json.loads(path.read_text(encoding="utf-8")))


def with_adapter(lm: CausalLM, folder: Path) -> CausalLM:
    """The base model with the candidate's checkpoint merged in."""
    return load_adapter(lm, folder / "checkpoint")
