"""The three texts of the leaderboard: same bytes again, and nothing hostile gets through."""

import csv
import io
import json
import re

from emoloom.ranking.leaderboard_texts import to_csv, to_json, to_markdown
from leaderboard_cases import ROWS, answered, built, entrant, full_house


def test_every_byte_is_the_same_again_and_in_any_order():
    first, again, turned = built(full_house()), built(full_house()), built(full_house()[::-1])
    for render in (to_json, to_csv, to_markdown):
        assert render(first) == render(again) == render(turned)
        assert render(first).endswith("\n")
        assert "\r" not in render(first)


def test_floats_have_six_decimals_and_no_minus_zero():
    text = to_json(built(full_house()))
    assert not re.search(r"\d\.\d{7}", text)
    assert "-0.0," not in text
    assert "NaN" not in text


HOSTILE = [
    "=cmd()",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\n=x",
    "\uff1dcmd()",
    "a|b",
    "<img onerror=x>",
    "`rm`",
    "![x](http://x)",
    "one\ntwo",
    'say "hi", then',
    "back\\slash",
]


def hostile_board():
    return built(
        [entrant(name, answered(ROWS, 0.5, seed=i)) for i, name in enumerate(HOSTILE)]
        + [entrant("=reason", None, status="failed", reason="=1+1")]
    )


def test_no_text_cell_of_the_csv_is_a_formula():
    lines = list(csv.reader(io.StringIO(to_csv(hostile_board()), newline="")))
    head, body = lines[0], lines[1:]
    assert len(body) == len(HOSTILE) + 1
    assert len(set(head)) == len(head)
    for line in body:
        assert len(line) == len(head)
        for cell in line:
            if cell.startswith(tuple("=+-@\t\r\n\uff1d")):
                float(cell)
    names = {line[head.index("name")] for line in body}
    for name in HOSTILE:
        kept = name if name[0].isalpha() or name[0] in "<`!" else f"'{name}"
        assert kept.replace("\r", "\n") in names
    assert "'=1+1" in {line[head.index("reason")] for line in body}


def test_numbers_of_the_csv_stay_numbers():
    board = built(full_house())
    lines = list(csv.DictReader(io.StringIO(to_csv(board))))
    for line, entry in zip(lines, json.loads(to_json(board))["entries"], strict=True):
        value = entry["strict"]["skill"]["value"]
        assert line["strict_skill"] == ("" if value is None else repr(value))
        interval = entry["score"]["interval"] or ["", ""]
        assert [line["score_low"], line["score_high"]] == [str(end) for end in interval]
        assert line["rank"] == ("" if entry["rank"] is None else str(entry["rank"]))


def test_markup_of_names_is_escaped():
    text = to_markdown(hostile_board())
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(HOSTILE) + 1
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table} == {15}
    assert "<img" not in text
    assert not re.search(r"(?<!\\)(?:\\\\)*`", text)
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "a\\|b" in text


def test_names_stay_as_they_are_in_json():
    entries = json.loads(to_json(hostile_board()))["entries"]
    assert {entry["name"] for entry in entries} == {*HOSTILE, "=reason"}


def test_an_empty_board_has_texts():
    board = built([])
    assert to_csv(board) == "name\n"
    assert "No candidate was ranked" in to_markdown(board)
