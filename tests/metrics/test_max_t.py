"""Golden: SciPy 1.17.1 (Dunnett's test: many against one), and what must hold of any family."""

import numpy as np
import pytest
from scipy import stats

from emoloom.metrics.intervals import Resampled
from emoloom.metrics.max_t import max_t, normal_scores
from emoloom.metrics.resampling import holm

ALPHA = 0.05
DRAWS = 4000


def normal(z, noise_B):
    """A difference z standard errors from 0, of so many rows that t is normal."""
    return Resampled(z + noise_B, np.zeros(0))


def noises(count, together, seed=0, draws=DRAWS):
    """Normal noise of `count` differences, correlated alike."""
    generator = np.random.default_rng(seed)
    common_B, own_MB = generator.standard_normal(draws), generator.standard_normal((count, draws))
    return np.sqrt(together) * common_B + np.sqrt(1 - together) * own_MB


def test_many_against_one_is_dunnetts_test():
    """Its smallest p is that of the first step: the errors share the one, so correlate by 1/2."""
    generator = np.random.default_rng(3)
    one, *others = (generator.normal(mean, 1.0, 800) for mean in (0, 0.11, 0.02, -0.05, 0.06))
    spread = np.sqrt(2 / 800) * np.sqrt(np.mean([np.var(x, ddof=1) for x in (one, *others)]))
    expected = stats.dunnett(*others, control=one).pvalue
    z = [(x.mean() - one.mean()) / spread for x in others]
    pairs = zip(z, noises(4, 0.5, draws=40_000), strict=True)
    found = max_t([normal(*pair) for pair in pairs], ALPHA).p
    assert min(found) == pytest.approx(min(expected), abs=0.006)
    assert 0.03 < min(found) < 0.1, "where it matters"


def test_independent_comparisons_cost_what_sidak_says_and_like_ones_nothing():
    z = 2.2
    own = 2 * stats.norm.sf(z)
    independent = max_t([normal(z, noise) for noise in noises(5, 0.0, draws=40_000)], ALPHA)
    assert independent.p[0] == pytest.approx(1 - (1 - own) ** 5, abs=0.01)
    assert independent.level == pytest.approx(1 - 0.95 ** (1 / 5), abs=0.003)
    alike = max_t([normal(z, noises(1, 0.0)[0])] * 5, ALPHA)
    assert alike.p[0] == pytest.approx(alike.p[4]) == pytest.approx(own, abs=0.01)
    assert alike.level == pytest.approx(ALPHA, abs=0.005)


def test_one_alone_keeps_its_p_and_none_is_none():
    one = normal(2.0, noises(1, 0.0)[0])
    assert max_t([one], ALPHA).p == (one.p(),)
    assert max_t([], ALPHA).p == ()


def test_it_steps_down():
    """What is sure leaves the family: the rest is adjusted for the rest alone."""
    noise_MB = noises(6, 0.2)
    rest = [normal(z, noise_B) for z, noise_B in zip((2.3, 1.0), noise_MB, strict=False)]
    sure = [normal(z, noise_B) for z, noise_B in zip((5.0, -6.0, 7, 8), noise_MB[2:], strict=True)]
    alone, family = max_t(rest, ALPHA).p, max_t([*sure, *rest], ALPHA).p
    assert family[4:] == pytest.approx(alone)
    assert max(family[:4]) < 0.001


@pytest.mark.parametrize("seed", range(5))
def test_what_holds_of_every_family(seed):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(2, 40))
    pairs = zip(generator.normal(0, 2, count), noises(count, 0.5, seed), strict=True)
    family = [normal(*pair) for pair in pairs]
    own, found = [one.p() for one in family], max_t(family, ALPHA)
    assert all(a >= p for a, p in zip(found.p, own, strict=True))
    order = np.argsort([-one.z() for one in family])
    assert list(np.array(found.p)[order]) == sorted(found.p)
    # Never worse than Holm, but for the draws' own chance.
    assert all(a <= h + 0.02 for a, h in zip(found.p, holm(own), strict=True))
    assert ALPHA / count <= found.level <= ALPHA
    turned = max_t(family[::-1], ALPHA)
    assert turned.p[::-1] == found.p


