"""All counts of a screen, fixed before any work: time may stop a screen, never shape it."""

from collections.abc import Sequence
from typing import Any

from emoloom.config import Config
from emoloom.recipes import RECIPES
from emoloom.runs.directory import RunDirectory, write_json_atomic
from emoloom.screening.candidates import Candidate
from emoloom.screening.head_answers import SUFFIX
from emoloom.screening.outputs import SELECT
from emoloom.screening.polarity_set import POLARITY
from emoloom.screening.row_sets import SharedRows
from emoloom.screening.training_steps import train_steps, trains_heads


def make_plan(
    config: Config, chosen: Sequence[Candidate], rows: SharedRows, flips: int
) -> dict[str, Any]:
    """Stages with their units, in the order in which they are done."""
    stages: list[dict[str, Any]] = []
    for candidate in chosen:
        stages.append({"stage": "preflight", "candidate": candidate.name, "units": 1})
        decoded = len(rows.select)
        if candidate.trained:
            flipped = flips if "flip" in RECIPES[candidate.recipe] else 0
            steps = train_steps(config, len(rows.train) + flipped)
            stages.append({"stage": "train", "candidate": candidate.name, "units": steps})
            if trains_heads(config, candidate.recipe):
                head, answered = candidate.name + SUFFIX, decoded + len(rows.polarity)
                stages.append({"stage": SELECT, "candidate": head, "units": answered})
        else:
            decoded = min(decoded, config.zero_shot.rows)
        stages.append({"stage": SELECT, "candidate": candidate.name, "units": decoded})
    if rows.polarity:
        asked = [candidate.name for candidate in chosen if candidate.trained]
        stages += [{"stage": POLARITY, "candidate": c, "units": len(rows.polarity)} for c in asked]
    return {
        "train_rows": len(rows.train),
        "flipped_rows": flips,
        "select_rows": len(rows.select),
        "polarity_rows": len(rows.polarity),
        "stages": stages,
        "learning_rate": "fixed: one value for every candidate",
        "wall_seconds": config.budget.wall_seconds,
    }


def write_plan(
    run: RunDirectory, config: Config, chosen: Sequence[Candidate], rows: SharedRows, flips: int
) -> None:
    """Write plan.json."""
    write_json_atomic(run.root / "plan.json", make_plan(config, chosen, rows, flips))
