import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from emoloom.errors import ExitCode
from emoloom.report.page import render_page
from emoloom.runs.directory import sha256_file
from emoloom.sources.model_files import parse_source
from tiny_screen import (
    STAGES,
    UNSTEADY,
    Watch,
    assert_same_results,
    entries_of,
    lines_of,
    run_screen,
    tree,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

FLOORS = ("constant", "lexicon", "tf-idf")


# The folder


def test_the_run_folder_holds_what_the_design_lists(finished_run):
    top = (
        "run.json manifest.json manifest.sha256 plan.json events.jsonl costs.json report.html "
        ".lock done/data.json done/polarity.json"
    )
    wanted = {
        *top.split(),
        *(f"leaderboard.{suffix}" for suffix in ("json", "csv", "md")),
        *(f"data/{name}.jsonl" for name in ("train", "select", "polarity", "rejected")),
        *(f"data/{name}.json" for name in ("scale", "counts")),
    }
    for name in (*FLOORS, "one.sft", "one.zero-shot"):
        wanted |= {f"candidates/{name}/{f}" for f in ("rows/select.jsonl", "scores.json")}
        wanted.add(f"candidates/{name}/done/select.json")
    for name in ("one.sft", "one.zero-shot"):
        wanted |= {f"candidates/{name}/{f}" for f in ("preflight.json", "done/preflight.json")}
        wanted.add(f"candidates/{name}/forced.jsonl")
    trained = ("steps.jsonl", "done/train.json", "checkpoint/adapter_config.json")
    wanted |= {f"candidates/one.sft/{f}" for f in trained}
    wanted.add("candidates/one.sft/checkpoint/adapter_model.safetensors")
    wanted |= {f"candidates/{name}/rows/polarity.jsonl" for name in (*FLOORS, "one.sft")}
    wanted |= {f"candidates/one.sft/done/{stage}.json" for stage in ("polarity", "probe")}
    assert set(tree(finished_run.folder)) == wanted


def test_the_licences_of_corpora_lexicon_and_model_are_recorded(finished_run):
    record = json.loads((finished_run.folder / "run.json").read_text(encoding="utf-8"))
    licences = {entry["what"]: entry["licence"] for entry in record["licences"]}
    assert licences["goemotions-sample"] == "CC BY 4.0"
    assert licences["emobank-sample"] == "CC BY-SA 4.0"
    assert licences["glasgow-actdata"].startswith("CC BY 4.0")
    assert licences["random two-layer Llama (for tests)"] == "Apache-2.0"
    assert licences["goemotions-polarity"] == "CC BY 4.0"
    assert len(licences) == len(record["licences"]) == 5


def test_a_models_terms_are_said_recorded_and_shown(tmp_path, monkeypatch):
    terms = "Some Terms of Use (https://example.org/terms)"
    known = parse_source("random:tiny@1")
    monkeypatch.setattr(
        "emoloom.screening.candidates.parse_source",
        lambda text, **given: replace(known, name=given["name"], terms=terms),
    )
    config = write_config(tmp_path / "small.yaml", recipes=["zero-shot"])
    watch = Watch()
    run_screen(config, tmp_path / "run", watch)
    assert watch.said.count(f"{known.display_name} is under the {terms}") == 1
    record = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    stated = {entry["what"]: entry.get("terms") for entry in record["licences"]}
    assert stated.pop(known.display_name) == terms
    assert set(stated.values()) == {None}
    manifest = json.loads((tmp_path / "run/manifest.json").read_text(encoding="utf-8"))
    assert [m["terms"] for m in manifest["predicate"]["models"].values()] == [terms]
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert f"<bdi>{terms}</bdi>" in page
    again = Watch()
    run_screen(config, tmp_path / "run", again)
    assert sum(terms in line for line in again.said) == 1


def test_rows_answers_and_scores_agree_in_number_and_order(finished_run):
    folder = finished_run.folder
    select = [row["id"] for row in lines_of(folder / "data/select.jsonl")]
    assert len(select) == 8
    assert len(lines_of(folder / "data/train.jsonl")) == 20
    assert len(lines_of(folder / "candidates/one.sft/steps.jsonl")) == 5
    for name in (*FLOORS, "one.sft"):
        rows = lines_of(folder / f"candidates/{name}/rows/select.jsonl")
        assert [row["id"] for row in rows] == select
        assert {tuple(row) for row in rows} == {("id", "output")}
        assert entries_of(folder)[name]["n"] == 8
    shown = [row["id"] for row in lines_of(folder / "candidates/one.zero-shot/rows/select.jsonl")]
    assert shown == [row for row in select if row in shown]
    assert len({row.split("/")[0] for row in shown}) == 2, "one row of each corpus"


def test_times_live_in_costs_alone(finished_run):
    costs = json.loads((finished_run.folder / "costs.json").read_text(encoding="utf-8"))
    assert [f"{e['stage']} {e['candidate']}" for e in costs["stages"]] == STAGES
    assert {name: found["rows"] for name, found in costs["decode"].items()} == {
        "one.sft": 8,
        "one.zero-shot": 2,
    }
    assert {name: found["rows"] for name, found in costs["decode_polarity"].items()} == {
        "one.sft": 4
    }
    timed = ("seconds", "rate", "peak_memory", "forwards", "near_ties")
    for name, content in tree(finished_run.folder, UNSTEADY).items():
        if name == "plan.json" or not name.endswith((".json", ".jsonl", ".csv")):
            continue  # plan.json holds the budget's limits, which are no times measured
        assert [word for word in timed if f'"{word}'.encode() in content] == [], name


def test_the_manifest_is_an_in_toto_statement_and_every_digest_is_right(finished_run):
    folder = finished_run.folder
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest) == {"_type", "subject", "predicateType", "predicate"}
    assert manifest["_type"] == "https://in-toto.io/Statement/v1"
    assert manifest["predicateType"].startswith("urn:emoloom:")
    names = [subject["name"] for subject in manifest["subject"]]
    assert names == sorted(set(names))
    for subject in manifest["subject"]:
        assert set(subject) == {"name", "digest"}
        assert subject["digest"] == {"sha256": sha256_file(folder / subject["name"])}
    assert set(names) == set(tree(folder)) - {".lock", "manifest.json", "manifest.sha256"}
    made_from = manifest["predicate"]
    assert len(made_from["models"]["one"]["weights_sha256"]) == 64
    corpora = {"goemotions-sample", "emobank-sample", "goemotions-polarity"}
    assert set(made_from["data"]) == corpora
    assert made_from["config"]["ranking"]["min_positives"] == 20, "defaults are in force too"
    assert made_from["config_given"]["text"] == finished_run.config.read_text(encoding="utf-8")
    assert str(folder) not in (folder / "manifest.json").read_text(encoding="utf-8")


