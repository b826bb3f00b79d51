"""Polarity consistency in the report: shares, examples of the leader, and text that stays text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hostile_run import HOSTILE
from make_run import LEADER, make_run, write, write_lines
from page_reader import Page, page_of

from emoloom.report import polarity
from emoloom.report.page import write_report

PAIRS = 8
WRONG = (1, 2)
"""Pairs in which the leader does not turn over."""


def output(label: str, valence: float) -> str:
    vad = f'{{"v":{valence:.2f},"a":0.50,"d":0.50}}'
    return f'{{"labels":["{label}"],"vad":{vad},"rationale":"cues: none"}}'


def block(n: int, share: float) -> dict[str, Any]:
    ends = {f"{key}_interval": [share - 0.1, share + 0.1] for key in ("consistency", "valence")}
    return {"n": n, "consistency": share, "valence": share, "labels": 1.0, **ends}


def with_pairs(root: Path, wrong: tuple[int, ...] = WRONG) -> Path:
    """The fabricated run, whose leader and first floor answered pairs."""
    run = make_run(root, rows=16)
    texts = [(f"p/{i}{mark}", f"{i}{mark} text") for i in range(PAIRS) for mark in ("", "+flip")]
    write_lines(run / "data/polarity.jsonl", [{"id": key, "text": text} for key, text in texts])
    said = [
        output("joy", 0.87) if "+" not in key or int(key[2]) in wrong else output("anger", 0.13)
        for key, _ in texts
    ]
    lines = [{"id": key, "output": out} for (key, _), out in zip(texts, said, strict=True)]
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    for entry in board["entries"]:
        if entry["name"] in {LEADER, "tfidf"}:
            share = 0.75 if entry["name"] == LEADER else 0.25
            entry["polarity"] = {"strict": block(PAIRS, share), "parsed": block(7, share + 0.05)}
            write_lines(run / "candidates" / entry["name"] / "rows/polarity.jsonl", lines)
    write(run / "leaderboard.json", board)
    path = run / "candidates" / LEADER / "scores.json"
    verdicts = {f"p/{i}": i not in wrong for i in range(PAIRS)}
    write(path, json.loads(path.read_text("utf-8")) | {"polarity_pairs": verdicts})
    return run


def test_the_board_has_a_column_and_a_dash_where_none_was_asked(tmp_path: Path) -> None:
    board = page_of(with_pairs(tmp_path)).text("leaderboard")
    assert " r polarity n " in board
    # Strict and parsed, of which one is shown; their intervals stand in the section.
    assert "0.750 0.800 16" in board
    assert board.count("– – 16") == 6, "the other entries with scores"


def test_the_section_says_what_it_is_and_shows_pairs_of_the_leader(tmp_path: Path) -> None:
    run = with_pairs(tmp_path)
    page = page_of(run)
    text = page.text("polarity")
    assert "where the answer turns over with the text" in text
    assert "It never ranks" in text
    assert f"{LEADER} 0.750 [0.650, 0.850] 0.750 [0.650, 0.850] 1.000 8 7" in text
    assert "tfidf 0.250 [0.150, 0.350]" in text
    assert "qwen3-0.6b-sft" not in text
    shown = [text.index(f"{i} text") for i in (1, 2, 0, 3, 4, 5)]
    assert shown == sorted(shown), "inconsistent ones first"
    assert "6 text" not in text
    assert "not consistent 1 text 0.87 joy 1+flip text 0.87 joy" in text
    assert "consistent 0 text 0.87 joy 0+flip text 0.13 anger" in text
    assert "missing or damaged" not in page.text("head")


@pytest.mark.parametrize(
    ("wrong", "shown"), [((), 0), (tuple(range(8)), 6), (tuple(range(5)), 3), ((0, 1, 2, 3), 3)]
)
def test_half_are_inconsistent_where_there_are_so_many(
    tmp_path: Path, wrong: tuple[int, ...], shown: int
) -> None:
    text = page_of(with_pairs(tmp_path, wrong)).text("polarity")
    assert text.count("not consistent ") == shown
    assert text.count("+flip text") == polarity.EXAMPLES


def test_a_pair_that_did_not_parse_says_why(tmp_path: Path) -> None:
    run = with_pairs(tmp_path)
    path = run / "candidates" / LEADER / "rows/polarity.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines[2]["output"] = '{"labels":["jo'
    write_lines(path, lines)
    text = page_of(run).text("polarity")
    assert "not consistent 1 text – did not parse: truncated 1+flip text 0.87 joy" in text


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    run = with_pairs(tmp_path)
    rows = [{"id": f"p/1{mark}", "text": HOSTILE} for mark in ("", "+flip")]
    write_lines(run / "data/polarity.jsonl", [*rows, {"id": HOSTILE, "text": [HOSTILE]}, {}])
    for name, key in ((LEADER, "p/1"), ("tfidf", HOSTILE)):
        lines = [{"id": key + mark, "output": HOSTILE} for mark in ("", "+flip")]
        write_lines(run / "candidates" / name / "rows/polarity.jsonl", lines)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["entries"][3]["name"] = HOSTILE
    write(run / "leaderboard.json", board)
    source = write_report(run).read_text(encoding="utf-8")
    assert "<img" not in source
    assert "\u202e" not in source
    text = Page(source).text("polarity")
    shown = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\ud800", "⟨U+D800⟩")
    assert text.count(shown) == 3, "the name of a floor, a text and its flip"
    assert "{{7*7}}" in text


def test_long_texts_are_cut(tmp_path: Path) -> None:
    run = with_pairs(tmp_path)
    rows = [{"id": f"p/1{mark}", "text": "x" * 100_000} for mark in ("", "+flip")]
    write_lines(run / "data/polarity.jsonl", rows)
    assert page_of(run).text("polarity").count("(98,500 more characters)") == 2


def test_what_is_missing_or_of_another_type_still_gives_a_page(tmp_path: Path) -> None:
    run = with_pairs(tmp_path)
    answers = run / "candidates" / LEADER / "rows/polarity.jsonl"
    answers.unlink()
    page = page_of(run)
    assert f"candidates/<name>/rows/polarity.jsonl is missing for: {LEADER}" in page.text("head")
    assert "+flip" not in page.text("polarity")
    scores = run / "candidates" / LEADER / "scores.json"
    for value in (None, 7, ["p/1"], {"p/1": "yes"}, {"p/1": [1]}):
        write(scores, {"polarity_pairs": value})
        board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
        board["entries"][0]["polarity"] = {"strict": value, "parsed": {"n": value}}
        write(run / "leaderboard.json", board)
        assert "+flip" not in page_of(run).text("polarity")
    assert "No answers to polarity pairs" in page_of(make_run(tmp_path / "b")).text("polarity")


def test_a_run_that_the_pipeline_made(finished_run: Any) -> None:
    text = Page((finished_run.folder / "report.html").read_text(encoding="utf-8")).text("polarity")
    asked = (finished_run.folder / "data/polarity.jsonl").read_text("utf-8").splitlines()
    assert len(asked) == 4
    for line in asked:
        assert " ".join(json.loads(line)["text"].split()) in text
    assert "one.zero-shot" not in text
    for name in ("one.sft", "tf-idf", "lexicon", "constant"):
        assert name in text
