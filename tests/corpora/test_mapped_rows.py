"""Rows of one label space read in another: every row and label is accounted for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.corpora.label_map_files import find_map
from emoloom.corpora.labels import load_space
from emoloom.corpora.mapped_rows import map_answer, map_row, map_rows
from emoloom.metrics.scoring import score
from emoloom.records import VAD, Answer, Prediction, Row
from made_maps import ONE, TWO, maps
from other_corpora import official_rows

SOME = VAD(0.1, 0.2, 0.3)
GO, ED, EKMAN = (load_space(name) for name in ("goemotions28", "empathetic32", "ekman7"))


def row(labels: tuple[str, ...] | None, vad: VAD | None = None, key: str = "r") -> Row:
    return Row(key, "a text", Answer(labels, vad, ""), "s", "train", "human" if vad else None, "g")


label_sets = st.none() | st.lists(
    st.sampled_from(ONE.labels), min_size=1, max_size=4, unique=True
).map(tuple)


@given(maps(ONE, TWO), st.lists(st.tuples(label_sets, st.booleans()), max_size=12))
def test_rows_in_are_rows_out_and_lost(found, given_rows):
    rows = [
        row(labels, SOME if rated else None, str(n)) for n, (labels, rated) in enumerate(given_rows)
    ]
    kept_rows, account = map_rows(rows, found)
    counts = account.counts()
    assert counts["rows_in"] == len(rows) == counts["rows_out"] + counts["rows_lost"]
    assert len(kept_rows) == counts["rows_out"]
    by_id = {r.id: r for r in rows}
    for kept in kept_rows:
        before = by_id[kept.id]
        assert kept == replace(before, answer=replace(before.answer, labels=kept.answer.labels))
        if before.answer.labels is None:
            assert kept == before
        else:
            assert (kept.answer.labels or ()) == found.of(before.answer.labels)
    for gone in by_id.keys() - {kept.id for kept in kept_rows}:
        assert by_id[gone].answer.vad is None
        assert found.of(by_id[gone].answer.labels or ()) == ()
    for label in ONE.labels:
        carried = sum(label in (r.answer.labels or ()) for r in rows)
        lost = carried if label in found.lost else 0
        assert counts["labels_lost"].get(label, 0) == lost


def test_what_becomes_of_a_row():
    found = find_map(ED, GO)
    assert map_row(row(("furious", "angry")), found) == row(("anger",))
    assert map_row(row(("sad", "afraid")), found).answer.labels == ("fear", "sadness")
    assert map_row(row(("jealous",)), found) is None
    assert map_row(row(("jealous",), SOME), found) == row(None, SOME)
    assert map_row(row(None, SOME), found) == row(None, SOME)
    rows, account = map_rows(
        [row(("furious", "angry"), key="1"), row(("jealous", "sad"), key="2"), row(("jealous",))],
        found,
    )
    assert [r.answer.labels for r in rows] == [("anger",), ("sadness",)]
    assert account.counts() == {
        "from": "empathetic32",
        "to": "goemotions28",
        "sha256": found.sha256,
        "rows_in": 3,
        "rows_out": 2,
        "rows_lost": 1,
        "rows_with_fewer_labels": 2,
        "rows_with_labels_merged": 1,
        "rows_without_labels_now": 0,
        "labels_lost": {"jealous": 2},
    }


def test_answers_in_28_labels_are_scored_on_rows_in_7():
    found = find_map(GO, EKMAN)
    answers = [
        Prediction(("annoyance", "anger"), SOME, ""),
        Prediction(("curiosity", "joy"), SOME, ""),
        Prediction(("neutral",), SOME, ""),
    ]
    mapped = [map_answer(answer, found) for answer in answers]
    assert [answer.labels for answer in mapped] == [("anger",), ("joy", "surprise"), ("neutral",)]
    gold = [row(("anger",)), row(("joy", "surprise")), row(("sadness",))]
    assert score(mapped, gold, EKMAN).strict.values["subset_accuracy"] == pytest.approx(2 / 3)


def test_an_answer_that_is_lost_predicts_no_label():
    lost = map_answer(Prediction(("jealous",), SOME, "cues: none"), find_map(ED, GO))
    assert lost == Prediction((), SOME, "cues: none")
    assert score([lost], [row(("joy",))], GO).strict.values["micro_f1"] == 0.0


def test_empathetic_dialogues_in_28_labels():
    rows = official_rows("empathetic-dialogues", "train")
    mapped, account = map_rows(rows, find_map(ED, GO))
    assert (len(rows), account.lost, len(mapped)) == (19_532, 3_192, 16_340)
    assert account.counts()["labels_lost"] == {
        "faithful": 377,
        "jealous": 585,
        "nostalgic": 599,
        "prepared": 592,
        "sentimental": 524,
        "trusting": 515,
    }
    assert account.shortened == account.merged == account.masked == 0
    assert "ed: 3192 of 19532 rows are lost from empathetic32 to goemotions28" in str(
        account.warning("ed")
    )
