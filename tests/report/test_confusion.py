"""Which label is said in place of which, and whether the numbers answered are those people give."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_run import LEADER, make_run
from page_reader import page_of
from sklearn.metrics import multilabel_confusion_matrix

from emoloom.corpora.labels import load_space
from emoloom.report import confusion
from emoloom.report.calibration import calibration, calibrations
from emoloom.report.confusion import NOTHING, confusion_payload, confusions
from emoloom.report.inputs import Candidate
from emoloom.report.rows import DecodedRows, decode_rows

pytestmark = pytest.mark.usefixtures("compiled_once")

SPACE = load_space("goemotions28")


def decoded(gold: list[list[str] | None], outputs: list[str]) -> tuple[list[Any], DecodedRows]:
    rows = [{"id": str(n), "answer": {"labels": labels}} for n, labels in enumerate(gold)]
    said = {str(n): output for n, output in enumerate(outputs)}
    one = Candidate(said, has_rows=True, preflight=None, steps=(), scores=None, pairs={})
    return rows, decode_rows(rows, {"one": one}, ["one"], SPACE)


def answer(*labels: str) -> str:
    said = json.dumps(list(labels))
    return f'{{"labels":{said},"vad":{{"v":0.5,"a":0.5,"d":0.5}},"rationale":"cues: none"}}'


@pytest.mark.parametrize(
    ("gold", "said", "pairs"),
    [
        (["joy"], ["joy"], {("joy", "joy"): 1}),
        (["joy"], ["anger"], {("joy", "anger"): 1}),
        (["joy", "love"], ["joy", "anger"], {("joy", "joy"): 1, ("love", "anger"): 1}),
        (["joy", "love"], ["joy"], {("joy", "joy"): 1, ("love", NOTHING): 1}),
        (["joy"], ["joy", "anger"], {("joy", "joy"): 1}),
        (["joy"], ["anger", "fear"], {("joy", "anger"): 1, ("joy", "fear"): 1}),
        (["joy", "love"], [], {("joy", NOTHING): 1, ("love", NOTHING): 1}),
    ],
)
def test_only_what_went_wrong_is_paired(
    gold: list[str], said: list[str], pairs: dict[tuple[str, str], int]
) -> None:
    found = confusions(*decoded([gold], [answer(*said) if said else "no answer"]))
    assert dict(found.entries[0].pairs) == pairs
    assert found.entries[0].gold == dict.fromkeys(gold, 1)


def test_hits_and_misses_are_scikit_learns(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    labels = SPACE.labels[:6]
    gold = [[x for x in labels if rng.random() < 0.4] or [labels[0]] for _ in range(200)]
    said = [[x for x in labels if rng.random() < 0.4] or [labels[1]] for _ in range(200)]
    found = confusions(*decoded(gold, [answer(*one) for one in said]))
    one = found.entries[0]
    truth, guess = ([[x in row for x in labels] for row in rows] for rows in (gold, said))
    for label, matrix in zip(labels, multilabel_confusion_matrix(truth, guess), strict=True):
        (_, _), (_, hits) = matrix
        assert one.pairs.get((label, label), 0) == hits
        assert one.gold[label] == matrix[1].sum()
    worst = one.worst()
    assert [rows for _, _, rows, _ in worst] == sorted((w[2] for w in worst), reverse=True)
    assert all(g != s for g, s, _, _ in worst)


def test_rows_without_gold_labels_and_unanswered_ones_do_not_count() -> None:
    rows, made = decoded([None, ["joy"], ["fear"]], [answer("joy"), answer("anger")])
    found = confusions(rows, made)
    assert dict(found.entries[0].pairs) == {("joy", "anger"): 1}
    assert found.labels == ("fear", "joy", "anger"), "gold ones first, then those only said"
    assert confusions([], made).why == "No row of this row set has gold labels."


def test_labels_are_bounded_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confusion, "LABELS", 2)
    gold = [["joy"], ["joy"], ["fear"], ["fear"], ["love"]]
    found = confusions(*decoded(gold, [answer("love")] * 5))
    assert (found.labels, found.left_out) == (("fear", "joy"), 1)
    assert confusion_payload(found)["entries"][0]["pairs"] == []


def test_the_page_has_the_matrix_and_the_commonest(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    page = page_of(run)
    drawn = json.loads(page.data["plots-data"])["confusion"]
    entry = next(one for one in drawn["entries"] if one["name"] == LEADER)
    support = {}
    for line in (run / "data/select.jsonl").read_text("utf-8").splitlines():
        for label in json.loads(line)["answer"]["labels"] or []:
            support[label] = support.get(label, 0) + 1
    gold = dict(zip(drawn["labels"], entry["gold"], strict=True))
    assert {label: n for label, n in gold.items() if n} == support
    text = page.text("confusion")
    assert "what went wrong is paired" in text
    assert f"{LEADER} " in text


def test_calibration_is_numpys() -> None:
    rng = np.random.default_rng(11)
    said = rng.uniform(0, 1, 300).round(2)
    rated = np.clip(0.3 + 0.4 * said + rng.normal(0, 0.1, 300), 0, 1)
    found = calibration(list(zip(said.tolist(), rated.tolist(), strict=True)))
    assert found.n == 300
    assert found.slope == pytest.approx(np.polyfit(said, rated, 1)[0])
    assert found.bias == pytest.approx(said.mean() - rated.mean())
    assert found.spread == pytest.approx(said.std() / rated.std())
    assert sum(step.n for step in found.bins) == 300
    steps = np.minimum((said * 10 + 1e-9).astype(int), 9)
    for step, number in zip(found.bins, sorted(set(steps)), strict=True):
        inside = steps == number
        assert step.rated == pytest.approx(rated[inside].mean())
        assert step.error == pytest.approx(rated[inside].std(ddof=1) / np.sqrt(inside.sum()))


@pytest.mark.parametrize("tenth", range(11))
def test_an_answer_on_a_step_belongs_to_the_step_above(tenth: int) -> None:
    made = calibration([(tenth / 10, 0.5), (min(tenth / 10 + 0.05, 1.0), 0.5)])
    assert len(made.bins) == 1


def test_what_is_undefined_is_none() -> None:
    empty = calibration([])
    assert (empty.n, empty.slope, empty.bins) == (0, None, ())
    constant = calibration([(0.5, 0.2), (0.5, 0.8)])
    assert (constant.slope, constant.spread) == (None, 0)
    assert calibration([(0.2, 0.5), (0.8, 0.5)]).spread is None
    assert calibration([(0.2, 0.5)]).bins[0].error is None


def test_rows_without_an_answer_are_left_out() -> None:
    gold = {"x": (0.1, 0.2, 0.3), "y": (0.5, 0.5, 0.5)}
    v, a, d = calibrations(gold, {"x": None, "y": (1, 0, 1)})
    assert (v.n, v.bias, a.bias, d.bias) == (1, 0.5, -0.5, 0.5)


def test_the_table_has_three_lines_an_entry(tmp_path: Path) -> None:
    text = page_of(make_run(tmp_path)).text("vad")
    assert f"{LEADER} valence 16 0.584 [0.504, 0.664] 0.454 [0.374, 0.534]" in text
    assert "arousal 16" in text
    assert "dominance 16" in text
