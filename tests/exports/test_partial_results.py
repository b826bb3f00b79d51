"""Scores for the hub say which dimensions people rated."""

import pytest

from emoloom.contract.schema import write_answer
from emoloom.exports.results import eval_results, model_index, score_by_corpus
from emoloom.records import VAD, Answer, LabelSpace, PartialVAD, Prediction, Row

SPACE = LabelSpace("two", ("joy", "fear"))


@pytest.mark.parametrize(
    ("vad", "said"),
    [
        (VAD(0.5, 0.5, 0.5), "VAD"),
        (PartialVAD(0.5, 0.5, None), "VA"),
        (PartialVAD(None, None, 0.5), "D"),
    ],
)
def test_the_metric_names_the_dimensions_that_people_rated(vad, said):
    row = Row("r", "t", Answer(("joy",), vad, ""), "goemotions", "dev", "human", "g")
    outputs = {"r": write_answer(Prediction(("joy",), VAD(0.5, 0.5, 0.5), ""))}
    scores = score_by_corpus([row], outputs, SPACE)
    (result,) = model_index("x", scores)[0]["results"]
    names = {one["type"]: one["name"] for one in result["metrics"]}
    assert names["rmse"].startswith(f"strict RMSE of human {said} (")
    notes = {one["dataset"]["task_id"]: one["notes"] for one in eval_results(scores)}
    assert notes["emoloom_rmse"].startswith(f"strict RMSE of human {said}; ")
