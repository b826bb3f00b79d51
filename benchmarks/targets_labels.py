"""Whether a row's own label has the least loss of the terms that read labels, on the samples.

The part of benchmarks/targets.py on `appraisal` and the labels of `vad_preserving`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.records import ATOMS, LabelSpace, Row
from emoloom.row_sets.lexicon_fit import fit_scale
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.theory import load_theory_table
from emoloom.supervision.training_atoms import FOLDS, row_folds, training_atoms
from emoloom.supervision.verifier_choice import TheoryRows, VerifierRequest, get_verifier
from emoloom.supervision.weak_vad import label_prior, weak_vad
from emoloom.training.label_means import label_means

SIZES = (160, 800, 2000)
"""Labelled rows."""

Array = NDArray[np.float64]
Loss = Callable[[Array, Array], Array]


def bce(points: Array, values: Array) -> Array:
    """As `appraisal`, of one label alone."""
    inside = points.clip(1e-6, 1 - 1e-6)
    found: Array = -(values * np.log(inside) + (1 - values) * np.log(1 - inside)).mean(axis=-1)
    return found


def distance(points: Array, values: Array) -> Array:
    """As the labels of `vad_preserving`, of one label alone."""
    found: Array = np.linalg.norm(points - values, axis=-1)
    return found


def against_gold(
    rows: Sequence[Row], values: Array, points: Array, loss: Loss, space: LabelSpace
) -> dict[str, float]:
    """Of rows with one label: how often another, and `neutral`, has less loss; gold's mean rank.

    `points` are of each label (L, K), or of each label for each row (N, L, K).
    """
    single = [at for at, row in enumerate(rows) if len(row.answer.labels or ()) == 1]
    gold = np.array([space.labels.index((rows[at].answer.labels or ("",))[0]) for at in single])
    each = np.broadcast_to(points, (len(rows), *points.shape[-2:]))[single]
    losses = loss(each, values[single][:, None, :])
    own, neutral = losses[np.arange(len(gold)), gold], space.labels.index("neutral")
    others = gold != neutral
    return {
        "rows": len(gold),
        "beaten": round(float((losses.min(axis=1) < own).mean()), 3),
        "neutral_beats": round(float((losses[others, neutral] < own[others]).mean()), 3),
        "rank": round(float(1 + (losses < own[:, None]).sum(axis=1).mean()), 1),
    }


def means_out_of_fold(rows: Sequence[Row], values: Array, space: LabelSpace) -> Array:
    """(N, L, K): the labels' means, each row by those of the other folds."""
    fold, found = row_folds(rows), np.empty((len(rows), len(space.labels), values.shape[1]))
    for number in range(FOLDS):
        kept = np.flatnonzero(fold != number)
        means = label_means([rows[at] for at in kept], values[kept], space.labels)
        found[fold == number] = means
    return found


def correlations(atoms: Array, rows: Sequence[Row], space: LabelSpace) -> list[float]:
    """Pearson's r of each atom with the theory table's value of the row's labels."""
    table = load_theory_table(space)
    wanted = np.array([table.target(row.answer.labels or ()) for row in rows])
    return [
        round(float(np.corrcoef(atoms[:, k], wanted[:, k])[0, 1]), 2) for k in range(len(ATOMS))
    ]


def of_size(rows: Sequence[Row], space: LabelSpace) -> dict[str, Any]:
    """Everything of so many labelled rows."""
    request, train = VerifierRequest(None, None, None, None, None), TheoryRows(space, tuple(rows))
    verifier = get_verifier(request, lambda _: None, train)
    atoms = np.array([one.as_tuple() for one in training_atoms(verifier, request, train, rows)])
    seen = verifier.matrix([row.text for row in rows])
    table = np.array(list(load_theory_table(space).profiles.values()))
    lexicon = load_lexicon()
    scale = fit_scale(read_corpus("emobank-sample", "train").rows, lexicon)
    vad = np.array([scale.apply(weak_vad(row.text, lexicon).vad).as_tuple() for row in rows])
    words = np.array([scale.apply(label_prior([x], lexicon)).as_tuple() for x in space.labels])
    ways: tuple[tuple[str, Array, Array, Loss], ...] = (
        ("appraisal: the theory table, atoms of the fit itself", seen, table, bce),
        ("appraisal: the theory table, atoms out of fold", atoms, table, bce),
        ("appraisal: means of the labels' rows", atoms, means_out_of_fold(rows, atoms, space), bce),
        ("VAD: the lexicon's words", vad, words, distance),
        ("VAD: means of the labels' rows", vad, means_out_of_fold(rows, vad, space), distance),
    )
    return {
        "terms": {
            name: against_gold(rows, values, points, loss, space)
            for name, values, points, loss in ways
        },
        "r_of_the_fit": correlations(seen, rows, space),
        "r_out_of_fold": correlations(atoms, rows, space),
    }


def print_labels(say: Callable[[str], object]) -> dict[str, Any]:
    """Measure and print the tables."""
    space, found = load_space("goemotions28"), {}
    rows = read_corpus("goemotions-sample", "train").rows
    say("\n| rows | what labels stand for | `neutral` beats gold | any label does | gold's rank |")
    say("| --- | --- | --- | --- | --- |")
    for size in SIZES:
        found[str(size)] = of_size(rows[:size], space)
        for name, one in found[str(size)]["terms"].items():
            shares = f"{one['neutral_beats']:.1%} | {one['beaten']:.1%} | {one['rank']:.1f}"
            say(f"| {size:,} | {name} | {shares} |")
    say("\n| rows | r of the fit itself with the row's own labels | out of fold |")
    say("| --- | --- | --- |")
    for size, one in found.items():
        cells = (" / ".join(f"{r:.2f}" for r in one[k]) for k in ("r_of_the_fit", "r_out_of_fold"))
        say(f"| {int(size):,} | {' | '.join(cells)} |")
    return found
