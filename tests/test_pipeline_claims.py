import copy
import errno
import json
import os
import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from emoloom.errors import ConfigError, ExitCode, UserError
from emoloom.runs.directory import RunDirectory
from tiny_screen import (
    SETTINGS,
    assert_same_results,
    assert_user_error,
    call,
    entries_of,
    lines_of,
    run_screen,
    tree,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")


# Whose folder it is


MORE_ROWS = copy.deepcopy(SETTINGS["data"])
MORE_ROWS["train"][0]["rows"] = 9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 4}, "seed: 3 -> 4"),
        ({"recipes": ["sft"]}, 'recipes.1: "zero-shot" -> not there'),
        ({"training": {}}, "training.batch_rows: 4 -> 8, training.learning_rate: 0.003 -> 0.001, "),
        ({"threads": 2}, "threads: 1 -> 2"),
        ({"name": "other"}, 'name: "small" -> "other"'),
        ({"data": MORE_ROWS}, "data.train.0.rows: 8 -> 9"),
        ({"halving": {"rungs": 2}}, 'halving: not there -> {"rungs":2,"keep":0.5,'),
        ({"models": ["random:tiny@1"]}, 'models.0.name: "one" -> null'),
    ],
)
@pytest.mark.parametrize("command", ["screen", "plan"])
def test_another_config_on_the_same_folder_is_refused_by_what_differs(
    a_run, changes, said, command
):
    before = tree(a_run.folder)
    config = write_config(a_run.folder.parent / "other.yaml", **changes)
    called = call(command, config, "--out", a_run.folder)
    assert_user_error(called, "was made from another config; got: ", said, "--out")
    assert tree(a_run.folder) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"emoloom_version": "0.0.9"}, "emoloom: 0.0.9 -> "),
        ({"packages": {"torch": "1.0"}}, "torch: 1.0 -> "),
    ],
)
def test_another_version_is_refused_in_words_of_its_own(a_run, changes, said):
    path = a_run.folder / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **changes, "identity": "other"}), encoding="utf-8")
    before = tree(a_run.folder)
    called = call("screen", a_run.config, "--out", a_run.folder)
    what = "was made with another version of emoloom or of a package"
    assert_user_error(called, what, said, "install those versions", "--out")
    assert tree(a_run.folder) == before


def test_settings_that_change_no_result_do_not_bind(a_run):
    changes = {"workers": 1, "budget": {"wall_seconds": 3600}, "cache": {"answers": False}}
    config = write_config(a_run.folder.parent / "other.yaml", **changes)
    assert call("screen", config, "--out", a_run.folder).code == 0


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


def test_a_setting_that_was_advised_may_follow_in_the_same_folder(
    finished_run, tmp_path, monkeypatch
):
    """A refused model binds the folder to nothing, so that the advice can be taken."""
    folder = tmp_path / "run"
    monkeypatch.setattr("emoloom.sources.size.MOST_PARAMETERS", 1000)
    refused = write_config(tmp_path / "small.yaml")
    called = call("screen", refused, "--out", folder)
    assert_user_error_on_stderr(called, "is not a small model", "`allow_large: true`")
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"] == "failed"
    model = {"source": "random:tiny@1", "name": "one", "allow_large": True}
    run_screen(write_config(tmp_path / "small.yaml", models=[model]), folder)
    board = (folder / "leaderboard.json").read_bytes()
    assert board == (finished_run.folder / "leaderboard.json").read_bytes()


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
    from emoloom.sources.model_files import get_model, parse_source

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


def test_a_nan_while_decoding_names_its_row_and_the_rest_is_ranked(
    finished_run, tmp_path, monkeypatch
):
    """One model's embeddings give NaN wherever one text stands."""
    from emoloom.screening import candidate_run

    with_adapter = candidate_run.with_adapter
    bad = lines_of(finished_run.folder / "data/select.jsonl")[3]

    def broken(lm, folder):
        lm = with_adapter(lm, folder)
        text = list(lm.prompter.prompt(bad["text"]).ids)

        def poison(_module, given, made):
            ids = given[0][0].tolist()
            for at in range(len(ids) - len(text) + 1):
                if ids[at : at + len(text)] == text:
                    made[0, at : at + len(text)] = float("nan")

        if folder.name == "bad.sft":
            lm.model.get_input_embeddings().register_forward_hook(poison)
        return lm

    monkeypatch.setattr(candidate_run, "with_adapter", broken)
    models = [{"source": "random:tiny@1", "name": name} for name in ("bad", "one")]
    config = write_config(tmp_path / "c.yaml", models=models, recipes=["sft"])
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    entries = entries_of(tmp_path / "run")
    assert entries["bad.sft"]["status"] == "failed"
    assert entries["bad.sft"]["reason"].endswith(f"gave NaN logits on row {bad['id']}")
    assert entries["one.sft"]["rank"] == 1


def test_a_model_that_is_refused_is_so_by_the_command_too(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path / "short")
    path = tmp_path / "short/config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"max_position_embeddings": 64}
    path.write_text(json.dumps(config), encoding="utf-8")
    called = call("models", "check", tmp_path / "short")
    assert called.code == 2
    assert "refused" in called.out
    assert "its context of 64 tokens is shorter than the longest row" in called.out


def test_where_every_candidate_fails_the_report_stands_and_the_exit_code_says_so(
    tiny_folder, tmp_path
):
    broken = nan_model(tmp_path / "broken", tiny_folder)
    models = [{"source": str(broken), "name": "nan"}]
    config = write_config(tmp_path / "small.yaml", models=models, recipes=["sft"])
    screened = run_screen(config, tmp_path / "run")
    assert screened.code is ExitCode.USER_ERROR
    assert "No candidate was ranked: 1 failed" in screened.verdict
    assert (tmp_path / "run" / "report.html").is_file()
    assert entries_of(tmp_path / "run")["tf-idf"]["score"]["value"] > 0


@pytest.mark.parametrize("kind", ["ModelError", "UserError"])
def test_a_candidate_that_fails_at_work_fails_alone(finished_run, tmp_path, monkeypatch, kind):
    from emoloom.models.logits import ModelError
    from emoloom.screening import training_work

    train, error = training_work.train, {"ModelError": ModelError, "UserError": UserError}[kind]

    def fail_on_two(lm, job, folder, advance, event, trunk):
        if job.base == "random:tiny@2":
            raise error("loss is nan at step 2")
        return train(lm, job, folder, advance, event, trunk)

    monkeypatch.setattr(training_work, "train", fail_on_two)
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
