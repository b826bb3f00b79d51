import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from emoloom.errors import ConfigError, ExitCode, UserError
from emoloom.report.page import render_page
from emoloom.runs.directory import RunDirectory, sha256_file
from tiny_screen import (
    STAGES,
    UNSTEADY,
    Watch,
    assert_same_results,
    assert_user_error,
    call,
    run_screen,
    tree,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

FLOORS = ("constant", "lexicon", "tf-idf")


def board_of(folder: Path) -> dict:
    return json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))


def entries_of(folder: Path) -> dict[str, dict]:
    return {entry["name"]: entry for entry in board_of(folder)["entries"]}


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# The folder


def test_the_run_folder_holds_what_the_design_lists(finished_run):
    top = (
        "run.json manifest.json plan.json events.jsonl costs.json report.html .lock done/data.json"
    )
    wanted = {
        *top.split(),
        *(f"leaderboard.{suffix}" for suffix in ("json", "csv", "md")),
        *(f"data/{name}.jsonl" for name in ("train", "select", "rejected")),
        *(f"data/{name}.json" for name in ("scale", "counts")),
    }
    for name in (*FLOORS, "one.sft", "one.zero-shot"):
        wanted |= {f"candidates/{name}/{f}" for f in ("rows/select.jsonl", "scores.json")}
        wanted.add(f"candidates/{name}/done/select.json")
    for name in ("one.sft", "one.zero-shot"):
        wanted |= {f"candidates/{name}/{f}" for f in ("preflight.json", "done/preflight.json")}
    trained = ("steps.jsonl", "done/train.json", "checkpoint/adapter_config.json")
    wanted |= {f"candidates/one.sft/{f}" for f in trained}
    wanted.add("candidates/one.sft/checkpoint/adapter_model.safetensors")
    assert set(tree(finished_run.folder)) == wanted


def test_rows_answers_and_scores_agree_in_number_and_order(finished_run):
    folder = finished_run.folder
    select = [row["id"] for row in lines_of(folder / "data/select.jsonl")]
    assert len(select) == 8
    assert len(lines_of(folder / "data/train.jsonl")) == 20
    assert len(lines_of(folder / "candidates/one.sft/steps.jsonl")) == 5
    for name in (*FLOORS, "one.sft"):
        rows = lines_of(folder / f"candidates/{name}/rows/select.jsonl")
        assert [row["id"] for row in rows] == select
        assert {tuple(row) for row in rows} == {("id", "output")}
        assert entries_of(folder)[name]["n"] == 8
    shown = [row["id"] for row in lines_of(folder / "candidates/one.zero-shot/rows/select.jsonl")]
    assert shown == [row for row in select if row in shown]
    assert len({row.split("/")[0] for row in shown}) == 2, "one row of each corpus"


def test_times_live_in_costs_alone(finished_run):
    costs = json.loads((finished_run.folder / "costs.json").read_text(encoding="utf-8"))
    assert [f"{e['stage']} {e['candidate']}" for e in costs["stages"]] == STAGES
    assert costs["decode"]["one.sft"]["rows"] == 8
    timed = ("seconds", "rate", "peak_memory", "forwards", "near_ties")
    for name, content in tree(finished_run.folder, UNSTEADY).items():
        if name == "plan.json" or not name.endswith((".json", ".jsonl", ".csv")):
            continue  # plan.json holds the budget's `wall_seconds`, which is no time measured
        assert [word for word in timed if f'"{word}'.encode() in content] == [], name


def test_the_manifest_is_an_in_toto_statement_and_every_digest_is_right(finished_run):
    folder = finished_run.folder
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest) == {"_type", "subject", "predicateType", "predicate"}
    assert manifest["_type"] == "https://in-toto.io/Statement/v1"
    assert manifest["predicateType"].startswith("urn:emoloom:")
    names = [subject["name"] for subject in manifest["subject"]]
    assert names == sorted(set(names))
    for subject in manifest["subject"]:
        assert set(subject) == {"name", "digest"}
        assert subject["digest"] == {"sha256": sha256_file(folder / subject["name"])}
    unsteady = {*UNSTEADY, "manifest.json", "run.json"}
    assert set(names) == {n for n in tree(folder, unsteady) if "done" not in Path(n).parts}
    made_from = manifest["predicate"]
    assert len(made_from["models"]["one"]["weights_sha256"]) == 64
    assert set(made_from["data"]) == {"goemotions-sample", "emobank-sample"}
    assert made_from["config"]["ranking"]["min_positives"] == 20, "defaults are in force too"
    assert str(folder) not in (folder / "manifest.json").read_text(encoding="utf-8")


