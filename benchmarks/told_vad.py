"""VAD read off the untrained model, a lexicon's, and mixes of both: skill on dev rows.

    python benchmarks/told_vad.py [--rows 160+80 800+400 1998+798] [--seeds 7 8 9]
        [--model smollm2-135m] [--json FILE]

What the digits of `sft+probe` are taught (docs/decisions/0027-distilled-vad.md), against people's
ratings of 300 EmoBank dev rows. Rows are labelled ones + rated ones; regressions and the map of
weak VAD are fitted on the rated ones. About 10 minutes on two cores, for the states of all texts.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emoloom.config import Config, parse_config
from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.metrics.scoring import score
from emoloom.models.causal_lm import CausalLM, load_causal_lm
from emoloom.records import VAD, Prediction
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.row_sets.shared import SharedRows, mean_human_vad, read_row_sets
from emoloom.screening.floor_fit import rated_vad, vector_features
from emoloom.screening.floors import FloorInputs, floor_outputs
from emoloom.screening.frozen_probe import STRENGTHS
from emoloom.screening.head_answers import PackLimits
from emoloom.screening.text_states import text_states
from emoloom.sources.model_files import get_model, parse_source
from emoloom.supervision.lexicon import load_lexicon

SHARES = (0.0, 0.3, 0.5, 0.7, 1.0)
"""Weights of what is read off; 0 is the lexicon alone."""
LIMITS = PackLimits(2400, 2400)
SPACE = load_space("goemotions28")


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=["160+80", "800+400", "1998+798"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    files = get_model(parse_source(args.model), say=print)
    lm = load_causal_lm(files.folder, SPACE, name=args.model)
    vectors: dict[str, npt.NDArray[np.float64]] = {}
    found = {
        rows: [skills(rows_of(config(rows, args.model, seed)), lm, vectors) for seed in args.seeds]
        for rows in args.rows
    }
    print_table(found)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def config(rows: str, model: str, seed: int) -> Config:
    """A screen of so many rows; all of a split are drawn where it has no more."""

    def part(counts: str) -> list[dict[str, Any]]:
        pairs = zip(("goemotions-sample", "emobank-sample"), counts.split("+"), strict=True)
        return [{"corpus": name, "rows": int(count)} for name, count in pairs]

    settings = {
        "name": "told",
        "seed": seed,
        "data": {"train": part(rows), "select": part("500+300")},
        "models": [model],
        "recipes": ["sft"],
    }
    return parse_config(settings, source="told_vad.py")


def rows_of(settings: Config) -> SharedRows:
    """The rows that such a screen draws."""
    with tempfile.TemporaryDirectory() as name:
        drawing = Drawing(settings.data, {}, settings.seed)
        write_row_sets(Path(name), drawing, SPACE, load_lexicon())
        return read_row_sets(Path(name), SPACE)


def skills(
    rows: SharedRows, lm: CausalLM, vectors: dict[str, npt.NDArray[np.float64]]
) -> dict[str, Any]:
    """Mean skill and r(V) of each mix on the rated rows of select."""
    asked = [row for row in rows.select if row.human_vad is not None]
    rated = [row for row in rows.train if row.human_vad is not None]
    new = [row.text for row in (*rated, *asked) if row.text not in vectors]
    new = list(dict.fromkeys(new))
    if new:
        vectors |= zip(new, text_states(lm, new, LIMITS, lambda _: None), strict=True)
    features = vector_features(vectors, standardised=True)
    read = rated_vad(rated, [row.text for row in asked], features, STRENGTHS)
    made_from = FloorInputs(rows.train, SPACE, load_lexicon(), rows.scale)
    weak = [parse_output(one.output, SPACE) for one in floor_outputs("lexicon", made_from, asked)]
    reference = mean_human_vad(rows.train)
    found: dict[str, Any] = {}
    for share in SHARES:
        mixed = [_mixed(one, told, share) for one, told in zip(weak, read, strict=True)]
        values = score(mixed, asked, SPACE, vad_reference=reference).strict.values
        found[f"{share:g}"] = {"skill": values["skill"], "r_v": values["pearson_v"]}
    return found


def _mixed(weak: Any, told: Any, share: float) -> Prediction:
    pairs = zip(weak.vad.as_tuple(), told.as_tuple(), strict=True)
    return replace(weak, vad=VAD(*((1 - share) * one + share * other for one, other in pairs)))


def print_table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Means over the seeds."""
    print("\n| weight of what is read off | " + " | ".join(found) + " |")
    print("|" + " --- |" * (1 + len(found)))
    for share in map("{:g}".format, SHARES):
        cells = []
        for each in found.values():
            skill, r = (
                statistics.fmean(one[share][key] for one in each) for key in ("skill", "r_v")
            )
            cells.append(f"skill {skill:.3f}, r(V) {r:.2f}")
        print(f"| {share} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
