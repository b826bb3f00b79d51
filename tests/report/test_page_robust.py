"""The report of a run folder that is partial, damaged or hostile: it opens, and says so."""

import json
import shutil
from pathlib import Path

import pytest
from hostile_run import HOSTILE, SCRIPTS, hostile_run
from make_run import LEADER, make_run, write, write_lines
from page_reader import Page, page_of, rows_of

from emoloom.report.page import write_report
from emoloom.runs.record import FORMAT
from tiny_screen import assert_user_error, call

pytestmark = pytest.mark.usefixtures("compiled_once")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path, rows=16)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    source = write_report(hostile_run(tmp_path)).read_text(encoding="utf-8")
    assert "<img" not in source
    assert source.count("<script") == source.count("</script>") == SCRIPTS
    assert "\u202e" not in source
    found = Page(source)
    shown = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\ud800", "⟨U+D800⟩")
    for section in ("leaderboard", "comparisons", "failures", "certificates", "costs", "data"):
        assert shown in found.text(section), section
    for section in ("head", "settings", "events"):
        assert shown in found.text(section), section
    embedded = rows_of(found)
    assert embedded["rows"][0]["t"] == embedded["rows"][0]["c"][0][0] == shown
    assert "7*7" in source
    assert "49" not in found.text("settings")


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
    assert "missing or damaged" in head
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


def test_rows_without_an_output_are_counted(run: Path) -> None:
    path = run / "candidates" / LEADER / "rows/select.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    stranger = json.dumps({"id": "other", "output": ""}) + "\n"
    path.write_text("".join(lines[:10]) + stranger, encoding="utf-8")
    head = page_of(run).text("head")
    assert f"candidates/{LEADER}/rows/select.jsonl: 6 of 16 rows have no output." in head
    assert f"candidates/{LEADER}/rows/select.jsonl: 1 output is of no row" in head
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["entries"][0]["n"] = 10
    write(run / "leaderboard.json", board)
    assert "rows have no output" not in page_of(run).text("head")
    (run / "leaderboard.json").unlink()
    stage = {"stage": "select", "candidate": LEADER, "units": 10}
    write(run / "plan.json", {"stages": [stage]})
    assert "rows have no output" not in page_of(run).text("head"), "the plan asked for no more"


def test_an_empty_folder_gives_a_page(tmp_path: Path) -> None:
    found = page_of(tmp_path)
    head = found.text("head")
    assert "This run has no verdict." in head
    assert all(text in head for name, text in INPUTS.items() if "/" not in name)
    assert "There are no rows in this folder." in found.text("rows")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("running", "No verdict yet: the run has not finished."),
        ("stopped_by_budget", "No verdict: the budget ended"),
        ("interrupted", "No verdict yet: the run was interrupted."),
        ("failed", "No verdict yet: the run failed."),
    ],
)
def test_a_run_without_a_verdict_says_why(run: Path, status: str, says: str) -> None:
    settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
    write(run / "run.json", settings | {"status": status})
    (run / "leaderboard.json").unlink()
    found = page_of(run)
    assert says in found.text("head")
    assert f"Scores so far: {LEADER}" in found.text("leaderboard")


def test_a_failed_run_says_at_the_top_why(run: Path) -> None:
    events = [
        {"event": "failed", "message": "an earlier fault, mended since"},
        {"event": "failed", "message": "org/model is gated"},
        {"event": "failed", "candidate": LEADER, "message": "NaN at step 3"},
    ]
    write_lines(run / "events.jsonl", events)
    settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
    write(run / "run.json", settings | {"status": "failed"})
    head = page_of(run).text("head")
    assert "Status Failed" in head
    assert "The run failed. org/model is gated" in head
    assert "mended since" not in head
    assert "NaN" not in head
    write(run / "run.json", settings | {"status": "done"})
    assert "org/model is gated" not in page_of(run).text("head")


def test_a_run_of_which_every_candidate_failed_says_so(run: Path) -> None:
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    assert "Status Finished Candidates" in page_of(run).text("head")
    tried = [entry for entry in board["entries"] if entry["kind"] != "floor"]
    for entry in tried:
        entry["status"] = "failed"
    write(run / "leaderboard.json", board)
    assert "Status Finished, and every candidate failed" in page_of(run).text("head")
    tried[0]["status"] = "scored"
    write(run / "leaderboard.json", board)
    assert "every candidate failed" not in page_of(run).text("head")


def test_candidates_that_share_the_best_score_are_not_called_leaders(run: Path) -> None:
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["verdict"] |= {"leader": None, "tied": [LEADER, "smollm2-135m-sft"]}
    write(run / "leaderboard.json", board)
    found = page_of(run)
    compared = found.text("comparisons")
    assert f"{LEADER}, smollm2-135m-sft share the best score and none of them leads." in compared
    assert "leader" not in compared.lower()
    assert "leader" not in [a.get("class") for _, a in found.elements]


def test_one_candidate_alone_is_not_said_to_be_best_in_all_resamples(run: Path) -> None:
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["verdict"] |= {"comparisons": [], "p_best": {LEADER: 1.0}}
    write(run / "leaderboard.json", board)
    compared = page_of(run).text("comparisons")
    assert "Against the floors" in compared
    assert "of resamples" not in compared


def test_an_unknown_label_space_shows_outputs_as_they_are(run: Path) -> None:
    for name in ("leaderboard.json", "run.json"):
        whole = json.loads((run / name).read_text(encoding="utf-8"))
        whole.pop("label_space", None)
        whole.get("config", {}).pop("label_space", None)
        write(run / name, whole | {"label_space": "/some/path.json"})
    found = page_of(run)
    assert "outputs are shown as they are and not parsed" in found.text("rows")
    assert rows_of(found)["rows"][0]["c"][0][1:] == [None] * 4
    assert "parsing its rows again" not in found.text("failures")


def test_names_from_files_never_lead_out_of_the_run_folder(run: Path) -> None:
    write_lines(
        run.parent / "secret/rows/select.jsonl", [{"id": "goemotions:dev:0", "output": "KEY"}]
    )
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["entries"][0]["name"] = "../../secret"
    write(run / "leaderboard.json", board)
    assert "KEY" not in write_report(run).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        (FORMAT + 1, f"written by a newer emoloom; got: run format {FORMAT + 1}; allowed: up to"),
        ("1", 'no layout that can be read; got: run format "1"; allowed: up to'),
        (None, "no layout that can be read; got: run format null"),
        (True, "no layout that can be read; got: run format true"),
        (0, "no layout that can be read; got: run format 0"),
    ],
)
def test_a_layout_that_is_not_ours_is_refused_and_the_page_stays(
    run: Path, layout: object, said: str
) -> None:
    page = write_report(run)
    before = page.read_bytes()
    settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
    write(run / "run.json", settings | {"format": layout, "name": "another"})
    assert_user_error(call("report", run), said, "do: upgrade emoloom")
    assert page.read_bytes() == before
    write(run / "run.json", settings | {"format": FORMAT, "name": "another"})
    assert call("report", run).code == 0
    assert page.read_bytes() != before
