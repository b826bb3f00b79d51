"""What an export holds, that it is whole or not there, and what it refuses."""

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results
from jsonschema import Draft202012Validator

from emoloom.corpora.labels import load_space
from emoloom.errors import UserError
from emoloom.exports.chosen import read_chosen
from emoloom.exports.licences import hub_name, read_licences
from emoloom.exports.make import ExportRequest, export
from emoloom.exports.results import score_by_corpus
from exported_run import ExportedRun
from final_files import TEST, TEST_ROWS
from tiny_screen import assert_user_error, call, lines_of, tree

pytestmark = pytest.mark.usefixtures("own_cache")

COMMON = {
    ".eval_results/emoloom.yaml",
    "LICENCES.md",
    "README.md",
    "answer.schema.json",
    "emoloom.json",
    "generation_config.json",
    "label_space.json",
    "manifest.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
}


def test_an_export_holds_these_files_and_no_pickle(exported: ExportedRun):
    weights = {"config.json", "model.safetensors"}
    assert set(tree(exported.merged.folder)) == COMMON | weights
    adapter = {"adapter_config.json", "adapter_model.safetensors"}
    assert set(tree(exported.adapter.folder)) == COMMON | adapter


def test_every_file_is_in_the_manifest_with_its_hash(exported: ExportedRun):
    for one in (exported.merged, exported.adapter):
        files = tree(one.folder, {"manifest.json"})
        statement = json.loads((one.folder / "manifest.json").read_text(encoding="utf-8"))
        listed = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
        assert listed == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        run = (exported.run / "manifest.json").read_bytes()
        digest = hashlib.sha256(run).hexdigest()
        assert statement["predicate"]["run"]["manifest_sha256"] == digest
        assert digest in (one.folder / "README.md").read_text(encoding="utf-8")
        modes = {path.stat().st_mode & 0o777 for path in one.folder.rglob("*") if path.is_file()}
        assert modes == {0o644}


def test_no_path_of_this_machine_is_in_an_export(exported: ExportedRun, own_cache):
    for one in (exported.merged, exported.adapter):
        for name, data in tree(one.folder, {"model.safetensors"}).items():
            assert str(exported.run.parent).encode() not in data, name
            assert str(own_cache).encode() not in data, name
            assert b"emoloom_shared_prefix" not in data, name


def test_the_weights_are_those_that_the_run_decoded_with(exported: ExportedRun):
    from safetensors.torch import load_file

    from emoloom.models.causal_lm import load_causal_lm
    from emoloom.sources.model_files import get_model, parse_source
    from emoloom.training.adapters import load_adapter

    folder = get_model(parse_source("random:tiny@1")).folder
    lm = load_causal_lm(folder, load_space("goemotions28"), name="tiny")
    merged = load_adapter(lm, exported.run / "candidates/one.sft/checkpoint").model.state_dict()
    saved = load_file(exported.merged.folder / "model.safetensors")
    assert set(saved) == set(merged)
    assert all(bool((saved[name] == merged[name]).all()) for name in saved)
    assert {str(tensor.dtype) for tensor in saved.values()} == {"torch.float32"}


def test_the_card_is_read_by_the_hubs_own_library(exported: ExportedRun):
    for form in ("merged", "adapter"):
        card = ModelCard.load(getattr(exported, form).folder / "README.md")
        data = card.data.to_dict()
        record = json.loads((exported.run / "run.json").read_text(encoding="utf-8"))
        wanted = hub_name(record["strictest_licence"]["licence"])
        assert data["license"] == (wanted or "other")
        assert data.get("license_link") == (None if wanted else "LICENCES.md")
        assert data["library_name"] == ("transformers" if form == "merged" else "peft")
        assert data["datasets"] == ["google-research-datasets/go_emotions"]
        name, results = model_index_to_eval_results(data["model-index"])
        assert name.startswith("random")
        by_name = {(r.dataset_type, r.metric_name.split(" (")[0]): r.metric_value for r in results}
        rows = lines_of(exported.run / "data/select.jsonl")
        assert {kind for kind, _ in by_name} == {
            "emobank",
            "google-research-datasets/go_emotions",
        }
        assert ("emobank", "strict macro-F1") not in by_name  # it has no labels
        assert f"{sum(r['source'] == 'emobank-sample' for r in rows)} rows of dev" in card.text


