"""The benchmarks that need no model run to their end on a few rows."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from official_files import emobank_file, goemotions_folder
from tiny_encoder import write_tiny_bert

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("verify.py --answers 400 --entries 2 --draws 100 --times 1", "2 entries x 200 rows"),
        ("verify.py --answers 12000 --entries 200 --draws 100 --times 1", "200 entries x 60 rows"),
        ("build.py --rows 300 --near-rows 200", "write all with weak VAD"),
        ("mixture.py --rows 300 --before 300", "| rows | seconds | before | times faster |"),
        (
            "recipe.py --model random:tiny@1 --rows 24+12 --seeds 7 --select 8+4 --threads 1 "
            "--floors --folder made --json made.json",
            "| sft+probe less sft: labels |",
        ),
        ("trials.py --rows 48 --seeds 1", "whole: 6 steps | trial: 6 steps | trial as it was: 1"),
    ],
)
def test_a_benchmark_runs_to_its_end(command: str, said: str, tmp_path: Path) -> None:
    script, *options = command.split()
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    if script == "verify.py":
        assert done.stdout.startswith("verified: ")


@pytest.mark.parametrize(
    ("more", "lines"), [([], (3, 3)), (["--tokens"], (5, 5)), (["--strengths"], (8, 5))]
)
def test_the_floors_are_measured_on_official_files(
    more: list[str], lines: tuple[int, int], tmp_path
) -> None:
    folder = goemotions_folder(tmp_path / "goemotions")
    shutil.copy(folder / "dev.tsv", folder / "test.tsv")
    emobank = emobank_file(tmp_path / "emobank.csv")
    command = [
        "--goemotions",
        str(folder),
        "--emobank",
        str(emobank),
        "--rows",
        "4",
        "--draws",
        "2",
        "--all",
        "--encoder",
        str(write_tiny_bert(tmp_path / "bert")),
        *more,
    ]
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "floors.py"), *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(printed) == 2 * 2 + sum(lines)
    assert all(line.count("|") == 4 for line in printed)


def test_the_targets_page_is_what_is_measured(tmp_path: Path) -> None:
    """docs/decisions/0021: every line that the benchmark prints stands in it; so do its results."""
    kept = BENCHMARKS / "results/targets.json"
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "targets.py"), "--json", str(tmp_path / "again.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "again.json").read_text("utf-8"))
    assert flat(again) == pytest.approx(flat(json.loads(kept.read_text("utf-8"))), abs=2e-3)
    page = (BENCHMARKS.parent / "docs/decisions/0021-measured-targets.md").read_text("utf-8")
    tables = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert tables
    assert all(line in page for line in tables)


def flat(found: Any) -> dict[str, float]:
    """Every number of a JSON value by its place."""
    if isinstance(found, int | float):
        return {"": float(found)}
    pairs = found.items() if isinstance(found, dict) else enumerate(found)
    return {f"/{key}{at}": x for key, one in pairs for at, x in flat(one).items()}