def test_the_manifest_leaves_out_what_a_killed_process_left(a_run):
    (a_run.folder / "candidates/one.sft/rows/.select.jsonl.x1").write_bytes(b"half")
    (a_run.folder / ".leaderboard.json.y2").write_bytes(b"half")
    run_screen(a_run.config, a_run.folder)
    manifest = json.loads((a_run.folder / "manifest.json").read_text(encoding="utf-8"))
    assert [s["name"] for s in manifest["subject"] if "/." in f"/{s['name']}"] == []


# Doing it again


def test_a_second_screen_redoes_nothing_and_changes_nothing(a_run):
    before = tree(a_run.folder)
    outputs = [name for name in before if name.startswith(("data/", "candidates/", "done/"))]
    kept = [name for name in outputs if not name.endswith("scores.json")]
    times = {name: (a_run.folder / name).stat().st_mtime_ns for name in kept}
    watch = Watch()
    screened = run_screen(a_run.config, a_run.folder, watch)
    assert screened.code is ExitCode.DONE
    assert watch.titles == []
    assert tree(a_run.folder) == before
    assert {name: (a_run.folder / name).stat().st_mtime_ns for name in kept} == times


def test_two_runs_in_different_folders_differ_in_costs_alone(finished_run, tmp_path):
    config = shutil.copy(finished_run.config, tmp_path / "other-name.yaml")
    folder = tmp_path / "deep" / "other run"
    watch = Watch()
    run_screen(Path(config), folder, watch)
    assert watch.titles == watch.closed == STAGES
    assert_same_results(folder, finished_run.folder)
    assert (folder / "events.jsonl").read_bytes() == (
        finished_run.folder / "events.jsonl"
    ).read_bytes()
    pages = []
    for run in (folder, finished_run.folder):
        copy = tmp_path / run.parent.name / "same name"
        shutil.copytree(run, copy)
        (copy / "costs.json").unlink()
        pages.append(render_page(copy))
    assert pages[0] == pages[1]


DEPENDS = {
    "data/train.jsonl": "data -",
    "data/select.jsonl": "data -",
    "data/rejected.jsonl": "data -",
    "data/scale.json": "data -",
    "data/counts.json": "data -",
    "done/data.json": "data -",
    "candidates/constant/rows/select.jsonl": "select constant",
    "candidates/tf-idf/rows/select.jsonl": "select tf-idf",
    "candidates/lexicon/done/select.json": "select lexicon",
    "candidates/one.sft/preflight.json": "preflight one.sft",
    "candidates/one.sft/steps.jsonl": "train one.sft",
    "candidates/one.sft/checkpoint/adapter_config.json": "train one.sft",
    "candidates/one.sft/checkpoint/adapter_model.safetensors": "train one.sft",
    "candidates/one.sft/done/train.json": "train one.sft",
    "candidates/one.sft/rows/select.jsonl": "select one.sft",
    "candidates/one.zero-shot/preflight.json": "preflight one.zero-shot",
    "candidates/one.zero-shot/rows/select.jsonl": "select one.zero-shot",
    "candidates/one.sft/scores.json": None,
    "leaderboard.json": None,
    "leaderboard.csv": None,
    "leaderboard.md": None,
    "plan.json": None,
    "manifest.json": None,
}
"""Output -> the one stage that makes it; None where it is written on every call."""


def test_every_result_of_a_run_is_in_the_table_above_or_has_a_like(finished_run):
    listed = {Path(name).name for name in DEPENDS}
    there = {Path(name).name for name in tree(finished_run.folder, {*UNSTEADY, "run.json"})}
    assert there <= listed


