"""The report of a run folder that is partial, damaged or hostile: it opens, and says so."""

import json
import shutil
from pathlib import Path

import pytest
from make_run import LEADER, make_run, write, write_lines
from page_reader import Page, page_of

from emoloom.report.page import write_report

HOSTILE = (
    "<img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}{% raw %}\u202eevil\ud800"
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path, rows=16)


def hostile_run(root: Path) -> Path:
    """The fabricated run with hostile text in every place that text can come from."""
    run = make_run(root)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["verdict"]["text"] = board["rank_by"]["note"] = board["signature"] = HOSTILE
    board["entries"][0]["model"] = board["entries"][8]["reason"] = HOSTILE
    board["entries"][1]["name"] = HOSTILE
    board["entries"][0]["strict"][HOSTILE] = board["entries"][0]["reasons"][HOSTILE] = 1
    board["verdict"]["comparisons"][0]["name"] = HOSTILE
    write(run / "leaderboard.json", board)
    settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
    settings["name"] = settings["instruction"] = settings["instruction_sha256"] = HOSTILE
    settings["config"] = {HOSTILE: HOSTILE, "list": [{HOSTILE: [HOSTILE]}]}
    settings["licences"] = [{"what": HOSTILE, "licence": HOSTILE}]
    write(run / "run.json", settings)
    select = [json.loads(x) for x in (run / "data/select.jsonl").read_text("utf-8").splitlines()]
    select[0] |= {"text": HOSTILE, "source": HOSTILE}
    select[0]["answer"]["labels"] = [HOSTILE]
    write_lines(run / "data/select.jsonl", select)
    outputs = run / "candidates" / LEADER / "rows/select.jsonl"
    said = [{"id": row["id"], "output": HOSTILE} for row in select]
    write_lines(outputs, said)
    write_lines(run / "events.jsonl", [{"event": HOSTILE, "message": HOSTILE, HOSTILE: HOSTILE}])
    write(run / "plan.json", {"stages": [{"stage": HOSTILE, HOSTILE: 1}], HOSTILE: {"a": HOSTILE}})
    write(
        run / "costs.json", {"stages": [{HOSTILE: HOSTILE}], "decode": {HOSTILE: {"rows": HOSTILE}}}
    )
    write_lines(run / "data/rejected.jsonl", [{"excerpt": HOSTILE}])
    check = {"name": HOSTILE, "value": HOSTILE}
    certificate = {"verdict": HOSTILE, "reason": HOSTILE, "checks": [check], HOSTILE: HOSTILE}
    write(run / "candidates" / LEADER / "preflight.json", certificate)
    return run


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    source = write_report(hostile_run(tmp_path)).read_text(encoding="utf-8")
    assert "<img" not in source
    assert source.count("<script") == source.count("</script>") == 2
    assert "\u202e" not in source
    page = Page(source)
    shown = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\ud800", "⟨U+D800⟩")
    for section in ("leaderboard", "comparisons", "failures", "certificates", "costs", "data"):
        assert shown in page.text(section), section
    for section in ("head", "settings", "events"):
        assert shown in page.text(section), section
    embedded = json.loads(page.scripts[0])
    assert embedded["rows"][0]["t"] == embedded["rows"][0]["c"][0][0] == shown
    assert "7*7" in source
    assert "49" not in page.text("settings")


INPUTS = {
    "run.json": "run.json is missing",
    "plan.json": "plan.json is missing",
    "events.jsonl": "events.jsonl is missing",
    "costs.json": "costs.json is missing",
    "leaderboard.json": "leaderboard.json is missing",
    "data/select.jsonl": "data/select.jsonl is missing",
    f"candidates/{LEADER}/rows/select.jsonl": f"rows/select.jsonl is missing for: {LEADER}",
    f"candidates/{LEADER}/scores.json": f"scores.json is missing for: {LEADER}",
    f"candidates/{LEADER}/preflight.json": f"preflight.json is missing for: {LEADER}",
    f"candidates/{LEADER}/steps.jsonl": f"steps.jsonl is missing for: {LEADER}",
}


@pytest.mark.parametrize("name", [*INPUTS, f"candidates/{LEADER}", "candidates", "data"])
def test_a_missing_input_is_said(run: Path, name: str) -> None:
    before = page_of(run).text("head")
    path = run / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    head = page_of(run).text("head")
    assert "not complete" in head
    assert INPUTS.get(name, "is missing") in head
    assert INPUTS.get(name, "is missing") not in before


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"entries": 3', "\udcff", "[" * 100_000])
@pytest.mark.parametrize("name", list(INPUTS))
def test_a_damaged_input_is_said(run: Path, name: str, text: str) -> None:
    (run / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    head = page_of(run).text("head")
    if text or name.endswith(".json"):
        assert "is damaged" in head or "left out (first: line 1)" in head
        assert name in head


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, True, [[{}]], 1e999, {"value": "x"}])
def test_fields_of_another_type_still_give_a_page(run: Path, value: object) -> None:
    for name in ("leaderboard.json", "run.json", "costs.json", "plan.json"):
        whole = json.loads((run / name).read_text(encoding="utf-8"))
        for key in whole:
            write(run / name, whole | {key: value})
            write_report(run)
        write(run / name, whole)
    whole = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    parts = {
        "verdict": whole["verdict"],
        "rank_by": whole["rank_by"],
        "entries": whole["entries"][0],
    }
    for part, found in parts.items():
        for key in found:
            changed = found | {key: value}
            write(
                run / "leaderboard.json",
                whole | {part: [changed] if part == "entries" else changed},
            )
            write_report(run)


def test_an_empty_folder_gives_a_page(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    head = page.text("head")
    assert "This run has no verdict." in head
    assert all(text in head for name, text in INPUTS.items() if "/" not in name)
    assert "There are no rows in this folder." in page.text("rows")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("running", "No verdict yet: the run has not finished."),
        ("stopped_by_budget", "No verdict: the budget ended"),
        ("interrupted", "No verdict yet: the run was interrupted."),
    ],
)
def test_a_run_without_a_verdict_says_why(run: Path, status: str, says: str) -> None:
    settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
    write(run / "run.json", settings | {"status": status})
    (run / "leaderboard.json").unlink()
    page = page_of(run)
    assert says in page.text("head")
    assert f"Scores so far: {LEADER}" in page.text("leaderboard")


def test_an_unknown_label_space_shows_outputs_as_they_are(run: Path) -> None:
    for name in ("leaderboard.json", "run.json"):
        whole = json.loads((run / name).read_text(encoding="utf-8"))
        whole.pop("label_space", None)
        whole.get("config", {}).pop("label_space", None)
        write(run / name, whole | {"label_space": "/some/path.json"})
    page = page_of(run)
    assert "outputs are shown as they are and not parsed" in page.text("rows")
    assert json.loads(page.scripts[0])["rows"][0]["c"][0][1:] == [None] * 4
    assert "parsing its rows again" not in page.text("failures")


def test_names_from_files_never_lead_out_of_the_run_folder(run: Path) -> None:
    write_lines(
        run.parent / "secret/rows/select.jsonl", [{"id": "goemotions:dev:0", "output": "KEY"}]
    )
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["entries"][0]["name"] = "../../secret"
    write(run / "leaderboard.json", board)
    assert "KEY" not in write_report(run).read_text(encoding="utf-8")
