"""Ratings that lack dimensions. Golden: scikit-learn and SciPy on the ratings that there are."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import root_mean_squared_error

from emoloom.metrics.cross_corpus import score_cross
from emoloom.metrics.resampling import Bootstrap
from emoloom.metrics.row_table import HUMAN_VAD, VadScoring
from emoloom.metrics.scoring import METRICS, score
from emoloom.records import (
    VAD,
    Answer,
    LabelSpace,
    ParseFailure,
    PartialVAD,
    Prediction,
    Row,
    VadSources,
    join_sources,
    make_vad,
)

SPACE = LabelSpace("abc", ("anger", "joy", "fear"))
FAILED = ParseFailure("truncated")
REFERENCE = VAD(0.5, 0.4, 0.6)


def row(vad, by="human") -> Row:
    return Row("r", "t", Answer(None, vad, ""), "corpus", "dev", by if vad else None, "g")


def drawn(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predicted and gold VAD, each (N, 3), gold NaN in a third of the places; which parsed."""
    generator = np.random.default_rng(seed)
    gold_N3 = generator.random((n, 3))
    predicted_N3 = np.clip(gold_N3 + generator.normal(0.05, 0.2, (n, 3)), 0, 1).round(2)
    gold_N3[generator.random((n, 3)) < 1 / 3] = np.nan
    return predicted_N3, gold_N3, generator.random(n) < 0.8


def rows_of(gold_N3: np.ndarray) -> list[Row]:
    found = np.where(np.isnan(gold_N3), None, gold_N3).tolist()
    return [row(make_vad(*line)) for line in found]


def answers_of(predicted_N3: np.ndarray, parsed_N: np.ndarray) -> list[Prediction | ParseFailure]:
    pairs = zip(predicted_N3.tolist(), parsed_N, strict=True)
    return [Prediction(("joy",), VAD(*line), "") if ok else FAILED for line, ok in pairs]


def rmse(gold: np.ndarray, said: np.ndarray) -> float:
    """As scikit-learn has it, over the places that are rated."""
    rated = ~np.isnan(gold)
    return root_mean_squared_error(gold[rated], np.broadcast_to(said, gold.shape)[rated])


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_the_ratings_that_there_are(seed):
    predicted_N3, gold_N3, parsed_N = drawn(seed)
    answers, gold = answers_of(predicted_N3, parsed_N), rows_of(gold_N3)
    result = score(answers, gold, SPACE, vad_reference=REFERENCE)
    farthest_N3 = np.where(gold_N3 > 0.5, 0.0, 1.0)
    for block, said_N3, kept in (
        (result.strict, np.where(parsed_N[:, None], predicted_N3, farthest_N3), slice(None)),
        (result.parsed, predicted_N3[parsed_N], parsed_N),
    ):
        gold_k3 = gold_N3[kept]
        floor = rmse(gold_k3, np.array(REFERENCE.as_tuple()))
        assert block.values["rmse"] == pytest.approx(rmse(gold_k3, said_N3), abs=1e-9)
        wanted = 1 - rmse(gold_k3, said_N3) / floor
        assert block.values["skill"] == pytest.approx(wanted, abs=1e-9)
        assert block.n_rated == tuple((~np.isnan(gold_k3)).sum(axis=0))
        assert block.n_vad_rows == (~np.isnan(gold_k3)).any(axis=1).sum()
        for i, axis in enumerate("vad"):
            wanted = rmse(gold_k3[:, i], said_N3[:, i])
            assert block.values[f"rmse_{axis}"] == pytest.approx(wanted, abs=1e-9)
    for i, axis in enumerate("vad"):
        both = parsed_N & ~np.isnan(gold_N3[:, i])
        x, y = predicted_N3[both, i], gold_N3[both, i]
        r = stats.pearsonr(x, y)[0]
        assert result.parsed.values[f"pearson_{axis}"] == pytest.approx(r, abs=1e-9)
        (var_x, cov), (_, var_y) = np.cov(x, y, ddof=0)
        lin = 2 * cov / (var_x + var_y + (x.mean() - y.mean()) ** 2)
        assert result.parsed.values[f"ccc_{axis}"] == pytest.approx(lin, abs=1e-9)


