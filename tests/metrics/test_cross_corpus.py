"""Scores on one corpus: those of `metrics.scoring`, intervals of `metrics.resampling`."""

import pytest

from emoloom.metrics.cross_corpus import CROSS_METRICS, CROSS_NUMBERS, score_cross
from emoloom.metrics.resampling import Bootstrap, resample
from emoloom.metrics.row_table import HUMAN_VAD, VadScoring, row_table
from emoloom.metrics.scoring import measure, score
from emoloom.records import VAD, Answer, LabelSpace, ParseFailure, Prediction, Row

SPACE = LabelSpace("three", ("up", "down", "even"))
MEAN = VAD(0.5, 0.5, 0.5)
BOOTSTRAP = Bootstrap(draws=200, seed=4)


def gold(number: int, labels: tuple[str, ...] | None, v: float | None, source: str = "human"):
    vad = None if v is None else VAD(v, 0.4, 0.6)
    by = None if v is None else source
    return Row(
        f"a/{number}", f"text {number}", Answer(labels, vad, ""), "a", "test", by, f"g{number}"
    )


def said(*labels: str, v: float = 0.5) -> Prediction:
    return Prediction(labels, VAD(v, 0.5, 0.5), "cues: none")


ROWS = [gold(0, ("up",), 0.9), gold(1, ("down",), 0.1), gold(2, ("up",), 0.7), gold(3, None, 0.2)]
ANSWERS = [said("up", v=0.8), said("up", v=0.2), ParseFailure("no_json"), said("down", v=0.3)]


def test_the_numbers_are_those_of_every_other_score():
    vad = VadScoring(MEAN, HUMAN_VAD)
    found = score_cross(ANSWERS, ROWS, SPACE, vad, BOOTSTRAP)
    wanted = score(ANSWERS, ROWS, SPACE, vad_reference=MEAN, vad_sources=HUMAN_VAD)
    assert found.scores == wanted
    table = row_table(ANSWERS, ROWS, SPACE, vad)
    (draws,) = resample([table], ["a"] * 4, BOOTSTRAP, measure)
    ends = {key: one.interval(BOOTSTRAP.level) for key, one in draws.items()}
    assert found.intervals == {key: ends[key] for key in CROSS_NUMBERS}
    written = found.to_dict()
    assert (written["n"], written["label_space"]) == (4, "three")
    assert written["parse_ok"]["value"] == 0.75
    assert written["reasons"] == {"no_json": 1}
    for block in ("strict", "parsed"):
        for key in CROSS_METRICS:
            assert written[block][key]["value"] == getattr(wanted, block).values[key]
            low, high = written[block][key]["interval"]
            assert low <= written[block][key]["value"] <= high
    # Worked out by hand: 1 of 2 gold `up` is found, `up` is said twice; `even` has no gold row.
    assert written["strict"]["macro_f1"]["value"] == pytest.approx((2 * 1 / 4 + 0) / 2)
    assert written["strict"]["labels_left_out"] == ["even"]
    assert written["strict"]["n_labels"] == 2


def test_an_answer_without_a_label_left_predicts_none():
    rows, answers = ROWS[:2], [said(), said("down")]
    found = score_cross(answers, rows, SPACE, VadScoring(MEAN, HUMAN_VAD), BOOTSTRAP).to_dict()
    assert found["parse_ok"]["value"] == 1.0
    assert found["strict"]["macro_f1"]["value"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rows", "reference"),
    [
        ([gold(0, ("up",), None)], MEAN),
        ([gold(0, ("up",), 0.3, "weak")], MEAN),
        ([gold(0, ("up",), 0.3)], None),
    ],
    ids=["no-vad", "weak-vad", "no-human-vad-in-train"],
)
def test_without_human_vad_on_both_sides_skill_is_null(rows, reference):
    vad = VadScoring(reference, HUMAN_VAD)
    found = score_cross([said("up")], rows, SPACE, vad, BOOTSTRAP).to_dict()
    assert found["strict"]["skill"] == {"value": None, "interval": None}
    assert found["strict"]["micro_f1"]["value"] == 1.0


def test_a_corpus_without_labels_has_skill_alone():
    rows = [gold(0, None, 0.9), gold(1, None, 0.2)]
    vad = VadScoring(MEAN, HUMAN_VAD)
    found = score_cross([said("up", v=0.9), said("up", v=0.2)], rows, SPACE, vad, BOOTSTRAP)
    written = found.to_dict()["strict"]
    assert written["macro_f1"]["value"] is written["micro_f1"]["value"] is None
    assert written["skill"]["value"] > 0.5
