"""Rows that chose nobody in the report: head, leaderboard, section, browser; and text as text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hostile_run import HOSTILE
from make_run import LEADER, make_run, write, write_lines
from page_reader import page_of

from emoloom.report.finals import finals_view

pytestmark = pytest.mark.usefixtures("compiled_once")

SECOND = "smollm2-135m-sft"


def line(name: str, kind: str, score: float | None, status: str = "scored") -> dict[str, Any]:
    value = {"value": score, "interval": None if score is None else [score - 0.1, score + 0.1]}
    block = {"macro_f1": value, "skill": value}
    one = {"name": name, "kind": kind, "status": status, "n": 5, "score": value}
    return one | {"parse_ok": {"value": 1.0, "interval": None}, "strict": block, "parsed": block}


def with_test(root: Path, **changes: Any) -> Path:
    """The fabricated run, whose best set and a floor answered five more rows."""
    run = make_run(root, rows=16)
    ids = [f"fresh/{n}" for n in range(5)]
    rows = [{"id": key, "text": f"text of {key}", "source": "other"} for key in ids]
    write_lines(run / "data/test.jsonl", rows)
    said = '{"labels":["relief"],"vad":{"v":0.61,"a":0.50,"d":0.50},"rationale":"cues: none"}'
    for name in (LEADER, "tfidf"):
        lines = [{"id": key, "output": said} for key in ids]
        write_lines(run / "candidates" / name / "rows/test.jsonl", lines)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    against = {"name": "tfidf", "difference": 0.061, "interval": [-0.1, 0.2], "separable": False}
    board["test"] = {
        "rows": 5,
        "compared": LEADER,
        "floor_comparisons": [against],
        "entries": [
            line(LEADER, "candidate", 0.251),
            line(SECOND, "candidate", None, "not_done"),
            line("tfidf", "floor", 0.19),
        ],
        **changes,
    }
    write(run / "leaderboard.json", board)
    return run


def test_the_section_has_the_best_set_and_floors_beside_what_chose(tmp_path: Path) -> None:
    text = page_of(with_test(tmp_path)).text("test")
    assert "on 5 rows that chose nobody" in text
    assert f"{LEADER} leader 0.251 [0.151, 0.351] 0.318 [" in text
    assert f"{SECOND} not done 0.291 [" in text
    assert "tfidf 0.190 [0.090, 0.290] 0.241 [" in text
    assert f"{LEADER}, the leader of the rows that chose, less each floor" in text
    assert "tfidf +0.061 [−0.100, 0.200] – no" in text


def test_head_and_leaderboard_have_it(tmp_path: Path) -> None:
    run = with_test(tmp_path)
    page = page_of(run)
    whole = " ".join((run / "report.html").read_text(encoding="utf-8").split())
    assert "<dt>On fresh rows (test)</dt><dd><bdi>0.251 [0.151, 0.351] on 5 rows</bdi>" in whole
    board = page.text("leaderboard")
    assert "Test fresh rows ParseOK" in board
    assert "on which the leader was chosen. Test: the same score on fresh rows" in board
    assert f"Chosen on these rows. On fresh rows (test) {LEADER}: 0.251" in page.text("glance")


def test_the_browser_has_the_rows_and_no_count_of_the_page_is_of_them(tmp_path: Path) -> None:
    run = with_test(tmp_path)
    whole = page_text(run)
    payload = json.loads(whole.partition('id="rows-data">')[2].partition("</script>")[0])
    fresh = [row for row in payload["rows"] if row[0].startswith("fresh/")]
    assert len(payload["rows"]) == 16 + 5
    assert {payload["words"][row[2]] for row in fresh} == {"other (test)"}
    answered = {payload["names"][k] for row in fresh for k, cell in enumerate(row[6]) if cell}
    assert answered == {LEADER, "tfidf"}
    plain = page_text(make_run(tmp_path / "plain", rows=16))
    for section in ("failures", "confusion", "vad"):
        assert section_of(whole, section) == section_of(plain, section)


def page_text(run: Path) -> str:
    page_of(run)
    return (run / "report.html").read_text(encoding="utf-8")


def section_of(page: str, name: str) -> str:
    begin = page.index(f'<section id="{name}"')
    return page[begin : page.index("</section>", begin)]


def test_without_such_rows_nothing_is_said_of_them(tmp_path: Path) -> None:
    whole = page_text(make_run(tmp_path, rows=16))
    assert "fresh rows" not in whole
    assert 'href="#test"' not in whole


def test_of_tied_ones_none_is_called_leader(tmp_path: Path) -> None:
    run = with_test(tmp_path)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["verdict"] |= {"leader": None, "tied": [LEADER, SECOND]}
    write(run / "leaderboard.json", board)
    text = page_of(run).text("test")
    assert "leader 0.251" not in text
    assert f"{LEADER}, the first by name of those that share the best score" in text


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, True, [[1]], float("inf"), -3])
def test_fields_of_another_type_count_as_absent(value: object) -> None:
    assert finals_view({"test": value}).entries == ()
    block = {"rows": value, "compared": value, "entries": value, "floor_comparisons": value}
    found = finals_view({"test": block})
    assert (found.entries, list(found.against.rows), found.said) == ((), [], "")
    one = dict.fromkeys(line("a", "floor", 0.1), value)
    assert len(finals_view({"test": {"rows": 5, "entries": [one]}}).entries) <= 1


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    run = with_test(tmp_path, compared=HOSTILE, entries=[line(HOSTILE, "candidate", 0.2)])
    whole = page_text(run)
    assert HOSTILE not in section_of(whole, "test")
    assert "<script>alert" not in section_of(whole, "test")
