"""A run in bfloat16, of which two candidates kept fp32: what is bound, signed, replayed, shown."""

import json
import shutil

import pytest

from emoloom.auditing.replay import ROUNDING
from emoloom.errors import UserError
from emoloom.exports.check import Agreement
from emoloom.exports.make import ExportRequest, export
from emoloom.prediction.inputs import Text
from emoloom.prediction.predictor import PredictSettings, open_predictor
from emoloom.runs.directory import write_json_atomic
from emoloom.screening.precision_record import PRECISION, Precision, read_precision
from emoloom.verification import replay_run, verify_run
from forging import edit, seal
from rounded_models import IN_BFLOAT16, IN_FP32
from tiny_screen import lines_of

pytestmark = pytest.mark.usefixtures("own_cache")

ALL = ("equal", "near-tie", "differs")


def silent(_text):
    pass


def decided(folder):
    return {
        path.parent.name: read_precision(path).dtype
        for path in folder.glob(f"candidates/*/{PRECISION}")
    }


def test_each_candidate_has_its_own_precision(half_run):
    assert decided(half_run.folder) == {
        "one.sft+heads": "bfloat16",
        "one.zero-shot": "bfloat16",
        "tied.sft+heads": "float32",
        "tied.zero-shot": "float32",
    }
    assert verify_run(half_run.folder).holds


def test_signatures_and_the_manifest_say_in_which_precision_each_answered(half_run):
    said = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))["signatures"]
        for path in half_run.folder.glob("candidates/*/scores.json")
    }
    for name, dtype in decided(half_run.folder).items():
        assert all(f"|answers_in:{dtype}|" in line for line in said[name].values())
    for name in ("one.sft+heads.head", "tf-idf"):
        assert not any("answers_in" in line for line in said[name].values())
    manifest = json.loads((half_run.folder / "manifest.json").read_text(encoding="utf-8"))
    bound = {one["file"]: one["answers_in"] for one in manifest["predicate"]["answers"]}
    assert bound["candidates/one.sft+heads/rows/select.jsonl"] == "bfloat16"
    assert bound["candidates/one.sft+heads/rows/polarity.jsonl"] == "bfloat16"
    assert bound["candidates/one.sft+heads.head/rows/select.jsonl"] == "float32"
    assert bound["candidates/tied.zero-shot/rows/select.jsonl"] == "float32"
    assert bound["candidates/tf-idf/rows/select.jsonl"] is None


def test_it_is_replayed_in_the_precision_in_which_it_answered(half_run, tmp_path):
    rows = replay_run(half_run.folder, 99, 0, silent)
    assert {row.outcome for row in rows} == {"equal"}
    assert {row.entry for row in rows} == set(decided(half_run.folder))


@pytest.mark.parametrize(("name", "said"), [("one", IN_BFLOAT16), ("tied", IN_FP32)])
def test_answers_are_those_of_the_precision_that_was_decided(half_run, name, said):
    lines = lines_of(half_run.folder / f"candidates/{name}.sft+heads/rows/select.jsonl")
    assert {line["output"] for line in lines} == {12 * said}


def test_another_precision_than_its_own_gives_other_answers(half_run, tmp_path, monkeypatch):
    """Else the test before could not fail."""
    folder = tmp_path / "run"
    shutil.copytree(half_run.folder, folder)
    write_json_atomic(
        folder / "candidates/one.sft+heads" / PRECISION, Precision("float32", "").to_dict()
    )
    seal(folder)
    monkeypatch.setitem(ROUNDING, "float32", 0.0)
    rows = replay_run(folder, 99, 0, silent)
    outcomes = {outcome: {row.entry for row in rows if row.outcome == outcome} for outcome in ALL}
    others = set(decided(folder)) - {"one.sft+heads"}
    assert outcomes == {"differs": {"one.sft+heads"}, "near-tie": set(), "equal": others}
    assert any(finding.kind == "number" for finding in verify_run(folder).findings), "signatures"
    (folder / "candidates/one.sft+heads" / PRECISION).unlink()
    with pytest.raises(UserError, match=r"in which precision one\.sft"):
        replay_run(folder, 99, 0, silent)


def test_a_damaged_record_is_named(half_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(half_run.folder, folder)
    path = folder / "candidates/one.sft+heads" / PRECISION
    edit(path, lambda record: record.update(dtype="float8"))
    found = [one for one in verify_run(folder).findings if one.kind != "unchecked"]
    assert f"candidates/one.sft+heads/{PRECISION}" in {one.file for one in found}
    seal(folder)
    assert not verify_run(folder).holds


def test_an_export_is_checked_in_the_precision_of_its_run_and_its_card_says_so(half_run, tmp_path):
    """In fp32 the first model answers otherwise, and by more than a near-tie."""
    for name, halved in (("one.sft+heads", True), ("tied.zero-shot", False)):
        out = tmp_path / name
        made = export(ExportRequest(half_run.folder, name, out, "merged"), silent)
        assert made.checked.with_run == made.checked.with_transformers == Agreement(4, 4, 0)
        card = (out / "README.md").read_text(encoding="utf-8")
        assert ("to bfloat16 to decode" in card) == halved
        assert ("| this export, its body rounded to bfloat16 as in the run, with" in card) == halved
        predictor = open_predictor(str(out), PredictSettings())
        (answer,) = predictor.answer([Text("r", "a text")])
        assert answer.output == 12 * IN_FP32


def test_costs_and_report_have_the_stage(half_run):
    costs = json.loads((half_run.folder / "costs.json").read_text(encoding="utf-8"))
    stages = {(one["stage"], one["candidate"]): one for one in costs["stages"]}
    stage = stages["precision", "one.sft+heads"]
    assert (stage["near_ties"], stage["decided"], stage["probed_rows"]) == (0, 8 * 12, 8)
    stage = stages["precision", "tied.sft+heads"]
    assert stage["near_ties"] == stage["decided"] == 8 * 12
    planned = {(one["stage"], one["candidate"]): one for one in costs["planned"]}
    assert planned["precision", "one.sft+heads"]["tokens"] > 0
    page = (half_run.folder / "report.html").read_text(encoding="utf-8")
    assert "<bdi>bfloat16</bdi>" in page
    assert "float32: in bfloat16 over 20% of the tokens are near-ties" in page
    log = [line["event"] for line in lines_of(half_run.folder / "events.jsonl")]
    assert log.count("dtype_widened") == 2
