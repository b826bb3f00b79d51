"""The appraisal verifier: its numbers against scikit-learn's and SciPy's, and what it promises."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from scipy import sparse
from scipy.optimize import minimize
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from emoloom.corpora.crowd_envent import read_crowd_envent
from emoloom.corpora.isear import read_isear
from emoloom.corpora.labels import load_space
from emoloom.corpora.near_duplicates import near_duplicate_groups
from emoloom.corpora.registry import read_corpus
from emoloom.errors import UserError
from emoloom.records import ATOMS, Answer, Row
from emoloom.supervision.appraisal import (
    CHARACTER_FEATURES,
    WORD_FEATURES,
    Verifier,
    VerifierPart,
    pearson,
)
from emoloom.supervision.appraisal_fit import (
    RatedSet,
    fit_verifier,
    from_ratings,
    from_theory,
    held_out,
    held_out_of,
)
from emoloom.supervision.appraisal_regression import FitSettings, fit_part
from emoloom.supervision.theory import load_theory_table
from rated_files import envent_folder, isear_file

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
SPACE = load_space("goemotions28")
GOOD = ("won", "lucky", "bright", "gift")
BAD = ("lost", "broken", "cold", "debt")


def made_texts(count: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts of six words, and the share of good words among the good and bad ones."""
    rng = np.random.default_rng(seed)
    filler = [f"word{i}" for i in range(40)]
    texts, shares = [], []
    for _ in range(count):
        good = int(rng.integers(0, 4))
        words = [*rng.choice(GOOD, good), *rng.choice(BAD, 3 - good), *rng.choice(filler, 4)]
        texts.append(" ".join(rng.permutation(words)))
        shares.append(good / 3)
    return texts, np.array(shares)


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> list[RatedSet]:
    folder = tmp_path_factory.mktemp("rated")
    envent = read_crowd_envent(envent_folder(folder / "envent"))
    isear = read_isear(isear_file(folder / "isear.csv"))
    return [from_ratings("crowd-enVENT", envent), from_ratings("ISEAR", isear)]


@pytest.fixture(scope="module")
def verifier(rated: list[RatedSet]) -> Verifier:
    return fit_verifier(rated)


@pytest.fixture(scope="module")
def theory() -> Verifier:
    rows = read_corpus("goemotions-sample", "train").rows
    return fit_verifier([from_theory(rows, load_theory_table(SPACE), ATOMS)])


# Golden numbers


def design(part: VerifierPart, texts: list[str]) -> sparse.csr_matrix:
    """scikit-learn's own TF-IDF with the part's vocabulary and idf."""
    made, at = [], 0
    for terms, how in ((part.words, WORD_FEATURES), (part.characters, CHARACTER_FEATURES)):
        vectoriser = TfidfVectorizer(**how, vocabulary={t: i for i, t in enumerate(terms)})
        vectoriser.idf_ = part.idf[at : at + len(terms)]
        made.append(vectoriser.transform([text.replace("’", "'") for text in texts]))
        at += len(terms)
    return sparse.hstack(made).tocsr()


