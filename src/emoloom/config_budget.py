"""Settings of what a screen may spend, and how it saves: rungs, trials, budget, kept answers."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from emoloom.config_mapping import OURS, Settings


def distinct_rates(rates: tuple[float, ...]) -> tuple[float, ...]:
    """The rates, if none stands twice."""
    if len(set(rates)) < len(rates):
        raise PydanticCustomError(OURS, "a rate stands twice")
    return rates


Rate = Annotated[float, Field(gt=0, lt=1)]
"""A peak rate of AdamW."""


class HalvingConfig(Settings):
    """Synchronous successive halving: after each rung only some candidates are trained further."""

    rungs: int = Field(
        1, ge=1, le=6, description="Rungs, the whole training included; 1: all are trained whole."
    )
    keep: float = Field(
        0.5, gt=0, lt=1, description="Share of a rung's candidates that is promoted, rounded up."
    )
    cap: float = Field(
        0.75,
        gt=0,
        le=1,
        description="Share that a tie group at the cut may raise it to, rounded up; of up to three "
        "candidates the whole group goes on.",
    )
    rows: int = Field(
        64, ge=2, description="Rows of `select` that a rung is scored on, from its corpora in turn."
    )


class TrialsConfig(Settings):
    """Trials of learning rates before a candidate is trained; charged to the budget."""

    learning_rates: Annotated[tuple[Rate, ...], AfterValidator(distinct_rates)] = Field(
        (), description="Peak rates tried for each candidate; none: `training.learning_rate` holds."
    )
    share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="Share of a training's steps that all trials take together, where "
        "each then has 60; else each takes 60, or all steps of a shorter training.",
    )
    rows: int = Field(
        32,
        ge=1,
        description="Rows of train held out of the trials; their labels and digits decide.",
    )


class BudgetConfig(Settings):
    """What all calls of `emoloom screen` on one run may spend; a spent budget leaves a report."""

    wall_seconds: float | None = Field(
        None, ge=0, description="Wall time of all calls on the run, in seconds."
    )
    accelerator_seconds: float | None = Field(
        None, ge=0, description="Time in which units of work held a model, over all workers."
    )
    tokens: int | None = Field(None, ge=0, description="Positions computed in forwards.")
    probe: bool = Field(
        True, description="Time each model for seconds first, and forecast what the screen costs."
    )
    unit_seconds: float = Field(
        3600, gt=0, description="Longest time for one unit (a step, a row, a certificate)."
    )
    memory_mb: int | None = Field(
        None, ge=64, description="Memory of one worker in MiB, at most; no limit when left out."
    )
    attempts: int = Field(
        2, ge=1, le=10, description="Times that work is tried whose worker dies, in one run."
    )


class CacheConfig(Settings):
    """Answers kept between runs, in the user's cache folder; they change no result."""

    answers: bool = Field(
        False, description="Take answers of the very same model, settings and code from there."
    )
    max_mb: int = Field(200, ge=1, le=100_000, description="Size of all kept answers, in MB.")