def test_the_manifest_leaves_out_what_a_killed_process_left(a_run):
    (a_run.folder / "candidates/one.sft/rows/.select.jsonl.x1").write_bytes(b"half")
    (a_run.folder / ".leaderboard.json.y2").write_bytes(b"half")
    run_screen(a_run.config, a_run.folder)
    manifest = json.loads((a_run.folder / "manifest.json").read_text(encoding="utf-8"))
    assert [s["name"] for s in manifest["subject"] if "/." in f"/{s['name']}"] == []


# Doing it again


def test_a_second_screen_redoes_nothing_and_changes_nothing(a_run):
    before = tree(a_run.folder)
    outputs = [name for name in before if name.startswith(("data/", "candidates/", "done/"))]
    kept = [name for name in outputs if not name.endswith("scores.json")]
    times = {name: (a_run.folder / name).stat().st_mtime_ns for name in kept}
    watch = Watch()
    screened = run_screen(a_run.config, a_run.folder, watch)
    assert screened.code is ExitCode.DONE
    assert watch.titles == []
    assert tree(a_run.folder) == before
    assert {name: (a_run.folder / name).stat().st_mtime_ns for name in kept} == times


def test_two_runs_in_different_folders_differ_in_costs_alone(finished_run, tmp_path):
    config = shutil.copy(finished_run.config, tmp_path / "other-name.yaml")
    folder = tmp_path / "deep" / "other run"
    watch = Watch()
    run_screen(Path(config), folder, watch)
    assert watch.titles == watch.closed == STAGES
    assert_same_results(folder, finished_run.folder)
    assert (folder / "events.jsonl").read_bytes() == (
        finished_run.folder / "events.jsonl"
    ).read_bytes()
    pages = []
    for run in (folder, finished_run.folder):
        copy = tmp_path / run.parent.name / "same name"
        shutil.copytree(run, copy)
        (copy / "costs.json").unlink()
        (copy / "manifest.json").unlink()  # it binds the costs
        pages.append(render_page(copy))
    assert pages[0] == pages[1]


