"""Golden: SciPy 1.17.1 (bootstrap), normal theory, statsmodels 0.15.0 (Holm)."""

import numpy as np
import pytest
from scipy import stats

from emoloom.errors import UserError
from emoloom.metrics import intervals
from emoloom.metrics import resampling as ours
from emoloom.metrics.resampling import Bootstrap
from emoloom.metrics.row_table import HUMAN_VAD, VadScoring, row_table
from emoloom.metrics.scoring import measure, score
from emoloom.records import VAD, Answer, LabelSpace, ParseFailure, Prediction, Row

SPACE = LabelSpace("abcd", ("a", "b", "c", "d"))
REFERENCE = VAD(0.5, 0.45, 0.55)


def fabricated(n: int, seed: int) -> tuple[list[Row], list[Prediction | ParseFailure]]:
    """Rows of two corpora, some without labels or VAD, and answers that sometimes fail."""
    generator = np.random.default_rng([n, seed])

    def labels():
        chosen = generator.random(4) < (0.5, 0.3, 0.3, 0.02)
        return tuple(name for name, c in zip(SPACE.labels, chosen, strict=True) if c) or ("a",)

    rows, answers = [], []
    for i in range(n):
        source = str(generator.choice(["one", "two"]))
        gold_labels = labels() if source == "one" or generator.random() < 0.2 else None
        vad = VAD(*generator.random(3)) if source == "two" or gold_labels is None else None
        origin = str(generator.choice(["human", "human", "weak"])) if vad else None
        rows.append(Row(f"{i}", "t", Answer(gold_labels, vad, ""), source, "dev", origin, "g"))
        said = Prediction(labels(), VAD(*generator.random(3).round(2)), "")
        answers.append(ParseFailure("no_json") if generator.random() < 0.15 else said)
    return rows, answers


def tabled(rows, answers):
    return row_table(answers, rows, SPACE, VadScoring(REFERENCE, HUMAN_VAD))


def as_measured(rows, answers):
    """`score`'s numbers under `measure`'s names, None as NaN."""
    scores = score(answers, rows, SPACE, vad_reference=REFERENCE, vad_sources=HUMAN_VAD)
    flat = {"parse_ok": scores.parse_ok}
    for name, block in (("strict", scores.strict), ("parsed", scores.parsed)):
        flat |= {f"{name}.{key}": value for key, value in block.values.items()}
    return {key: np.nan if value is None else value for key, value in flat.items()}


@pytest.mark.parametrize("n", [0, 1, 7, 120])
def test_weights_of_one_give_the_score(n):
    rows, answers = fabricated(n, 0)
    measured = measure(tabled(rows, answers).totals(np.ones((2, n))))
    for key, value in as_measured(rows, answers).items():
        np.testing.assert_allclose(measured[key], [value, value], atol=1e-12, err_msg=key)


@pytest.mark.parametrize("seed", range(4))
def test_a_draw_is_the_score_of_the_rows_drawn(seed):
    rows, answers = fabricated(25, seed)
    table = tabled(rows, answers)
    (weights,) = ours.weight_blocks([row.source for row in rows], Bootstrap(draws=100, seed=seed))
    measured = measure(table.totals(weights))
    for draw in range(0, 100, 9):
        taken = np.repeat(np.arange(25), weights[draw].astype(int))
        expected = as_measured([rows[i] for i in taken], [answers[i] for i in taken])
        for key, value in expected.items():
            np.testing.assert_allclose(measured[key][draw], value, atol=1e-9, err_msg=key)


def test_each_corpus_keeps_its_size_and_each_row_its_share():
    strata = ["b"] * 30 + ["a"] * 5 + ["b"] * 10 + ["c"]
    weights = np.concatenate(list(ours.weight_blocks(strata, Bootstrap(draws=4000))))
    assert weights.shape == (4000, 46)
    for name, size in (("a", 5), ("b", 40), ("c", 1)):
        inside = np.array(strata) == name
        np.testing.assert_array_equal(weights[:, inside].sum(axis=1), size)
    # Multinomial: mean 1 (standard error 0.016) and variance 1 - 1/40.
    large = weights[:, np.array(strata) == "b"]
    np.testing.assert_allclose(large.mean(axis=0), 1.0, atol=0.08)
    np.testing.assert_allclose(large.var(axis=0).mean(), 1 - 1 / 40, atol=0.02)


