"""Fabricated answers for the tests of the leaderboard."""

import json

import numpy as np

from emoloom.metrics.signature import Signature
from emoloom.ranking.leaderboard import ScoredCandidate, build_leaderboard
from emoloom.ranking.leaderboard_texts import to_json
from emoloom.ranking.rule import ranking_rule
from emoloom.records import VAD, Answer, LabelSpace, ParseFailure, Prediction, Row

SPACE = LabelSpace("abcd", ("a", "b", "c", "d"))
MEAN = VAD(0.5, 0.5, 0.5)
SIGNATURE = Signature((("data", "made|up"),), "0.1.0")


def made_rows(n: int = 120) -> list[Row]:
    """Half with labels, half with human VAD."""
    generator = np.random.default_rng(n)
    rows = []
    for i in range(n):
        labelled = i % 2 == 0
        vad = VAD(*generator.random(3).round(2))
        answer = Answer(("abc"[i // 2 % 3],) if labelled else None, None if labelled else vad, "")
        source, origin = ("labels", None) if labelled else ("vad", "human")
        rows.append(Row(f"r{i}", f"text {i}", answer, source, "dev", origin, f"g{i}"))
    return rows


ROWS = made_rows()
RULE = ranking_rule(ROWS, SPACE, vad_reference=MEAN)


def answered(rows, right, *, fails=0.05, seed=0):
    """Answers of which a share is right; the rest says `d` and the middle, or fails."""
    generator = np.random.default_rng(seed)
    answers = []
    for row in rows:
        good = generator.random() < right
        labels = row.answer.labels if good and row.answer.labels else ("d",)
        vad = row.answer.vad if good and row.answer.vad else MEAN
        failed = generator.random() < fails
        answers.append(ParseFailure("truncated") if failed else Prediction(labels, vad, ""))
    return tuple(answers)


def entrant(name, answers, *, kind="candidate", rows=ROWS, status="scored", reason=""):
    ids = tuple(row.id for row in rows) if answers is not None else ()
    return ScoredCandidate(name, kind, f"Model {name}", "sft", status, reason, answers, ids)


def built(candidates, rows=ROWS, rule=RULE):
    return build_leaderboard(candidates, rows, SPACE, rule, run_name="trial", signature=SIGNATURE)


def shown_json(candidates, **given):
    return json.loads(to_json(built(candidates, **given)))


def full_house():
    good = answered(ROWS, 0.8)
    close = (*good[:-3], *answered(ROWS[-3:], 0.0, fails=0))
    return [
        entrant("zero", answered(ROWS[:8], 0.5), kind="shown", rows=ROWS[:8]),
        entrant("good", good),
        entrant("broken", None, status="failed", reason="refused: no end token"),
        entrant("constant", answered(ROWS, 0.0, fails=0), kind="floor"),
        entrant("poor", answered(ROWS, 0.1, seed=2)),
        entrant("close", close),
        entrant("tf-idf", answered(ROWS, 0.3, fails=0, seed=4), kind="floor"),
        entrant("later", None, status="not_done", reason="the budget ended"),
    ]
