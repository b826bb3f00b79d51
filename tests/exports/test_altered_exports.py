"""An export that was altered, damaged or made by a stranger is refused, not trusted."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from emoloom.errors import UserError
from emoloom.exports.check import gap_where_parted
from emoloom.prediction.predictor import PredictSettings, open_predictor
from exported_run import ExportedRun
from tiny_screen import assert_user_error, call

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def copied(exported: ExportedRun, tmp_path: Path) -> Path:
    for form in ("merged", "adapter"):
        shutil.copytree(getattr(exported, form).folder, tmp_path / form)
    return tmp_path


def change(path: Path, **changes: Any) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(value | changes), encoding="utf-8")


def flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def test_weights_that_are_not_those_that_were_exported(copied):
    flip_byte(copied / "merged" / "model.safetensors")
    assert_user_error(
        call("predict", copied / "merged"), "the weights of", "not those that were exported"
    )
    flip_byte(copied / "adapter" / "adapter_model.safetensors")
    assert_user_error(call("predict", copied / "adapter"), "the adapter of", "is not the one")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"format": 2}, "newer emoloom"),
        ({"format": "x"}, "format"),
        ({"contract_version": "9"}, "another contract"),
        ({"weights_sha256": "short"}, "weights_sha256"),
        ({"prompt": {}}, "prompt"),
        ({"label_space": {"name": "x", "labels": []}}, "label_space.labels"),
        ({"form": "pickle"}, "form"),
        ({"more": 1}, "more"),
    ],
)
def test_a_damaged_record_is_named(changes, part, copied):
    change(copied / "merged" / "emoloom.json", **changes)
    assert_user_error(call("predict", copied / "merged"), part)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"', "[" * 50_000, "\ufffd\x00"])
def test_a_record_that_is_none(text, copied):
    (copied / "merged" / "emoloom.json").write_text(text, encoding="utf-8")
    assert_user_error(call("predict", copied / "merged"), "emoloom.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"megatron_config": {"a": 1}},
        {"auto_mapping": {"parent_library": "os", "base_model_class": "system"}},
        {"peft_type": "BONE"},
    ],
)
def test_an_adapter_that_could_load_code_is_refused(changes, copied):
    change(copied / "adapter" / "adapter_config.json", **changes)
    assert_user_error(call("predict", copied / "adapter"), "no adapter that can be used")


def test_an_adapter_without_safetensors_is_refused(copied):
    folder = copied / "adapter"
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert_user_error(call("predict", folder), "no adapter_model.safetensors")


def test_a_certificate_of_other_packages_is_measured_again(copied):
    record = copied / "merged" / "emoloom.json"
    before = call("predict", copied / "merged", stdin=b"I love it\n")
    assert "measuring again" not in before.err
    with_other = json.loads(record.read_text(encoding="utf-8"))["certified_with"] | {"torch": "1"}
    change(record, certified_with=with_other)
    after = call("predict", copied / "merged", stdin=b"I love it\n")
    assert "measuring again" in after.err
    assert after.out == before.out
    change(record, certificate={"verdict": "packed"})
    assert call("predict", copied / "merged", stdin=b"I love it\n").out == before.out


def test_an_export_keeps_its_own_labels_and_length(exported: ExportedRun):
    folder = exported.merged.folder
    for option in (("--labels", "ekman7"), ("--max-new-tokens", 5)):
        assert_user_error(call("predict", folder, *option), "brings its own")


def test_an_export_is_asked_with_its_own_prompt_whatever_this_version_asks(copied):
    folder = copied / "merged"
    record = json.loads((folder / "emoloom.json").read_text(encoding="utf-8"))
    prompt = record["prompt"] | {"head_ids": record["prompt"]["head_ids"][:-1], "head": "another"}
    change(folder / "emoloom.json", prompt=prompt)
    predictor = open_predictor(str(folder), PredictSettings(decoder="canonical"))
    assert predictor.lm.prompter.head == "another"
    assert list(predictor.lm.prompter.head_ids) == prompt["head_ids"]


def test_where_two_outputs_part_the_gap_is_that_of_the_two_best_tokens(exported: ExportedRun):
    predictor = open_predictor(str(exported.merged.folder), PredictSettings())
    own = '{"labels":'
    gap = gap_where_parted(predictor.lm, "I love it", own + "!", 72)
    assert gap > predictor.certificate.tie_margin  # a trained model is sure of its form
    nowhere = gap_where_parted(predictor.lm, "I love it", "", 72)
    assert nowhere > 0


def test_an_export_that_answers_otherwise_than_its_run_is_not_written(
    exported: ExportedRun, tmp_path, monkeypatch
):
    from emoloom.exports import usage
    from emoloom.exports.make import ExportRequest, export

    monkeypatch.setattr(usage, "answer", lambda *_: "{}")
    with pytest.raises(UserError, match="otherwise than it must"):
        export(ExportRequest(exported.run, "one.sft", tmp_path / "out"), lambda _: None)
    assert list(tmp_path.iterdir()) == []
