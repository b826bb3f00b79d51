"""Copies of corpora on the hub. No hub can be reached here: a local cache stands in for it."""

import json
import sys
from pathlib import Path

import pytest
from hub_maker import COMMIT, write_hub_cache

from emoloom.corpora.registry import read_corpus
from emoloom.errors import UserError
from emoloom.sources.hub_data import CONVERTED, fetch_data_set, parse_data_set
from tiny_screen import assert_user_error, call, write_config

pa = pytest.importorskip("pyarrow")

GOEMOTIONS = "google-research-datasets/go_emotions"
EMPATHETIC = "facebook/empathetic_dialogues"
DAILY = "li2017dailydialog/daily_dialog"


def table(path: Path, columns: dict[str, list]) -> None:
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path)


def goemotions_copy(folder: Path) -> Path:
    """As on the hub: configurations `simplified`, in splits, and `raw`, without."""
    for split, name in (("train", "train"), ("validation", "dev"), ("test", "test")):
        columns = {
            "text": [f"{name} is fine", f"so sad {name}", ""],
            "labels": [[17, 0], [25], [1]],
            "id": [f"{name}1", f"{name}2", f"{name}3"],
        }
        table(folder / f"simplified/{split}-00000-of-00001.parquet", columns)
    table(folder / "raw/train-00000-of-00001.parquet", {"text": ["x"], "joy": [1]})
    return folder


def empathetic_copy(folder: Path) -> Path:
    """As the hub converts a script's data set: `default/<split>/0000.parquet`."""
    for split in ("train", "validation", "test"):
        columns = {
            "conv_id": ["a", "a", "b"],
            "utterance_idx": [1, 2, 1],
            "context": ["proud", "proud", "sad"],
            "prompt": ["I won_comma_ I", "I won_comma_ I", "No"],
            "speaker_idx": [1, 0, 1],
            "utterance": ["x", "y", "z"],
            "selfeval": ["", "", ""],
            "tags": ["", "", ""],
        }
        table(folder / f"default/{split}/0000.parquet", columns)
    return folder


def daily_copy(folder: Path) -> Path:
    for split in ("train", "validation", "test"):
        columns = {
            "dialog": [[f"Hi {split} .", f"Go away {split} !"], ["Hm ."]],
            "act": [[1, 1], [1]],
            "emotion": [[0, 1], [5, 5]],
        }
        table(folder / f"default/{split}/0000.parquet", columns)
    return folder


@pytest.fixture
def hub_cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of the hub's library, offline. Its constants are read at import."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    fetch_data_set.cache_clear()
    yield cache
    fetch_data_set.cache_clear()


def put(cache: Path, repo: str, copy: Path, refs=("main",), commit: str = COMMIT) -> Path:
    """`write_hub_cache` names models' folders; a data set's begins with `datasets--`."""
    snapshot = write_hub_cache(cache, repo, copy, commit, refs)
    models = cache / f"models--{repo.replace('/', '--')}"
    target = cache / f"datasets--{repo.replace('/', '--')}"
    models.rename(target)
    return target / snapshot.relative_to(models)


@pytest.mark.parametrize("revision", ["", "@main", f"@{COMMIT}"])
def test_goemotions_from_the_cache_by_commit(hub_cache, tmp_path, revision):
    snapshot = put(hub_cache, GOEMOTIONS, goemotions_copy(tmp_path / "copy"))
    copy = fetch_data_set(f"hf:{GOEMOTIONS}{revision}")
    assert copy.origin == f"hf:{GOEMOTIONS}@{COMMIT}"
    assert copy.folder == snapshot
    read = read_corpus("goemotions", "dev", copy.folder)
    assert [row.id for row in read.rows] == ["goemotions/dev1", "goemotions/dev2"]
    assert read.rows[0].answer.labels == ("admiration", "joy")
    assert "an empty text" in read.rejected[0].reason
    assert [(file.name, file.known) for file in read.files] == [
        ("validation-00000-of-00001.parquet", None)
    ]


