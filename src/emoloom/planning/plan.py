"""All counts of a screen, fixed before any work: time may stop a screen, never shape it.

Stages stand in the order in which they are done, which is the declared order of what a spent
budget leaves undone, the last first: test rows, which only the best set answers; the rows of
corpora never trained on and the polarity pairs, which rank nothing; zero-shot and frozen probes,
which are only shown; then candidates, in the order of the config; then encoder floors. Row sets,
the other floors, scores and the report are made whatever is spent.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from emoloom.config import Config
from emoloom.corpora.labels import load_space
from emoloom.decoding.audit import rows_to_audit
from emoloom.ranking.halving import promoted_counts
from emoloom.recipes import FROZEN_PROBE, RECIPES
from emoloom.records import Row
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.polarity_set import POLARITY
from emoloom.row_sets.shared import SharedRows
from emoloom.screening.candidates import Candidate
from emoloom.screening.frozen_probe import probed_rows, probed_texts
from emoloom.screening.head_answers import SUFFIX
from emoloom.screening.outputs import SELECT
from emoloom.screening.precision import PROBED_ROWS
from emoloom.screening.precision_record import PRECISION_STAGE
from emoloom.screening.recipe_settings import (
    made_rows,
    rate_said,
    rung_ends,
    train_steps,
    trains_heads,
    trial_steps,
)
from emoloom.screening.training_work import hold_out
from emoloom.training.pools import held_out_rows

Kind = Literal[
    "certificate", "training", "heads", "precision", "answers", "shown", "vectors", "states"
]
"""What a stage does, where that decides what it costs."""


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One unit of work and its size."""

    stage: str
    """Name of the stage."""
    candidate: str
    """Whose it is."""
    units: int
    """Rows, steps, texts, or one certificate."""
    kind: Kind
    """What it does."""
    model: str
    """Name of the base model."""
    rung: int = 0
    """From 1; 0 where it is not of a rung."""
    train_rows: int = 0
    """Rows seen in training."""
    measured: int = 0
    """Rows whose loss is measured besides, or that decide a trial."""
    audited: int = 0
    """Rows decoded again canonically."""
    trained: bool = True
    """Whether the candidate learnt the contract, so that drafts are right."""
    once_promoted: bool = False
    """Whether it is done only for those that a rung promotes."""
    once_best: bool = False
    """Whether it is done only for the best set, which is not known before."""
    copied: bool = False
    """Whether it is copied from another candidate of the same model."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of plan.json."""
        found: dict[str, Any] = {
            "stage": self.stage,
            "candidate": self.candidate,
            "units": self.units,
        }
        found |= {"train_rows": self.train_rows} if self.train_rows else {}
        found |= {"measured_rows": self.measured} if self.measured else {}
        found |= {"once_promoted": True} if self.once_promoted else {}
        return found | {"once_best": True} if self.once_best else found