def test_the_size_of_a_block_does_not_change_the_draws():
    strata = ["a", "b", "a", "b", "b"] * 4
    settings = Bootstrap(draws=130, seed=3)
    whole = np.concatenate(list(ours.weight_blocks(strata, settings)))
    blocks = list(ours.weight_blocks(strata, settings, cells=7 * 20))
    assert max(len(block) for block in blocks) == 7
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_the_seed_gives_the_draws():
    strata = ["a"] * 20
    first, again, other = (
        np.concatenate(list(ours.weight_blocks(strata, Bootstrap(draws=100, seed=seed))))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_draws_are_shared_so_equal_answers_never_differ():
    rows, answers = fabricated(40, 1)
    table = tabled(rows, answers)
    one, two = ours.resample(
        [table, table], [row.source for row in rows], Bootstrap(draws=100), measure
    )
    for key in one:
        np.testing.assert_array_equal(one[key].draws_B, two[key].draws_B)
        np.testing.assert_array_equal(one[key].influence_N, two[key].influence_N)


def test_intervals_have_every_score_and_hold_it():
    rows, answers = fabricated(300, 2)
    table = tabled(rows, answers)
    values = measure(table.totals())
    (drawn,) = ours.resample([table], [row.source for row in rows], Bootstrap(draws=500), measure)
    found = {key: one.interval(0.95) for key, one in drawn.items()}
    assert set(found) == set(values)
    for key in ("parse_ok", "strict.micro_f1", "parsed.micro_f1", "strict.rmse", "parsed.ccc_v"):
        low, high = found[key]
        assert low < float(values[key]) < high, key


def paired(n: int = 60, shift: float = 0.08) -> np.ndarray:
    """Paired differences of two made-up systems."""
    return np.random.default_rng(5).normal(shift, 0.3, n)


def test_interval_equals_scipy_within_monte_carlo_error():
    x = paired()
    draws = 9999
    weights = np.concatenate(
        list(ours.weight_blocks(["a"] * len(x), Bootstrap(draws=draws, seed=1)))
    )
    mine = intervals.percentile_interval(weights @ x / len(x), 0.95)
    theirs = stats.bootstrap(
        (x,), np.mean, n_resamples=draws, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    # A 2.5% quantile of 9,999 normal draws has a standard error of 0.027 sd; the two differ
    # by at most 5 times the error of a difference.
    tolerance = 5 * 2**0.5 * 0.027 * x.std() / len(x) ** 0.5
    assert mine == pytest.approx((theirs.low, theirs.high), abs=tolerance)


@pytest.mark.parametrize("shift", [0.0, 0.04, 0.08, -0.08])
def test_p_equals_normal_theory_within_monte_carlo_error(shift):
    x = paired(400, shift)
    draws = 9999
    weights = np.concatenate(
        list(ours.weight_blocks(["a"] * len(x), Bootstrap(draws=draws, seed=1)))
    )
    normal = 2 * stats.norm.sf(abs(x.mean()) / (x.std() / len(x) ** 0.5))
    error = 2 * (normal / 2 * (1 - normal / 2) / draws) ** 0.5
    assert intervals.two_sided_p(weights @ x / len(x)) == pytest.approx(
        normal, abs=5 * error + 0.01
    )


def test_p_by_hand():
    assert intervals.two_sided_p(np.ones(99)) == pytest.approx(2 / 100)
    assert intervals.two_sided_p(np.array([-1.0] * 3 + [1.0] * 96)) == pytest.approx(2 * 4 / 100)
    assert intervals.two_sided_p(np.array([1.0] * 3 + [-1.0] * 96)) == pytest.approx(2 * 4 / 100)
    assert intervals.two_sided_p(np.zeros(99)) == 1.0
    assert intervals.two_sided_p(np.full(99, np.nan)) == 1.0


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        # statsmodels 0.15.0, multipletests(p, method="holm").
        (
            [0.031, 0.004, 0.2, 0.012, 0.012, 0.9, 0.05],
            [0.124, 0.028, 0.4, 0.072, 0.072, 0.9, 0.15],
        ),
        ([0.04, 0.01, 0.03, 0.005], [0.06, 0.03, 0.06, 0.02]),
        ([0.03], [0.03]),
        ([], []),
    ],
)
def test_holm_equals_statsmodels(p_values, adjusted):
    assert ours.holm(p_values) == pytest.approx(adjusted, abs=1e-12)


