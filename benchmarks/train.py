"""A training step against TRL's `SFTTrainer`, one run, every ratio.

    pip install -c constraints.txt -e '.[bench]'      # TRL: not a dependency of the product
    emoloom models get smollm2-135m                   # once
    python benchmarks/train.py [--rows 64] [--batch-rows 8 16] [--repeats 2] [--json FILE]
    python benchmarks/train.py --growth               # peak memory against rows, random model

The same model, adapter and its initial values, token ids, labels, order of rows, optimiser,
schedule, clipping, precision and threads for all; what TRL was fed is compared with what emoloom
was. Every way runs in a process of its own, so that its peak memory is its own, in an order that
turns round with each repeat; the first step is not timed. The peer is TRL's fastest way whose
first loss is ours, found three times: of the ways with a whole step in one forward, of those and
the ways that accumulate the gradients of 2 rows at a time, and of those that recompute.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from train_ways import WAYS, Job, Way

ROOT = Path(__file__).parents[1]
INSTALL = "TRL is not installed: pip install -c constraints.txt -e '.[bench]'"
NO_GPU = "no GPU here: the bf16 table was not made"

REQUIRED = {"rows_per_second": 3.0, "memory": 0.7, "loss": 1e-3}
"""Rate of emoloom by the peer's, at least; peak memory by the peer's, at most; and the largest
difference of a step's loss in fp32, in nats."""
GOAL = 4.0
"""Rate of emoloom by the peer's, to be reached some day."""
SAME_FIRST_LOSS = {"float32": 1e-3, "bfloat16": 2e-2}
"""Before a step is taken only the attention can differ: beyond this, rows see each other."""

COLUMNS = {
    "rows_per_second": ".3f",
    "tokens_computed_per_row": ".1f",
    "peak_mb": ".0f",
    "peak_before_training_mb": ".0f",
    "emoloom_is_times": ".2f",
    "emoloom_takes_of_its_memory": ".2f",
    "largest_loss_difference": ".1e",
}
"""Of the printed table, with the form of its numbers."""

KINDS: dict[str, Callable[[Way], bool]] = {
    "a step in one forward": lambda way: not way.recompute and way.rows_at_once is None,
    "any size of forward": lambda way: not way.recompute,
    "recomputing": lambda way: way.recompute,
}
"""Among which ways of TRL a peer is looked for."""

Found = dict[str, Any]