HARMS = [
    *((name, "altered") for name, stage in DEPENDS.items() if stage and "done/" not in name),
    ("data/train.jsonl", "deleted"),
    ("data/rejected.jsonl", "deleted"),
    ("done/data.json", "deleted"),
    ("candidates/lexicon/done/select.json", "cut"),
    ("candidates/one.sft/preflight.json", "cut"),
    ("candidates/one.sft/checkpoint/adapter_model.safetensors", "deleted"),
    ("candidates/one.sft/done/train.json", "cut"),
    ("candidates/one.sft/rows/select.jsonl", "cut"),
    ("candidates/one.sft/rows/select.jsonl", "deleted"),
]


@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_what_is_harmed_is_made_again_and_nothing_else(a_run, finished_run, name, harm):
    path = a_run.folder / name
    content = path.read_bytes()
    if harm == "deleted":
        path.unlink()
    elif harm == "altered":
        path.write_bytes(content + b" ")
    else:
        path.write_bytes(content[: len(content) // 2])
    watch = Watch()
    run_screen(a_run.config, a_run.folder, watch)
    assert watch.titles == [DEPENDS[name]]
    assert_same_results(a_run.folder, finished_run.folder)


@pytest.mark.parametrize("harm", ["deleted", "cut"])
def test_what_is_written_on_every_call_comes_back_without_work(a_run, finished_run, harm):
    for name in (name for name, stage in DEPENDS.items() if stage is None):
        path = a_run.folder / name
        content = path.read_bytes()
        path.unlink()
        if harm == "cut":
            path.write_bytes(content[: len(content) // 2])
    watch = Watch()
    run_screen(a_run.config, a_run.folder, watch)
    assert watch.titles == []
    assert_same_results(a_run.folder, finished_run.folder)


def test_a_checkpoint_that_became_a_file_is_made_again(a_run, finished_run):
    checkpoint = a_run.folder / "candidates/one.sft/checkpoint"
    shutil.rmtree(checkpoint)
    checkpoint.write_text("in the way", encoding="utf-8")
    watch = Watch()
    run_screen(a_run.config, a_run.folder, watch)
    assert watch.titles == ["train one.sft"]
    assert_same_results(a_run.folder, finished_run.folder)


def test_both_copies_of_a_certificate_lost_it_is_measured_again(a_run, finished_run):
    for name in ("one.sft", "one.zero-shot"):
        (a_run.folder / f"candidates/{name}/preflight.json").unlink()
    watch = Watch()
    run_screen(a_run.config, a_run.folder, watch)
    assert watch.titles == ["preflight one.sft", "preflight one.zero-shot"]
    assert_same_results(a_run.folder, finished_run.folder)


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
        assert watch.advances["select one.sft"][0] >= 5, "decoded rows are kept"
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
    if name == "SIGINT":
        assert done.returncode == ExitCode.INTERRUPTED == 130
        last = done.stderr.splitlines()[-1]
        assert last == "interrupted; what is finished is kept: run the same command to continue"
    else:
        assert done.returncode == -signal.SIGKILL
        with (folder / "events.jsonl").open("ab") as stream:
            stream.write(b'{"event":"cut sho')
    watch = Watch()
    run_screen(finished_run.config, folder, watch)
    assert watch.titles == STAGES[STAGES.index(stage) :]
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
    assert events == [("started", None), ("not_done", "one.sft"), ("not_done", "one.zero-shot")]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for subject in manifest["subject"]:
        assert subject["digest"]["sha256"] == sha256_file(folder / subject["name"])

    config = write_config(config, budget={"wall_seconds": 3600})
    watch = Watch()
    assert run_screen(config, folder, watch).code is ExitCode.DONE
    assert watch.titles == STAGES[4:]
    for name in ("json", "csv", "md"):
        mine, other = (f / f"leaderboard.{name}" for f in (folder, finished_run.folder))
        assert mine.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("ticks", [8, 13, 20])
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


# Whose folder it is


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 4},
        {"recipes": ["sft"]},
        {"training": {"learning_rate": 1e-3}},
        {"threads": 2},
        {"name": "other"},
    ],
)
def test_another_config_on_the_same_folder_is_refused(a_run, changes):
    before = tree(a_run.folder)
    config = write_config(a_run.folder.parent / "other.yaml", **changes)
    called = call("screen", config, "--out", a_run.folder)
    assert_user_error(called, "holds a run of another config or version", "--out")
    assert tree(a_run.folder) == before


def test_a_newer_run_format_is_refused(a_run):
    path = a_run.folder / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | {"format": 2}), encoding="utf-8")
    called = call("screen", a_run.config, "--out", a_run.folder)
    assert_user_error(called, "newer emoloom", "got: run format 2", "allowed: up to 1", "upgrade")


