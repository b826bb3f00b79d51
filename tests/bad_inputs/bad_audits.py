"""Run folders that cannot be verified at all, or cannot be ranked anew."""

from collections.abc import Callable
from pathlib import Path

from bad_case import Case, Sound, edit_json
from bad_runs import altered_answer, file_as_run, harmed, nothing, read_only

from forging import seal

RANK = "rank {here}/run --weights labels=1,vad=2"


def verified(name: str, make: Callable[[Path, Sound], object], *parts: str) -> Case:
    return Case(f"verify-{name}", make, "verify {here}/run", parts)


def of_a_newer_version(run: Path) -> None:
    edit_json(run / "run.json", format=2)
    seal(run)


def never_finished(run: Path) -> None:
    (run / "manifest.json").unlink()
    edit_json(run / "run.json", status="running")


CASES = (
    verified(
        "of-no-run",
        lambda here, sound: None,
        *("there is no run folder to verify", "allowed: a folder written by", "do: check the path"),
    ),
    verified("file", file_as_run, "there is no run folder to verify", "do: check the path"),
    verified(
        "without-manifest",
        harmed(lambda run: (run / "manifest.json").unlink()),
        *("has no manifest.json, so nothing in it", "do: continue the run, or copy the whole"),
    ),
    verified(
        "interrupted-before-its-manifest",
        harmed(never_finished),
        *("has no manifest.json", "got: run.json says that the run is running: continue it"),
    ),
    verified(
        "of-a-newer-version",
        harmed(of_a_newer_version),
        *("was written by a newer emoloom", "got: run format 2", "do: upgrade emoloom"),
    ),
    Case(
        "rank-by-no-weights",
        harmed(nothing),
        "rank {here}/run --weights labels=0,vad=0",
        ("these weights cannot be used", "got: labels=0,vad=0", "do: give both weights"),
    ),
    Case(
        "rank-of-an-altered-run",
        harmed(altered_answer),
        RANK,
        ("is not as its manifest binds it", "got: altered candidates/one.sft/rows/select.jsonl"),
    ),
    Case(
        "rank-read-only",
        harmed(read_only),
        RANK,
        ("cannot add a ranking to ", "got: Permission denied", "do: make the run folder writable"),
        weak=True,
    ),
)
