"""The plots of a run that the pipeline made: their data is in its files, and the files agree."""

import json
from pathlib import Path
from typing import Any

from page_reader import Page
from sklearn.metrics import f1_score

from emoloom.report.page import render_page

NAMES = ("one.sft", "tf-idf", "lexicon", "constant")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said(output: str) -> list[str]:
    """Labels of an output; none where it is not JSON (strict)."""
    try:
        return json.loads(output)["labels"]
    except ValueError:
        return []


def test_scores_by_label_are_scikit_learns(finished_run: Any) -> None:
    gold = {
        row["id"]: row["answer"]["labels"]
        for row in lines(finished_run.folder / "data/select.jsonl")
    }
    labelled = [row_id for row_id, labels in gold.items() if labels is not None]
    for name in NAMES:
        folder = finished_run.folder / "candidates" / name
        outputs = {line["id"]: said(line["output"]) for line in lines(folder / "rows/select.jsonl")}
        scores = read(folder / "scores.json")["per_label"]
        assert [one["support"] for one in scores] == [
            sum(one["label"] in gold[row_id] for row_id in labelled) for one in scores
        ]
        for one in scores:
            right = [one["label"] in gold[row_id] for row_id in labelled]
            answered = [one["label"] in outputs[row_id] for row_id in labelled]
            if one["support"]:
                assert one["f1"] == f1_score(right, answered, zero_division=0)
            else:
                assert one["f1"] is None
    board = read(finished_run.folder / "leaderboard.json")
    assert not [entry for entry in board["entries"] if "per_label" in entry]


def test_the_report_of_the_run_draws_them(finished_run: Any) -> None:
    page = Page((finished_run.folder / "report.html").read_text(encoding="utf-8"))
    drawn = json.loads(page.data["plots-data"])
    scores = read(finished_run.folder / "candidates/one.sft/scores.json")
    f1s = {one["label"]: one["f1"] for one in scores["per_label"] if one["support"]}
    entry = drawn["labels"]["entries"][0]
    assert entry["name"] == "one.sft"
    assert {
        label: one[3] for label, one in zip(drawn["labels"]["labels"], entry["scores"], strict=True)
    } == f1s
    cost = read(finished_run.folder / "costs.json")["decode"]["one.sft"]
    point = drawn["quality"]["points"][0]
    assert point["seconds"] == cost["seconds"] / cost["rows"]
    assert (
        point["value"]
        == read(finished_run.folder / "leaderboard.json")["entries"][0]["score"]["value"]
    )


def test_the_page_of_a_run_shows_its_manifest_and_can_be_drawn_again(finished_run: Any) -> None:
    source = (finished_run.folder / "report.html").read_text(encoding="utf-8")
    page = Page(source)
    subjects = read(finished_run.folder / "manifest.json")["subject"]
    assert "report.html" in [one["name"] for one in subjects]
    text = page.text("manifest")
    assert f"binds {len(subjects) - 1} files of this run" in text
    assert all(one["digest"]["sha256"] in text for one in subjects if one["name"] != "report.html")
    assert "model random two-layer Llama" in page.text("data")
    assert render_page(finished_run.folder) == source