def test_files_that_are_no_run_are_refused_and_left_alone(finished_run, tmp_path):
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    called = call("screen", finished_run.config, "--out", tmp_path)
    assert_user_error(called, "not empty and holds no run", "got: letter.txt", "--out")
    assert {name for name in tree(tmp_path) if name != ".lock"} == {"letter.txt"}


def test_a_file_where_the_folder_should_be(finished_run, tmp_path):
    (tmp_path / "run").write_text("x", encoding="utf-8")
    called = call("screen", finished_run.config, "--out", tmp_path / "run")
    assert_user_error(called, "cannot write the run folder", "--out")
    called = call("screen", finished_run.config, "--out", tmp_path / "run" / "below")
    assert_user_error(called, "cannot write the run folder", "--out")


def test_a_folder_without_the_right_to_write(a_run, monkeypatch):
    """Root may write anywhere, so the refusal is played."""
    really_open = Path.open

    def refuse(path, *args, **options):
        if path == a_run.folder / ".lock":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return really_open(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    called = call("screen", a_run.config, "--out", a_run.folder)
    assert_user_error(called, "cannot write the run folder", "got: Permission denied", "--out")


def test_a_full_disk_is_said_in_one_line_and_the_run_goes_on_later(
    finished_run, tmp_path, monkeypatch
):
    really_sync, calls = os.fsync, count()

    def full(handle):
        if next(calls) == 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        really_sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        called = call("screen", finished_run.config, "--out", tmp_path / "run")
    assert_user_error(called, "No space left on device", "run the same command again")
    hidden = [name for name in tree(tmp_path) if "/." in f"/{name}"]
    assert hidden == ["run/.lock"], "no temporary file is left"
    run_screen(finished_run.config, tmp_path / "run")
    assert_same_results(tmp_path / "run", finished_run.folder)


def test_a_second_process_is_turned_away(a_run):
    with RunDirectory(a_run.folder).lock():
        called = call("screen", a_run.config, "--out", a_run.folder)
    assert_user_error(called, "another process works on", "--out")


def test_a_config_mended_after_a_late_fault_may_use_its_folder(finished_run, tmp_path):
    folder = tmp_path / "run"
    twice = [{"corpus": "goemotions-sample", "rows": 8}, {"corpus": "goemotions-sample"}]
    select = [{"corpus": "goemotions-sample", "rows": 4}]
    config = write_config(tmp_path / "small.yaml", data={"train": twice, "select": select})
    assert_user_error_on_stderr(call("screen", config, "--out", folder), "a row stands twice")
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"] == "failed"
    run_screen(finished_run.config, folder)
    assert_same_results(folder, finished_run.folder)


def assert_user_error_on_stderr(called, *parts: str) -> None:
    """As `assert_user_error`, where progress lines stand before the message."""
    assert_user_error(called, *parts)
    assert called.err.splitlines()[-1].startswith("error: ")


# Candidates that fail


def nan_model(folder: Path, like: Path) -> Path:
    shutil.copytree(like, folder)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = np.full_like(weights["lm_head.weight"], np.nan)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def tiny_folder(own_cache: Path) -> Path:
    from emoloom.models.sources import get_model, parse_source

    return get_model(parse_source("random:tiny@1")).folder


def test_a_model_of_nan_fails_alone_and_the_rest_is_ranked(finished_run, tiny_folder, tmp_path):
    broken = nan_model(tmp_path / "broken", tiny_folder)
    models = [{"source": str(broken), "name": "nan"}, {"source": "random:tiny@1", "name": "one"}]
    config = write_config(tmp_path / "small.yaml", models=models)
    folder = tmp_path / "run"
    assert run_screen(config, folder).code is ExitCode.DONE
    entries = entries_of(folder)
    for name in ("nan.sft", "nan.zero-shot"):
        assert entries[name]["status"] == "failed"
        assert "NaN" in entries[name]["reason"]
        assert entries[name]["rank"] is None
        assert not (folder / f"candidates/{name}/rows").exists()
    assert entries["one.sft"]["rank"] == 1
    answers = "candidates/one.sft/rows/select.jsonl"
    assert (folder / answers).read_bytes() == (finished_run.folder / answers).read_bytes()
    failed = [e for e in lines_of(folder / "events.jsonl") if e["event"] == "failed"]
    assert [e["candidate"] for e in failed] == ["nan.sft", "nan.zero-shot"]
    assert "NaN" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["ModelError", "UserError"])
