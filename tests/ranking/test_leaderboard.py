"""The leaderboard from fabricated answers: ranks, best set and verdict."""

import re

import pytest

from emoloom.errors import UserError
from emoloom.metrics.resampling import Bootstrap
from emoloom.metrics.scoring import HUMAN_VAD, score
from emoloom.ranking.leaderboard import ScoredCandidate
from emoloom.ranking.leaderboard_texts import to_json
from emoloom.ranking.rule import RankingSettings, ranking_rule
from emoloom.records import VAD, ParseFailure, Prediction
from leaderboard_cases import (
    MEAN,
    ROWS,
    SPACE,
    answered,
    built,
    entrant,
    full_house,
    made_rows,
    shown_json,
)


def test_the_whole_board():
    board = shown_json(full_house())
    assert list(board) == [
        "contract_version",
        "run",
        "label_space",
        "signature",
        "rank_by",
        "verdict",
        "ablations",
        "entries",
    ]
    assert board["signature"] == "data:made%7c;up|v:0.1.0"
    assert board["rank_by"]["labels"] == ["a", "b", "c"]
    entries = {entry["name"]: entry for entry in board["entries"]}
    assert list(entries) == [
        "good",
        "close",
        "poor",
        "tf-idf",
        "constant",
        "zero",
        "broken",
        "later",
    ]
    assert [entry["rank"] for entry in entries.values()] == [1, 2, 3] + [None] * 5
    assert entries["poor"]["below_floors"] == ["tf-idf"]
    assert entries["good"]["below_floors"] == []
    verdict = board["verdict"]
    assert verdict["leader"] == "good"
    assert verdict["tied"] == []
    assert verdict["best_set"] == ["good", "close"]
    assert verdict["seeds"] == 1
    assert set(verdict["p_best"]) == {"good", "close", "poor"}
    assert sum(verdict["p_best"].values()) == pytest.approx(1.0, abs=1e-5)
    assert [c["name"] for c in verdict["comparisons"]] == ["close", "poor"]
    assert [c["separable"] for c in verdict["comparisons"]] == [False, True]
    assert [c["name"] for c in verdict["floor_comparisons"]] == ["tf-idf", "constant"]


def test_the_verdict_is_one_plain_sentence():
    text = shown_json(full_house())["verdict"]["text"]
    pattern = (
        r"good leads on these 120 rows alone, this seed \(p of being best 0\.\d\d\); "
        r"close is not separable from good at this budget "
        r"\(by extrapolation, about [\d,]+ rows would be needed\); "
        r"poor is separable from good; good beats tf-idf and constant; "
        r"the ranking is only indicative\."
    )
    assert re.fullmatch(pattern, text), text


def test_the_numbers_are_those_of_score():
    answers = answered(ROWS, 0.8)
    (entry,) = shown_json([entrant("good", answers)])["entries"]
    expected = score(answers, ROWS, SPACE, vad_reference=MEAN, vad_sources=HUMAN_VAD).to_dict()
    for block in ("strict", "parsed"):
        assert list(entry[block]) == list(expected[block])
        for key, value in expected[block].items():
            found = entry[block][key]
            if isinstance(value, float):
                assert found["value"] == pytest.approx(value, abs=1e-6), key
                assert found["interval"][0] <= found["interval"][1]
            else:
                assert found == value, key
    strict = expected["strict"]
    ranked = 0.5 * strict["macro_f1"] + 0.5 * max(strict["skill"], 0)
    assert strict["n_labels"] == 3, "the fourth label has no gold row"
    assert entry["score"]["value"] == pytest.approx(ranked, abs=1e-6)
    assert (entry["n"], entry["reasons"]) == (120, expected["reasons"])
    assert set(entry["vad_sources"]) == {"human"}
    assert entry["vad_sources"] == expected["vad_sources"]


def test_answers_may_come_in_any_order_of_rows():
    answers = answered(ROWS, 0.8)
    turned = ScoredCandidate(
        "good",
        "candidate",
        "Model good",
        "sft",
        "scored",
        "",
        answers[::-1],
        tuple(row.id for row in ROWS[::-1]),
    )
    assert to_json(built([turned])) == to_json(built([entrant("good", answers)]))


