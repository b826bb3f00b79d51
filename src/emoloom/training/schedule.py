"""What a training is made of before a step is taken: settings, learning rate, order of the rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from emoloom.draws import generator
from emoloom.sizes import TRAIN_PACK_TOKENS
from emoloom.training.cut_rows import CutShares
from emoloom.training.label_tree import Priors
from emoloom.training.soft_numbers import Spreads
from emoloom.training.terms import Weights


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Everything about training that affects the adapter, beside the rows."""

    seed: int
    """Of the row order and the adapter's initial values."""
    epochs: int = 1
    """Passes over the rows."""
    batch_rows: int = 8
    """Rows in one optimiser step."""
    pack_tokens: int = TRAIN_PACK_TOKENS
    """Tokens in one packed forward; several packs may make one step."""
    learning_rate: float = 1e-3
    """Peak rate of AdamW."""
    warmup_share: float = 0.1
    """Share of the steps with a rising rate, in [0, 1]."""
    decay_share: float = 0.2
    """Share of the steps with a falling rate, in [0, 1]."""
    lora_rank: int = 16
    """Rank of each adapter matrix; alpha is twice the rank, dropout 0."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient."""
    weights: Weights = field(default_factory=Weights)
    """Of the loss terms."""
    spreads: Spreads | None = None
    """How far around a rating other values are wanted; None: each value's own digits alone."""
    cut: CutShares | None = None
    """Which rows end before their answers do; None: no row."""
    distil: float = 0.0
    """Weight of VAD read off the untrained model in what digits want, in [0, 1]."""
    level: float = 0.0
    """How far the labels' base rates are levelled in answers, in [0, 1]; see `balance`."""
    label_margin: float = 0.0
    """Of labels against other tokens, in nats, where base rates are levelled; see `prior_shift`."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the forward's matrix products; weights, logits and losses are fp32."""
    recompute: bool = False
    """Whether activations are worked out again going back: less memory, more time."""


@dataclass(frozen=True, slots=True)
class StepLog:
    """One optimiser step. No times: they live in costs.json."""

    step: int
    """From 1."""
    loss: float
    """Weighted sum of the terms; for plain fine-tuning the mean cross-entropy, in nats."""
    learning_rate: float
    """Rate of this step."""
    rows: int
    """Rows of this step."""
    answer_tokens: int
    """Trained tokens of this step."""
    terms: dict[str, float] = field(default_factory=dict)
    """Mean of every term that is on, unweighted."""
    excess: float | None = None
    """Loss at the first label of rows held out less that of base rates, after this step, in nats;
    None where it was not measured."""
    tau: float | None = None
    """Temperature of the mixture; None without one."""
    share_a: float | None = None
    """Share of pool A that was aimed at; None without a mixture."""
    strata: dict[str, int] = field(default_factory=dict)
    """Rows drawn from each stratum of the mixture."""
    drawn: tuple[int, ...] = ()
    """Indices of the training rows of this step."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The rows of one step."""

    indices: tuple[int, ...]
    """Into the training rows."""
    tau: float | None = None
    """Temperature, where there is one."""
    share_a: float | None = None
    """Share of pool A that was aimed at, where there are pools."""
    strata: tuple[str, ...] = ()
    """Stratum of each row, where there are strata."""
    priors: tuple[Priors, ...] = ()
    """Of each row, where labels are drawn otherwise than they occur; empty for one without any."""


class Sampler(Protocol):
    """Chooses the rows of each step: a pure function of the seed, the step and the log so far."""

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""

    def draw(self, log: Sequence[StepLog]) -> Draw:
        """Rows of the step after those of the log."""


@dataclass(frozen=True, slots=True)
class EpochSampler:
    """Every row once an epoch, in a new order each."""

    plan: tuple[tuple[int, ...], ...]
    """Row indices of every step."""

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return len(self.plan)

    def draw(self, log: Sequence[StepLog]) -> Draw:
        """Rows of the step after those of the log."""
        return Draw(self.plan[len(log)])


def learning_rate_at(step: int, steps: int, settings: FitSettings, end: int | None = None) -> float:
    """Warm-up, constant, linear decay (trapezoid; Hägele et al. 2024, arXiv 2405.18392).

    A training that ends early has the warm-up of the whole one and a decay of its own, so up to
    `trunk_end` its steps are those of the whole one, and it can be continued from there. A trial is
    not continued: its own steps are `steps`, so that it reaches the rate that it tries.

    Args:
        step: from 1 to `end`.
        steps: of the whole training; of a trial its own.
        settings: peak rate and shares.
        end: last step, where the training ends before `steps`.
    """
    end = steps if end is None else end
    warmup = max(1, math.ceil(settings.warmup_share * steps))
    decay = math.ceil(settings.decay_share * end)
    rise = min(1.0, step / warmup)
    fall = min(1.0, (end - step + 1) / (decay + 1))
    return settings.learning_rate * min(rise, fall)


def trunk_end(end: int, settings: FitSettings) -> int:
    """The last step before the decay of a training that ends with step `end`; 0 if there is none.

    Up to it every training of the same rows and settings takes the same steps, wherever it ends.
    """
    return end - math.ceil(settings.decay_share * end)


def batches(count: int, settings: FitSettings) -> list[tuple[int, ...]]:
    """Row indices of every step: each epoch a new permutation, the last step may be smaller."""
    steps: list[tuple[int, ...]] = []
    for epoch in range(settings.epochs):
        order = generator(settings.seed, "row-order", epoch).permutation(count).tolist()
        steps.extend(
            tuple(order[start : start + settings.batch_rows])
            for start in range(0, count, settings.batch_rows)
        )
    return steps
