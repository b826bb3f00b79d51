import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.errors import UserError
from emoloom.metrics.row_table import VadScoring, row_table
from emoloom.metrics.scoring import ANY_VAD, HUMAN_VAD, METRICS, label_scores, score
from emoloom.records import VAD, Answer, LabelSpace, ParseFailure, Prediction, Row

SPACE = LabelSpace("abc", ("anger", "joy", "fear"))
BLOCK_KEYS = [
    "macro_f1",
    "micro_f1",
    "macro_recall",
    "subset_accuracy",
    "rmse",
    "one_minus_rmse",
    "rmse_v",
    "rmse_a",
    "rmse_d",
    "pearson_v",
    "pearson_a",
    "pearson_d",
    "ccc_v",
    "ccc_a",
    "ccc_d",
    "n_labels",
    "n_label_rows",
    "n_vad_rows",
    "labels_left_out",
    "labels_per_row_gold",
    "labels_per_row_predicted",
    "skill",
]


def row(labels=None, vad=None, source="human"):
    answer = Answer(labels, None if vad is None else VAD(*vad), "")
    return Row("r", "text", answer, "corpus", "dev", source if vad else None, "g")


def said(*labels, vad=(0.5, 0.5, 0.5)):
    return Prediction(labels, VAD(*vad), "")


FAILED = ParseFailure("truncated")


def test_the_printed_object_has_exactly_these_keys_in_this_order():
    result = score([said("joy"), FAILED], [row(("joy",)), row(("joy",))], SPACE).to_dict()
    assert list(result) == ["n", "parse_ok", "reasons", "vad_sources", "strict", "parsed"]
    assert list(result["strict"]) == BLOCK_KEYS
    assert list(result["parsed"]) == BLOCK_KEYS
    assert set(METRICS) < set(BLOCK_KEYS)


