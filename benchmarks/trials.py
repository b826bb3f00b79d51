"""What trials of learning rates pick, against what whole trainings show: random model, samples.

    python benchmarks/trials.py [--rows 480 1920] [--seeds 1 2] [--json FILE]

Two kinds of trial: as they are, and as they were (steps of the trials' share alone, however few,
with the whole training's warm-up; the mean loss of all answer tokens decides). Whole trainings are
judged by the loss of labels and digits on dev rows. docs/decisions/0022-mixture-and-trials.md.
"""

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from emoloom.config import Config, parse_config
from emoloom.corpora.labels import load_space
from emoloom.models.causal_lm import load_causal_lm
from emoloom.records import VAD, Row
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.row_sets.shared import SharedRows, read_row_sets
from emoloom.screening.recipe_settings import fit_settings, train_steps, trial_steps
from emoloom.screening.training_steps import deciding
from emoloom.screening.training_work import hold_out
from emoloom.sources.tiny import write_random_llama
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.likely_labels import likely_labels
from emoloom.training.adapters import add_adapter
from emoloom.training.examples import Examples
from emoloom.training.fit import Training
from emoloom.training.schedule import FitSettings

RATES = (1e-3, 3e-3, 1e-2, 3e-2)
JUDGED_ON = (200, 100)
"""Labelled and rated dev rows that whole trainings are judged on."""
ANY_LENGTH = 10_000
"""Tokens of the longest sequence that may be packed."""
FILL = VAD(0.5, 0.5, 0.5)
"""Stands, untrained, where a row has no VAD."""
WAYS = ("whole", "trial", "trial as it was")

SPACE = load_space("goemotions28")


def main() -> None:
    """Print one table for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[480, 1920])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = [measure(rows, args.seeds) for rows in args.rows]
    for table in found:
        print_table(table)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def screen(rows: int) -> Config:
    """A screen of the one model and so many rows, with the defaults of trials and training."""

    def part(labelled: int, rated: int) -> list[dict[str, Any]]:
        counts = {"goemotions-sample": labelled, "emobank-sample": rated}
        return [{"corpus": name, "rows": count} for name, count in counts.items()]

    settings = {
        "name": "trials",
        "data": {"train": part(rows - rows // 3, rows // 3), "select": part(*JUDGED_ON)},
        "models": [{"source": "random:tiny@1", "name": "tiny"}],
        "recipes": ["sft"],
        "trials": {"learning_rates": list(RATES)},
    }
    return parse_config(settings, source="trials.py")


def rows_of(config: Config) -> SharedRows:
    """The rows that such a screen draws."""
    with tempfile.TemporaryDirectory() as name:
        drawing = Drawing(config.data, {}, config.seed)
        write_row_sets(Path(name), drawing, SPACE, load_lexicon())
        return read_row_sets(Path(name), SPACE)


def measure(rows: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Losses of each rate, means over the seeds."""
    config = screen(rows)
    shared = rows_of(config)
    train, dev = shared.train, shared.select
    whole = train_steps(config, len(train))
    few = max(1, math.floor(config.trials.share * whole / len(RATES)))
    ends = {"whole": whole, "trial": trial_steps(config, whole), "trial as it was": few}
    losses: dict[str, dict[str, float]] = {}
    for rate in RATES:
        each: dict[str, list[float]] = {way: [] for way in WAYS}
        for seed in seeds:
            settings = replace(fit_settings(config, "sft"), seed=seed, learning_rate=rate)
            kept, held = hold_out(train, config.trials.rows, seed)
            long = replace(settings, epochs=-(-ends["trial"] // train_steps(config, len(kept))))
            each["whole"].append(scored(train, dev, settings, whole))
            each["trial"].append(scored(kept, held, long, ends["trial"], apart=True))
            each["trial as it was"].append(of_all_tokens(kept, held, settings, few))
        losses[f"{rate:g}"] = {way: round(statistics.fmean(each[way]), 3) for way in WAYS}
    return {"rows": len(train), "steps": ends, "losses": losses}


def scored(
    rows: Sequence[Row], on: Sequence[Row], settings: FitSettings, end: int, *, apart: bool = False
) -> float:
    """The loss of labels and digits of some rows after training on others."""
    training, judged = trained(rows, on, settings, end, apart=apart)
    return deciding(training.losses_on(judged))["loss"]


def of_all_tokens(rows: Sequence[Row], on: Sequence[Row], settings: FitSettings, end: int) -> float:
    """The mean loss of all answer tokens, with the warm-up of the whole training."""
    training, judged = trained(rows, on, settings, end, apart=False)
    counts = {
        field: sum(
            on
            for e in judged
            for name, on in zip(e.fields, e.trained, strict=True)
            if name == field and (field != "labels" or e.labelled)
        )
        for field in ("labels", "digits", "rationale", "skeleton")
    }
    losses = training.losses_on(judged)
    return math.fsum(losses[f] * count for f, count in counts.items()) / sum(counts.values())


def trained(
    rows: Sequence[Row], on: Sequence[Row], settings: FitSettings, end: int, *, apart: bool
) -> tuple[Training, Examples]:
    """A training of the random model, and the rows that it is judged on."""
    with tempfile.TemporaryDirectory() as name:
        write_random_llama(Path(name) / "model", 1)
        lm = load_causal_lm(Path(name) / "model", SPACE, name="tiny", max_text_tokens=64)
    add_adapter(lm, settings)
    labels = likely_labels((*rows, *on), SPACE)
    examples, judged = (Examples(lm.prompter, some, labels, FILL) for some in (rows, on))
    training = Training(lm, examples, ANY_LENGTH, settings, end=end, apart=apart)
    while not training.finished:
        training.step()
    return training, judged


def print_table(table: dict[str, Any]) -> None:
    """One line a rate, the best of each column marked."""
    best = {way: min(each[way] for each in table["losses"].values()) for way in WAYS}
    print(f"\n{table['rows']:,} rows\n")
    print("| rate | " + " | ".join(f"{way}: {table['steps'][way]} steps" for way in WAYS) + " |")
    print("|" + " --- |" * (1 + len(WAYS)))
    for rate, each in table["losses"].items():
        cells = [
            f"{each[way]:.3f}" if each[way] > best[way] else f"**{each[way]:.3f}**" for way in WAYS
        ]
        print(f"| {rate} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