def test_eval_results_have_the_hubs_current_layout(exported: ExportedRun):
    path = exported.merged.folder / ".eval_results" / "emoloom.yaml"
    entries = parse_eval_result_entries(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert {entry.dataset_id for entry in entries} == {"google-research-datasets/go_emotions"}
    assert [entry.task_id for entry in entries] == [
        "emoloom_macro_f1",
        "emoloom_micro_f1",
        "emoloom_parse_ok",
    ]
    assert all(0 <= entry.value <= 1 for entry in entries)
    assert all("not the official test split" in entry.notes for entry in entries)


def test_published_scores_are_those_of_emoloom_score(exported: ExportedRun, tmp_path):
    rows = [
        row
        for row in lines_of(exported.run / "data/select.jsonl")
        if row["source"] == "goemotions-sample"
    ]
    ids = {row["id"] for row in rows}
    outputs = lines_of(exported.run / "candidates/one.sft/rows/select.jsonl")
    for name, lines in (("gold", rows), ("said", [o for o in outputs if o["id"] in ids])):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    files = ("--answers", tmp_path / "said.jsonl", "--gold", tmp_path / "gold.jsonl")
    scored = json.loads(call("score", *files).out)
    path = exported.merged.folder / ".eval_results" / "emoloom.yaml"
    published = {e["dataset"]["task_id"]: e["value"] for e in yaml.safe_load(path.read_text())}
    assert published["emoloom_macro_f1"] == pytest.approx(scored["strict"]["macro_f1"], abs=1e-6)
    assert published["emoloom_micro_f1"] == pytest.approx(scored["strict"]["micro_f1"], abs=1e-6)
    assert published["emoloom_parse_ok"] == pytest.approx(scored["parse_ok"], abs=1e-6)


def test_the_contract_goes_with_it(exported: ExportedRun):
    folder = exported.merged.folder
    assert load_space(str(folder / "label_space.json")) == load_space("goemotions28")
    schema = json.loads((folder / "answer.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    record = json.loads((folder / "emoloom.json").read_text(encoding="utf-8"))
    run = json.loads((exported.run / "run.json").read_text(encoding="utf-8"))
    assert record["instruction"] == run["instruction"]
    assert record["instruction_sha256"] == run["instruction_sha256"]
    assert record["prompt"]["max_text_tokens"] == 24
    assert record["prompt"]["max_new_tokens"] == 96
    config = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    assert config["do_sample"] is False
    assert config["eos_token_id"] == record["prompt"]["stop_ids"]


def test_every_licence_of_the_run_is_carried_with_the_caution(exported: ExportedRun):
    run = json.loads((exported.run / "run.json").read_text(encoding="utf-8"))
    for one in (exported.merged, exported.adapter):
        text = (one.folder / "LICENCES.md").read_text(encoding="utf-8")
        for licence in run["licences"]:
            assert f"{licence['what']}: {licence['licence']}" in text
        card = (one.folder / "README.md").read_text(encoding="utf-8")
        for words in ("Article 5(1)(f)", "medical or safety reasons", "not legal advice"):
            assert words in card


def test_the_strictest_licence_of_the_inputs_is_the_cards(exported: ExportedRun):
    card = ModelCard.load(exported.merged.folder / "README.md")
    assert card.data.to_dict()["license"] == "cc-by-sa-4.0", "EmoBank's"
    assert "**CC BY-SA 4.0**" in card.text
    text = (exported.merged.folder / "LICENCES.md").read_text(encoding="utf-8")
    assert "- asked for: share-alike (by emobank" in text


def test_a_licence_that_the_hub_does_not_know_is_other():
    inputs = [
        {"what": "corpus", "licence": "CC BY-NC 4.0"},
        {"what": "other", "licence": "unknown"},
    ]
    terms = [{"what": "model", "licence": "apache-2.0", "terms": "Terms of Use, https://x.example"}]

    def found(licences: list) -> dict:
        return read_licences({"licences": licences}, ["other"]).front_matter()

    other = {
        "license": "other",
        "license_name": "strictest-of-all-inputs",
        "license_link": "LICENCES.md",
    }
    assert found(inputs) == {"license": "cc-by-nc-4.0"}
    assert found([*inputs, *terms]) == other
    assert found([{"what": "corpus", "licence": "for research use"}, *inputs]) == other
    assert found([]) == other
    kept = read_licences({"licences": [*inputs, "damaged", {}]}, ["other"])
    assert [one.what for one in kept.inputs] == ["corpus"]


def test_nothing_is_overwritten_and_nothing_is_left_beside(exported: ExportedRun, tmp_path):
    for there in ("file", "folder"):
        target = tmp_path / there
        target.mkdir() if there == "folder" else target.write_text("mine", encoding="utf-8")
        called = call("export", exported.run, "--candidate", "one.sft", "--out", target)
        assert_user_error(called, "cannot export to", there)
    below = call("export", exported.run, "--out", tmp_path / "file" / "below")
    assert_user_error(below, "is a file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("fault", [KeyboardInterrupt, UserError("an answer differs")])
def test_what_fails_halfway_leaves_nothing(exported, tmp_path, monkeypatch, fault):
    def stop(*_: object) -> None:
        assert [path.name[:5] for path in tmp_path.iterdir()] == [".out."]
        raise fault

    monkeypatch.setattr("emoloom.exports.make.check_export", stop)
    with pytest.raises(type(fault) if isinstance(fault, Exception) else fault):
        export(ExportRequest(exported.run, "one.sft", tmp_path / "out"), lambda _: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--candidate", "none.sft"), ("no such candidate", "one.sft", "--candidate")),
        (("--candidate", "tf-idf"), ("tf-idf, a floor",)),
        (("--candidate", "one.zero-shot", "--form", "adapter"), ("not trained", "no adapter")),
    ],
)
def test_whom_it_cannot_export_it_names(arguments, parts, exported: ExportedRun, tmp_path):
    called = call("export", exported.run, *arguments, "--out", tmp_path / "out")
    assert_user_error(called, *parts)
    assert list(tmp_path.iterdir()) == []


def altered(run: Path, name: str) -> None:
    path = run / name
    path.write_bytes(path.read_bytes() + b" \n")


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (shutil.rmtree, ("no run folder",)),
        (lambda run: (run / "manifest.json").unlink(), ("manifest.json cannot be read",)),
        (lambda run: altered(run, "data/select.jsonl"), ("select.jsonl is not as the run left",)),
        (lambda run: altered(run, "candidates/one.sft/rows/select.jsonl"), ("another sha256",)),
        (
            lambda run: altered(run, "candidates/one.sft/checkpoint/adapter_model.safetensors"),
            ("adapter_model.safetensors is not as the run left it",),
        ),
        (
            lambda run: (run / "candidates/one.sft/checkpoint/adapter_model.safetensors").unlink(),
            ("no file",),
        ),
        (lambda run: altered(run, "leaderboard.json"), ("leaderboard.json is not as",)),
    ],
)
def test_a_run_that_was_altered_is_not_exported(change, parts, exported, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(exported.run, run)
    change(run)
    called = call("export", run, "--candidate", "one.sft", "--out", tmp_path / "out")
    assert_user_error(called, *parts)
    assert [path.name for path in tmp_path.iterdir() if path.name != "run"] == []


def test_a_run_that_has_not_ended_is_not_exported(exported: ExportedRun, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(exported.run, run)
    text = (run / "run.json").read_text(encoding="utf-8").replace('"done"', '"interrupted"')
    (run / "run.json").write_text(text, encoding="utf-8")
    called = call("export", run, "--out", tmp_path / "out")
    assert_user_error(called, "has not ended", "'interrupted'", "emoloom screen")


def test_a_model_that_was_not_trained_can_be_exported_whole(exported: ExportedRun, tmp_path):
    out = tmp_path / "out"
    called = call(
        "export", exported.run, "--candidate", "one.zero-shot", "--out", out, "--check-rows", 1
    )
    assert (called.code, called.out) == (0, f"{out}\n")
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "was not trained" in card
    assert re.search(r"\| (1 of 1 equal|0 of 1 equal, 1 part at a near-tie) \|", card)


def test_markup_in_a_name_stays_text(exported: ExportedRun, tmp_path):
    from emoloom.exports.card import _finalize

    shown = str(_finalize("a|b\n# <script> [x](http://y) `c` *d* \u202e"))
    assert "\n" not in shown
    assert "<" not in shown
    assert re.search(r"(?<!\\)[|`*\[\]#]", shown) is None


# Rows that chose nobody


def test_a_card_quotes_the_rows_that_chose_nobody(tested_run, tmp_path, own_cache):
    request = ExportRequest(tested_run.folder, "one.sft", tmp_path / "out", "adapter", 1)
    export(request, lambda _: None)
    card = " ".join((tmp_path / "out/README.md").read_text(encoding="utf-8").split())
    assert f"On {TEST_ROWS} rows of the run's `test` set, which chose nobody" in card
    assert "On the 8 rows of `select`, which rank, the score is" in card
    board = json.loads((tested_run.folder / "leaderboard.json").read_text(encoding="utf-8"))
    entry = next(one for one in board["test"]["entries"] if one["name"] == "one.sft")
    assert f"score, by the rule that ranks | {entry['score']['value']:.3f} |" in card
    note = f"{TEST[0]['rows']} rows of test, drawn by emoloom, answered once after the ranking"
    results = (tmp_path / "out/.eval_results/emoloom.yaml").read_text(encoding="utf-8")
    assert note in " ".join(results.split())


def test_a_card_says_what_its_scores_are_of_where_several_were_ranked(exported: ExportedRun):
    card = " ".join((exported.merged.folder / "README.md").read_text(encoding="utf-8").split())
    assert "On 6 rows of the run's `select` set. Intervals are" in card, "it was ranked alone"
    chosen = read_chosen(exported.run, "one.sft")
    line = {**chosen.entry, "name": "other", "rank": 2}
    board = {**chosen.board, "entries": [*chosen.board["entries"], line]}
    several = replace(chosen, board=board)
    assert (chosen.among, several.among) == (1, 2)
    notes = [
        score_by_corpus(one.rows, one.outputs, one.space, among=one.among)[0].note
        for one in (chosen, several)
    ]
    assert [note.partition("candidates")[2] for note in notes] == [
        "; not the official test split",
        ": the best of 2 on these rows; not the official test split",
    ]


def test_answers_to_them_that_were_altered_are_refused(a_tested_run, tmp_path):
    path = a_tested_run.folder / "candidates/one.sft/rows/test.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("output", "Output"), encoding="utf-8")
    with pytest.raises(UserError, match=r"rows/test\.jsonl is not as the run left it"):
        export(ExportRequest(a_tested_run.folder, "one.sft", tmp_path / "out"), lambda _: None)
