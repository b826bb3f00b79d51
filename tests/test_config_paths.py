"""Paths in a config: relative to its folder, recorded as they are written, found again later."""

import json
import os
from pathlib import Path, PurePath
from typing import Any, get_args

import pytest
import yaml

from emoloom.auditing.facts import run_identity
from emoloom.config import Config, load_config
from emoloom.config_mapping import Settings
from emoloom.config_paths import MODELS, PATHS, SPACES, beside, record_paths, recorded
from emoloom.row_sets.checks import known_names
from tiny_screen import assert_same_results, assert_user_error, call, write_config

COLUMNS = {"text": "text", "labels": "label", "valence": "v", "arousal": "a", "dominance": "d"}
NOWHERE = "there is no file or folder "


def table(path: Path, first: int, count: int) -> Path:
    lines = [
        f"thing {n} of {n * n},{('joy', 'anger')[n % 2]},0.2,0.4,0.{n % 9}" for n in range(count)
    ]
    body = "".join(f"{line.replace('thing', f'thing{first}')}\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text,label,v,a,d\n" + body, encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a config and two data files, and another folder to stand in."""
    folder = tmp_path / "project"
    table(folder / "train/data.csv", 1, 20)
    table(folder / "dev/data.csv", 2, 12)
    (tmp_path / "elsewhere").mkdir()
    data = {
        "train": [{"file": "train/data.csv", "mapping": COLUMNS}],
        "select": [{"file": "dev/data.csv", "mapping": COLUMNS}],
    }
    write_config(folder / "c.yaml", data=data, recipes=["sft"])
    return folder


def load(config: Path) -> Config:
    return load_config(config, {}, known_names())


def test_every_path_of_a_config_is_looked_for():
    """A setting that is a path, of whatever section, is in the list; and nothing else is."""

    def visit(settings: type[Settings], at: tuple[str, ...]):
        for name, field in settings.model_fields.items():
            types = [field.annotation, *get_args(field.annotation)]
            nested = [t for t in types if isinstance(t, type) and issubclass(t, Settings)]
            nested += [
                t
                for part in types
                for t in get_args(part)
                if isinstance(t, type) and issubclass(t, Settings)
            ]
            for one in dict.fromkeys(nested):
                many = "tuple" in str(field.annotation)
                yield from visit(one, (*at, name, "*") if many else (*at, name))
            if not nested and any(isinstance(t, type) and issubclass(t, PurePath) for t in types):
                yield (*at, name)

    found = {tuple("*" if part in ("train", "select", "cross", "test") else part for part in path)
             for path in visit(Config, ())}  # fmt: skip
    assert found == set(PATHS)
    assert [len(patterns) for patterns in (SPACES, MODELS)] == [2, 2]


def test_paths_are_relative_to_the_configs_folder(project, tmp_path, monkeypatch):
    for folder in (tmp_path, tmp_path / "elsewhere", project):
        monkeypatch.chdir(folder)
        config = load(Path(os.path.relpath(project / "c.yaml", folder)))
        assert config.data.train[0].file.resolve() == project / "train/data.csv"
        assert config.in_force()["data"]["train"][0]["file"] == "train/data.csv"
        assert config.path_warnings == ()
    called = call("check", project / "c.yaml")
    assert (called.code, "warning: data" in called.out) == (0, False)


def test_the_identity_of_a_run_is_not_of_a_folder(project, tmp_path, monkeypatch):
    identities = set()
    for folder in (tmp_path, project):
        monkeypatch.chdir(folder)
        for config in (project / "c.yaml", Path(os.path.relpath(project / "c.yaml", folder))):
            identities.add(run_identity(load(config)))
    assert len(identities) == 1


def test_the_shells_folder_will_do_this_once(project, tmp_path, monkeypatch):
    config = tmp_path / "configs" / "c.yaml"
    config.parent.mkdir()
    (project / "c.yaml").rename(config)
    monkeypatch.chdir(project)
    called = call("check", config)
    assert called.code == 0
    other, said = sorted(line for line in called.out.splitlines() if "later version" in line)
    assert said == (
        f"warning: data.train.0.file: train/data.csv is not in the config's folder "
        f"({config.parent}); the one in the shell's folder ({project}) is used, which a later "
        "version will refuse: paths in a config are relative to the config's folder"
    )
    assert "data.select.0.file" in other
    built = call("data", "build", config, "--out", tmp_path / "built")
    assert said in built.out


def test_where_it_is_in_both_the_configs_is_taken_and_that_is_said(project, tmp_path, monkeypatch):
    shell = tmp_path / "elsewhere"
    table(shell / "train/data.csv", 3, 5)
    monkeypatch.chdir(shell)
    config = load(project / "c.yaml")
    assert config.data.train[0].file == project / "train/data.csv"
    (warning,) = config.path_warnings
    assert warning == (
        f"data.train.0.file: train/data.csv is in the config's folder ({project}) and in the "
        f"shell's folder ({shell}); the config's is used"
    )


def test_where_it_is_in_neither_both_places_are_named(project, tmp_path, monkeypatch):
    (project / "dev/data.csv").unlink()
    shell = tmp_path / "elsewhere"
    monkeypatch.chdir(shell)
    both = f"neither in {project} (the config's folder) nor in {shell} (the shell's folder)"
    fault = f"has 1 fault:\n  data.select.0.file: {NOWHERE}dev/data.csv {both}; do: check the path"
    assert_user_error(call("check", project / "c.yaml"), fault)
    out = tmp_path / "built"
    assert_user_error(call("data", "build", project / "c.yaml", "--out", out), fault)
    changed = yaml.safe_load((project / "c.yaml").read_text(encoding="utf-8"))
    config = write_config(project / "d.yaml", **{**changed, "models": ["models/mine"]})
    assert_user_error(
        call("check", config),
        "models.0.source: No such model; got: 'models/mine'",
        f"; no such path is {both}",
    )


@pytest.mark.parametrize("name", ["smollm2-135m", "ekman7"])
def test_a_name_is_no_path_whatever_lies_beside_the_config(project, name):
    (project / name).mkdir()
    given = yaml.safe_load((project / "c.yaml").read_text(encoding="utf-8"))
    given |= {"labels": "ekman7", "models": ["smollm2-135m", "random:tiny@1"]}
    config = load(write_config(project / "d.yaml", **given))
    assert [model.source for model in config.models] == ["smollm2-135m", "random:tiny@1"]
    assert (config.labels, config.found_paths().keys()) == (
        "ekman7",
        {("data", "train", "0", "file"), ("data", "select", "0", "file")},
    )


@pytest.mark.parametrize("path", [*PATHS, *SPACES, *MODELS], ids=".".join)
def test_each_is_found_and_recorded_as_it_is_written(tmp_path, path):
    keys = [{0: "train", 1: "0"}[at] for at in range(2)]
    location = [key if key != "*" else keys.pop(0 if path[0] == "data" else 1) for key in path]
    (tmp_path / "here.json").touch()
    settings: Any = "here.json"
    for key in reversed(location):
        settings = [settings] if key == "0" else {key: settings}
    found = beside(tmp_path)(settings)
    assert found.given == {tuple(location): "here.json"}
    inside: Any = found.settings
    for key in location:
        inside = inside[int(key)] if isinstance(inside, list) else inside[key]
    assert inside == str(tmp_path / "here.json")
    told = record_paths({tuple(location): inside}, tmp_path / "runs/x")
    assert told == {".".join(location): "../../here.json"}
    again = recorded(told, tmp_path / "runs/x")(settings)
    assert again.settings == found.settings
    assert recorded({"other": 5}, tmp_path)(settings).settings == settings
    assert recorded("no object", tmp_path)(settings).settings == settings


def test_absolute_paths_and_none_are_left_alone(tmp_path):
    given = {"lexicon": str(tmp_path / "no.tsv"), "labels": "goemotions28", "training": None}
    found = beside(tmp_path)(given)
    assert (found.settings, found.given, found.missing, found.warnings) == (given, {}, {}, ())


def a_model_beside(project: Path) -> None:
    from emoloom.sources.tiny import write_random_llama

    (project / "models").mkdir()
    write_random_llama(project / "models/mine", 3)
    given = yaml.safe_load((project / "c.yaml").read_text(encoding="utf-8"))
    given["models"] = [{"source": "models/mine", "name": "one"}]
    (project / "words.tsv").write_text(
        "Word\tValence\tArousal\tDominance\nthing\t0.6\t0.5\t0.5\n", encoding="utf-8"
    )
    write_config(project / "c.yaml", **{**given, "lexicon": "words.tsv"})


def test_a_run_goes_on_and_is_replayed_from_any_folder(project, tmp_path, monkeypatch, own_cache):
    a_model_beside(project)
    runs = [tmp_path / "one", tmp_path / "two"]
    for run, folder in zip(runs, (project, tmp_path / "elsewhere"), strict=True):
        monkeypatch.chdir(folder)
        assert call("screen", project / "c.yaml", "--out", run).code == 0
    assert_same_results(runs[0], runs[1])
    record = json.loads((runs[0] / "run.json").read_text(encoding="utf-8"))
    assert record["paths"]["models.0.source"] == "../project/models/mine"
    assert record["config"]["models"][0]["source"] == "models/mine"
    assert record["config"]["lexicon"] == "words.tsv"
    kept = {path: path.stat().st_mtime_ns for path in runs[0].rglob("done/*.json")}
    again = call("screen", project / "c.yaml", "--out", runs[0])
    assert (again.code, "continuing the run" in again.err) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    verified = call("verify", runs[0], "--replay", "1", "--seed", "1")
    assert verified.code == 0, verified
    assert "1 decoded again: 1 equal" in verified.out
    assert "could not be checked" not in verified.out
