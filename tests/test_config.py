from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from emoloom.config import Config, load_config, parse_config
from emoloom.errors import ConfigError, UserError
from tiny_screen import SETTINGS, assert_user_error, call, write_config

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))

MINIMAL = """
name: mine
data:
  train: [{corpus: goemotions-sample}]
  select: [{corpus: goemotions-sample}]
models: [random-tiny]
"""


def load(tmp_path: Path, text: str | bytes) -> Config:
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return load_config(path)


def faults_of(**changes: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config({**SETTINGS, **changes}, source="c.yaml")
    assert str(caught.value).startswith(f"c.yaml has {len(caught.value.faults)} fault")
    return list(caught.value.faults)


def test_there_are_configs_to_check():
    assert {path.name for path in CONFIGS} >= {"demo.yaml", "tiny.yaml"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_passes_check(path):
    called = call("check", path)
    assert (called.code, called.err) == (0, "")
    assert called.out.startswith(f"{path} is fine: ")


def test_defaults_are_the_designs(tmp_path):
    config = load(tmp_path, MINIMAL)
    assert config.labels == "goemotions28"
    assert config.recipes == ("sft", "zero-shot")
    assert config.training.lora_rank == 16
    assert config.training.max_text_tokens == 256
    assert config.decoding.decoder == "verified"
    assert config.decoding.max_new_tokens == 96
    assert (config.ranking.labels_weight, config.ranking.vad_weight) == (0.5, 0.5)
    assert config.ranking.min_positives == 20
    assert config.budget.wall_seconds is None
    assert [model.source for model in config.models] == ["random-tiny"]


def test_what_is_in_force_reads_back_as_the_same_config():
    config = parse_config(dict(SETTINGS), source="x")
    again = parse_config(yaml.safe_load(yaml.safe_dump(config.in_force())), source="x")
    assert again == config
    assert again.in_force() == config.in_force()


@pytest.mark.parametrize("part", ["", "data", "training", "ranking", "budget", "decoding"])
def test_settings_are_frozen(tmp_path, part):
    config = load(tmp_path, MINIMAL)
    settings = getattr(config, part) if part else config
    name = next(iter(type(settings).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, name, None)
    assert isinstance(config.models, tuple)


def test_every_setting_says_what_it_is():
    undescribed = []

    def visit(settings: type, path: str) -> None:
        for name, field in settings.model_fields.items():
            inner = [a for a in (field.annotation, *getattr(field.annotation, "__args__", ()))]
            nested = [a for a in inner if hasattr(a, "model_fields")]
            for one in nested:
                visit(one, f"{path}{name}.")
            if not nested and not field.description:
                undescribed.append(f"{path}{name}")

    visit(Config, "")
    assert undescribed == []


def test_paths_are_paths(tmp_path):
    text = MINIMAL.replace(
        "train: [{corpus: goemotions-sample}]",
        """
  train: [{corpus: goemotions, path: some/folder}]""",
    )
    config = load(tmp_path, text + "lexicon: words.csv\n")
    assert config.data.train[0].path == Path("some/folder")
    assert config.lexicon == Path("words.csv")
    assert config.in_force()["lexicon"] == "words.csv"


# Faults of the file


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (b"", ("is empty", "configs/demo.yaml")),
        (b"# nothing but a remark\n", ("is empty",)),
        (b"- a\n- b\n", ("is not a mapping", "got: list")),
        (b"just words", ("is not a mapping", "got: str")),
        (b"3", ("is not a mapping", "got: int")),
        (b"name: \xff\xfe", ("is not UTF-8 text", "byte 0xff at offset 6", "save it as UTF-8")),
        (b"name: [1, 2", ("is not valid YAML",)),
        (b"name: a\x00b", ("is not valid YAML",)),
        (b"a: &x [*y]", ("is not valid YAML",)),
        (b"a: !!python/object/apply:os.getcwd []", ("is not valid YAML",)),
        (b"a: 1\nb: 2\na: 3\n", ("not valid YAML", "'a' stands twice", "line 3, column 1")),
        (b"b: {x: 1, x: 1}", ("not valid YAML", "'x' stands twice")),
        (b"a: " + b"[" * 3000, ("nested too deep",)),
        (b"a: " + b"9" * 5000, ("is not valid YAML",)),
    ],
)
def test_a_file_that_is_no_config_is_said_in_one_line(tmp_path, text, parts):
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path / "c.yaml") in message
    assert [part for part in parts if part not in message] == []


