"""The regressions of the appraisal verifier (ours).

Legend: F features, A atoms, K things known besides them, N texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoloom.corpora.lines import straight_apostrophes
from emoloom.draws import generator
from emoloom.errors import UserError
from emoloom.supervision.appraisal import CHARACTER_FEATURES, WORD_FEATURES, VerifierPart

_MIN_TEXTS_OF_A_FEATURE = {"word": 2, "char_wb": 3}


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Strengths of a fit, chosen on a dev part (see the decision page)."""

    c: float = 0.3
    """Inverse strength of the L2 penalty of the logistic regressions."""
    ridge: float = 4.0
    """Strength of the L2 penalty of the ridge regressions."""
    hint: float = 0.2
    """Standard deviation that their predictions are scaled to; 0 leaves them out."""
    folds: int = 5
    """Folds in which they are predicted."""


def fit_part(
    atoms: Sequence[str],
    texts: Sequence[str],
    targets: NDArray[np.float64],
    related: NDArray[np.float64] | None = None,
    *,
    settings: FitSettings = FitSettings(),
) -> VerifierPart:
    """Fit features and one logistic regression for each atom on all of the texts.

    `related` is predicted from the text by ridge regressions, and what they say (of folds that
    they were not fitted on) joins the features of the logistic regressions: a text tells the
    emotion better than any one rating. All of it is linear, so that in the end each feature has
    one weight, and a text needs no `related`.

    Args:
        atoms: Names, A of them.
        texts: N texts.
        targets: (N, A) in [0, 1].
        related: (N, K) or None.
        settings: Strengths; chosen on a dev part.

    Raises:
        UserError: the texts share no word, or an atom's targets are all 0 or all 1.
    """
    from scipy import sparse
    from threadpoolctl import threadpool_limits

    texts = [straight_apostrophes(text) for text in texts]
    made = [_vectoriser(how, texts) for how in (WORD_FEATURES, CHARACTER_FEATURES)]
    if not any(one is not None for one in made):
        raise UserError("the texts share no word, so no verifier can be fitted on them")
    features = sparse.hstack([one.transform(texts) for one in made if one is not None]).tocsr()
    # One thread: the sums are then the same whatever the number of cores.
    with threadpool_limits(limits=1):
        weights, intercepts = _fit_atoms(atoms, features, targets, related, settings)
    terms = [() if one is None else tuple(one.get_feature_names_out().tolist()) for one in made]
    idf = np.concatenate([one.idf_ for one in made if one is not None])
    return VerifierPart(tuple(atoms), terms[0], terms[1], idf, weights, intercepts)


def _fit_atoms(
    atoms: Sequence[str],
    features: Any,
    targets: NDArray[np.float64],
    related: NDArray[np.float64] | None,
    settings: FitSettings,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(weights (A, F), intercepts (A,)) on the features alone."""
    from scipy import sparse

    count = features.shape[1]
    hint = None if related is None else _fit_hint(features, related, settings)
    if hint is not None:
        features = sparse.hstack([features, hint.unseen]).tocsr()
    models = [
        _fit_atom(atom, features, targets[:, column], settings.c)
        for column, atom in enumerate(atoms)
    ]
    weights = np.array([model.coef_[0] for model in models])
    intercepts = np.array([model.intercept_[0] for model in models])
    if hint is None:
        return weights, intercepts
    own, through = weights[:, :count], weights[:, count:]
    return own + through @ hint.weights, intercepts + through @ hint.intercepts


@dataclass(frozen=True, slots=True)
class _Hint:
    """Ridge regressions of what is known of the texts besides the atoms."""

    weights: NDArray[np.float64]
    """(K, F)."""
    intercepts: NDArray[np.float64]
    """(K,)."""
    unseen: NDArray[np.float64]
    """(N, K): for each text, what a regression fitted without its fold says."""


def _fit_hint(features: Any, related: NDArray[np.float64], settings: FitSettings) -> _Hint | None:
    """None where nothing varies."""
    from sklearn.linear_model import Ridge

    wanted = related[:, np.ptp(related, axis=0) > 0]
    if not wanted.shape[1]:
        return None

    def fitted(rows: NDArray[np.bool_]) -> Any:
        return Ridge(alpha=settings.ridge, solver="sparse_cg").fit(features[rows], wanted[rows])

    unseen = np.empty_like(wanted)
    # A fixed shuffle: the files are sorted by emotion, person and time.
    fold = generator(0, "verifier-folds").permutation(len(wanted)) % settings.folds
    for number in range(settings.folds):
        out = fold == number
        # With one column scikit-learn gives it without its axis.
        unseen[out] = fitted(~out).predict(features[out]).reshape(-1, wanted.shape[1])
    whole = fitted(np.ones(len(wanted), dtype=bool))
    spread = unseen.std(axis=0)
    scale = settings.hint / np.where(spread > 0, spread, 1.0)
    coefficients = np.atleast_2d(whole.coef_)
    return _Hint(coefficients * scale[:, None], whole.intercept_ * scale, unseen * scale)


def _vectoriser(how: Mapping[str, Any], texts: Sequence[str]) -> Any:
    """Fitted; None where no feature stands in enough texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    made = TfidfVectorizer(**how, min_df=_MIN_TEXTS_OF_A_FEATURE[how["analyzer"]])
    try:
        return made.fit(texts)
    except ValueError:
        # scikit-learn's word for an empty vocabulary.
        return None


def _fit_atom(atom: str, features: Any, targets: NDArray[np.float64], c: float) -> Any:
    """Each text twice, as a positive and as a negative, weighted by its target."""
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    weight = np.concatenate([targets, 1 - targets])
    positive = np.repeat([1, 0], len(targets))
    used = weight > 0
    if len(set(positive[used].tolist())) < 2:
        raise UserError(
            f"{atom} is the same extreme in every text, so nothing can be fitted",
            got=f"{targets[0]:g} in all {len(targets)} texts",
            do="give texts that differ in it",
        )
    both = sparse.vstack([features, features]).tocsr()[used]
    model = LogisticRegression(C=c, max_iter=2000, tol=1e-4)
    return model.fit(both, positive[used], sample_weight=weight[used])
