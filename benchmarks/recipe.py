"""What short trainings reach: recipes of one model on the shipped samples, by rows and seeds.

    python benchmarks/recipe.py [--rows 160+80 800+400 1998+798] [--recipes sft+probe sft]
        [--seeds 7 8 9] [--select 500+300] [--folder runs/recipe] [--json FILE]

Rows are labelled ones of GoEmotions + rated ones of EmoBank; 1998+798 are all there are.

Each size is a screen of its own: every recipe trained with every seed on the same rows, answers
decoded and scored on dev rows, floors beside them. Figures are means over the seeds; differences
are paired by row and seed, with the product's own intervals. A call that was cut goes on. Hours on
two cores: 240 rows take about 10 minutes a recipe and seed, 2,796 rows about 40.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from emoloom.engines.progress import PlainProgress
from emoloom.pipeline import screen
from emoloom.ranking.leaderboard_texts import to_json
from emoloom.verification import rank_run

COLUMNS = ("macro-F1", "skill", "r(V)", "ParseOK", "polarity", "score", "seconds a row")


def main() -> None:
    """Screen, and print two tables for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=["160+80", "800+400", "1998+798"])
    parser.add_argument("--recipes", nargs="+", default=["sft+probe", "sft"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--select", default="500+300")
    parser.add_argument("--floors", nargs="*", default=["minilm-l6"])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("runs/recipe"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = {size: measured(args, size) for size in args.rows}
    for size, figures in found.items():
        print_tables(size, figures)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def settings(args: argparse.Namespace, size: str) -> dict[str, Any]:
    """The config of one size."""

    def rows(counts: str) -> list[dict[str, Any]]:
        pairs = zip(("goemotions-sample", "emobank-sample"), counts.split("+"), strict=True)
        return [{"corpus": name, "rows": int(count)} for name, count in pairs]

    return {
        "name": "recipe",
        "seed": args.seeds[0],
        "seeds": args.seeds,
        "labels": "goemotions28",
        "threads": args.threads,
        "data": {"train": rows(size), "select": rows(args.select)},
        "models": [args.model],
        "recipes": args.recipes,
        "floors": args.floors,
        "training": {"batch_rows": 4, "learning_rate": 1.0e-3},
        "decoding": {"audit_rows": 2},
    }


def measured(args: argparse.Namespace, size: str) -> dict[str, Any]:
    """What a screen of this size comes to."""
    config, folder = args.folder / f"{size}.yaml", args.folder / size
    args.folder.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(settings(args, size), sort_keys=False), encoding="utf-8")
    screen(config, folder, PlainProgress(sys.stderr))
    board = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    return {
        "train_rows": len((folder / "data" / "train.jsonl").read_bytes().splitlines()),
        "select_rows": len((folder / "data" / "select.jsonl").read_bytes().splitlines()),
        "seeds": args.seeds,
        "entries": dict(entries(folder, board)),
        "recipes_less_sft": board.get("ablations", []),
        "leader": board["verdict"]["leader"],
        "leader_less_floors": {
            part: against_floors(folder, weights)
            for part, weights in {"labels": (1.0, 0.0), "vad": (0.0, 1.0)}.items()
        },
    }


def entries(folder: Path, board: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The figures of what is ranked, and of the floors."""
    costs = json.loads((folder / "costs.json").read_text(encoding="utf-8"))["stages"]
    train_rows = len((folder / "data" / "train.jsonl").read_bytes().splitlines())
    for entry in board["entries"]:
        if entry["status"] != "scored" or entry["kind"] not in {"candidate", "floor"}:
            continue
        own = [one for one in costs if one["stage"] == "train"]
        seconds = [s["seconds"] for s in own if s["candidate"].startswith(f"{entry['name']}.seed")]
        seconds = seconds or [s["seconds"] for s in own if s["candidate"] == entry["name"]]
        strict, polarity = entry["strict"], entry.get("polarity") or {}
        values = {
            "macro-F1": strict["macro_f1"]["value"],
            "skill": strict["skill"]["value"],
            "r(V)": strict["pearson_v"]["value"],
            "ParseOK": entry["parse_ok"]["value"],
            "polarity": polarity.get("strict", {}).get("consistency"),
            "score": entry["score"]["value"],
            "seconds a row": statistics.fmean(seconds) / train_rows if seconds else None,
        }
        intervals = {
            "macro-F1": strict["macro_f1"]["interval"],
            "skill": strict["skill"]["interval"],
        }
        yield entry["name"], {"kind": entry["kind"], **values, "intervals": intervals}


def against_floors(folder: Path, weights: tuple[float, float]) -> dict[str, Any]:
    """The best recipe by labels alone, or by VAD alone, less each floor."""
    verdict = json.loads(to_json(rank_run(folder, weights).board))["verdict"]
    return {"leader": verdict["leader"], "floors": verdict["floor_comparisons"]}


def print_tables(size: str, figures: Mapping[str, Any]) -> None:
    """Figures, then differences."""
    seeds = ", ".join(map(str, figures["seeds"]))
    print(
        f"\n{size}: {figures['train_rows']:,} train rows, {figures['select_rows']} dev rows, ",
        end="",
    )
    print(f"seeds {seeds}\n")
    print("| | " + " | ".join(COLUMNS) + " |\n|" + " --- |" * (1 + len(COLUMNS)))
    for name, entry in figures["entries"].items():
        print(f"| {name} | " + " | ".join(number(entry[key]) for key in COLUMNS) + " |")
    print("\n| difference | value | interval |\n| --- | --- | --- |")
    for one in figures["recipes_less_sft"]:
        for part in ("labels", "vad", "score", "polarity"):
            line(f"{one['recipe']} less sft: {part}", one[part]["value"], one[part]["interval"])
    for part, board in figures["leader_less_floors"].items():
        for floor in board["floors"]:
            name = f"{board['leader']} less {floor['name']}: {part}"
            line(name, floor["difference"], floor["interval"])


def line(name: str, value: float | None, interval: Sequence[float] | None) -> None:
    """A difference."""
    ends = "" if interval is None else f"{interval[0]:+.3f} to {interval[1]:+.3f}"
    print(f"| {name} | {'' if value is None else f'{value:+.3f}'} | {ends} |")


def number(value: float | None) -> str:
    """Three decimals, or nothing."""
    return "" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
