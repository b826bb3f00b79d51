"""Measure the appraisal verifier: variants on a dev part, the chosen one on the test part once.

    python scripts/measure_appraisal.py CROWD_ENVENT ISEAR [--test]

The numbers of docs/decisions/0011-appraisal-verifier.md. Neither corpus may ship; nothing but
means over texts is printed.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from emoloom.corpora.crowd_envent import read_crowd_envent
from emoloom.corpora.isear import read_isear
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.records import ATOMS
from emoloom.supervision import appraisal, appraisal_regression
from emoloom.supervision.appraisal import Verifier, auroc, pearson
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

Scores = NDArray[np.float64]
Variant = Callable[[RatedSet, RatedSet], Scores]
"""(fitted on, measured on) -> (texts, atoms)."""


def part(rated: RatedSet, mask: NDArray[np.bool_]) -> RatedSet:
    """The texts of a mask."""
    assert rated.related is not None
    return replace(
        rated,
        texts=tuple(t for t, keep in zip(rated.texts, mask, strict=True) if keep),
        fitted=rated.fitted[mask],
        measured=rated.measured[mask],
        related=rated.related[mask],
    )


def thresholded(fit: RatedSet, unseen: RatedSet) -> Scores:
    """The first attempt: words, the writer's rating cut at the middle of the scale."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    features, others = words.fit_transform(fit.texts), words.transform(unseen.texts)
    columns = [
        LogisticRegression(max_iter=1000).fit(features, rating > 0.5).predict_proba(others)[:, 1]
        for rating in fit.measured.T
    ]
    return np.array(columns).T


def ours(*, pooled: bool = True, hint: float = 0.0, c: float = 0.5, ridge: float = 2.0) -> Variant:
    """The product's fit."""

    def variant(fit: RatedSet, unseen: RatedSet) -> Scores:
        targets = fit.fitted if pooled else fit.measured
        related = fit.related if hint else None
        settings = FitSettings(c=c, ridge=ridge, hint=hint)
        found = fit_part(fit.atoms, fit.texts, targets, related, settings=settings)
        return found.probabilities(unseen.texts)

    return variant


def with_features(variant: Variant, words: dict[str, Any], characters: dict[str, Any]) -> Variant:
    """The variant with other features."""

    def other(fit: RatedSet, unseen: RatedSet) -> Scores:
        with ExitStack() as stack:
            for module in (appraisal, appraisal_regression):
                for name, change in (("WORD_FEATURES", words), ("CHARACTER_FEATURES", characters)):
                    how = {**getattr(appraisal, name), **change}
                    stack.enter_context(mock.patch.object(module, name, how))
            return variant(fit, unseen)

    return other


PLAIN = {"token_pattern": r"(?u)\b\w\w+\b"}
NONE = {"analyzer": "word", "token_pattern": "(?!)"}
VARIANTS: dict[str, Variant] = {
    "words, cut at the middle (first attempt)": thresholded,
    "words, ordinal": with_features(ours(pooled=False), PLAIN, NONE),
    "words, ordinal, readers pooled": with_features(ours(), PLAIN, NONE),
    "... one-letter words": with_features(ours(), {}, NONE),
    "... characters 3-5": ours(),
    "... characters 2-6, words 1-3": with_features(
        ours(), {"ngram_range": (1, 3)}, {"ngram_range": (2, 6)}
    ),
    **{
        f"... characters 3-5, hint {hint}, C {c}, ridge {ridge}": ours(hint=hint, c=c, ridge=ridge)
        for hint, c, ridge in (
            (0.05, 0.5, 2.0),
            (0.1, 0.1, 2.0),
            (0.1, 0.5, 2.0),
            (0.2, 0.1, 2.0),
            (0.2, 0.3, 2.0),
            (0.2, 0.5, 2.0),
            (0.4, 0.3, 2.0),
            (0.2, 0.3, 1.0),
            (0.2, 0.3, 4.0),
            (0.2, 0.3, 8.0),
        )
    },
}
"""Each line is the one before it and one change, up to the characters; settings after that."""


def on_dev(sets: Sequence[RatedSet]) -> None:
    """AUROC and r of every variant on a dev part; the test part is not looked at."""
    split = []
    for rated in sets:
        rest = part(rated, ~held_out_of(rated, 0))
        dev = held_out(rest.texts, 0.25, np.random.default_rng(1))
        split.append((part(rest, ~dev), part(rest, dev)))
    for name, variant in VARIANTS.items():
        show(name, [(dev, variant(train, dev)) for train, dev in split])


def on_test(sets: Sequence[RatedSet]) -> None:
    """The product's verifier as it reports itself, and what to compare it with."""
    show_quality("the verifier", fit_verifier(sets))
    split = []
    for rated in sets:
        out = held_out_of(rated, 0)
        split.append((part(rated, ~out), part(rated, out)))
    show("first attempt", [(test, thresholded(train, test)) for train, test in split])
    rows = read_corpus("goemotions-sample", "train").rows
    table = load_theory_table(load_space("goemotions28"))
    theory = fit_verifier([from_theory(rows, table, ATOMS)])
    against_people = []
    for _, test in split:
        columns = [ATOMS.index(atom) for atom in test.atoms]
        against_people.append((test, theory.matrix(test.texts)[:, columns]))
    show("theory verifier, against people", against_people)
    show_quality("theory verifier, against the table", theory)


def show_quality(name: str, verifier: Verifier) -> None:
    """What a verifier says of itself."""
    cells = [f"{one.auroc:.3f} / {one.r:.3f}" for one in verifier.quality]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def show(name: str, measured: Sequence[tuple[RatedSet, Scores]]) -> None:
    """One line of a table: AUROC / r of each atom."""
    cells = []
    for rated, scores in measured:
        for column in range(len(rated.atoms)):
            gold, found = rated.measured[:, column].tolist(), scores[:, column].tolist()
            area, r = auroc([x > 0.5 for x in gold], found), pearson(gold, found)
            assert area is not None and r is not None
            cells.append(f"{area:.3f} / {r:.3f}")
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def show_readers(path: Path) -> None:
    """How well the readers' mean tells the writer's rating: what to expect at best."""
    read = read_crowd_envent(path)
    rows = [row for row in read.rows if row.pooled != row.own]
    per_text = read.readings / len(rows)
    own = np.array([row.own for row in rows])
    pooled = np.array([row.pooled for row in rows])
    # The readers' mean: the writer's share is taken out again.
    readers = (pooled * (per_text + 1) - own) / per_text
    cells = [
        f"{auroc((o > 0.5).tolist(), m.tolist()):.3f} / {pearson(o.tolist(), m.tolist()):.3f}"
        for o, m in zip(own.T, readers.T, strict=True)
    ]
    print(f"| mean of {per_text:.2f} readers, {len(rows)} texts | {' | '.join(cells)} | |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crowd_envent", type=Path)
    parser.add_argument("isear", type=Path)
    parser.add_argument("--test", action="store_true", help="the test part instead of the dev part")
    given = parser.parse_args()
    sets = [
        from_ratings("crowd-enVENT", read_crowd_envent(given.crowd_envent)),
        from_ratings("ISEAR", read_isear(given.isear)),
    ]
    print(f"| | {' | '.join(ATOMS)} |\n|---|---|---|---|---|")
    if given.test:
        on_test(sets)
        show_readers(given.crowd_envent)
    else:
        on_dev(sets)


if __name__ == "__main__":
    main()