def test_the_leader_below_a_floor():
    board = shown_json(
        [
            entrant("weak", answered(ROWS, 0.3)),
            entrant("weaker", answered(ROWS, 0.05, seed=1)),
            entrant("strong", answered(ROWS, 0.95, seed=2), kind="floor"),
            entrant("equal", answered(ROWS, 0.3), kind="floor"),
        ]
    )
    assert board["entries"][0]["below_floors"] == ["strong"]
    text = board["verdict"]["text"]
    assert "; weak does not score separably above equal, and is below the floor strong" in text
    assert "strong (separably)" in text


def test_candidates_of_one_score_have_no_leader():
    """As the random models of configs/tiny.yaml, of whose outputs none parses."""
    silent = tuple(ParseFailure("no_json") for _ in ROWS)
    verdict = shown_json(
        [
            entrant("b", silent),
            entrant("a", silent),
            entrant("constant", answered(ROWS, 0.9), kind="floor"),
        ]
    )["verdict"]
    assert verdict["leader"] is None
    assert verdict["tied"] == ["a", "b"]
    assert verdict["text"].startswith(
        "a and b share the best score on these 120 rows alone, this seed: none of them leads; "
        "a is below the floor constant (separably);"
    )


def test_an_equal_score_that_skill_below_zero_orders_is_neither_tied_nor_separable():
    def wrong(vad):
        return tuple(Prediction(("d",), vad, "") for _ in ROWS)

    board = shown_json(
        [
            entrant("a", wrong(VAD(0.9, 0.9, 0.9))),
            entrant("b", wrong(VAD(0.6, 0.6, 0.6))),
            entrant("bad floor", wrong(VAD(1.0, 1.0, 1.0)), kind="floor"),
            entrant("floor", wrong(VAD(0.7, 0.7, 0.7)), kind="floor"),
        ]
    )
    found = [(e["name"], e["rank"], e["score"]["value"]) for e in board["entries"]]
    assert found == [("b", 1, 0.0), ("a", 2, 0.0), ("floor", None, 0.0), ("bad floor", None, 0.0)]
    verdict = board["verdict"]
    assert (verdict["leader"], verdict["tied"], verdict["best_set"]) == ("b", [], ["b", "a"])
    assert not verdict["comparisons"][0]["separable"]
    assert "b leads on these 120 rows alone, this seed" in verdict["text"]
    said = "; a has the same score as b, which only skill below 0 puts first: not separable; "
    assert said in verdict["text"]
    assert all(entry["below_floors"] == [] for entry in board["entries"])


def test_a_single_candidate():
    verdict = shown_json(
        [
            entrant("only", answered(ROWS, 0.9)),
            entrant("constant", answered(ROWS, 0.0), kind="floor"),
        ]
    )["verdict"]
    assert verdict["text"] == (
        "only is the only candidate that was ranked, on these 120 rows alone, this seed;"
        " only beats constant; the ranking is only indicative."
    )
    assert (verdict["best_set"], verdict["p_best"]) == (["only"], {"only": 1.0})
    assert verdict["comparisons"] == []


def test_no_candidate_ranked():
    failed = entrant("x", None, status="failed", reason="refused")
    board = shown_json([failed, entrant("constant", answered(ROWS, 0.0), kind="floor")])
    assert board["verdict"]["text"] == "No candidate was ranked: 1 failed."
    assert (board["verdict"]["leader"], board["verdict"]["best_set"]) == (None, [])
    assert board["verdict"]["floor_comparisons"] == []
    nothing = shown_json([])
    assert nothing["verdict"]["text"] == "No candidate was ranked: there was none."
    assert nothing["entries"] == []


def test_a_failed_candidate_has_the_same_keys_and_only_nulls():
    ranked, failed = shown_json(
        [entrant("good", answered(ROWS, 0.9)), entrant("x", None, status="failed", reason="why")]
    )["entries"]
    assert list(failed) == list(ranked)
    assert (failed["status"], failed["reason"], failed["n"]) == ("failed", "why", 0)
    assert failed["score"] == failed["parse_ok"] == {"value": None, "interval": None}
    for block in ("strict", "parsed"):
        assert list(failed[block]) == list(ranked[block])
        assert failed[block]["macro_f1"] == {"value": None, "interval": None}