def test_strict_and_parsed_by_hand():
    gold = [
        row(("joy",), (0.8, 0.5, 0.5)),
        row(("joy", "anger"), (0.2, 0.6, 0.3)),
        row(("anger",)),
        row(None, (0.5, 0.5, 0.9)),
    ]
    answers = [said("joy", vad=(0.7, 0.5, 0.5)), FAILED, said("joy"), FAILED]
    result = score(answers, gold, SPACE, vad_reference=VAD(0.5, 0.5, 0.5)).to_dict()
    assert (result["n"], result["parse_ok"], result["reasons"]) == (4, 0.5, {"truncated": 2})
    strict, parsed = result["strict"], result["parsed"]
    # joy: 1 hit, 2 predicted, 2 gold. anger: never predicted, 2 gold. fear: no gold.
    assert strict["macro_f1"] == pytest.approx((2 / 4 + 0) / 2)
    assert strict["micro_f1"] == pytest.approx(2 / (2 + 4))
    assert strict["macro_recall"] == pytest.approx((1 / 2 + 0) / 2)
    assert strict["subset_accuracy"] == pytest.approx(1 / 3)
    assert strict["labels_left_out"] == ["fear"]
    assert (strict["n_labels"], strict["n_label_rows"], strict["n_vad_rows"]) == (2, 3, 3)
    assert strict["labels_per_row_gold"] == pytest.approx(4 / 3)
    assert strict["labels_per_row_predicted"] == pytest.approx(2 / 3)
    # The failed rows are charged max(t, 1-t): (0.8, 0.6, 0.7) and (0.5, 0.5, 0.9).
    assert strict["rmse_v"] == pytest.approx(((0.01 + 0.64 + 0.25) / 3) ** 0.5)
    squares = 0.01 + (0.64 + 0.36 + 0.49) + (0.25 + 0.25 + 0.81)
    assert strict["rmse"] == pytest.approx((squares / 9) ** 0.5)
    reference = 0.09 + (0.09 + 0.01 + 0.04) + 0.16
    assert strict["skill"] == pytest.approx(1 - (squares / reference) ** 0.5)
    # Parsed: rows 1 and 3 for labels, row 1 for VAD.
    assert parsed["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert parsed["subset_accuracy"] == 0.5
    assert (parsed["n_label_rows"], parsed["n_vad_rows"]) == (2, 1)
    assert parsed["rmse"] == pytest.approx((0.01 / 3) ** 0.5)
    assert parsed["one_minus_rmse"] == pytest.approx(1 - parsed["rmse"])
    assert parsed["skill"] == pytest.approx(1 - (0.01 / 0.09) ** 0.5)
    assert parsed["pearson_v"] is None


def test_a_failed_parse_is_never_an_exact_answer():
    result = score([FAILED], [row(())], SPACE)
    assert result.strict.values["subset_accuracy"] == 0.0


def test_what_is_not_annotated_is_masked():
    gold = [row(("joy",), None), row(None, (0.1, 0.2, 0.3))]
    right = [said("joy", vad=(0.9, 0.9, 0.9)), said("anger", vad=(0.1, 0.2, 0.3))]
    result = score(right, gold, SPACE)
    assert result.strict.values["subset_accuracy"] == 1.0
    assert result.strict.values["micro_f1"] == 1.0
    assert result.strict.values["rmse"] == 0.0
    assert result.strict.values["labels_per_row_predicted"] == 1.0


def test_only_the_admitted_sources_of_vad_count():
    vad = (0.5, 0.5, 0.5)
    gold = [row(None, vad, "human"), row(None, vad, "weak"), row(None, vad, None)]
    counts = {
        sources: score([said("joy")] * 3, gold, SPACE, vad_sources=sources).strict.n_vad_rows
        for sources in (ANY_VAD, HUMAN_VAD, frozenset({"weak"}))
    }
    assert counts == {ANY_VAD: 3, HUMAN_VAD: 1, frozenset({"weak"}): 1}
    every, human = (
        score([said("joy")] * 3, gold, SPACE, vad_sources=sources).to_dict()["vad_sources"]
        for sources in (ANY_VAD, HUMAN_VAD)
    )
    assert (every, human) == ({"human": 1, "weak": 1, "unknown": 1}, {"human": 1})


def test_r_and_ccc_are_over_parsed_rows_in_both_blocks():
    generator = np.random.default_rng(0)
    gold = [row(None, tuple(generator.random(3))) for _ in range(12)]
    answers = [said("joy", vad=tuple(generator.random(3).round(2))) for _ in range(10)]
    result = score([*answers, FAILED, FAILED], gold, SPACE)
    kept = score(answers, gold[:10], SPACE)
    for name in ("pearson_v", "pearson_a", "pearson_d", "ccc_v", "ccc_a", "ccc_d"):
        assert result.strict.values[name] == result.parsed.values[name] == kept.strict.values[name]
    assert result.parsed.n_vad_rows == 10
    assert result.strict.n_vad_rows == 12


def test_no_rows_give_nulls_and_not_zeros():
    result = score([], [], SPACE).to_dict()
    assert (result["n"], result["parse_ok"], result["reasons"]) == (0, None, {})
    for block in (result["strict"], result["parsed"]):
        assert {key for key, value in block.items() if value is not None} == {
            "n_labels",
            "n_label_rows",
            "n_vad_rows",
            "labels_left_out",
        }
        assert block["labels_left_out"] == list(SPACE.labels)


def test_nothing_parsed():
    result = score([FAILED] * 2, [row(("joy",), (0.5, 0.5, 0.5))] * 2, SPACE).to_dict()
    assert result["parse_ok"] == 0.0
    assert result["strict"]["macro_f1"] == 0.0
    assert result["strict"]["rmse"] == pytest.approx(0.5)
    assert result["parsed"]["macro_f1"] is None
    assert result["parsed"]["rmse"] is None


def test_reasons_stand_in_the_order_of_the_parser():
    reasons = ("rationale_too_long", "no_json", "truncated", "no_json")
    result = score([ParseFailure(reason) for reason in reasons], [row(("joy",))] * 4, SPACE)
    assert list(result.reasons.items()) == [
        ("truncated", 1),
        ("no_json", 2),
        ("rationale_too_long", 1),
    ]


@pytest.mark.parametrize(
    ("answers", "gold", "message"),
    [
        ([said("joy")], [], "must pair up; got: 1 answers, 0 rows"),
        ([said("glee")], [row(("joy",))], "got: 'glee'; allowed: anger, joy, fear"),
        ([said("joy")], [row(("glee",))], "got: 'glee'"),
    ],
)
def test_what_cannot_be_scored_is_refused(answers, gold, message):
    with pytest.raises(UserError, match=message):
        score(answers, gold, SPACE)


def test_per_label():
    gold = [row(("joy",)), row(("joy",)), row(("anger",)), row(None, (0.5, 0.5, 0.5))]
    answers = [said("joy"), said("fear"), FAILED, said("anger")]
    joy, anger, fear = "joy", "anger", "fear"
    assert label_scores(row_table(answers, gold, SPACE, VadScoring()).totals(), SPACE) == [
        {"label": anger, "support": 1, "precision": None, "recall": 0.0, "f1": 0.0},
        {"label": joy, "support": 2, "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)},
        {"label": fear, "support": 0, "precision": 0.0, "recall": None, "f1": None},
    ]


LABELS = st.sets(st.sampled_from(SPACE.labels), min_size=1).map(
    lambda chosen: tuple(label for label in SPACE.labels if label in chosen)
)
UNIT = st.integers(0, 100).map(lambda value: value / 100)
TRIPLES = st.tuples(UNIT, UNIT, UNIT)
ROWS = st.builds(
    row, st.none() | LABELS, st.none() | TRIPLES, st.sampled_from(["human", "weak", None])
)
ANSWERS = st.builds(lambda labels, vad: said(*labels, vad=vad), LABELS, TRIPLES) | st.builds(
    ParseFailure, st.sampled_from(["no_json", "truncated"])
)
PAIRS = st.lists(st.tuples(ANSWERS, ROWS), max_size=12)


@given(PAIRS)
@settings(deadline=None)
def test_every_score_is_in_its_range_and_plain(pairs):
    answers, gold = [a for a, _ in pairs], [r for _, r in pairs]
    result = score(answers, gold, SPACE, vad_reference=VAD(0.5, 0.5, 0.5)).to_dict()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    for block in (result["strict"], result["parsed"]):
        for key in METRICS:
            value = block[key]
            assert value is None or type(value) is float
            low = -1.0 if key.startswith(("pearson", "ccc")) else 0.0
            if value is not None and key != "skill" and not key.startswith("labels_per_row"):
                assert low - 1e-12 <= value <= 1.0 + 1e-12, key


@given(PAIRS)
@settings(deadline=None)
def test_a_right_answer_in_place_of_a_failed_parse_never_scores_less(pairs):
    answers, gold = [a for a, _ in pairs], [r for _, r in pairs]
    mended = [
        said(
            *(r.answer.labels or ("joy",)),
            vad=r.answer.vad.as_tuple() if r.answer.vad else (0,) * 3,
        )
        if isinstance(a, ParseFailure)
        else a
        for a, r in pairs
    ]
    before, after = score(answers, gold, SPACE).strict, score(mended, gold, SPACE).strict
    for key in ("macro_f1", "micro_f1", "macro_recall", "subset_accuracy", "one_minus_rmse"):
        if before.values[key] is not None:
            assert after.values[key] >= before.values[key] - 1e-12, key


@given(PAIRS)
@settings(deadline=None)
def test_the_order_of_rows_does_not_matter(pairs):
    turned = pairs[::-1]
    first = score([a for a, _ in pairs], [r for _, r in pairs], SPACE).to_dict()
    second = score([a for a, _ in turned], [r for _, r in turned], SPACE).to_dict()
    for block in ("strict", "parsed"):
        for key in METRICS:
            assert second[block][key] == pytest.approx(first[block][key], abs=1e-9), key