def test_holm_stops_at_the_first_that_is_not_rejected():
    # Alone 0.04 is below 0.05 / 1, but 0.03 is not below 0.05 / 2.
    assert [p <= 0.05 for p in ours.holm([0.01, 0.03, 0.04])] == [True, False, False]


def test_probability_of_best_shares_ties():
    scores_CB = np.array([[1.0, 0.0, 2.0, np.nan], [1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]])
    shares = ours.probability_of_best(scores_CB)
    assert shares == pytest.approx([(0.5 + 1) / 4, (0.5 + 0.5 + 0.5) / 4, (0.5 + 0.5) / 4])
    assert shares.sum() == pytest.approx(1.0)
    nobody = ours.probability_of_best(np.full((2, 5), np.nan))
    assert nobody == pytest.approx([0.5, 0.5])


def as_drawn(draws):
    """Of so many rows that t is normal."""
    return intervals.Resampled(np.asarray(draws), np.zeros(0))


def test_rows_to_separate_take_t_whose_freedom_grows_with_the_rows():
    few = np.zeros(100)
    few[:3] = 1.0  # six degrees of freedom at 100 rows
    drawn = intervals.Resampled(np.array([0.0, 0.1]), few - few.mean())
    rows = ours.rows_to_separate(100, 0.08, drawn, 0.05)
    freedom = drawn.freedom * rows / 100
    needed = 100 * (stats.t.ppf(0.975, freedom) * 0.0707107 / 0.08) ** 2
    assert rows == pytest.approx(needed, abs=1.5)
    assert rows > ours.rows_to_separate(100, 0.08, as_drawn([0.0, 0.1]), 0.05)


def test_rows_to_separate_by_hand():
    differences = as_drawn([0.0, 0.1])  # sd 0.0707
    expected = np.ceil(100 * (1.959964 * 0.0707107 / 0.05) ** 2)
    assert ours.rows_to_separate(100, 0.05, differences, 0.05) == expected
    assert ours.rows_to_separate(100, -0.05, differences, 0.05) == expected
    assert ours.rows_to_separate(100, 0.0, differences, 0.05) is None
    assert ours.rows_to_separate(100, 0.05, as_drawn([np.nan] * 2), 0.05) is None
    assert ours.rows_to_separate(100, 0.05, as_drawn([0.05] * 9), 0.05) == 1


@pytest.mark.parametrize("seed", range(3))
def test_rows_to_separate_would_indeed_separate(seed):
    x = paired(400, 0.02)
    settings = Bootstrap(draws=2000, seed=seed)

    def p_and_rows(values):
        weights = np.concatenate(list(ours.weight_blocks(["a"] * len(values), settings)))
        drawn = weights @ values / len(values)
        return (
            intervals.two_sided_p(drawn),
            ours.rows_to_separate(len(values), values.mean(), as_drawn(drawn), 0.05),
        )

    p, rows = p_and_rows(x)
    assert p > 0.05
    # At that number p is 0.05 but for the draws' own noise: a third more or fewer is beyond it.
    (p_more, _), (p_fewer, _) = (
        p_and_rows(np.tile(x, round(share * rows / len(x)))) for share in (4 / 3, 2 / 3)
    )
    assert p_more <= 0.05 < p_fewer


def test_an_interval_of_a_score_mostly_undefined_is_none():
    values = np.full(100, np.nan)
    values[:49] = 0.5
    assert intervals.percentile_interval(values, 0.95) is None
    values[:50] = 0.5
    assert intervals.percentile_interval(values, 0.95) == (0.5, 0.5)


@pytest.mark.parametrize(
    "settings", [{"draws": 99}, {"seed": -1}, {"level": 1.0}, {"level": float("nan")}]
)
def test_settings_that_cannot_be_used_are_refused(settings):
    with pytest.raises(UserError, match="cannot use these settings"):
        Bootstrap(**settings)