@dataclass(frozen=True, slots=True)
class _Counting:
    """What counts are made of."""

    config: Config
    rows: SharedRows
    flips: tuple[Row, ...]

    def certificate(self, candidate: Candidate, seen: set[str]) -> PlannedStage:
        model, copied = candidate.model.name, candidate.model.name in seen
        seen.add(model)
        return PlannedStage("preflight", candidate.name, 1, "certificate", model, copied=copied)

    def steps(self, candidate: Candidate) -> tuple[int, int]:
        """Of the whole training, and the rows that it sees."""
        rows = len(self.trained_on(candidate))
        return train_steps(self.config, rows), rows * self.config.training.epochs

    def trained_on(self, candidate: Candidate) -> tuple[Row, ...]:
        """Every row that its recipe trains on."""
        made = made_rows(candidate.recipe, self.flips, load_space(self.config.labels))
        return (*self.rows.train, *made)

    def training(self, candidate: Candidate, rung: int = 0) -> PlannedStage:
        steps, rows = self.steps(candidate)
        ends = (0, *rung_ends(self.config, steps))
        before = 0 if candidate.noise_of else ends[-2]
        end, begun = (ends[rung], ends[rung - 1]) if rung else (ends[-1], before)
        begun -= math.ceil(self.config.training.decay_share * begun)  # a rung's decay is a fork
        return PlannedStage(
            f"train-{rung}" if rung else "train",
            candidate.name,
            end,
            "training",
            candidate.model.name,
            rung,
            round(rows * (end - begun) / steps),
            self.measured(candidate, begun, end),
            once_promoted=rung > 1 or (rung == 0 and self.promoted(candidate, rung)),
        )

    def trials(self, candidate: Candidate) -> Iterator[PlannedStage]:
        if not self.config.trials.learning_rates:
            return
        steps, rows = self.steps(candidate)
        units = trial_steps(self.config, steps)
        trained = self.trained_on(candidate)
        deciding = len(hold_out(trained, self.config.trials.rows, candidate.seed)[1])
        for number, _ in enumerate(self.config.trials.learning_rates, start=1):
            yield PlannedStage(
                f"rate-{number}",
                candidate.name,
                units,
                "training",
                candidate.model.name,
                train_rows=round(rows * units / steps),
                measured=deciding + self.measured(candidate, 0, units),
            )

    def measured(self, candidate: Candidate, begun: int, end: int) -> int:
        """Rows that a mixture is driven by, as often as they are measured in some steps."""
        if "mixture" not in RECIPES[candidate.recipe]:
            return 0
        mixture = self.config.training.mixture
        rows = held_out_rows(self.trained_on(candidate), mixture.held_out, candidate.seed)
        return len(rows) * (end // mixture.measure_steps - begun // mixture.measure_steps)

    def asked(self, candidate: Candidate, row_set: str, rung: int) -> int:
        """Rows that are answered: fewer for a rung, and for what is shown only."""
        rows = len(self.rows.asked[row_set])
        if not candidate.trained:
            return min(rows, self.config.zero_shot.rows)
        return min(rows, self.config.halving.rows) if rung else rows

    def precision(self, candidate: Candidate, rung: int = 0) -> Iterator[PlannedStage]:
        if self.config.decoding.dtype != "float32":
            yield PlannedStage(
                f"{PRECISION_STAGE}-{rung}" if rung else PRECISION_STAGE,
                candidate.name,
                min(PROBED_ROWS, self.asked(candidate, SELECT, rung)),
                "precision",
                candidate.model.name,
                rung,
                trained=candidate.trained,
                once_promoted=self.promoted(candidate, rung),
            )

    def promoted(self, candidate: Candidate, rung: int) -> bool:
        """Whether only those get there that a rung promotes."""
        return self.config.halving.rungs > 1 and rung != 1 and candidate.kind == "candidate"

    def answers(self, candidate: Candidate, row_set: str, rung: int = 0) -> PlannedStage:
        asked, decoding = self.asked(candidate, row_set, rung), self.config.decoding
        whole, rows = row_set == SELECT and not rung, self.rows.asked[row_set]
        least = decoding.audit_rows if whole else 0
        ids = [row.id for row in rows[:asked]]
        return PlannedStage(
            f"{row_set}-{rung}" if rung else row_set,
            candidate.name,
            asked,
            "answers" if candidate.trained else "shown",
            candidate.model.name,
            rung,
            audited=len(rows_to_audit(ids, decoding.audit_share, least)),
            once_promoted=self.promoted(candidate, rung) and row_set != TEST,
            once_best=row_set == TEST,
        )

    def frozen_probe(self, candidate: Candidate) -> PlannedStage:
        texts, model = len(probed_texts(self.config, self.rows)), candidate.model.name
        fitted = len(probed_rows(self.config, self.rows.train))
        return PlannedStage(
            SELECT, candidate.name, texts, "states", model, train_rows=fitted, trained=False
        )

    def heads(self, candidate: Candidate) -> Iterator[PlannedStage]:
        if trains_heads(self.config, candidate.recipe):
            asked = len(self.rows.all_asked)
            name, promoted = candidate.name + SUFFIX, self.config.halving.rungs > 1
            model = candidate.model.name
            yield PlannedStage(SELECT, name, asked, "heads", model, once_promoted=promoted)


def encoder_stage(name: str, rows: SharedRows, texts: int) -> PlannedStage:
    """The one stage of an encoder floor, which reads so many distinct texts of train and asked."""
    return PlannedStage(SELECT, name, texts, "vectors", name, train_rows=len(rows.train))


def planned_stages(
    config: Config, chosen: Sequence[Candidate], rows: SharedRows, flips: tuple[Row, ...]
) -> tuple[PlannedStage, ...]:
    """Every stage that runs a model, in the order in which they are done.

    Args:
        config: the screen.
        chosen: candidates, in the order in which they are done.
        rows: that all share.
        flips: rows that Valence Flip adds where a recipe has it.
    """
    return tuple(_stages(_Counting(config, rows, flips), chosen))


def _stages(counting: _Counting, chosen: Sequence[Candidate]) -> Iterator[PlannedStage]:
    trained = [candidate for candidate in chosen if candidate.kind == "candidate"]
    rungs, seen = counting.config.halving.rungs, set[str]()
    if rungs > 1:
        yield from (counting.certificate(candidate, seen) for candidate in trained)
        for rung in range(1, rungs):
            for candidate in trained:
                yield from counting.trials(candidate) if rung == 1 else ()
                yield counting.training(candidate, rung)
                yield from counting.precision(candidate, rung)
                yield counting.answers(candidate, SELECT, rung)
    for candidate in chosen:
        afresh = rungs == 1 or candidate not in trained
        if afresh:
            yield counting.certificate(candidate, seen)
        if candidate.recipe == FROZEN_PROBE:
            yield counting.frozen_probe(candidate)
            continue
        if candidate.trained:
            yield from counting.trials(candidate) if afresh else ()
            yield counting.training(candidate)
            yield from counting.heads(candidate)
        yield from counting.precision(candidate)
        yield counting.answers(candidate, SELECT)
    for row_set in (POLARITY, CROSS, TEST):
        if counting.rows.asked[row_set]:
            yield from (counting.answers(candidate, row_set) for candidate in trained)


def make_plan(
    config: Config,
    chosen: Sequence[Candidate],
    rows: SharedRows,
    flips: tuple[Row, ...],
    floors: Sequence[PlannedStage] = (),
) -> dict[str, Any]:
    """The JSON object of plan.json: counts alone, no time but the limits that the user gave.

    Args:
        config: the screen.
        chosen: candidates, in the order in which they are done.
        rows: that all share.
        flips: rows that Valence Flip adds where a recipe has it.
        floors: stages of the encoder floors, which come first.
    """
    stages = (*floors, *planned_stages(config, chosen, rows, flips))
    return {
        "train_rows": len(rows.train),
        "flipped_rows": len(flips),
        "select_rows": len(rows.select),
        "polarity_rows": len(rows.polarity),
        **({"cross_rows": len(rows.cross)} if rows.cross else {}),
        **({"test_rows": len(rows.test)} if rows.test else {}),
        "stages": [stage.to_dict() for stage in stages],
        "rungs": _rungs(config, chosen, rows),
        "learning_rate": rate_said(config, len(rows.train)),
        "budget": config.budget.model_dump(mode="json"),
    }


def _rungs(config: Config, chosen: Sequence[Candidate], rows: SharedRows) -> list[dict[str, int]]:
    """What each rung but the last decides; steps are those of plain fine-tuning."""
    count = sum(candidate.kind == "candidate" for candidate in chosen)
    ends = rung_ends(config, train_steps(config, len(rows.train)))
    scored = min(len(rows.select), config.halving.rows)
    found = []
    for rung, end in enumerate(ends[:-1], start=1):
        if count == 0:
            break
        keep, cap = promoted_counts(config.halving, count)
        found.append(
            {"rung": rung, "candidates": count, "steps": end, "rows": scored}
            | {"keep": keep, "cap": cap}
        )
        count = keep
    return found
