"""Tokenizer folders that say less than the ready models' do."""

import json

import pytest

from emoloom.models.causal_lm import load_causal_lm
from ready_family import write_ready
from ready_models import READY
from tiny_lm import SPACE

END = "<|endoftext|>"


@pytest.fixture
def folder(tmp_path):
    """GPT-2's own tokenizer_config.json names its class at most, and no end token."""
    folder = write_ready(tmp_path / "model", READY["pythia-410m"])
    settings = {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def test_names_of_tokens_that_only_a_class_knows_are_kept(folder):
    prompter = load_causal_lm(folder, SPACE, name="nameless").prompter
    names = (prompter.tokenizer.bos_token, prompter.tokenizer.eos_token)
    assert names == (END, END)
    assert prompter.end_id == prompter.tokenizer.convert_tokens_to_ids(END)
    assert prompter.stop_ids == {prompter.end_id}


def test_a_tokenizer_in_two_files_is_built_by_its_class(folder):
    whole = load_causal_lm(folder, SPACE, name="one file").prompter
    model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = "\n".join(" ".join(pair) for pair in model["merges"])
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
    (folder / "tokenizer.json").unlink()
    built = load_causal_lm(folder, SPACE, name="two files").prompter
    assert type(built.tokenizer).__name__ == "GPT2Tokenizer"
    assert built.head_ids == whole.head_ids
    assert built.prompt("I love 0.53").ids == whole.prompt("I love 0.53").ids