def apart(job: Job) -> Found:
    """Do a job in a process of its own."""
    script = Path(__file__).with_name("train_ways.py")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        command = [sys.executable, str(script), json.dumps(asdict(job)), str(out)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            raise SystemExit(f"{job.work} failed:\n{done.stderr[-4000:]}")
        found: Found = json.loads(out.read_text(encoding="utf-8"))
    said = {name: value for name, value in found.items() if not name.endswith("sha256")}
    print(f"{job.work}, {job.dtype}: {said}", file=sys.stderr, flush=True)
    return found


def rounds(job: Job, ways: Sequence[str], repeats: int) -> dict[str, list[Found]]:
    """Every way in every round, each round in the opposite order of the one before."""
    found: dict[str, list[Found]] = {way: [] for way in ways}
    for number in range(repeats):
        for way in ways if number % 2 == 0 else reversed(ways):
            found[way].append(apart(replace(job, work=way)))
    return found


def check_same(found: Mapping[str, Sequence[Found]]) -> None:
    """Every way trained on the same ids and labels in the same order, from the same adapter."""
    for what in ("rows_sha256", "adapter_sha256"):
        seen = {run[what] for runs in found.values() for run in runs}
        if len(seen) > 1:
            raise SystemExit(f"the ways differ in {what}: {seen}")


def line(name: str, runs: Sequence[Found], own: Sequence[Found], dtype: str) -> Found:
    """A way beside emoloom's of its kind: medians over the repeats, and the losses of the first."""
    rate, memory = middle(runs, "rows_per_second"), middle(runs, "peak_mb")
    gaps = [abs(a - b) for a, b in zip(runs[0]["losses"], own[0]["losses"], strict=True)]
    return {
        "name": name,
        "rows_per_second": rate,
        "each_repeat": [run["rows_per_second"] for run in runs],
        "tokens_computed_per_row": middle(runs, "tokens_per_row"),
        "peak_mb": memory,
        "peak_before_training_mb": middle(runs, "peak_before_mb"),
        "emoloom_is_times": middle(own, "rows_per_second") / rate,
        "emoloom_takes_of_its_memory": middle(own, "peak_mb") / memory,
        "largest_loss_difference": max(gaps),
        "rows_kept_apart": gaps[0] <= SAME_FIRST_LOSS[dtype],
        "losses": runs[0]["losses"],
    }


def middle(runs: Sequence[Found], what: str) -> float:
    """Median of the repeats."""
    return statistics.median(float(run[what]) for run in runs)


def table(job: Job, ways: Sequence[str], repeats: int) -> Found:
    """All ways at one precision and size of batch."""
    found = rounds(job, ways, repeats)
    check_same(found)
    lines = {name: line(name, runs, found[own(name)], job.dtype) for name, runs in found.items()}
    first = next(iter(found.values()))[0]
    row = first["sequence_tokens"] - first["head_tokens"]
    return {
        "dtype": job.dtype,
        "batch_rows": job.batch_rows,
        "rows": job.rows,
        "steps": job.rows // job.batch_rows,
        "timed_steps": job.rows // job.batch_rows - 1,
        "prefix_tokens": first["head_tokens"],
        "row_tokens": row,
        "bound_from_the_prefix": first["sequence_tokens"] / row,
        "verdicts": {kind: verdict(lines, among) for kind, among in KINDS.items()},
        "ways": list(lines.values()),
    }


def own(name: str) -> str:
    """The way of emoloom that a way is compared with."""
    return "emoloom-recompute" if WAYS[name].recompute else "emoloom"


def verdict(lines: Mapping[str, Found], among: Callable[[Way], bool]) -> Found | None:
    """The product against TRL's fastest valid way; None where no such way was asked for."""
    valid = [
        one
        for name, one in lines.items()
        if WAYS[name].trl and among(WAYS[name]) and one["rows_kept_apart"]
    ]
    if not valid:
        return None
    peer = max(valid, key=lambda one: float(one["rows_per_second"]))
    leanest = min(valid, key=lambda one: float(one["peak_mb"]))
    rate, memory = peer["emoloom_is_times"], peer["emoloom_takes_of_its_memory"]
    gap = max(one["largest_loss_difference"] for one in valid)
    return {
        "peer": peer["name"],
        "rows_per_second_ratio": rate,
        "required_at_least": REQUIRED["rows_per_second"],
        "reached": rate >= REQUIRED["rows_per_second"],
        "goal": GOAL,
        "goal_reached": rate >= GOAL,
        "memory_ratio": memory,
        "memory_required_at_most": REQUIRED["memory"],
        "memory_reached": memory <= REQUIRED["memory"],
        "leanest": leanest["name"],
        "memory_ratio_to_the_leanest": leanest["emoloom_takes_of_its_memory"],
        "largest_loss_difference": gap,
        "loss_required_at_most_in_fp32": REQUIRED["loss"],
        "loss_reached": gap <= REQUIRED["loss"],
    }


def say(made: Found) -> None:
    """A table for people."""
    size = f"{made['batch_rows']} rows a step, {made['timed_steps']} timed steps"
    print(
        f"\n{made['dtype']}, {size}; prefix {made['prefix_tokens']} + row {made['row_tokens']:.1f}"
    )
    print("| " + " | ".join(["name", *COLUMNS]) + " |\n|---|" + "---|" * len(COLUMNS))
    for one in made["ways"]:
        cells = [one["name"], *(f"{one[name]:{form}}" for name, form in COLUMNS.items())]
        print("| " + " | ".join(cells) + " |")
        if not one["rows_kept_apart"]:
            print(f"{one['name']}: its rows see each other here (first loss differs); no peer")
    for kind, found in made["verdicts"].items():
        if found is None:
            continue
        print(
            f"{kind}, against {found['peer']}: {found['rows_per_second_ratio']:.2f}x rows/s (bound "
            f"from the prefix {made['bound_from_the_prefix']:.2f}x, required "
            f"{REQUIRED['rows_per_second']}x: {_said(found['reached'])}, goal {GOAL}x: "
            f"{_said(found['goal_reached'])}); {found['memory_ratio']:.2f}x its memory (required "
            f"{REQUIRED['memory']}x at most: {_said(found['memory_reached'])}; "
            f"{found['memory_ratio_to_the_leanest']:.2f}x that of {found['leanest']}); losses "
            f"differ by {found['largest_loss_difference']:.1e} at most (required "
            f"{REQUIRED['loss']} in fp32: {_said(found['loss_reached'])})"
        )


def _said(reached: bool) -> str:
    return "reached" if reached else "missed"


def grown(threads: int, counts: Sequence[int], steps: int) -> Found:
    """Peak memory of emoloom's training against the number of rows, on a random model."""
    base = Job("certificate", str(ROOT / "configs/tiny.yaml"), counts[0], threads, steps=steps)
    limit = apart(base)["packed_up_to"]
    points = [apart(replace(base, work="growth", rows=rows, packed_up_to=limit)) for rows in counts]
    more = points[-1]["peak_mb"] - points[0]["peak_mb"]
    kb = 1024 * more / max(1, points[-1]["rows"] - points[0]["rows"])
    for point in points:
        print(f"{point['rows']} rows, {point['steps']} steps: peak {point['peak_mb']} MB")
    print(f"from first to last: {more:+.1f} MB, {kb:.2f} KB a row")
    return {"points": points, "kb_per_row": round(kb, 2)}


def arguments() -> argparse.Namespace:
    """What was asked for, held against what can be done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=ROOT / "configs/demo.yaml")
    parser.add_argument("--rows", type=int, default=64, help="of the config's train rows")
    parser.add_argument("--batch-rows", type=int, nargs="+", default=[8])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--growth", action="store_true", help="only memory against rows")
    parser.add_argument("--growth-rows", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--growth-steps", type=int, default=4)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    for batch in given.batch_rows:
        if given.rows % batch or given.rows < 2 * batch or batch % 2:
            parser.error(f"--rows {given.rows} must be two or more whole steps of even {batch}")
    if importlib.util.find_spec("trl") is None and not given.growth:
        parser.error(INSTALL)
    asked = {*given.ways, *map(own, given.ways)}
    given.ways = [name for name in WAYS if name in asked]
    return given


def main() -> int:
    """Measure, compare, print; 1 where a requirement is missed."""
    given = arguments()
    result: Found = {"threads": given.threads, "torch": torch.__version__}
    if given.growth:
        result["growth"] = grown(given.threads, given.growth_rows, given.growth_steps)
    else:
        result |= compared(given)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(any(missed(made) for made in result.get("tables", ())))


def missed(made: Found) -> bool:
    """Whether a table in fp32 falls short of a requirement, at the same rows in a forward."""
    found = made["verdicts"]["a step in one forward"]
    wanted = ("reached", "memory_reached", "loss_reached")
    return made["dtype"] == "float32" and found and not all(found[key] for key in wanted)


def compared(given: argparse.Namespace) -> Found:
    """Every table that this machine can make."""
    job = Job("certificate", str(given.config), given.rows, given.threads)
    seen = apart(job)
    job = replace(job, packed_up_to=seen["packed_up_to"])
    gpu = torch.cuda.is_available()
    tables = []
    for dtype in ("float32", "bfloat16") if gpu else ("float32",):
        for batch in given.batch_rows:
            made = table(replace(job, batch_rows=batch, dtype=dtype), given.ways, given.repeats)
            say(made)
            tables.append(made)
    if not gpu:
        print(NO_GPU)
    versions = {name: importlib.metadata.version(name) for name in ("trl", "transformers", "peft")}
    return {"device": seen["device"], **versions, "tables": tables, "bf16": gpu or NO_GPU}


if __name__ == "__main__":
    sys.exit(main())
