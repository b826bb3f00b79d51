import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest

from emoloom.errors import ExitCode
from emoloom.runs.directory import sha256_file
from tiny_screen import (
    STAGES,
    Watch,
    assert_same_results,
    call,
    entries_of,
    lines_of,
    run_screen,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

FLOORS = ("constant", "lexicon", "tf-idf")


# Interrupts


STOPS = [
    ("data -", 1),
    ("select tf-idf", 1),
    ("preflight one.sft", 1),
    ("train one.sft", 5),
    ("select one.sft", 5),
]


@pytest.mark.parametrize("stop", STOPS)
def test_interrupted_anywhere_and_continued_it_ends_the_same(finished_run, tmp_path, stop):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_screen(finished_run.config, folder, Watch(stop_at=stop))
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"] == "interrupted"
    assert lines_of(folder / "events.jsonl")[-1] == {"event": "interrupted"}
    watch = Watch()
    run_screen(finished_run.config, folder, watch)
    assert watch.titles == STAGES[STAGES.index(stop[0]) :], "finished stages are kept"
    assert_same_results(folder, finished_run.folder)
    if stop == ("select one.sft", 5):
        kept = next(filter(None, watch.advances["select one.sft"]))  # behind borders
        assert kept >= 5, "decoded rows are kept"
    events = [line["event"] for line in lines_of(folder / "events.jsonl")]
    assert events == ["started", "interrupted", "continued"]


def test_an_interrupted_stage_is_charged_for_all_its_calls(finished_run, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    clock = SimpleNamespace(monotonic=partial(next, count()))
    monkeypatch.setattr("emoloom.engines.local.time", clock)
    with pytest.raises(KeyboardInterrupt):
        run_screen(finished_run.config, folder, Watch(stop_at=("train one.sft", 3)))
    before = json.loads((folder / "costs.json").read_text(encoding="utf-8"))["stages"][-1]
    assert (before["stage"], before["finished"], before["units"]) == ("train", False, 3)
    assert before["seconds"] > 0
    run_screen(finished_run.config, folder)
    stages = json.loads((folder / "costs.json").read_text(encoding="utf-8"))["stages"]
    (after,) = (entry for entry in stages if entry["stage"] == "train")
    assert "finished" not in after
    assert after["units"] == 5
    assert after["seconds"] > before["seconds"]
    assert after["rate"] == pytest.approx(5 / after["seconds"], abs=1e-3)


def test_a_damaged_file_of_kept_answers_only_costs_time(finished_run, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_screen(finished_run.config, folder, Watch(stop_at=("select one.sft", 5)))
    (partial,) = folder.rglob("*.partial")
    partial.write_bytes(b"\0\0\0\n" + partial.read_bytes())
    run_screen(finished_run.config, folder)
    assert_same_results(folder, finished_run.folder)
    assert list(folder.rglob("*.partial")) == []


def test_answers_kept_from_other_inputs_are_not_used(finished_run, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_screen(finished_run.config, folder, Watch(stop_at=("select one.sft", 5)))
    (partial,) = folder.rglob("*.partial")
    text = partial.read_text(encoding="utf-8").replace('"output":"', '"output":"x')
    partial.unlink()
    partial.with_name("select.0123456789abcdef.partial").write_text(text, encoding="utf-8")
    run_screen(finished_run.config, folder)
    assert_same_results(folder, finished_run.folder)
    assert list(folder.rglob("*.partial")) == []


ENDS = {"SIGINT": ExitCode.INTERRUPTED, "SIGTERM": ExitCode.TERMINATED}
assert [int(code) for code in ENDS.values()] == [130, 143]

KILL = """
import os, signal, sys
from emoloom.engines import progress
stage, units, name = sys.argv.pop(1), int(sys.argv.pop(1)), sys.argv.pop(1)
advance = progress._PlainTask.advance
def kill_after(task, count):
    advance(task, count)
    if task.title == stage and task.rate.done >= units:
        os.kill(os.getpid(), getattr(signal, name))
progress._PlainTask.advance = kill_after
from emoloom.cli import main
main()
"""


@pytest.mark.parametrize(
    ("stage", "units", "name"),
    [
        ("train one.sft", 2, "SIGINT"),
        ("select one.sft", 4, "SIGINT"),
        ("train one.sft", 2, "SIGTERM"),
        ("select one.sft", 4, "SIGTERM"),
        ("select one.sft", 4, "SIGKILL"),
    ],
)
def test_a_process_killed_at_work_loses_nothing_finished(
    finished_run, tmp_path, stage, units, name
):
    folder = tmp_path / "run"
    command = [sys.executable, "-c", KILL, stage, str(units), name]
    done = subprocess.run(
        [*command, "screen", str(finished_run.config), "--out", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if name in ENDS:
        assert done.returncode == ENDS[name]
        last = done.stderr.splitlines()[-1]
        assert last == "interrupted; what is finished is kept: run the same command to continue"
        assert json.loads((folder / "run.json").read_text("utf-8"))["status"] == "interrupted"
    else:
        assert done.returncode == -signal.SIGKILL
        with (folder / "events.jsonl").open("ab") as stream:
            stream.write(b'{"event":"cut sho')
    watch = Watch()
    run_screen(finished_run.config, folder, watch)
    assert watch.titles == STAGES[STAGES.index(stage) :]
    if name in ENDS:
        kept = next(filter(None, watch.advances[stage]))  # behind borders
        assert kept == units, "the step that was reached, or the rows"
    assert_same_results(folder, finished_run.folder)
    assert lines_of(folder / "events.jsonl")[-1] == {"event": "continued"}


# Budget


def test_without_budget_there_is_a_valid_report_of_floors_and_a_later_call_finishes(
    finished_run, tmp_path
):
    folder = tmp_path / "run"
    config = write_config(tmp_path / "small.yaml", budget={"wall_seconds": 0})
    called = call("screen", config, "--out", folder)
    assert called.code == ExitCode.BUDGET == 3
    assert called.out.splitlines()[-1] == f"report: {folder / 'report.html'}"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Stopped by its budget" in page
    assert "budget of 0 s" in page
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"] == (
        "stopped_by_budget"
    )
    entries = entries_of(folder)
    assert {name: entries[name]["status"] for name in FLOORS} == dict.fromkeys(FLOORS, "scored")
    for name in ("one.sft", "one.zero-shot"):
        assert entries[name]["status"] == "not_done"
        assert "the budget of 0 s wall time is spent" in entries[name]["reason"]
        assert entries[name]["rank"] is None
    events = [(e["event"], e.get("candidate")) for e in lines_of(folder / "events.jsonl")]
    assert events == [
        ("started", None),
        ("budget_stop", "one.sft"),
        ("not_done", "one.sft"),
        ("not_done", "one.zero-shot"),
    ]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for subject in manifest["subject"]:
        assert subject["digest"]["sha256"] == sha256_file(folder / subject["name"])

    config = write_config(config, budget={"wall_seconds": 3600})
    watch = Watch()
    assert run_screen(config, folder, watch).code is ExitCode.DONE
    assert watch.titles == ["probe one.sft", *STAGES[STAGES.index("preflight one.sft") :]]
    for name in ("json", "csv", "md"):
        mine, other = (f / f"leaderboard.{name}" for f in (folder, finished_run.folder))
        assert mine.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("ticks", [17, 24, 40, 60])
def test_stopped_at_any_border_and_continued_it_ends_the_same(
    finished_run, tmp_path, monkeypatch, ticks
):
    """Each look at the clock takes one second, so the budget ends at another border each time."""
    folder = tmp_path / "run"
    config = write_config(tmp_path / "small.yaml", budget={"wall_seconds": ticks})
    ticks_from_now = count(time.monotonic())
    clock = SimpleNamespace(monotonic=partial(next, ticks_from_now))
    with monkeypatch.context() as patch:
        patch.setattr("emoloom.engines.local.time", clock)
        assert run_screen(config, folder).code is ExitCode.BUDGET
    statuses = [entry["status"] for entry in entries_of(folder).values()]
    assert statuses.count("scored") >= len(FLOORS)
    assert "not_done" in statuses
    assert run_screen(finished_run.config, folder).code is ExitCode.DONE
    assert_same_results(folder, finished_run.folder)


def test_finished_candidates_stay_ranked_when_the_budget_ends_before_them(a_run):
    (a_run.folder / "candidates/one.sft/rows/select.jsonl").unlink()
    config = write_config(a_run.folder.parent / "small.yaml", budget={"wall_seconds": 0})
    assert run_screen(config, a_run.folder).code is ExitCode.BUDGET
    entries = entries_of(a_run.folder)
    assert entries["one.sft"]["status"] == "not_done"
    assert entries["one.zero-shot"]["status"] == "scored"


def test_a_finished_run_needs_no_budget(a_run):
    config = write_config(a_run.folder.parent / "small.yaml", budget={"wall_seconds": 0})
    assert run_screen(config, a_run.folder).code is ExitCode.DONE


def test_what_all_calls_spent_counts_and_a_raised_limit_goes_on(finished_run, tmp_path):
    spent = json.loads((finished_run.folder / "costs.json").read_text(encoding="utf-8"))["spent"]
    folder, codes = tmp_path / "run", []
    for tenth in range(1, 10):
        limit = spent["tokens"] * tenth // 10 + 1
        config = write_config(tmp_path / "small.yaml", budget={"tokens": limit})
        for _ in range(2):  # again under the same limit: nothing more is done
            codes.append(run_screen(config, folder).code)
    assert set(codes) == {ExitCode.BUDGET}
    assert run_screen(finished_run.config, folder).code is ExitCode.DONE
    assert_same_results(folder, finished_run.folder)
    events = [line["event"] for line in lines_of(folder / "events.jsonl")]
    assert events.count("budget_stop") == events.count("budget_raised") > 1
    now = json.loads((folder / "costs.json").read_text(encoding="utf-8"))["spent"]
    assert now["tokens"] >= spent["tokens"]


@pytest.mark.parametrize(
    ("resource", "limit"), [("wall_seconds", 0.01), ("accelerator_seconds", 0.01), ("tokens", 1)]
)
def test_each_limit_stops_a_screen_with_a_report(tmp_path, resource, limit):
    folder = tmp_path / "run"
    config = write_config(tmp_path / "small.yaml", budget={resource: limit}, recipes=["sft"])
    called = call("screen", config, "--out", folder)
    assert called.code == ExitCode.BUDGET
    assert entries_of(folder)["one.sft"]["status"] == "not_done"
    (stop,) = (e for e in lines_of(folder / "events.jsonl") if e["event"] == "budget_stop")
    assert (stop["resource"], stop["limit"]) == (resource, limit)
    assert "Stopped by its budget" in (folder / "report.html").read_text(encoding="utf-8")
