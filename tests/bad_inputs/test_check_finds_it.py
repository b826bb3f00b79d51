"""`check` finds whatever `data build` or `screen` would refuse before a model is loaded."""

import re
from pathlib import Path

import pytest
from bad_case import Case, Sound
from bad_draws import COLUMNS, texts
from data_forms import DataCase
from make_cases import all_cases, environment
from test_bad_inputs import sound  # noqa: F401 - a fixture

from tiny_screen import Called, call, write_config

CONFIGS = {case.name: case for case in all_cases() if case.command == "check {here}/c.yaml"}
DATA = {case.name: case for case in all_cases() if isinstance(case, DataCase)}
MODELS = {
    case.name: case for case in all_cases() if "{here}/model" in case.command and not case.locked
}
CORPORA = {
    "goemotions": "goemotions",
    "emobank": "emobank",
    "empathetic": "empathetic-dialogues",
    "daily": "daily-dialog",
}
"""How names of cases with official files begin, and the corpus that they are of."""

SMALL = {"models": ["random:tiny@1"], "recipes": ["sft"]}


_NAMED = re.compile(r"`[^`\n]*`")


class LoadedError(Exception):
    """A model would be loaded now."""


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_cache: Path):
    def refuse(*_: object) -> None:
        raise LoadedError

    monkeypatch.setattr("emoloom.pipeline.plan_ahead", refuse)
    monkeypatch.chdir(tmp_path)


def refusal(called: Called) -> str:
    """Why a command refused; empty where it did not."""
    assert called.code in (0, 2), called
    return called.err.partition("error: ")[2].strip() if called.code else ""


def screened(config: Path) -> str:
    """Why `screen` refuses before it loads a model."""
    try:
        return refusal(call("screen", config, "--out", config.parent / "run"))
    except LoadedError:
        return ""


def assert_check_finds(config: Path, *refusals: str) -> None:
    """Each of the refusals, fault by fault, stands in what `check` says.

    What stands in backticks may differ: of several tensors at fault safetensors names any.
    """
    found = _NAMED.sub("`…`", refusal(call("check", config)))
    for refused in refusals:
        _, _, faults = refused.rpartition(":\n  ")
        for fault in faults.partition("\nmend each line")[0].split("\n  "):
            assert _NAMED.sub("`…`", fault) in found, (fault, found)


def built(config: Path) -> str:
    return refusal(call("data", "build", config, "--out", config.parent / "built"))


def prepare(case: Case, made_of: Sound, here: Path, patch: pytest.MonkeyPatch) -> None:
    case.make(here, made_of)
    for key, value in environment(case, here).items():
        patch.setenv(key, value)


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(name: str, sound, tmp_path: Path, monkeypatch):  # noqa: F811
    prepare(CONFIGS[name], sound, tmp_path, monkeypatch)
    config = tmp_path / "c.yaml"
    assert_check_finds(config, built(config), screened(config))


@pytest.mark.parametrize("name", DATA)
def test_data(name: str, sound, tmp_path: Path, monkeypatch):  # noqa: F811
    case = DATA[name]
    if "parquet" in name:
        pytest.importorskip("pyarrow")
    if case.weak:
        pytest.skip("needs a process without the rights of root; test_bad_data has it")
    prepare(case, sound, tmp_path, monkeypatch)
    target = case.command.removeprefix("data check {here}/").split()[0]
    kind = name.removeprefix("data-").partition("-")[0]
    part = {"corpus": CORPORA[kind], "path": target} if kind in CORPORA else {"file": target}
    (tmp_path / "good.csv").write_text(texts(0, 9), encoding="utf-8")
    data = {"train": [{"file": "good.csv", "mapping": COLUMNS}], "select": [part]}
    config = write_config(tmp_path / "c.yaml", data=data, **SMALL)
    assert_check_finds(config, built(config), screened(config))


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, sound, tmp_path: Path, monkeypatch):  # noqa: F811
    case = MODELS[name]
    prepare(case, sound, tmp_path, monkeypatch)
    source = next(word for word in case.command.split() if word.startswith("{here}/model"))
    models = [{"source": source.format(here="."), "name": "it"}]
    config = write_config(tmp_path / "c.yaml", **{**SMALL, "models": models})
    assert_check_finds(config, screened(config))


def test_the_comparison_sees_what_is_refused(tmp_path: Path):
    """Not one of the tests above could fail if nothing was ever refused."""
    draws = [name for name in CONFIGS if name.startswith("draw-")]
    assert len(draws) >= 15
    assert len(MODELS) >= 10
    assert len(DATA) >= 40
    (tmp_path / "a.csv").write_text(texts(0, 9), encoding="utf-8")
    (tmp_path / "b.csv").write_text(texts(0, 9), encoding="utf-8")
    part = {"mapping": COLUMNS}
    data = {"train": [{"file": "a.csv", **part}], "select": [{"file": "b.csv", **part}]}
    config = write_config(tmp_path / "c.yaml", data=data, **SMALL)
    for refused in (built(config), screened(config)):
        assert refused.startswith("no train row is left")
    with pytest.raises(AssertionError):
        assert_check_finds(config, "another fault")