def test_a_missing_config_and_a_folder(tmp_path):
    assert_user_error(call("check", tmp_path / "none.yaml"), "does not exist", "check the path")
    assert_user_error(call("check", tmp_path), "is a folder", "allowed: a file")
    assert_user_error(call("screen", tmp_path / "none.yaml"), "does not exist")


def test_a_byte_order_mark_is_no_fault(tmp_path):
    assert load(tmp_path, b"\xef\xbb\xbf" + MINIMAL.encode()).name == "mine"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1E-3", 0.001), ("1.e-3", 0.001), ("1.0e-3", 0.001), ("0.001", 0.001)],
)
def test_rates_may_be_written_with_an_exponent(tmp_path, text, value):
    config = load(tmp_path, f"{MINIMAL}training: {{learning_rate: {text}}}\n")
    assert config.training.learning_rate == value


@pytest.mark.parametrize("text", ["1e-3x", "e-3", "v1e-3", "'1e-3'"])
def test_what_only_looks_like_a_number_stays_text(tmp_path, text):
    with pytest.raises(ConfigError, match=r"training\.learning_rate: got '"):
        load(tmp_path, f"{MINIMAL}training: {{learning_rate: {text}}}\n")


# Faults of the settings


def test_unknown_keys_are_named_with_their_path_and_the_nearest_key():
    (fault,) = faults_of(training={"learning_rat": 1e-3})
    assert fault.startswith("training.learning_rat: unknown key; did you mean 'learning_rate'?")
    assert "allowed: epochs, batch_rows," in fault
    (fault,) = faults_of(xyz=1)
    assert fault.startswith("xyz: unknown key (allowed: name, seed,")
    data = {**SETTINGS["data"], "select": [{"corpus": "emobank-sample", "row": 4}]}
    (fault,) = faults_of(data=data)
    assert fault.startswith("data.select.0.row: unknown key; did you mean 'rows'?")
    (fault,) = faults_of(models=[{"source": "random-tiny", "nam": "x"}])
    assert fault.startswith("models.0.nam: unknown key; did you mean 'name'?")


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"seed": "7"}, "seed: got '7'; "),
        ({"seed": 7.5}, "seed: got 7.5; "),
        ({"seed": True}, "seed: got True; "),
        ({"seed": -1}, "seed: got -1; "),
        ({"seed": 2**32}, "seed: got 4294967296; "),
        ({"threads": 0}, "threads: got 0; "),
        ({"name": "../up"}, "name: got '../up'; "),
        ({"name": ""}, "name: got ''; "),
        ({"name": "a\n"}, "name: got 'a\\n'; "),
        ({"name": 3}, "name: got 3; "),
        ({"models": []}, "models: got []; "),
        ({"models": "random-tiny"}, "models: got 'random-tiny'; "),
        ({"models": [3]}, "models.0: got 3; "),
        ({"recipes": []}, "recipes: got []; "),
        ({"recipes": ["full"]}, "recipes.0: got 'full'; "),
        ({"recipes": ["sft", "sft"]}, "recipes: a recipe stands twice"),
        ({"training": {"learning_rate": 0}}, "training.learning_rate: got 0; "),
        ({"training": None}, "training: got None; "),
        ({"decoding": {"decoder": "greedy"}}, "decoding.decoder: got 'greedy'; "),
        ({"budget": {"wall_seconds": -1}}, "budget.wall_seconds: got -1; "),
        ({"ranking": {"labels_weight": 0, "vad_weight": 0}}, "ranking: both weights are 0"),
        ({"data": {"train": []}}, "data.train: got []; "),
        ({"lexicon": 3}, "lexicon: got 3; "),
        ({"budget": {"wall_seconds": float("nan")}}, "budget.wall_seconds: got nan; "),
        ({"budget": {"wall_seconds": float("inf")}}, "budget.wall_seconds: got inf; "),
    ],
)
def test_a_wrong_value_is_named_with_its_path_and_what_was_got(changes, start):
    faults = faults_of(**changes)
    assert [fault for fault in faults if fault.startswith(start)] == faults[:1], faults


