"""A run that was disturbed ends byte for byte as one that was not.

`EMOLOOM_KILLS=200 python -m pytest tests/kill` kills more often (`make kill`); the processes are
in `forks.py`.
"""

import errno
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from screens import SCREENS

from tiny_screen import assert_same_results, call, run_screen, write_config

KILLS = int(os.environ.get("EMOLOOM_KILLS", "50"))
FORKS = Path(__file__).with_name("forks.py")
SUPPORT = Path(__file__).resolve().parents[1] / "support"

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="forks a process with torch in it")


def forked(folder: Path, what: str, *args: object) -> Any:
    """What `forks.py` found, in a process that has computed nothing before."""
    path = os.pathsep.join(filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH", "")]))
    calm = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, FORKS, what, "--folder", folder, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **calm},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@only_linux
@pytest.mark.timeout(60 + 12 * KILLS)
def test_runs_killed_at_random_moments_end_byte_for_byte_the_same(tmp_path):
    found = forked(tmp_path / "kills", "kills", "--count", KILLS, "--seed", 20260101)
    print(found)  # noqa: T201 (where the kills fell)
    assert found["kills"] == KILLS
    assert found["runs"] >= min(len(SCREENS), KILLS // 8), "every screen was run"
    stages = set(found["hit"]) - {"before", "between"}
    assert len(stages) >= 3, f"the kills fell on {found['hit']}"


@only_linux
@pytest.mark.timeout(120 + 40 * KILLS)
def test_a_run_whose_models_are_in_a_worker_ends_the_same_when_both_are_gone(tmp_path):
    found = forked(tmp_path / "kills", "worker-kills", "--count", max(4, KILLS // 10), "--seed", 7)
    print(found)  # noqa: T201
    assert found["runs"] >= 1


@only_linux
@pytest.mark.timeout(120 + 12 * KILLS)
def test_a_sigterm_at_any_moment_is_an_interrupt(tmp_path):
    count = max(6, KILLS // 5)
    codes = forked(tmp_path / "terms", "terms", "--count", count, "--seed", 3)
    assert set(codes) <= {"143", "0"}, codes
    assert codes.get("143", 0) > count // 2, codes


@only_linux
def test_a_file_that_no_longer_fits_the_disk_is_one_clear_error_and_costs_nothing(tmp_path):
    found = forked(tmp_path / "sizes", "sizes")
    codes = {size: one["code"] for size, one in found.items()}
    assert set(codes.values()) <= {0, 2}, found
    assert list(codes.values()).count(2) >= 4, f"the limits were too wide to hurt: {codes}"
    for size, one in found.items():
        assert "Traceback" not in one["text"], (size, one["text"])
        if one["code"]:
            assert one["last"].startswith("error: "), (size, one)
            assert "make room" in one["last"], (size, one)


@only_linux
def test_a_second_process_waits_its_turn_and_changes_nothing(tmp_path):
    others = forked(tmp_path / "seconds", "seconds", "--seed", 1)["others"]
    refused = [text for code, text in others if code == 2]
    assert len(refused) >= 2
    assert all("another process works on" in text for text in refused)
    # One that begins as the first ends may find the run finished.
    assert {code for code, _ in others[:-1]} == {2}
    assert others[-1][0] in (0, 2)


@pytest.fixture
def syncs(monkeypatch):
    """Counts what is brought to the disk; from the given count on the disk is full."""
    from emoloom.runs import directory

    sync, state = os.fsync, {"done": 0, "room": None}

    def limited(handle: int) -> None:
        state["done"] += 1
        if state["room"] is not None and state["done"] > state["room"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(directory.os, "fsync", limited)
    return state


def test_a_disk_that_is_full_from_some_moment_on(finished_run, own_cache, tmp_path, syncs):
    run_screen(finished_run.config, tmp_path / "counted")
    total = syncs["done"]
    assert total > 30
    moments = random.Random(1).sample(range(total), 8)
    for moment in (0, *moments, total - 1):
        folder = tmp_path / f"full-{moment}"
        syncs.update(done=0, room=moment)
        called = call("screen", finished_run.config, "--out", folder)
        assert called.code == 2, (moment, called)
        (line,) = [line for line in called.err.splitlines() if line.startswith("error: ")]
        assert "No space left on device" in line
        assert "do: make room, then run the same command again" in line
        syncs.update(room=None)
        assert call("screen", finished_run.config, "--out", folder).code == 0
        assert_same_results(folder, finished_run.folder)


def test_a_full_disk_at_a_checkpoint(own_cache, tmp_path, syncs):
    """Checkpoints are folders: one that cannot be finished must not be taken for one."""
    training = {"batch_rows": 4, "learning_rate": 3e-3, "max_text_tokens": 24, "lora_rank": 4}
    changes = {"recipes": ["sft"], "training": {**training, "checkpoint_steps": 2}}
    config = write_config(tmp_path / "often.yaml", **changes)
    run_screen(config, tmp_path / "reference")
    total = syncs["done"]
    for moment in range(total // 3, 2 * total // 3, 3):
        folder = tmp_path / f"full-{moment}"
        syncs.update(done=0, room=moment)
        assert call("screen", config, "--out", folder).code == 2
        syncs.update(room=None)
        assert call("screen", config, "--out", folder).code == 0
        assert_same_results(folder, tmp_path / "reference")