def test_features_are_scikit_learns(verifier):
    texts = ["I won, I WON the prize", "don’t you don't", "", "xyzzy", "Anna of room3 left home "]
    for part in verifier.parts:
        logits = design(part, texts) @ part.weights.T + part.intercepts
        wanted = 1 / (1 + np.exp(-logits))
        np.testing.assert_allclose(part.probabilities(texts), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mark", "’‘‛′ʻʼ´`＇")
def test_every_form_of_an_apostrophe_is_one(verifier, mark):
    texts = ["I don't know why it wasn't 'fair'", "It's mine, isn't it"]
    others = [text.replace("'", mark) for text in texts]
    assert np.array_equal(verifier.matrix(others), verifier.matrix(texts))
    known, shares = made_texts(60)
    parts = [
        fit_part(("fairness",), [f"I don{one}t: {text}" for text in known], shares[:, None])
        for one in (mark, "'")
    ]
    assert parts[0].words == parts[1].words
    assert np.array_equal(parts[0].weights, parts[1].weights)
    assert "don't" in parts[0].words


def test_one_letter_words_and_inner_apostrophes_count(verifier):
    words = set(verifier.parts[0].words)
    assert {"i", "i decided"} <= words


def test_a_fit_is_the_minimum_of_the_soft_cross_entropy():
    texts, shares = made_texts(60)
    part = fit_part(("fairness",), texts, shares[:, None], settings=FitSettings(c=0.7))
    features = design(part, texts)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = features @ w[:-1] + w[-1]
        error = 1 / (1 + np.exp(-z)) - shares
        value = np.logaddexp(0, z).sum() - shares @ z + w[:-1] @ w[:-1] / 1.4
        return value, np.append(features.T @ error + w[:-1] / 0.7, error.sum())

    start = np.zeros(features.shape[1] + 1)
    best = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 3000})
    ours = loss(np.append(part.weights[0], part.intercepts[0]))[0]
    assert best.fun - 1e-9 <= ours <= best.fun + 1e-4
    assert ours < loss(start)[0] - 1


def test_quality_is_of_the_held_out_texts_and_the_writers_ratings(rated, verifier):
    for one in rated:
        out = held_out_of(one, 0)
        texts = [text for text, is_out in zip(one.texts, out, strict=True) if is_out]
        for column, atom in enumerate(one.atoms):
            found = verifier.matrix(texts)[:, ATOMS.index(atom)]
            gold = one.measured[out, column]
            said = verifier.quality[ATOMS.index(atom)]
            assert said.auroc == pytest.approx(roc_auc_score(gold > 0.5, found), abs=1e-12)
            assert said.r == pytest.approx(scipy.stats.pearsonr(gold, found).statistic, abs=1e-9)
            assert (said.atom, said.source) == (atom, one.source)
            assert (said.fitted_rows, said.held_out_rows) == ((~out).sum(), out.sum())
    assert (rated[0].fitted != rated[0].measured).any()


def test_held_out_texts_were_not_fitted_on():
    """Targets that nothing in a text tells: whoever has seen them would do better than chance."""
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{n}" for n in rng.choice(4000, 8)) for _ in range(600)]
    texts += texts[:200]
    targets = rng.random((600, 1))
    targets = np.concatenate([targets, targets[:200]])
    sets = [RatedSet("ISEAR", (atom,), tuple(texts), targets, targets) for atom in ATOMS]
    for one in fit_verifier(sets).quality:
        assert one.r is not None
        assert abs(one.r) < 0.25


# What it promises


def test_near_duplicates_are_on_one_side():
    texts = [f"story {n} of the day{n // 3} at place{n // 3} by sea{n // 3}" for n in range(300)]
    groups = near_duplicate_groups(texts, 0.7)
    out = held_out([text.split(" ", 2)[2] for text in texts], 0.2, np.random.default_rng(1))
    assert out.sum() == 60
    assert all(len(set(out[n : n + 3])) == 1 for n in range(0, 300, 3))
    assert len(set(groups)) == 100
    other = held_out([text.split(" ", 2)[2] for text in texts], 0.2, np.random.default_rng(2))
    assert (out != other).any()


def test_a_text_has_the_same_bits_alone_and_among_others(verifier, rated):
    texts = list(rated[0].texts[:40])
    together = verifier.matrix(texts)
    alone = np.concatenate([verifier.matrix([text]) for text in texts])
    assert together.tobytes() == alone.tobytes()
    assert [one.as_tuple() for one in verifier.appraise(texts)] == [tuple(x) for x in together]
    assert verifier.matrix([]).shape == (0, 4)
    assert verifier.appraise([]) == ()


def test_fits_are_the_same_whatever_the_threads(rated, verifier):
    with threadpool_limits(limits=1):
        again = fit_verifier(rated)
    assert again.quality == verifier.quality
    for one, other in zip(again.parts, verifier.parts, strict=True):
        assert (one.words, one.characters) == (other.words, other.characters)
        assert one.weights.tobytes() == other.weights.tobytes()
        assert one.intercepts.tobytes() == other.intercepts.tobytes()


def test_what_is_told_besides_helps():
    """Ratings so noisy that the text's other signs must carry the fit."""
    texts, shares = made_texts(1200)
    rng = np.random.default_rng(5)
    noisy = (rng.random(1000) < 0.45 + 0.1 * shares[:1000]).astype(float)[:, None]
    related = np.column_stack([shares[:1000] > 0.5, np.ones(1000)])
    plain = fit_part(("fairness",), texts[:1000], noisy)
    helped = fit_part(("fairness",), texts[:1000], noisy, related, settings=FitSettings(hint=1.0))
    r = [pearson(shares[1000:], p.probabilities(texts[1000:])[:, 0]) for p in (plain, helped)]
    assert r[1] > r[0] + 0.05
    assert helped.weights.shape == plain.weights.shape


def test_related_that_never_varies_changes_nothing():
    texts, shares = made_texts(100)
    plain = fit_part(("fairness",), texts, shares[:, None])
    same = fit_part(("fairness",), texts, shares[:, None], np.ones((100, 3)))
    assert plain.weights.tobytes() == same.weights.tobytes()


def test_a_text_without_a_known_word_gets_the_base_rates(verifier):
    (found,) = verifier.appraise(["\u4e00"])
    for part in verifier.parts:
        for atom, intercept in zip(part.atoms, part.intercepts, strict=True):
            assert getattr(found, atom) == pytest.approx(1 / (1 + np.exp(-intercept)), abs=1e-15)


def test_made_events_are_told_apart(verifier):
    won, followed = verifier.appraise(
        ["I decided to work for it and won the prize", "a stranger followed me in the dark"]
    )
    assert won.goal_attainment > followed.goal_attainment + 0.2
    assert won.controllability > followed.controllability + 0.2
    assert all(one.auroc is not None and one.auroc > 0.9 for one in verifier.quality)


# Theory


def row(number: int, text: str, labels: tuple[str, ...] | None) -> Row:
    return Row(f"r{number}", text, Answer(labels, None, ""), "s", "train", None, f"g{number}")


def test_theory_targets_are_the_mean_profile_and_rows_without_labels_are_left_out():
    table = load_theory_table(SPACE)
    rows = [row(0, "a", ("joy", "anger")), row(1, "b", None), row(2, "c", ("pride",))]
    found = from_theory(rows, table, ("controllability", "fairness"))
    assert found.texts == ("a", "c")
    np.testing.assert_allclose(found.fitted, [[0.5, 0.5], [0.9, 0.7]], atol=1e-15)
    with pytest.raises(UserError, match="does not know; got: envy"):
        from_theory([row(0, "a", ("envy",))], table, ATOMS)


def test_the_theory_verifier_orders_plain_texts(theory):
    def of(text: str) -> dict[str, float]:
        return dict(zip(ATOMS, theory.appraise([text])[0].as_tuple(), strict=True))

    thanks, idiot = of("I love this, thank you!"), of("I hate this, you stupid idiot")
    assert thanks["goal_attainment"] > idiot["goal_attainment"] + 0.25
    assert thanks["fairness"] > idiot["fairness"] + 0.15
    assert thanks["certainty"] > of("I'm confused, what does that mean?")["certainty"] + 0.05
    assert {one.source for one in theory.quality} == {"theory table"}
    # Over 8 held-out splits the means were 0.69 to 0.76 and 0.41 to 0.49, the lowest r 0.24.
    assert min(one.r for one in theory.quality) > 0.1
    assert np.mean([one.auroc for one in theory.quality]) > 0.64
    assert np.mean([one.r for one in theory.quality]) > 0.33


# What is refused


def test_too_few_texts(rated):
    few = RatedSet("ISEAR", ATOMS, ("a", "b"), np.ones((2, 4)), np.ones((2, 4)))
    with pytest.raises(UserError, match=r"too few texts with goal_attainment .*got: 2"):
        fit_verifier([few])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_targets_that_are_all_the_same_extreme(value):
    texts, _ = made_texts(80)
    same = np.full((80, 1), value)
    with pytest.raises(UserError, match="fairness is the same extreme in every text"):
        fit_part(("fairness",), texts, same)


def test_texts_that_share_nothing():
    with pytest.raises(UserError, match="share no word"):
        fit_part(("fairness",), ["a" * n for n in range(1, 3)], np.array([[0.0], [1.0]]))


# The official files


def test_the_verifier_beats_the_first_attempt_on_people():
    """AUROC of the first attempt: 0.76, 0.65, 0.65, 0.66 (issue 4)."""
    if not (SHARED / "crowd_envent").exists() or not (SHARED / "isear").exists():
        pytest.skip("../shared/data is absent: the verifier cannot be held against people")
    envent = read_crowd_envent(SHARED / "crowd_envent")
    isear = read_isear(SHARED / "isear")
    found = fit_verifier([from_ratings("crowd-enVENT", envent), from_ratings("ISEAR", isear)])
    first = (0.76, 0.65, 0.65, 0.66)
    assert all(one.auroc > before for one, before in zip(found.quality, first, strict=True))
