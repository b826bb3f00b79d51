"""The cross-corpus probe stopped, killed and failed: nobody loses a rank, and it goes on."""

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
from test_pipeline_workers import RUN, results

from cross_files import cross_config, cross_parts, scores_of
from emoloom.errors import ExitCode, UserError
from tiny_screen import (
    Watch,
    assert_same_results,
    call,
    entries_of,
    lines_of,
    run_screen,
)

pytestmark = pytest.mark.usefixtures("own_cache")

NAME = "one.sft"


def undone(folder) -> None:
    for name in ("rows/cross.jsonl", "done/cross.json"):
        (folder / f"candidates/{NAME}" / name).unlink()


def test_stopped_in_its_stage_by_the_budget_a_candidate_stays_ranked(
    a_crossed_run, crossed_run, tmp_path
):
    undone(a_crossed_run.folder)
    parts = cross_parts(crossed_run.config.parent)
    config = cross_config(tmp_path / "small.yaml", parts, budget={"wall_seconds": 0})
    assert run_screen(config, a_crossed_run.folder).code is ExitCode.BUDGET
    entry, scores = entries_of(a_crossed_run.folder)[NAME], scores_of(a_crossed_run.folder, NAME)
    assert (entry["status"], entry["rank"]) == ("scored", 1)
    assert entry["polarity"] is not None
    assert "cross" not in scores
    assert scores_of(a_crossed_run.folder, "lexicon")["cross"]["seven"]["n"] == 8
    last = lines_of(a_crossed_run.folder / "events.jsonl")[-1]
    assert (last["event"], last["candidate"]) == ("cross_not_done", NAME)
    assert call("verify", a_crossed_run.folder).code == 0
    watch = Watch()
    assert run_screen(crossed_run.config, a_crossed_run.folder, watch).code is ExitCode.DONE
    assert watch.titles == [f"cross {NAME}"]
    assert_same_results(a_crossed_run.folder, crossed_run.folder)


def test_a_budget_that_ends_between_two_rows_goes_on_there(
    a_crossed_run, crossed_run, tmp_path, monkeypatch
):
    undone(a_crossed_run.folder)
    costs = json.loads((a_crossed_run.folder / "costs.json").read_text(encoding="utf-8"))
    limit = costs["spent"]["wall_seconds"] + 6
    parts = cross_parts(crossed_run.config.parent)
    config = cross_config(tmp_path / "small.yaml", parts, budget={"wall_seconds": limit})
    with monkeypatch.context() as patch:
        clock = SimpleNamespace(monotonic=partial(next, count(time.monotonic())))
        patch.setattr("emoloom.engines.local.time", clock)
        watch = Watch()
        assert run_screen(config, a_crossed_run.folder, watch).code is ExitCode.BUDGET
    assert 0 < sum(watch.advances[f"cross {NAME}"]) < 14
    assert call("verify", a_crossed_run.folder).code == 0, "a partial file is no file of answers"
    run_screen(crossed_run.config, a_crossed_run.folder)
    assert_same_results(a_crossed_run.folder, crossed_run.folder)


def test_a_spent_budget_leaves_the_probe_undone_before_the_pairs(a_crossed_run, tmp_path):
    undone(a_crossed_run.folder)
    for name in ("rows/polarity.jsonl", "done/polarity.json"):
        (a_crossed_run.folder / f"candidates/{NAME}" / name).unlink()
    watch = Watch()
    run_screen(a_crossed_run.config, a_crossed_run.folder, watch)
    assert watch.titles == [f"polarity {NAME}", f"cross {NAME}"]


@pytest.mark.parametrize("stop_at", [(f"cross {NAME}", 2), ("train one.sft", 3)])
def test_interrupted_a_run_goes_on_to_the_same_bytes(crossed_run, tmp_path, stop_at):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_screen(crossed_run.config, folder, Watch(stop_at=stop_at))
    watch = Watch()
    run_screen(crossed_run.config, folder, watch)
    assert watch.titles[-1] == f"cross {NAME}"
    assert_same_results(folder, crossed_run.folder)


@pytest.mark.parametrize("workers", [0, 1])
def test_killed_in_its_stage_a_run_goes_on_to_the_same_bytes(crossed_run, tmp_path, workers):
    config = cross_config(
        tmp_path / "c.yaml", cross_parts(crossed_run.config.parent), workers=workers
    )
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "screen", str(config), "--out", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ.copy(),
    )
    try:
        for line in process.stderr:
            if line.startswith(f"cross {NAME}".encode()):
                break
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert (folder / f"candidates/{NAME}/done/polarity.json").is_file()
    assert run_screen(crossed_run.config, folder).code is ExitCode.DONE
    assert results(folder) == results(crossed_run.folder)


def test_what_fails_in_its_stage_costs_no_rank(a_crossed_run, monkeypatch):
    from emoloom.screening import answers

    undone(a_crossed_run.folder)

    def fail(*_args):
        raise UserError("no memory left")

    monkeypatch.setattr(answers, "decode", fail)
    assert run_screen(a_crossed_run.config, a_crossed_run.folder).code is ExitCode.DONE
    entry = entries_of(a_crossed_run.folder)[NAME]
    assert (entry["status"], entry["rank"]) == ("scored", 1)
    last = lines_of(a_crossed_run.folder / "events.jsonl")[-1]
    assert (last["event"], last["message"]) == ("cross_failed", "no memory left")
    assert call("verify", a_crossed_run.folder).code == 0