def test_a_date_is_named_with_its_path(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL.replace("name: mine", "name: 2024-05-01"))
    (fault,) = caught.value.faults
    assert fault.startswith("name: got datetime.date(2024, 5, 1); ")
    assert "quotes" in fault


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError) as caught:
        parse_config({}, source="c.yaml")
    assert sorted(caught.value.faults) == ["data: missing", "models: missing", "name: missing"]


def test_a_long_value_is_cut():
    (fault,) = faults_of(name="x" * 5000)
    assert len(fault) < 250


def test_a_mapping_inside_itself_is_a_fault_and_no_crash(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL + "training: &t {epochs: 1, again: *t}\n")
    assert "training.again: it is nested too deep, or inside itself" in caught.value.faults


def test_half_a_character_is_a_user_error(tmp_path):
    with pytest.raises(UserError):
        load(tmp_path, MINIMAL.replace("mine", '"a\\ud800"'))


def test_all_faults_come_at_once_each_with_its_path(tmp_path):
    """Faults of form, of names and of files, in one go: nobody mends a config line by line."""
    missing = tmp_path / "none"
    config = write_config(
        tmp_path / "c.yaml",
        seed="seven",
        extra=1,
        labels="nosuch28",
        lexicon=str(missing),
        models=["gpt-17", "random-tiny", "pypi:x"],
        training={"epochs": 0, "learning_rate": float("nan")},
        recipes=["sft", "sft"],
        data={
            "train": [{"corpus": "goemotion-sample"}, {"corpus": "goemotions"}],
            "select": [
                {"corpus": "emobank", "path": str(missing)},
                {"corpus": "emobank-sample", "rows": 10**6},
                {"corpus": "emobank-sample", "path": str(missing)},
            ],
        },
    )
    called = call("check", config)
    wanted = {
        "seed": "got 'seven'",
        "extra": "unknown key",
        "labels": "nosuch28",
        "lexicon": str(missing),
        "models.0.source": "No such model; got: 'gpt-17'",
        "models.2.source": "pypi source cannot be read",
        "training.epochs": "got 0",
        "training.learning_rate": "got nan",
        "recipes": "stands twice",
        "data.train.0": "goemotion-sample",
        "data.train.1": "goemotions needs a path",
        "data.select.0": str(missing),
        "data.select.1": "too few rows",
        "data.select.2": "takes no path",
    }
    assert_user_error(called, f"{config} has {len(wanted)} faults:", "run `emoloom check`")
    lines = {
        path: rest
        for path, _, rest in (
            line.strip().partition(": ") for line in called.err.splitlines() if line[:2] == "  "
        )
    }
    assert set(lines) == set(wanted)
    assert {path for path, part in wanted.items() if part not in lines[path]} == set()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": "x"}, "models: got 'x'; it should be a list: `[...]`, or lines that begin"),
        ({"recipes": "sft"}, "recipes: got 'sft'; it should be a list: "),
        ({"data": "x"}, "data: got 'x'; it should be a mapping: lines of `key: value`"),
        ({"training": [1]}, "training: got [1]; it should be a mapping: "),
    ],
)
def test_lists_and_mappings_are_named_as_yaml_has_them(tmp_path, changes, said):
    config = write_config(tmp_path / "c.yaml", **changes)
    assert_user_error(call("check", config), said)


def test_two_models_of_one_name(tmp_path):
    models = [{"source": "random:tiny@1", "name": "m"}, {"source": "random:tiny@2", "name": "m"}]
    config = write_config(tmp_path / "c.yaml", models=models)
    assert_user_error(call("check", config), "models: two models have one name", "got: m")


def test_the_draw_cools_as_the_excess_falls():
    mixture = {"excess_low": 0.2, "excess_high": 0.2}
    with pytest.raises(ConfigError, match="excess_low must be below excess_high"):
        parse_config({**SETTINGS, "training": {"mixture": mixture}}, source="c.yaml")