def test_where_main_holds_a_script_the_hubs_conversion_is_taken(hub_cache, tmp_path):
    script = tmp_path / "script"
    script.mkdir()
    (script / "empathetic_dialogues.py").write_text("raise SystemExit", encoding="utf-8")
    target = put(hub_cache, EMPATHETIC, script, commit="0" * 40).parents[1]
    target.rename(hub_cache / f"models--{EMPATHETIC.replace('/', '--')}")
    put(hub_cache, EMPATHETIC, empathetic_copy(tmp_path / "copy"), refs=(CONVERTED,))
    copy = fetch_data_set(f"hf:{EMPATHETIC}")
    assert copy.origin == f"hf:{EMPATHETIC}@{COMMIT}"
    read = read_corpus("empathetic-dialogues", "dev", copy.folder)
    assert [row.text for row in read.rows] == ["I won, I", "No"]
    assert read.continued == 1


def test_daily_dialog_of_the_hub(hub_cache, tmp_path):
    put(hub_cache, DAILY, daily_copy(tmp_path / "copy"), refs=(CONVERTED,))
    read = read_corpus("daily-dialog", "train", fetch_data_set(f"hf:{DAILY}").folder)
    assert [row.text for row in read.rows] == ["Hi train .", "> Hi train .\nGo away train !"]
    assert "1 turns, 2 emotions" in read.rejected[0].reason
    called = call("data", "check", f"hf:{DAILY}")
    assert called.code == 0
    assert "copy of the hub's Parquet files" in called.out
    assert "by split: train 2, dev 2, test 2" in called.out


def test_a_config_may_name_a_copy_and_its_commit_is_recorded(hub_cache, tmp_path):
    put(hub_cache, GOEMOTIONS, goemotions_copy(tmp_path / "copy"))
    item = {"corpus": f"hf:{GOEMOTIONS}"}
    select = {"corpus": "goemotions-sample", "rows": 3}
    config = write_config(tmp_path / "c.yaml", data={"train": [item], "select": [select]})
    assert call("check", config).code == 0
    assert call("data", "build", config, "--out", tmp_path / "built").code == 0
    record = json.loads((tmp_path / "built/build.json").read_text(encoding="utf-8"))
    assert next(iter(record["sources"])) == f"hf:{GOEMOTIONS}@{COMMIT}"
    assert record["licences"][0] == {"what": "goemotions", "licence": "CC BY 4.0"}
    counts = json.loads((tmp_path / "built/counts.json").read_text(encoding="utf-8"))
    assert counts["sets"]["train"] == {"goemotions": 2, "all": 2}


def test_nothing_cached_and_no_hub(hub_cache, tmp_path):
    with pytest.raises(UserError, match=r"cannot be fetched from the hub.*HF_HUB_OFFLINE"):
        fetch_data_set(f"hf:{GOEMOTIONS}")
    called = call("data", "check", f"hf:{GOEMOTIONS}")
    assert_user_error(called, "cannot be fetched from the hub")


def test_a_damaged_file_is_refused(hub_cache, tmp_path):
    snapshot = put(hub_cache, GOEMOTIONS, goemotions_copy(tmp_path / "copy"))
    blob = (snapshot / "simplified/test-00000-of-00001.parquet").resolve()
    blob.write_bytes(blob.read_bytes() + b"x")
    with pytest.raises(UserError, match=r"damaged in the hub's cache.*delete .* and fetch again"):
        fetch_data_set(f"hf:{GOEMOTIONS}")


def test_a_copy_brought_by_hand_is_a_path(tmp_path):
    read = read_corpus("goemotions", "test", goemotions_copy(tmp_path / "copy"))
    assert len(read.rows) == 2
    config = write_config(
        tmp_path / "c.yaml",
        data={
            "train": [{"corpus": "daily-dialog", "path": str(daily_copy(tmp_path / "daily"))}],
            "select": [{"corpus": "emobank-sample", "rows": 3}],
        },
        labels="ekman7",
        polarity={"pairs": 0},
    )
    assert call("data", "build", config, "--out", tmp_path / "built").code == 0


@pytest.mark.parametrize("text", ["hf:", "hf:x", "hf:a/b/c", "hf:a/b@", "hf:../x", "hf:a/b@../c"])
def test_a_name_that_does_not_read(text):
    with pytest.raises(UserError, match="hf:org/name"):
        parse_data_set(text)


def test_without_pyarrow(tmp_path, monkeypatch):
    copy = goemotions_copy(tmp_path / "copy")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"needs pyarrow.*pip install 'emoloom\[parquet\]'"):
        read_corpus("goemotions", "test", copy)
