"""The best set on rows that chose nobody: scored by the rule that ranked, quoted in the verdict."""

from dataclasses import replace

import numpy as np
import pytest

from emoloom.errors import UserError
from emoloom.metrics.scoring import HUMAN_VAD, score
from emoloom.ranking.finals import check_scored, score_finals
from emoloom.ranking.leaderboard import HINT
from emoloom.ranking.leaderboard_texts import to_csv, to_markdown
from emoloom.ranking.rule import ranking_rule
from emoloom.records import VAD, Answer, Row
from leaderboard_cases import MEAN, ROWS, RULE, SPACE, answered, built, entrant, full_house

FRESH = [replace(row, id=f"t{row.id}", text=f"fresh {row.text}") for row in ROWS[:60]]


def fresh(name, right, kind="candidate", *, seed=0, rows=FRESH):
    return entrant(name, answered(rows, right, seed=seed), kind=kind, rows=rows)


def finals_of(board, *more):
    answers = [
        fresh("good", 0.6),
        fresh("close", 0.7, seed=3),
        fresh("constant", 0.0, "floor", seed=1),
        fresh("tf-idf", 0.3, "floor", seed=2),
        *more,
    ]
    return score_finals(answers, FRESH, SPACE, board.rule, board.standing)


def test_scores_are_of_the_rule_that_ranked_and_no_rank_moves():
    board = built(full_house())
    closed = board.closed(finals_of(board))
    assert (closed.standing, closed.entries, closed.rule) == (
        board.standing,
        board.entries,
        board.rule,
    )
    found = closed.finals.entry("close")
    strict = score(found.source.answers, FRESH, SPACE, vad_sources=HUMAN_VAD, vad_reference=MEAN)
    chosen = [SPACE.labels.index(label) for label in RULE.labels]
    assert chosen == [0, 1, 2], "d has no positive in select"
    assert found.estimates["strict.skill"].value == pytest.approx(strict.strict.values["skill"])
    wanted = 0.5 * found.estimates["rank.labels"].value + 0.5 * max(
        strict.strict.values["skill"], 0.0
    )
    assert found.score == pytest.approx(wanted)
    assert found.scores.n == 60


def test_the_leader_stays_the_leader_where_another_scores_higher_here():
    board = built(full_house())
    finals = finals_of(board)
    assert finals.compared == board.standing.leader == "good"
    assert [one.source.name for one in finals.entries] == ["good", "close", "tf-idf", "constant"]
    assert finals.entry("close").score > finals.entry("good").score
    assert [one.name for one in finals.comparisons] == ["tf-idf", "constant"]
    difference = finals.entry("good").score - finals.entry("tf-idf").score
    assert finals.comparisons[0].difference == pytest.approx(difference)


def test_the_verdict_quotes_the_leader_and_the_best_floor():
    board = built(full_house())
    text = board.closed(finals_of(board)).verdict
    assert text.startswith(board.verdict.removesuffix("."))
    finals = finals_of(board)

    def said(name):
        one = finals.entry(name).estimates["score"]
        return f"{name} {one.value:.3f} ({one.interval[0]:.3f} to {one.interval[1]:.3f})"

    end = f"; on 60 test rows, answered once, the scores are {said('good')}, {said('tf-idf')}."
    assert text.endswith(end), text


def test_one_that_is_not_done_is_said_and_has_no_comparison():
    board = built(full_house())
    answers = [entrant("good", None, status="not_done"), fresh("tf-idf", 0.3, "floor")]
    finals = score_finals(answers, FRESH, SPACE, board.rule, board.standing)
    assert finals.comparisons == ()
    assert finals.scores_file("good") == {}
    assert finals.scores_file("tf-idf")["test"]["n"] == 60
    text = board.closed(finals).verdict
    assert text.endswith(", good is not done."), text
    assert "the scores are tf-idf 0." in text


def test_without_test_rows_a_choice_is_marked_and_a_single_candidate_is_not():
    board = built(full_house())
    marked = board.closed(None)
    assert marked.finals is None
    assert marked.verdict.endswith(f"; the leader's score is of the rows that chose it{HINT}.")
    assert board.closed(None, hint="").verdict.endswith("of the rows that chose it.")
    alone = built([entrant("good", answered(ROWS, 0.8))])
    assert alone.closed(None).verdict == alone.verdict, "nobody was chosen among several"
    none = built([entrant("later", None, status="not_done")])
    assert none.closed(None).verdict == none.verdict


def test_all_that_tie_are_quoted():
    answers = answered(ROWS, 0.8)
    board = built([entrant("a", answers), entrant("b", answers)])
    unmarked = board.closed(None, hint="").verdict
    assert "none of them leads" in unmarked
    assert unmarked.endswith("; their scores are of the rows that chose them.")
    finals = score_finals(
        [fresh("a", 0.5), fresh("b", 0.9)], FRESH, SPACE, board.rule, board.standing
    )
    assert [one.source.name for one in finals.entries] == ["a", "b"]
    assert "the scores are a 0." in board.closed(finals).verdict
    assert ", b 0." in board.closed(finals).verdict


def test_trainings_are_pooled_as_where_they_rank():
    def of(rows, seed):
        return replace(fresh(f"m.seed{seed}", 0.7, seed=seed, rows=rows), pooled="m")

    board = built([of(ROWS, 1), of(ROWS, 2)])
    assert board.standing.best_set == ("m",)
    finals = score_finals([of(FRESH, 3), of(FRESH, 4)], FRESH, SPACE, board.rule, board.standing)
    mean = np.mean([finals.entry(f"m.seed{seed}").score for seed in (3, 4)])
    assert finals.entry("m").score == pytest.approx(mean)
    assert [one.source.name for one in finals.entries] == ["m", "m.seed3", "m.seed4"]


def test_the_texts_have_a_column_only_where_there_are_such_rows():
    board = built(full_house())
    closed = board.closed(finals_of(board))
    head, first, *_ = to_csv(closed).splitlines()
    cells = dict(zip(head.split(","), first.split(","), strict=True))
    assert cells["test_n"] == "60"
    assert float(cells["test_score"]) == pytest.approx(closed.finals.entry("good").score, abs=1e-6)
    assert cells["test_score_low"] < cells["test_score"] < cells["test_score_high"]
    table = to_markdown(closed)
    assert "| Score | Test | ParseOK |" in table
    assert "rows that chose nobody" in table
    poor = next(line for line in table.splitlines() if "| poor |" in line)
    assert poor.split("|")[7].strip() == "-", "not of the best set: it was not asked"
    assert "test" not in to_csv(board).splitlines()[0]
    assert "Test" not in to_markdown(board)


def row(labels, vad):
    return Row("x", "x", Answer(labels, vad, ""), "s", "test", None if vad is None else "human", "")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(("a",), None)], "no row with human VAD"),
        ([row(None, VAD(0.1, 0.2, 0.3))], "no row with a label that ranks"),
        ([row(("d",), VAD(0.1, 0.2, 0.3))], "no row with a label that ranks"),
    ],
)
def test_rows_that_the_rule_cannot_score_are_refused_before_any_work(rows, said):
    with pytest.raises(UserError, match="`test` cannot be scored by the rule that ranks") as error:
        check_scored(RULE, rows)
    assert said in str(error.value)


def test_rows_that_it_can_score_are_not_refused():
    check_scored(RULE, FRESH)
    check_scored(RULE, [])
    only_vad = ranking_rule([one for one in ROWS if one.answer.vad], SPACE, vad_reference=MEAN)
    check_scored(only_vad, [row(None, VAD(0.1, 0.2, 0.3))])