def test_a_candidate_that_fails_at_work_fails_alone(finished_run, tmp_path, monkeypatch, kind):
    from emoloom.models.causal_lm import ModelError
    from emoloom.screening import answers

    train, error = answers.train, {"ModelError": ModelError, "UserError": UserError}[kind]

    def fail_on_two(lm, job, folder, advance):
        if job.base == "random:tiny@2":
            raise error("loss is nan at step 2")
        return train(lm, job, folder, advance)

    monkeypatch.setattr(answers, "train", fail_on_two)
    models = [{"source": f"random:tiny@{seed}", "name": f"m{seed}"} for seed in (2, 1)]
    config = write_config(tmp_path / "small.yaml", models=models, recipes=["sft"])
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    entries = entries_of(tmp_path / "run")
    assert entries["m2.sft"]["status"] == "failed"
    assert entries["m2.sft"]["reason"] == "loss is nan at step 2"
    assert entries["m1.sft"]["rank"] == 1


# Other corpora, other label spaces


@pytest.mark.parametrize("corpus", ["goemotions-sample", "emobank-sample"])
def test_labels_alone_or_vad_alone_can_be_screened(tmp_path, corpus):
    data = {"train": [{"corpus": corpus, "rows": 12}], "select": [{"corpus": corpus, "rows": 5}]}
    config = write_config(tmp_path / "small.yaml", data=data, recipes=["sft"])
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    assert entries_of(tmp_path / "run")["one.sft"]["n"] == 5


def test_a_label_space_of_the_users_reaches_the_report(tmp_path):
    space = tmp_path / "two.json"
    space.write_text('{"name": "two", "labels": ["glad", "sad"]}', encoding="utf-8")
    data = {
        "train": [{"corpus": "emobank-sample", "rows": 12}],
        "select": [{"corpus": "emobank-sample", "rows": 5}],
    }
    config = write_config(tmp_path / "c.yaml", data=data, labels=str(space), recipes=["sft"])
    run_screen(config, tmp_path / "run")
    constant = lines_of(tmp_path / "run/candidates/constant/rows/select.jsonl")[0]["output"]
    assert json.loads(constant)["labels"] == ["glad"]
    assert entries_of(tmp_path / "run")["constant"]["parse_ok"]["value"] == 1.0
    record = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert record["label_space"] == {"name": "two", "labels": ["glad", "sad"]}


def test_check_runs_nothing_and_finds_what_screen_would(finished_run, tmp_path, monkeypatch):
    from emoloom.pipeline import check

    monkeypatch.chdir(tmp_path)
    assert check(finished_run.config).name == "small"
    assert list(tmp_path.iterdir()) == []
    bad = write_config(tmp_path / "bad.yaml", labels="nosuch")
    with pytest.raises(ConfigError, match="unknown label space"):
        run_screen(bad, tmp_path / "run")
    assert not (tmp_path / "run").exists()
