import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from gguf_maker import write_gguf
from safetensors.numpy import load_file, save_file

from emoloom.errors import UserError
from emoloom.sources import model_files as sources
from emoloom.sources import size
from emoloom.sources.model_files import get_model, parse_source
from emoloom.sources.size import MOST_PARAMETERS, check_size, count_parameters
from emoloom.sources.tiny import write_random_llama


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources") / "model"
    write_random_llama(folder, 3)
    return folder


@pytest.fixture
def folder(model, tmp_path):
    return Path(shutil.copytree(model, tmp_path / "folder"))


@pytest.fixture
def small_limit(monkeypatch):
    """Every model is large."""
    monkeypatch.setattr(size, "MOST_PARAMETERS", 1000)


def test_parameters_are_those_that_transformers_counts(model):
    from transformers import AutoModelForCausalLM

    counted = AutoModelForCausalLM.from_pretrained(model).num_parameters()
    assert count_parameters(model) == counted
    assert get_model(parse_source(str(model))).parameters == counted


def test_shards_are_summed_and_stored_masks_left_out(folder):
    weights = load_file(folder / "model.safetensors")
    before = count_parameters(folder)
    names = sorted(weights)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    mask = {"layers.0.attention.bias": np.ones((1, 1, 64, 64), dtype=bool)}
    for file, kept in shards.items():
        extra = mask if file == "a.safetensors" else {}
        save_file({name: weights[name] for name in kept} | extra, folder / file)
    mapping = {name: file for file, kept in shards.items() for name in kept}
    index = json.dumps({"weight_map": mapping | {name: "a.safetensors" for name in mask}})
    (folder / "model.safetensors.index.json").write_text(index, encoding="utf-8")
    (folder / "model.safetensors").unlink()
    assert count_parameters(folder) == before


def test_the_limit():
    check_size("x", MOST_PARAMETERS, allow_large=False)
    check_size("x", MOST_PARAMETERS + 1, allow_large=True)
    with pytest.raises(
        UserError,
        match=r"x is not a small model; got: 2,000,000,001 parameters; "
        r"allowed: at most 2,000,000,000; do: .*`allow_large: true`",
    ):
        check_size("x", MOST_PARAMETERS + 1, allow_large=False)


def test_a_large_folder_is_refused_unless_allowed(folder, small_limit, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sources, "fingerprint", None)  # before its gigabytes are hashed
        with pytest.raises(UserError, match="folder is not a small model"):
            get_model(parse_source(str(folder)))
    assert get_model(parse_source(str(folder), allow_large=True)).parameters > 1000


def test_a_large_gguf_file_is_refused_before_it_is_converted(model, tmp_path, small_limit):
    file = write_gguf(model, tmp_path / "big.gguf")
    said: list[str] = []
    with pytest.raises(UserError, match=r"big, converted from GGUF is not a small model"):
        get_model(parse_source(str(file)), tmp_path / "cache", say=said.append)
    assert said == []
    assert list((tmp_path / "cache" / "models").iterdir()) == []


def test_what_was_allowed_once_is_not_allowed_for_ever(model, tmp_path, small_limit):
    file = write_gguf(model, tmp_path / "big.gguf")
    assert get_model(parse_source(str(file), allow_large=True), tmp_path / "cache")
    with pytest.raises(UserError, match="is not a small model"):
        get_model(parse_source(str(file)), tmp_path / "cache")