DEPENDS = {
    "data/train.jsonl": "data -",
    "data/select.jsonl": "data -",
    "data/rejected.jsonl": "data -",
    "data/scale.json": "data -",
    "data/counts.json": "data -",
    "done/data.json": "data -",
    "data/polarity.jsonl": "polarity -",
    "done/polarity.json": "polarity -",
    "candidates/constant/rows/select.jsonl": "select constant",
    "candidates/constant/rows/polarity.jsonl": "select constant",
    "candidates/tf-idf/rows/select.jsonl": "select tf-idf",
    "candidates/lexicon/done/select.json": "select lexicon",
    "candidates/one.sft/preflight.json": "preflight one.sft",
    "candidates/one.sft/steps.jsonl": "train one.sft",
    "candidates/one.sft/checkpoint/adapter_config.json": "train one.sft",
    "candidates/one.sft/checkpoint/adapter_model.safetensors": "train one.sft",
    "candidates/one.sft/done/train.json": "train one.sft",
    "candidates/one.sft/rows/select.jsonl": "select one.sft",
    "candidates/one.sft/forced.jsonl": "select one.sft",
    "candidates/one.sft/rows/polarity.jsonl": "polarity one.sft",
    "candidates/one.sft/done/polarity.json": "polarity one.sft",
    "candidates/one.zero-shot/preflight.json": "preflight one.zero-shot",
    "candidates/one.zero-shot/rows/select.jsonl": "select one.zero-shot",
    "candidates/one.sft/scores.json": None,
    "leaderboard.json": None,
    "leaderboard.csv": None,
    "leaderboard.md": None,
    "plan.json": None,
    "manifest.json": None,
    "manifest.sha256": None,
}
"""Output -> the one stage that makes it; None where it is written on every call."""


def test_every_result_of_a_run_is_in_the_table_above_or_has_a_like(finished_run):
    listed = {Path(name).name for name in DEPENDS}
    there = {Path(name).name for name in tree(finished_run.folder, {*UNSTEADY, "run.json"})}
    assert there - {"probe.json"} <= listed  # a probe makes figures alone


HARMS = [
    *((name, "altered") for name, stage in DEPENDS.items() if stage and "done/" not in name),
    ("data/train.jsonl", "deleted"),
    ("data/rejected.jsonl", "deleted"),
    ("done/data.json", "deleted"),
    ("candidates/lexicon/done/select.json", "cut"),
    ("candidates/one.sft/preflight.json", "cut"),
    ("candidates/one.sft/checkpoint/adapter_model.safetensors", "deleted"),
    ("candidates/one.sft/done/train.json", "cut"),
    ("candidates/one.sft/rows/select.jsonl", "cut"),
    ("candidates/one.sft/rows/select.jsonl", "deleted"),
]


@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_what_is_harmed_is_made_again_and_nothing_else(a_run, finished_run, name, harm):
    path = a_run.folder / name
    content = path.read_bytes()
    if harm == "deleted":
        path.unlink()
    elif harm == "altered":
        path.write_bytes(content + b" ")
    else:
        path.write_bytes(content[: len(content) // 2])
    watch = Watch()
    run_screen(a_run.config, a_run.folder, watch)
    assert watch.titles == [DEPENDS[name]]
    assert_same_results(a_run.folder, finished_run.folder)


@pytest.mark.parametrize("harm", ["deleted", "cut"])
def test_what_is_written_on_every_call_comes_back_without_work(a_run, finished_run, harm):
    for name in (name for name, stage in DEPENDS.items() if stage is None):
        path = a_run.folder / name
        content = path.read_bytes()
        path.unlink()
        if harm == "cut":
            path.write_bytes(content[: len(content) // 2])
    watch = Watch()
    run_screen(a_run.config, a_run.folder, watch)
    assert watch.titles == []
    assert_same_results(a_run.folder, finished_run.folder)


def test_a_checkpoint_that_became_a_file_is_made_again(a_run, finished_run):
    checkpoint = a_run.folder / "candidates/one.sft/checkpoint"
    shutil.rmtree(checkpoint)
    checkpoint.write_text("in the way", encoding="utf-8")
    watch = Watch()
    run_screen(a_run.config, a_run.folder, watch)
    assert watch.titles == ["train one.sft"]
    assert_same_results(a_run.folder, finished_run.folder)


def test_both_copies_of_a_certificate_lost_it_is_measured_again(a_run, finished_run):
    for name in ("one.sft", "one.zero-shot"):
        (a_run.folder / f"candidates/{name}/preflight.json").unlink()
    watch = Watch()
    run_screen(a_run.config, a_run.folder, watch)
    assert watch.titles == ["preflight one.sft", "preflight one.zero-shot"]
    assert_same_results(a_run.folder, finished_run.folder)
