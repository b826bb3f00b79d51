import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from emoloom.errors import UserError
from emoloom.runs.directory import (
    MARKER_VERSION,
    RunDirectory,
    Stage,
    fingerprint,
    sha256_file,
    write_folder_atomic,
    write_text_atomic,
)

# Done markers


@pytest.fixture
def stage(tmp_path) -> Stage:
    stage = Stage(tmp_path / "candidates" / "a", "train", fingerprint("inputs"))
    for name in ("steps.jsonl", "checkpoint/adapter"):
        write_text_atomic(stage.folder / name, name)
    outputs = [stage.folder / name for name in ("steps.jsonl", "checkpoint/adapter")]
    stage.finish(outputs, {"rows": 4, "answers": 4})
    return stage


def test_a_finished_stage_is_done_and_says_of_what(stage):
    marker = stage.done()
    assert marker == json.loads((stage.folder / "done" / "train.json").read_text(encoding="utf-8"))
    assert marker["inputs"] == stage.inputs
    assert marker["counts"] == {"rows": 4, "answers": 4}
    assert marker["outputs"] == {
        name: sha256_file(stage.folder / name) for name in ("checkpoint/adapter", "steps.jsonl")
    }


def test_a_stage_never_begun_is_not_done(tmp_path):
    assert Stage(tmp_path, "train", "x").done() is None


def test_the_same_outputs_of_other_inputs_are_not_done(stage):
    assert Stage(stage.folder, stage.name, fingerprint("other")).done() is None
    assert Stage(stage.folder, "select", stage.inputs).done() is None


@pytest.mark.parametrize("name", ["steps.jsonl", "checkpoint/adapter"])
@pytest.mark.parametrize("harm", ["missing", "changed", "same size", "a folder"])
def test_a_harmed_output_is_not_done(stage, name, harm):
    path = stage.folder / name
    size = path.stat().st_size
    path.unlink()
    if harm == "changed":
        path.write_text("other", encoding="utf-8")
    elif harm == "same size":
        path.write_bytes(b"x" * size)
    elif harm == "a folder":
        path.mkdir()
    assert stage.done() is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"version": 1}',
        b"[" * 100_000,
    ],
)
def test_a_broken_marker_is_not_done(stage, content):
    stage.marker.write_bytes(content)
    assert stage.done() is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": MARKER_VERSION + 1},
        {"version": str(MARKER_VERSION)},
        {"outputs": None},
        {"outputs": ["steps.jsonl"]},
        {"outputs": {"steps.jsonl": None}},
        {"outputs": {"../../elsewhere": "0" * 64}},
        {"inputs": None},
    ],
)
def test_a_marker_that_says_something_else_is_not_done(stage, change):
    marker = json.loads(stage.marker.read_text(encoding="utf-8"))
    stage.marker.write_text(json.dumps(marker | change), encoding="utf-8")
    assert stage.done() is None


def test_finish_refuses_outputs_that_are_missing_or_elsewhere(stage, tmp_path):
    before = stage.marker.read_bytes()
    with pytest.raises(FileNotFoundError):
        stage.finish([stage.folder / "none"])
    (tmp_path / "elsewhere").touch()
    with pytest.raises(ValueError, match="subpath"):
        stage.finish([tmp_path / "elsewhere"])
    assert stage.marker.read_bytes() == before


# One process a run


def hold(folder: Path, held, release) -> None:
    with RunDirectory(folder).lock():
        held.set()
        release.wait(30)


def test_a_second_process_gets_one_clear_error_until_the_first_ends(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    first = context.Process(target=hold, args=(tmp_path / "run", held, release))
    first.start()
    try:
        assert held.wait(30)
        with (
            pytest.raises(UserError, match=r"another process works on .*run; do: wait .* --out"),
            RunDirectory(tmp_path / "run").lock(),
        ):
            pytest.fail("two processes hold the run")
    finally:
        release.set()
        first.join(30)
    with RunDirectory(tmp_path / "run").lock():
        pass


def test_a_killed_holder_holds_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    first = context.Process(target=hold, args=(tmp_path, held, release))
    first.start()
    assert held.wait(30)
    first.kill()
    first.join(30)
    with RunDirectory(tmp_path).lock():
        assert (tmp_path / ".lock").exists()


def write_then_die(folder: Path, how: str) -> None:
    def die(*_) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if how == "file":
        os.fsync = die
        write_text_atomic(folder / "rows" / "select.jsonl", "half")
    else:
        write_folder_atomic(folder / "checkpoint", die)


@pytest.mark.parametrize("how", ["file", "folder"])
def test_who_holds_the_run_sweeps_out_what_a_killed_process_left(tmp_path, how):
    kept = tmp_path / "rows" / ".of the user's own"
    write_text_atomic(kept, "stays")
    context = multiprocessing.get_context("spawn")
    killed = context.Process(target=write_then_die, args=(tmp_path, how))
    killed.start()
    killed.join(30)
    assert killed.exitcode == -signal.SIGKILL
    assert len(list(tmp_path.rglob(".*.unfinished"))) == 1
    with RunDirectory(tmp_path).lock():
        assert list(tmp_path.rglob("*.unfinished")) == []
        assert kept.read_text(encoding="utf-8") == "stays"


def test_the_lock_is_let_go_after_an_error(tmp_path):
    run = RunDirectory(tmp_path)
    with pytest.raises(RuntimeError), run.lock():
        raise RuntimeError
    with run.lock():
        pass


def test_a_run_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with (
            pytest.raises(UserError, match=r"cannot write the run folder .*got: .*--out"),
            RunDirectory(folder).lock(),
        ):
            pytest.fail("locked")


def test_paths_of_a_run_touch_nothing(tmp_path):
    run = RunDirectory(tmp_path / "run")
    assert run.rows("a.sft", "select") == tmp_path / "run/candidates/a.sft/rows/select.jsonl"
    assert run.data("train") == tmp_path / "run/data/train.jsonl"
    assert list(tmp_path.iterdir()) == []
