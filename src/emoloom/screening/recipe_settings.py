"""What a recipe is in the trainer's terms, and how many steps it takes."""

import math
from dataclasses import dataclass

from emoloom.config import Config
from emoloom.config_sections import FieldsConfig
from emoloom.recipes import RECIPES, Treatment
from emoloom.records import LabelSpace, Row
from emoloom.screening.extras import pool_a_of
from emoloom.supervision.verbalisers import verbaliser_rows
from emoloom.training.cut_rows import CutShares
from emoloom.training.mixture import MixtureSettings
from emoloom.training.schedule import FitSettings
from emoloom.training.soft_numbers import Spreads
from emoloom.training.terms import FieldWeights, Weights

LEAST_TRIAL_STEPS = 60
"""A shorter trial tells which rate learns the JSON fastest, and little else (ours)."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """How a recipe draws its rows from pools."""

    pool_a: tuple[str, ...]
    """Corpora of pool A; all others are pool B."""
    settings: MixtureSettings
    """Heating and cooling."""


def fit_settings(config: Config, recipe: Treatment) -> FitSettings:
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
            fields=_field_weights(training.fields) if "fields" in parts else None,
            labels=given.labels if heads else 0.0,
            vad=given.vad if heads else 0.0,
            vad_preserving=given.vad_preserving if "vad_preserving" in parts else 0.0,
            appraisal=given.appraisal if "appraisal" in parts else 0.0,
        ),
        spreads=Spreads(training.spreads.human, training.spreads.weak)
        if "soft_digits" in parts
        else None,
        cut=CutShares(training.cut.labels, training.cut.digits) if "cut" in parts else None,
        distil=training.distil if "distil" in parts else 0.0,
        level=training.level if "balance" in parts else 0.0,
        label_margin=training.label_margin if "balance" in parts and training.level else 0.0,
        dtype=training.dtype,
        recompute=training.recompute,
    )


def _field_weights(given: FieldsConfig) -> FieldWeights:
    total = math.fsum((given.labels, given.digits, given.rationale, given.skeleton))
    return FieldWeights(
        labels=given.labels / total,
        digits=given.digits / total,
        rationale=given.rationale / total,
        skeleton=given.skeleton / total,
    )


def trains_heads(config: Config, recipe: Treatment) -> bool:
    """Whether a recipe trains heads, which then are a floor of their own."""
    return recipe in RECIPES and fit_settings(config, recipe).weights.heads


def mixture_of(config: Config, recipe: Treatment) -> Mixture | None:
    """The mixture of a recipe, or None."""
    if "mixture" not in RECIPES[recipe]:
        return None
    given = config.training.mixture
    return Mixture(
        pool_a_of(config),
        MixtureSettings(
            tau0=given.tau0,
            excess_low=given.excess_low,
            excess_high=given.excess_high,
            most_draws=given.most_draws,
            held_out=given.held_out,
            measure_steps=given.measure_steps,
        ),
    )


def made_rows(recipe: Treatment, flips: tuple[Row, ...], space: LabelSpace) -> tuple[Row, ...]:
    """What a recipe trains on beside the train set.

    Args:
        recipe: one that trains.
        flips: the rows that Valence Flip makes.
        space: the label space in force.
    """
    parts = RECIPES[recipe]
    spelled = verbaliser_rows(space) if "verbalisers" in parts else ()
    return (*(flips if "flip" in parts else ()), *spelled)


def train_steps(config: Config, rows: int) -> int:
    """Optimiser steps over so many rows, whatever the recipe."""
    return config.training.epochs * -(-rows // config.training.batch_rows)


def rung_ends(config: Config, steps: int) -> tuple[int, ...]:
    """The last step of each rung of a training of `steps`; that of the last rung is `steps`.

    Each rung takes as many times more steps than the one before as fewer candidates reach it.
    """
    rungs, keep = config.halving.rungs, config.halving.keep
    return tuple(max(1, math.ceil(steps * keep ** (rungs - r))) for r in range(1, rungs + 1))


def trial_steps(config: Config, steps: int) -> int:
    """Steps of one trial of a learning rate; 0 where the one rate of the config is taken.

    Its part of the trials' share, `LEAST_TRIAL_STEPS` at least; as many as the whole training has,
    where that has fewer.

    Args:
        config: the screen.
        steps: of the whole training.
    """
    trials = config.trials
    if not trials.learning_rates:
        return 0
    part = math.floor(trials.share * steps / len(trials.learning_rates))
    return min(steps, max(LEAST_TRIAL_STEPS, part))


def rate_said(config: Config, rows: int) -> str:
    """How the learning rate comes about, for people.

    Args:
        config: the screen.
        rows: of the train set; recipes that add rows to it may take more steps in a trial.
    """
    rates = config.trials.learning_rates
    if not rates:
        return f"fixed: {config.training.learning_rate:g} for every candidate"
    whole = train_steps(config, rows)
    steps = trial_steps(config, whole)
    tried = ", ".join(f"{rate:g}" for rate in rates)
    said = f"the best of {tried} for each candidate, by the loss of labels and digits after trials "
    if steps == whole:
        return said + f"of {steps} steps each, as many as the whole training has"
    if steps == LEAST_TRIAL_STEPS:
        return said + f"of {steps} steps each, the fewest that a trial takes"
    return said + f"of {steps} steps each, {config.trials.share:g} of a training's for all together"
