"""A whole screen in worker processes: the same bytes, and one bad candidate harms no other."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import broken_workers
from emoloom.engines import pool
from emoloom.errors import ExitCode
from emoloom.screening.precision_record import PRECISION, read_precision
from rounded_models import write_rounded_llama
from tiny_screen import (
    IN_BFLOAT16,
    SETTINGS,
    STAGES,
    UNMOVED,
    Watch,
    entries_of,
    lines_of,
    run_screen,
    tree,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

ABOUT_CONFIG = {"run.json", "manifest.json", "manifest.sha256", "plan.json"}
"""They name the config in force, `workers` and limits among it."""


def results(folder) -> dict[str, bytes]:
    """Everything that is a result: rows, checkpoints, scores, leaderboards, markers."""
    unsteady = {"costs.json", "report.html", "events.jsonl", ".lock"}
    return tree(folder, unsteady | ABOUT_CONFIG)


def test_one_worker_makes_the_same_bytes(finished_run, tmp_path):
    config = write_config(tmp_path / "c.yaml", workers=1)
    watch = Watch()
    assert run_screen(config, tmp_path / "run", watch).code is ExitCode.DONE
    assert watch.titles == STAGES
    assert results(tmp_path / "run") == results(finished_run.folder)
    costs = json.loads((tmp_path / "run/costs.json").read_text(encoding="utf-8"))
    assert costs["spent"]["tokens"] > 0
    assert costs["decode"]["one.sft"]["rows"] == 8


HALF = {"recipes": ["sft"]} | IN_BFLOAT16 | UNMOVED
RUNGS = {"halving": {"rungs": 2, "keep": 0.5, "rows": 4}}


@pytest.mark.parametrize("changes", [{"recipes": ["sft+heads", "zero-shot"]}, HALF | RUNGS])
def test_two_workers_make_the_same_bytes_as_this_process(tmp_path, changes):
    models = [{"source": f"random:tiny@{seed}", "name": f"m{seed}"} for seed in (1, 2)]
    certain = write_rounded_llama(tmp_path / "model", tied=False)
    models.append({"source": str(certain), "name": "certain"})
    folders = []
    for workers in (0, 2):
        config = write_config(
            tmp_path / f"{workers}.yaml",
            workers=workers,
            models=models,
            **changes,
        )
        folders.append(tmp_path / str(workers))
        assert run_screen(config, folders[-1]).code is ExitCode.DONE
    assert results(folders[0]) == results(folders[1])
    found = (tmp_path / "2/candidates/certain.sft").glob(f"rungs/*/{PRECISION}")
    asked = changes.keys() >= HALF.keys()
    assert {read_precision(path).dtype for path in found} == ({"bfloat16"} if asked else set())


def test_interrupted_in_a_worker_and_continued_elsewhere_it_ends_the_same(finished_run, tmp_path):
    config = write_config(tmp_path / "c.yaml", workers=1)
    with pytest.raises(KeyboardInterrupt):
        run_screen(config, tmp_path / "run", Watch(stop_at=("train one.sft", 3)))
    assert list((tmp_path / "run/candidates/one.sft/training").iterdir()), "it was kept"
    watch = Watch()
    run_screen(finished_run.config, tmp_path / "run", watch)
    assert watch.titles == STAGES[STAGES.index("train one.sft") :]
    assert watch.advances["train one.sft"][0] == 3
    assert results(tmp_path / "run") == results(finished_run.folder)


@pytest.mark.parametrize(
    ("how", "budget", "reason"),
    [
        ("crash", {}, "its worker ended by signal 11, 2 times, in train"),
        ("hang", {"unit_seconds": 8}, "no steps finished within 8 s"),
        ("memory", {"memory_mb": 1100}, "its worker took over 1100 MiB of memory"),
        ("bug", {}, "ValueError: a bug in two lines"),
    ],
)
def test_a_bad_candidate_fails_alone(tmp_path, monkeypatch, how, budget, reason):
    monkeypatch.setattr(pool, "serve", broken_workers.serve)
    models = [
        {"source": "random:tiny@1", "name": "bad"},
        {"source": "random:tiny@2", "name": "good"},
    ]
    config = write_config(
        tmp_path / "c.yaml", name=how, workers=1, models=models, budget=budget, recipes=["sft"]
    )
    folder = tmp_path / "run"
    assert run_screen(config, folder).code is ExitCode.DONE
    entries = entries_of(folder)
    assert (entries["good.sft"]["status"], entries["good.sft"]["rank"]) == ("scored", 1)
    assert (entries["bad.sft"]["status"], entries["bad.sft"]["reason"]) == ("failed", reason)
    assert reason in (folder / "report.html").read_text(encoding="utf-8")
    if how == "bug":
        return
    before = (folder / "leaderboard.json").read_bytes()
    ended = [e for e in lines_of(folder / "events.jsonl") if e["event"] == "work_ended"]
    watch = Watch()
    assert run_screen(config, folder, watch).code is ExitCode.DONE
    assert watch.titles == [], "the end is replayed, not tried again"
    assert (folder / "leaderboard.json").read_bytes() == before
    assert [e for e in lines_of(folder / "events.jsonl") if e["event"] == "work_ended"] == ended


LONG = {
    "workers": 1,
    "data": {
        "train": [
            {"corpus": "goemotions-sample", "rows": 160},
            {"corpus": "emobank-sample", "rows": 12},
        ],
        "select": SETTINGS["data"]["select"],
    },
    "recipes": ["sft"],
    "polarity": {"pairs": 0},
}
"""Changes: a screen whose training goes on for so long that a signal meets it."""

RUN = "import sys; from emoloom.cli import main; main()"


def test_workers_die_with_a_killed_screen_and_what_is_kept_goes_on(finished_run, tmp_path):
    config = write_config(tmp_path / "c.yaml", **LONG)
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "screen", str(config), "--out", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ.copy(),
    )
    try:
        for line in process.stderr:
            if line.startswith(b"train one.sft"):
                break
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = listed.read_text(encoding="ascii").split()
        assert children
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        deadline = time.monotonic() + 30
        while any(_alive(int(pid)) for pid in children) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(_alive(int(pid)) for pid in children)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert run_screen(config, folder).code is ExitCode.DONE


def test_an_interrupt_of_the_whole_group_is_one_line_and_no_workers_traceback(tmp_path):
    """As a terminal sends it: to the worker too, which leaves it to the parent."""
    config = write_config(tmp_path / "c.yaml", **LONG)
    start = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {RUN}"
    process = subprocess.Popen(
        [sys.executable, "-c", start, "screen", str(config), "--out", str(tmp_path / "run")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ.copy(),
        start_new_session=True,
    )
    try:
        for line in process.stderr:
            if line.startswith(b"train one.sft"):
                break
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read().decode("utf-8")
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert "Traceback" not in said
    assert "interrupted; what is finished is kept" in said


@pytest.mark.parametrize("stage", ["train one.sft", "select one.sft"])
def test_a_sigterm_of_the_whole_group_keeps_what_is_reached_and_leaves_nothing(
    finished_run, tmp_path, stage
):
    """As Slurm and systemd send it. A worker that decodes holds what libraries clean up at exit."""
    config, folder = write_config(tmp_path / "c.yaml", workers=1), tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINATE, stage, "screen", str(config), "--out", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ.copy(),
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=240)[1].decode("utf-8")
        assert process.returncode == ExitCode.TERMINATED == 143, said
        deadline = time.monotonic() + 30
        while _group(process.pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert _group(process.pid) == []
    finally:
        process.kill()
        process.wait()
    kept = "interrupted; what is finished is kept: run the same command to continue"
    assert said.splitlines()[-1] == kept, "no traceback of a worker, no leaked semaphore"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "interrupted"
    watch = Watch()
    run_screen(finished_run.config, folder, watch)
    assert watch.titles == STAGES[STAGES.index(stage) :]
    assert next(filter(None, watch.advances[stage])) == 2, "behind borders"
    assert results(folder) == results(finished_run.folder)


TERMINATE = """
import os, signal, sys
from emoloom.engines import progress
stage = sys.argv.pop(1)
advance = progress._PlainTask.advance
def end_after(task, count):
    advance(task, count)
    if task.title == stage and task.rate.done == 2:
        os.killpg(os.getpid(), signal.SIGTERM)
progress._PlainTask.advance = end_after
from emoloom.cli import main
main()
"""


def _group(leader: int) -> list[int]:
    """Processes of a group that run."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 (processes come and go)
        with suppress(ProcessLookupError):
            if name.isdecimal() and os.getpgid(int(name)) == leader and _alive(int(name)):
                found.append(int(name))
    return found


def _alive(pid: int) -> bool:
    """Whether it runs; one that is dead and not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
