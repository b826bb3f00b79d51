"""The fabricated run with several recipes: ablations, loss terms, a mixture, flips, a verifier."""

import json
import math
from pathlib import Path
from typing import Any

from make_run import LEADER, make_run, write, write_lines

LONG = 10_000
"""Steps of a training that must be thinned."""

OTHER = "smollm2-135m-sft"
"""The candidate that has no mixture."""

FLIPS = {"rows_in": 84, "flipped": 4, "stand_in_select": 1, "no_labels": 24, "gate": 55, "idiom": 0}
ATOM = {"atom": "goal_attainment", "source": "crowd-enVENT", "auroc": 0.6, "r": 0.1006}
ATOM |= {"fitted_rows": 4800, "held_out_rows": 1200}


def difference(value: float, half: float) -> dict[str, Any]:
    return {"value": value, "interval": [value - half, value + half]}


def change(model: str, recipe: str, **parts: Any) -> dict[str, Any]:
    names = {"name": f"{model}.{recipe}", "base": f"{model}.sft"}
    return {"model": model, "recipe": recipe, **names, "n": 64, "pairs": 0} | parts


CHANGES = [
    change("m", "sft+flip", score=difference(0.012, 0.03), labels=difference(-0.08, 0.02)),
    change("m", "full-recipe", score=difference(0.09, 0.04), vad=difference(0.11, 0.05)),
]


def steps_of(count: int, *, mixture: bool) -> list[dict[str, Any]]:
    """Steps whose lm is their number; with a mixture pool A loses strata as it cools."""
    made = []
    for step in range(1, count + 1):
        record = {"step": step, "loss": step + 0.5, "rows": 8, "terms": {"lm": float(step)}}
        if mixture:
            record["terms"] |= {"vad_digits": 1 / step}
            share = math.exp(-step / count)
            record |= {"excess": share - 0.5, "tau": 1 + 4 * share, "share_a": share / 2}
            record |= {"strata": {"A:joy": 2, "A:fear": 1, "B:(no labels)": 5}}
        made.append(record)
    return made


def recipe_run(root: Path, long: int = 20) -> Path:
    """A run whose leader has the mixture, and whose second candidate trained so many steps."""
    run = make_run(root, rows=16)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    write(run / "leaderboard.json", board | {"ablations": CHANGES})
    write_lines(run / "candidates" / LEADER / "steps.jsonl", steps_of(11, mixture=True))
    write_lines(run / "candidates" / OTHER / "steps.jsonl", steps_of(long, mixture=False))
    write(run / "data/flips.json", FLIPS)
    write(run / "data/verifier.json", {"atoms": [ATOM], "inputs": []})
    return run
