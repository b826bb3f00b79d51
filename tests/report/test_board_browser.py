"""The leaderboard in a browser: sorting, filtering, and other weights as Python ranks by them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cdp import Browser, Tab
from hostile_run import hostile_run
from make_run import LEADER, make_run, write

from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.metrics.resampling import Bootstrap
from emoloom.ranking.entries import ScoredCandidate
from emoloom.ranking.leaderboard import build_leaderboard
from emoloom.ranking.leaderboard_texts import to_json
from emoloom.ranking.rule import RankingSettings, ranking_rule
from emoloom.records import VAD, Answer, Row
from emoloom.report.page import write_report
from tiny_screen import call

pytestmark = pytest.mark.usefixtures("compiled_once")

SPACE = load_space("goemotions28")
NAMES = ("a", "b", "c", "d")
WEIGHTS = ((0.5, 0.5), (0.7, 0.3), (0.05, 0.95), (1.0, 0.0), (0.0, 1.0))


def names(tab: Tab, group: str = "candidates") -> list[str]:
    rows = f"document.querySelectorAll('tbody.{group} tr[data-kind]:not([hidden])')"
    return tab.run(f"[...{rows}].map((row) => row.dataset.name)")


def click(tab: Tab, column: str) -> list[str]:
    """Heads with a sort, after clicking one."""
    tab.run(f"document.querySelector('th[data-sort={column}] button').click()")
    return tab.run(
        "[...document.querySelectorAll('th[aria-sort]')]"
        ".map((head) => `${head.dataset.sort} ${head.getAttribute('aria-sort')}`)"
    )


def test_columns_sort_within_their_groups_both_ways(browser: Browser, tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=16)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    for entry, value in zip(board["entries"][:3], (0.2, None, 0.9), strict=True):
        entry["strict"]["macro_f1"]["value"] = value
    write(run / "leaderboard.json", board)
    ranked = [entry["name"] for entry in board["entries"][:3]]
    with browser.page(write_report(run)) as tab:
        assert names(tab) == ranked
        assert click(tab, "macro_f1") == ["macro_f1 descending"]
        assert names(tab) == [ranked[2], ranked[0], ranked[1]]
        assert click(tab, "macro_f1") == ["macro_f1 ascending"]
        assert names(tab) == [ranked[0], ranked[2], ranked[1]], "no value stays last"
        assert click(tab, "name") == ["name ascending"]
        assert names(tab) == sorted(ranked)
        assert names(tab, "floors") == ["lexicon", "majority", "tfidf"]
        tab.run("document.querySelector('th[data-sort=score] button').focus()")
        tab.press("Enter")
        assert names(tab) == ranked
        first = "document.querySelector('#board tbody.floors tr').className"
        assert tab.run(first) == "group", "the heading of a group stays its first row"
        assert tab.console() == []


def test_a_sort_follows_the_view(browser: Browser, tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=16)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    for entry, value in zip(board["entries"][:3], (0.1, 0.2, 0.3), strict=True):
        entry["strict"]["micro_f1"]["value"] = value
        entry["parsed"]["micro_f1"]["value"] = 1 - value
    write(run / "leaderboard.json", board)
    ranked = [entry["name"] for entry in board["entries"][:3]]
    with browser.page(write_report(run)) as tab:
        click(tab, "micro_f1")
        assert names(tab) == ranked[::-1]
        tab.run("document.getElementById('view-parsed').click()")
        assert names(tab) == ranked


def test_the_filter_leaves_what_matches(browser: Browser, tmp_path: Path) -> None:
    with browser.page(write_report(make_run(tmp_path, rows=16))) as tab:
        type_in = "((box) => {{ box.value = '{}'; box.dispatchEvent(new Event('input')); }})"
        box = "(document.getElementById('board-filter'))"
        tab.run(type_in.format("SmolLM2-360M") + box)
        assert names(tab) == [LEADER]
        assert names(tab, "shown") == ["smollm2-360m-head"]
        assert names(tab, "floors") == []
        assert tab.run("document.getElementById('board-found').innerText") == "2 of 8 entries"
        tab.run(type_in.format("") + box)
        assert len(names(tab)) == 3


# Other weights: the page against the ranking room, on rows and answers drawn at random ---------


def answer(rng: np.random.Generator, right: Answer, skill: float) -> str:
    labels = right.labels if rng.random() < skill else (str(rng.choice(SPACE.labels[:5])),)
    vad = [x + rng.normal(0, 0.3 * (1 - skill)) for x in right.vad.as_tuple()]
    v, a, d = (f"{min(1.0, max(0.0, x)):.2f}" for x in vad)
    names = json.dumps(list(labels))
    text = f'{{"labels":{names},"vad":{{"v":{v},"a":{a},"d":{d}}},"rationale":"cues: none"}}'
    return text if rng.random() < 0.95 else "no answer"


def drawn_rows(rng: np.random.Generator) -> list[Row]:
    rows = []
    for number in range(120):
        labels = (str(rng.choice(SPACE.labels[:5])),)
        vad = VAD(*(float(x) for x in rng.uniform(0.1, 0.9, 3).round(2)))
        rows.append(Row(f"r/{number}", "text", Answer(labels, vad, ""), "s", "dev", "human", "g"))
    return rows


def boards(min_positives: int) -> dict[tuple[float, float], Any]:
    """The leaderboard of the same answers at each pair of weights."""
    rng = np.random.default_rng(5)
    rows = drawn_rows(rng)
    # Labels and VAD rank the candidates in opposite orders.
    skills = zip(NAMES, (0.2, 0.5, 0.7, 0.9), strict=True)
    outputs = {name: [answer(rng, row.answer, skill) for row in rows] for name, skill in skills}
    flat = [answer(rng, row.answer, 0.95) for row in rows]
    outputs["a"] = [
        text
        if not said.startswith("{") or not text.startswith("{")
        else json.dumps(json.loads(text) | {"labels": json.loads(said)["labels"]})
        for text, said in zip(outputs["a"], flat, strict=True)
    ]
    candidates = [
        ScoredCandidate(
            name,
            "candidate",
            "m",
            "sft",
            "scored",
            "",
            tuple(parse_output(output, SPACE) for output in said),
            tuple(row.id for row in rows),
        )
        for name, said in outputs.items()
    ]
    made = {}
    for weights in WEIGHTS:
        settings = RankingSettings(*weights, min_positives=min_positives, bootstrap=Bootstrap(100))
        rule = ranking_rule(rows, SPACE, settings, vad_reference=VAD(0.5, 0.5, 0.5))
        made[weights] = build_leaderboard(
            candidates, rows, SPACE, rule, run_name="w", signature=NoSignature()
        )
    return made


class NoSignature:
    def format(self) -> str:
        return "contract:1"


def run_of(root: Path, board: Any) -> Path:
    run = root / "weights"
    run.mkdir()
    (run / "leaderboard.json").write_text(to_json(board), encoding="utf-8")
    for entry in board.entries:
        folder = run / "candidates" / entry.scored.source.name
        write(folder / "scores.json", entry.scores_file())
    return run


SET = """((labels) => {{
  const slider = document.getElementById("weight");
  slider.value = String(Math.round(100 * labels));
  slider.dispatchEvent(new Event("input"));
  return [...document.querySelectorAll("#board tr[data-kind]")].map((row) => [
    row.dataset.name, row.querySelector(".rank").textContent,
    Number(row.querySelector(".score").dataset.value),
    row.querySelector(".scoreline b").textContent,
  ]);
}})({})"""


@pytest.mark.parametrize("min_positives", [4, 100], ids=["enough", "stand-in"])
def test_other_weights_rank_as_python_does(
    browser: Browser, tmp_path: Path, min_positives: int
) -> None:
    made = boards(min_positives)
    least = made[WEIGHTS[0]].rule.least_positives
    assert least == (4 if min_positives == 4 else 3)
    orders = {tuple(entry.scored.source.name for entry in b.entries) for b in made.values()}
    assert len(orders) > 1, "the weights change the order"
    with browser.page(write_report(run_of(tmp_path, made[WEIGHTS[0]]))) as tab:
        for weights, board in made.items():
            shown = tab.run(SET.format(weights[0]))
            wanted = [(e.scored.source.name, str(e.rank), e.scored.score) for e in board.entries]
            assert [(name, rank) for name, rank, _, _ in shown] == [(n, r) for n, r, _ in wanted]
            for (_, _, score, text), (_, _, right) in zip(shown, wanted, strict=True):
                # At the run's own weights the page shows leaderboard.json, which has six decimals.
                near = 1e-6 if weights == WEIGHTS[0] else 1e-9
                assert score == pytest.approx(right, abs=near)
                assert text == f"{right:.3f}"
        note = tab.run("document.getElementById('reweigh-note').innerText")
        assert "emoloom rank RUN_FOLDER --weights labels=0,vad=1" in note
        tab.run("document.getElementById('weight-reset').click()")
        assert tab.run("document.getElementById('reweigh-note').hidden")
        own = [entry.scored.source.name for entry in made[WEIGHTS[0]].entries]
        assert names(tab) == own
        assert tab.console() == []


def test_other_weights_rank_as_the_command_does(browser: Browser, a_run) -> None:
    assert call("rank", a_run.folder, "--weights", "labels=0.2,vad=0.8").code == 0
    ranking = json.loads((a_run.folder / "rankings/0001.json").read_text(encoding="utf-8"))
    wanted = {
        one["name"]: (one["rank"], one["score"]["value"]) for one in ranking["ranking"]["entries"]
    }
    with browser.page(a_run.folder / "report.html") as tab:
        shown = tab.run(SET.format(0.2))
        assert {name for name, *_ in shown} == set(wanted)
        for name, rank, score, _ in shown:
            assert score == pytest.approx(wanted[name][1], abs=1e-6)
            assert rank == ("" if wanted[name][0] is None else str(wanted[name][0])), name


def test_the_slider_is_worked_by_keys(browser: Browser, tmp_path: Path) -> None:
    with browser.page(write_report(run_of(tmp_path, boards(20)[WEIGHTS[0]]))) as tab:
        tab.run("document.getElementById('weight').focus()")
        for _ in range(3):
            tab.press("ArrowRight")
        said = "document.getElementById('weights-said').innerText"
        assert tab.run(said) == "labels 0.53, VAD 0.47"
        value = "document.getElementById('weight').getAttribute('aria-valuetext')"
        assert tab.run(value) == "labels 0.53, VAD 0.47"
        hidden = "getComputedStyle(document.querySelector('#board .score .interval')).display"
        assert tab.run(hidden) == "none", "an interval at other weights is not known"


def test_a_hostile_run_sorts_and_filters_as_text(browser: Browser, tmp_path: Path) -> None:
    with browser.page(write_report(hostile_run(tmp_path))) as tab:
        click(tab, "name")
        assert tab.run("document.querySelectorAll('main img, main b > img').length") == 0
        assert tab.console() == []