def test_a_candidate_without_all_rows_is_not_done():
    half = entrant("half", answered(ROWS[:60], 1.0), rows=ROWS[:60])
    board = shown_json([half, entrant("good", answered(ROWS, 0.5))])
    entry = board["entries"][1]
    assert (entry["name"], entry["status"], entry["rank"]) == ("half", "not_done", None)
    assert entry["reason"] == "answers to 60 of 120 rows"
    assert board["verdict"]["leader"] == "good"


def test_a_shown_model_keeps_its_own_rows_and_no_rank():
    (entry,) = shown_json([entrant("zero", answered(ROWS[:8], 1.0), kind="shown", rows=ROWS[:8])])[
        "entries"
    ]
    assert (entry["n"], entry["rank"], entry["below_floors"]) == (8, None, [])
    assert entry["score"]["value"] is not None
    everything = shown_json(
        [
            entrant("zero", answered(ROWS, 1.0), kind="shown"),
            entrant("good", answered(ROWS, 0.4)),
        ]
    )
    assert everything["verdict"]["leader"] == "good"
    assert everything["entries"][1]["rank"] is None


def test_tied_candidates_share_a_rank():
    answers = answered(ROWS, 0.7)
    board = shown_json([entrant("b", answers), entrant("a", answers)])
    assert [(e["name"], e["rank"]) for e in board["entries"]] == [("a", 1), ("b", 1)]
    verdict = board["verdict"]
    assert (verdict["leader"], verdict["best_set"]) == (None, ["a", "b"])
    assert verdict["p_best"] == {"a": 0.5, "b": 0.5}
    assert verdict["comparisons"] == [
        {
            "name": "b",
            "difference": 0.0,
            "interval": [0.0, 0.0],
            "p": 1.0,
            "p_adjusted": 1.0,
            "separable": False,
            "rows_to_separate": None,
        }
    ]


def test_a_crowd_is_not_listed_name_by_name():
    crowd = [entrant(f"c{i}", answered(ROWS, 0.5, seed=i)) for i in range(9)]
    text = shown_json(crowd)["verdict"]["text"]
    assert re.search(r"(c\d, ){3}c\d and \d others are not separable", text), text
    assert re.search(r"about [\d,]+ to [\d,]+ rows would be needed", text), text


def test_too_few_draws_for_so_many_candidates_is_said():
    settings = RankingSettings(bootstrap=Bootstrap(draws=100))
    rule = ranking_rule(ROWS, SPACE, settings, vad_reference=MEAN)
    crowd = [entrant(f"c{i}", answered(ROWS, 0.5, seed=i)) for i in range(4)]
    text = shown_json(crowd, rule=rule)["verdict"]["text"]
    assert "too few draws to separate so many candidates" in text
    assert "too few draws" not in shown_json(crowd)["verdict"]["text"]


@pytest.mark.parametrize(
    ("entrants", "message"),
    [
        ([entrant("a", answered(ROWS, 1)), entrant("a", answered(ROWS, 1))], "must be distinct"),
        ([entrant("a", answered(made_rows(122), 1), rows=made_rows(122))], "not the rows that"),
        ([entrant("a", answered([*ROWS, ROWS[0]], 1), rows=[*ROWS, ROWS[0]])], "not the rows that"),
    ],
)
def test_what_cannot_be_compared_is_refused(entrants, message):
    with pytest.raises(UserError, match=message):
        built(entrants)


def test_the_verdict_names_the_floors_that_are_missing():
    """Whoever reads that a leader beats the floors is told which one it was not compared with."""
    found = {"minilm": "failed", "mpnet": "not_done"}
    gone = [entrant(n, None, kind="floor", status=s, reason="x") for n, s in found.items()]
    one, both = (shown_json([*full_house(), *gone[:n]])["verdict"]["text"] for n in (1, 2))
    assert "; the floor minilm is missing; " in one
    assert "; the floors minilm and mpnet are missing; " in both
    assert "missing" not in shown_json(full_house())["verdict"]["text"]
    alone = shown_json([entrant("a", None, status="failed", reason="x"), *gone])["verdict"]["text"]
    assert alone == "No candidate was ranked: 1 failed; the floors minilm and mpnet are missing."
