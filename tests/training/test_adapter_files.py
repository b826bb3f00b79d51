"""Adapters on disk: the same bytes for the same seed, nothing of this machine, no pickle."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from architectures import MIXTURES, tiny_model
from emoloom.models.causal_lm import CausalLM, full_forward
from emoloom.training.adapters import add_adapter, load_adapter, save_adapter
from emoloom.training.fit import fit
from emoloom.training.schedule import FitSettings
from tiny_lm import make_examples, make_tiny, reload, train_rows

SETTINGS = FitSettings(seed=3, epochs=6, batch_rows=4, learning_rate=1e-2, lora_rank=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("adapters") / "model"
    make_tiny(made)
    return made


def train(folder: Path, settings: FitSettings):
    """A fresh model and its trained adapter."""
    lm = reload(folder)
    wrapper = add_adapter(lm, settings)
    for _ in fit(lm, make_examples(lm, train_rows()), 10_000, settings):
        pass
    return lm, wrapper


@pytest.fixture(scope="module")
def trained(folder) -> tuple[CausalLM, object]:
    return train(folder, SETTINGS)


def saved(wrapper, folder: Path) -> Path:
    folder.mkdir()
    save_adapter(wrapper, folder, "random:tiny")
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_one_seed_one_adapter(trained, folder, tmp_path):
    """Twice in one process, every file of the checkpoint."""
    first = hashes(saved(trained[1], tmp_path / "first"))
    again = hashes(saved(train(folder, SETTINGS)[1], tmp_path / "again"))
    other = hashes(saved(train(folder, replace(SETTINGS, seed=4))[1], tmp_path / "other"))
    assert first == again
    assert first["adapter_model.safetensors"] != other["adapter_model.safetensors"]
    assert first["adapter_config.json"] == other["adapter_config.json"]


def test_an_adapter_comes_back_from_disk(trained, folder, tmp_path):
    lm, wrapper = trained
    checkpoint = saved(wrapper, tmp_path / "checkpoint")
    merged = load_adapter(reload(folder), checkpoint)
    ids = [*lm.prompter.head_ids, *lm.prompter.prompt("I love this puppy so much.").ids]
    wrapped_KV = full_forward(lm, ids, range(len(ids))).whole()
    merged_KV = full_forward(merged, ids, range(len(ids))).whole()
    torch.testing.assert_close(merged_KV, wrapped_KV, atol=1e-4, rtol=1e-5)
    base_KV = full_forward(reload(folder), ids, range(len(ids))).whole()
    assert (wrapped_KV - base_KV).abs().max() > 1  # the adapter does say something
    assert not merged.model.training
    assert not any(p.requires_grad for p in merged.model.parameters())
    assert not any("lora" in name for name, _ in merged.model.named_parameters())
    assert merged.prompter.head_ids == lm.prompter.head_ids


def test_what_a_checkpoint_holds(trained, folder, tmp_path):
    _, wrapper = trained
    checkpoint = saved(wrapper, tmp_path / "checkpoint")
    assert sorted(path.name for path in checkpoint.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    text = (checkpoint / "adapter_config.json").read_text(encoding="utf-8")
    config = json.loads(text)
    assert config["base_model_name_or_path"] == "random:tiny"
    assert config["lora_dropout"] == 0.0
    assert config["r"] == 8
    for path in (folder, tmp_path, Path.cwd(), Path.home()):
        assert str(path) not in text
    words = [value for value in config.values() if isinstance(value, str)]
    assert not any(word.startswith(("/", "~", "file:")) for word in words)
    # A set's order would change from process to process, and the file's hash with it.
    assert config["target_modules"] == sorted(config["target_modules"])
    tensors = load_file(checkpoint / "adapter_model.safetensors")
    assert all("lora_" in name for name in tensors)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def mixture(folder: Path, name: str) -> CausalLM:
    prompter = reload(folder).prompter
    config = MIXTURES[name]()
    config.vocab_size = len(prompter.tokenizer)
    return CausalLM(tiny_model(config), prompter, name)


@pytest.mark.parametrize("name", sorted(MIXTURES))
def test_experts_are_trained_in_every_family(folder, tmp_path, name):
    """A mixture whose experts stay as they are is another recipe than that of its rivals."""
    lm = mixture(folder, name)
    wrapper = add_adapter(lm, SETTINGS)
    for _ in fit(lm, make_examples(lm, train_rows()), 0, SETTINGS):
        pass
    checkpoint = saved(wrapper, tmp_path / "checkpoint")
    moved = load_file(checkpoint / "adapter_model.safetensors")
    experts = {key for key, tensor in moved.items() if "experts" in key and "lora_B" in key}
    assert experts
    assert all(moved[key].abs().max() > 0 for key in experts)
    ids = [*lm.prompter.head_ids, *lm.prompter.prompt("I love this puppy so much.").ids]
    wrapped_KV = full_forward(lm, ids, range(len(ids))).whole()
    merged = load_adapter(mixture(folder, name), checkpoint)
    merged_KV = full_forward(merged, ids, range(len(ids))).whole()
    torch.testing.assert_close(merged_KV, wrapped_KV, atol=1e-3, rtol=1e-4)
