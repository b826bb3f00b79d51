"""Inputs by name and hash: the same name wherever a file lies, whatever commit a hub has it in."""

from pathlib import Path

from emoloom.auditing.inputs import input_changes, input_hashes
from emoloom.config import parse_config
from emoloom.sources.model_files import ModelFiles
from emoloom.supervision.lexicon import load_lexicon
from tiny_screen import SETTINGS

A, B, C, D = (letter * 64 for letter in "abcd")


def hashes(sources, **model) -> dict[str, str]:
    facts = {"weights_sha256": A, "tokenizer_sha256": B, "config_sha256": C}
    facts |= {"weight_file_sha256": None, "terms": None, "parameters": 1} | model
    named = {"folder": Path("x"), "display_name": "m", "licence": "MIT", "source": "hf:a/b@c"}
    files = {"one": ModelFiles(**named, **facts, trust_remote_code=False)}
    return input_hashes(parse_config(SETTINGS, source="test"), load_lexicon(), sources, files)


def test_every_input_has_a_name_for_people():
    found = hashes({"mine": {"mine.csv": D, "map.json": D}, "emobank-sample": {"dev.jsonl": D}})
    assert list(found.items()) == [
        ("mine.csv", D),
        ("map.json of mine", D),
        ("dev.jsonl of emobank-sample", D),
        ("lexicon glasgow-actdata", load_lexicon().sha256),
        ("weights of model one", A),
        ("tokenizer of model one", B),
        ("config of model one", C),
    ]
    assert hashes({}, weight_file_sha256=D)["file of model one"] == D


def test_another_commit_of_the_same_bytes_is_no_change_and_other_bytes_are_named():
    before = {"inputs": hashes({"hf:org/data@" + "1" * 40: {"train.tsv": A}})}
    moved = hashes({"hf:org/data@" + "2" * 40: {"train.tsv": A}})
    assert input_changes(Path("run"), before, moved, accept=False) == []
    other = hashes({"hf:org/data@" + "2" * 40: {"train.tsv": B}}, weights_sha256=D)
    found = input_changes(Path("run"), before, other, accept=True)
    assert [one.name for one in found] == ["train.tsv of hf:org/data", "weights of model one"]