def test_a_difference_beyond_all_draws_takes_bonferronis_bound():
    """300 comparisons that are chance reach farther than 200 draws of each can say."""
    noise_MB = noises(300, 0.0, seed=1, draws=200)
    family = [normal(3.2, noise_MB[0]), *(normal(0.0, noise_B) for noise_B in noise_MB[1:])]
    (beyond, *_) = max_t(family, ALPHA).p
    assert np.abs(normal_scores(noise_MB[0])).max() < family[0].z()
    assert beyond == pytest.approx(min(1.0, 300 * 2 * stats.norm.sf(family[0].z())))
    assert beyond > 0.1


def test_few_rows_with_all_the_influence_are_told_by_students_t():
    few = np.zeros(400)
    few[:2] = 1.0
    noise_MB = noises(3, 0.5)
    rest = [normal(0.3, noise_B) for noise_B in noise_MB[1:]]
    many = normal(2.6, noise_MB[0])
    hanging = Resampled(many.draws_B, few - few.mean())
    found = [max_t([one, *rest], ALPHA).p[0] for one in (many, hanging)]
    assert found[0] < 0.05 < found[1]
    assert found[1] >= hanging.p() > 0.05 > many.p()


def test_undefined_draws_count_as_the_largest():
    noise_MB = noises(2, 0.0)
    gone_B = noise_MB[1].copy()
    gone_B[:400] = np.nan
    whole, holed = (
        max_t([normal(2.5, noise_MB[0]), normal(0.1, other_B)], ALPHA).p[0]
        for other_B in (noise_MB[1], gone_B)
    )
    assert whole < 0.05
    assert holed == pytest.approx(whole + 0.1, abs=0.01)
    nothing = Resampled(np.full(DRAWS, np.nan), np.zeros(0))
    assert max_t([nothing, nothing], ALPHA).p == (1.0, 1.0)


def test_equal_answers_are_never_told_apart():
    same = Resampled(np.zeros(DRAWS), np.zeros(10))
    assert max_t([same, same, normal(4.0, noises(1, 0.0)[0])], ALPHA).p[:2] == (1.0, 1.0)


def test_normal_scores_are_those_of_the_ranks():
    scores = normal_scores(np.array([3.0, 1.0, 2.0, np.nan, 2.0]))
    expected = stats.norm.ppf((np.array([4.0, 1.0, 2.5, 2.5]) - 0.5) / 4)
    assert scores[[0, 1, 2, 4]] == pytest.approx(expected)
    assert np.isinf(scores[3])


def test_the_best_of_ten_equal_ones_beats_an_equal_floor_in_one_of_forty():
    """One-sided 2.5%; compared as if it had not been chosen it does in more than 10%."""
    generator = np.random.default_rng(8)
    reps, count, draws = 800, 10, 300
    chosen = family = 0
    for _ in range(reps):
        errors_M, floor = generator.standard_normal(count), generator.standard_normal()
        noise_MB = generator.standard_normal((count, draws)) - generator.standard_normal(draws)
        pairs = zip(errors_M - floor, noise_MB, strict=True)
        drawn = [normal(*pair) for pair in pairs]
        best = int(np.argmax(errors_M))
        above = errors_M[best] > floor
        chosen += above and drawn[best].p() <= ALPHA
        family += above and max_t(drawn, ALPHA).p[best] <= ALPHA
    assert chosen / reps > 0.08
    assert 0.01 < family / reps < 0.025 + 3 * (0.025 / reps) ** 0.5


def test_normal_scores_are_of_scipys_mean_ranks():
    values_B = np.random.default_rng(4).integers(0, 30, 200).astype(float)
    expected = stats.norm.ppf((stats.rankdata(values_B) - 0.5) / 200)
    assert normal_scores(values_B) == pytest.approx(expected)