def test_what_is_rated_in_no_row_has_no_score_and_the_counts_say_so():
    gold = [row(PartialVAD(0.2, 0.3, None)), row(PartialVAD(0.4, None, None)), row(None)]
    answers = [Prediction(("joy",), VAD(0.2, 0.5, 0.9), "")] * 3
    block = score(answers, gold, SPACE, vad_reference=REFERENCE).to_dict()["strict"]
    assert [block[f"n_vad_rows_{axis}"] for axis in "vad"] == [2, 1, 0]
    assert block["n_vad_rows"] == 2
    assert (block["rmse_d"], block["pearson_d"], block["ccc_d"]) == (None, None, None)
    assert block["rmse_a"] == pytest.approx(0.2)
    assert block["rmse"] == pytest.approx(math.sqrt((0.0 + 0.04 + 0.04) / 3))


def test_where_every_row_has_all_three_no_count_by_dimension_is_written():
    gold = [row(VAD(0.2, 0.3, 0.4)), row(None)]
    block = score([FAILED] * 2, gold, SPACE).to_dict()["strict"]
    assert not any(key.startswith("n_vad_rows_") for key in block)


def test_a_failed_parse_is_charged_on_rated_dimensions_alone():
    result = score([FAILED], [row(PartialVAD(0.9, None, None))], SPACE).strict.values
    assert (result["rmse"], result["rmse_v"], result["rmse_a"]) == (0.9, 0.9, None)


@pytest.mark.parametrize("seed", range(3))
def test_skill_leaves_out_a_dimension_that_the_reference_lacks(seed):
    predicted_N3, gold_N3, parsed_N = drawn(seed)
    answers = answers_of(predicted_N3, parsed_N)
    part = PartialVAD(0.5, 0.4, None)
    found = score(answers, rows_of(gold_N3), SPACE, vad_reference=part)
    gold_N3[:, 2] = np.nan
    wanted = score(answers, rows_of(gold_N3), SPACE, vad_reference=REFERENCE)
    assert found.strict.values["skill"] == pytest.approx(wanted.strict.values["skill"], abs=1e-12)
    assert found.strict.values["rmse_d"] is not None


def test_without_a_common_dimension_there_is_no_skill():
    gold = [row(PartialVAD(0.2, None, None))]
    reference = PartialVAD(None, 0.5, 0.5)
    assert score([FAILED], gold, SPACE, vad_reference=reference).strict.values["skill"] is None


def test_a_mixed_row_counts_for_each_of_its_sources():
    gold = [row(VAD(0.2, 0.3, 0.4), VadSources("human", "human", "weak")), row(VAD(1, 1, 1))]
    every = score([FAILED] * 2, gold, SPACE)
    human = score([FAILED] * 2, gold, SPACE, vad_sources=HUMAN_VAD)
    assert every.vad_sources == {"human": 2, "weak": 1}
    assert human.vad_sources == {"human": 2}
    assert (every.strict.n_rated, human.strict.n_rated) == ((2, 2, 2), (2, 2, 1))


UNIT = st.integers(0, 100).map(lambda value: value / 100)
LINES = st.lists(
    st.tuples(st.tuples(*[st.none() | UNIT] * 3), st.tuples(*[UNIT] * 3), st.none() | st.just(1)),
    min_size=1,
    max_size=8,
)


@given(LINES, UNIT)
@settings(deadline=None)
def test_a_masked_rating_influences_no_score(lines, other):
    """The dimensions that nobody rated, filled with weak VAD of any value and masked again."""
    answers = [
        FAILED if fails else Prediction(("joy",), VAD(*said), "") for _, said, fails in lines
    ]
    bare = [row(make_vad(*vad)) for vad, _, _ in lines]

    def filled(vad) -> Row:
        by = join_sources(*("weak" if x is None else "human" for x in vad))
        return row(VAD(*(other if x is None else x for x in vad)), by)

    weak = [filled(vad) for vad, _, _ in lines]
    wanted, found = (
        score(answers, gold, SPACE, vad_reference=REFERENCE, vad_sources=HUMAN_VAD)
        for gold in (bare, weak)
    )
    assert found == wanted
    for block in (found.strict, found.parsed):
        for key in METRICS:
            value = block.values[key]
            assert value is None or math.isfinite(value), key


def test_a_corpus_never_trained_on_says_its_dimensions_too():
    gold = [replace(row(PartialVAD(x, 0.5, None)), id=f"{x}") for x in (0.1, 0.6, 0.9)]
    answers = [Prediction(("joy",), VAD(0.5, 0.5, 0.5), "")] * 3
    scoring = VadScoring(PartialVAD(0.4, 0.3, None), HUMAN_VAD)
    found = score_cross(answers, gold, SPACE, scoring, Bootstrap(draws=100)).to_dict()
    assert [found["strict"][f"n_vad_rows_{axis}"] for axis in "vad"] == [3, 3, 0]
    assert found["strict"]["skill"]["value"] is not None
