"""What a finished run says of where its answers and its numbers come from."""

import json
from pathlib import Path

from emoloom.metrics.signature import Signature
from emoloom.runs.directory import sha256_file
from tiny_screen import tree

FLOORS = ("constant", "lexicon", "tf-idf")


def test_the_manifest_says_what_every_answer_comes_from(finished_run):
    folder = finished_run.folder
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    made_from = manifest["predicate"]
    answers = {answer["file"]: answer for answer in made_from["answers"]}
    assert set(answers) == {name for name in tree(folder) if "/rows/" in name}
    for name, answer in answers.items():
        assert answer["sha256"] == sha256_file(folder / name)
        gold = folder / answer["answers_to"]["file"]
        assert answer["answers_to"]["sha256"] == sha256_file(gold)
        assert gold.name == Path(name).name
    tuned = answers["candidates/one.sft/rows/select.jsonl"]
    for key in ("weights_sha256", "tokenizer_sha256", "config_sha256"):
        assert tuned[key] == made_from["models"]["one"][key]
    checkpoint = folder / "candidates/one.sft/checkpoint"
    assert tuned["adapter"] == {
        path.relative_to(folder).as_posix(): sha256_file(path) for path in checkpoint.iterdir()
    }
    assert "Label the emotions" not in json.dumps(tuned["prompt"]), "the head by its hash alone"
    assert len(tuned["prompt"]["prompt_head_sha256"]) == 64
    assert (tuned["made_on"]["device"], tuned["made_on"]["threads"]) == ("cpu", "1")
    shown = answers["candidates/one.zero-shot/rows/select.jsonl"]
    assert (shown["base"], shown["adapter"]) == ("one", {})
    floor = answers["candidates/constant/rows/select.jsonl"]
    assert (floor["base"], floor["weights_sha256"], floor["made_on"]) == (None, None, None)


def test_every_number_has_a_signature_that_links_its_rows(finished_run):
    folder = finished_run.folder
    for name in (*FLOORS, "one.sft", "one.zero-shot"):
        scores = json.loads((folder / f"candidates/{name}/scores.json").read_text(encoding="utf-8"))
        wanted = {"score", "rank.labels", "rank.uncut", "parse_ok", "per_label"}
        wanted |= {
            f"{block}.{key}"
            for block in ("strict", "parsed")
            for key, value in scores[block].items()
            if isinstance(value, dict)
        }
        wanted |= {
            f"polarity.{block}.{key}"
            for block, found in (scores["polarity"] or {}).items()
            for key in found
            if f"{key}_interval" in found
        }
        assert scores["signatures"].keys() == wanted
        for key, text in scores["signatures"].items():
            found = dict(Signature.parse(text).pairs)
            assert found["number"] == key
            assert found["entry"] == name
            row_set = "polarity" if key.startswith("polarity") else "select"
            rows = scores["rows"][row_set]["answers"]
            assert found["answers"] == f"{rows['file']}@{rows['sha256'][:12]}"
            assert rows["sha256"] == sha256_file(folder / rows["file"])
            assert ("base_weights" in found) is name.startswith("one.")
            assert ("adapter_model" in found) is (name == "one.sft")
