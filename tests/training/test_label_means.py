"""What labels stand for in the loss is measured, so that no label wins for being middling."""

from collections.abc import Callable

import numpy as np

from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.records import VAD, PartialVAD
from emoloom.row_sets.lexicon_fit import fit_scale
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.theory import load_theory_table
from emoloom.supervision.training_atoms import FOLDS, row_folds, training_atoms
from emoloom.supervision.verifier_choice import TheoryRows, VerifierRequest, get_verifier
from emoloom.supervision.weak_vad import label_prior, weak_vad
from emoloom.training.label_means import label_means, vad_of
from tiny_lm import SPACE, row

NAN = float("nan")
GOEMOTIONS = load_space("goemotions28")
NEUTRAL = GOEMOTIONS.labels.index("neutral")
ROWS = read_corpus("goemotions-sample", "train").rows[:800]


def test_means_worked_by_hand():
    rows = [
        row(0, "", ("joy",), None),
        row(1, "", ("joy", "anger"), None),
        row(2, "", ("neutral",), None),
        row(3, "", None, None),
    ]
    values = np.array([[1.0, 0.2], [0.4, NAN], [0.1, 0.6], [0.9, 0.9]])
    found = label_means(rows, values, SPACE.labels)
    # The mean of labelled rows: (1.0 + 0.4 + 0.1) / 3 = 0.5 and (0.2 + 0.6) / 2 = 0.4.
    wanted = {
        "joy": [(1.4 + 2.5) / 7, (0.2 + 2.0) / 6],
        "sadness": [0.5, 0.4],
        "anger": [(0.4 + 2.5) / 6, 0.4],
        "neutral": [(0.1 + 2.5) / 6, (0.6 + 2.0) / 6],
    }
    np.testing.assert_allclose(found, [wanted[label] for label in SPACE.labels], atol=1e-15)


def test_where_no_labelled_row_is_known_every_label_has_one_value():
    rows = [row(0, "", None, VAD(0.2, 0.4, 0.6)), row(1, "", ("joy",), PartialVAD(0.8, None, None))]
    np.testing.assert_array_equal(vad_of(rows), np.array([[0.2, 0.4, 0.6], [0.8, NAN, NAN]]))
    found = label_means(rows, vad_of(rows), SPACE.labels)
    np.testing.assert_allclose(found, [[0.8, 0.4, 0.6]] * 4)
    np.testing.assert_array_equal(label_means([], vad_of([]), SPACE.labels), np.full((4, 3), 0.5))


def neutral_beats_gold(
    values: np.ndarray, points: np.ndarray, loss: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> float:
    """Share of rows with one label, another than neutral, in which `neutral` has less loss.

    Args:
        values: (N, K) of the rows.
        points: (L, K), or (N, L, K): of the labels.
        loss: of points (N, L, K) and values (N, 1, K).
    """
    losses = loss(np.broadcast_to(points, (len(values), *points.shape[-2:])), values[:, None, :])
    pairs = [
        (at, GOEMOTIONS.labels.index(one.answer.labels[0]))
        for at, one in enumerate(ROWS)
        if one.answer.labels is not None and len(one.answer.labels) == 1
    ]
    beaten = [losses[at, NEUTRAL] < losses[at, gold] for at, gold in pairs if gold != NEUTRAL]
    assert len(beaten) > 400
    return float(np.mean(beaten))


def bce(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """As the term `appraisal`, of one label alone."""
    inside = points.clip(1e-6, 1 - 1e-6)
    return -(values * np.log(inside) + (1 - values) * np.log(1 - inside)).mean(axis=-1)


def distance(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """As the label part of `vad_preserving`, of one label alone."""
    return np.linalg.norm(points - values, axis=-1)


def measured_without(values: np.ndarray) -> np.ndarray:
    """(N, L, K): means of labels, each fifth of the rows left out of its own."""
    fold, found = row_folds(ROWS), np.empty((len(ROWS), len(GOEMOTIONS.labels), values.shape[1]))
    for number in range(FOLDS):
        kept = [at for at in range(len(ROWS)) if fold[at] != number]
        rows = [ROWS[at] for at in kept]
        found[fold == number] = label_means(rows, values[kept], GOEMOTIONS.labels)
    return found


def test_neutral_seldom_beats_gold_under_appraisal():
    request, train = VerifierRequest(None, None, None, None, None), TheoryRows(GOEMOTIONS, ROWS)
    verifier = get_verifier(request, lambda _: None, train)
    atoms = np.array([x.as_tuple() for x in training_atoms(verifier, request, train, ROWS)])
    assert neutral_beats_gold(atoms, measured_without(atoms), bce) < 0.5
    # The theory table as the profile: 94%.
    table = np.array(list(load_theory_table(GOEMOTIONS).profiles.values()))
    assert neutral_beats_gold(atoms, table, bce) > 0.9


def test_neutral_seldom_beats_gold_under_the_vad_of_labels():
    lexicon = load_lexicon()
    scale = fit_scale(read_corpus("emobank-sample", "train").rows, lexicon)
    vad = np.array([scale.apply(weak_vad(one.text, lexicon).vad).as_tuple() for one in ROWS])
    assert neutral_beats_gold(vad, measured_without(vad), distance) < 0.5
    # The lexicon's word for each label, by the map of texts: 92%.
    words = [scale.apply(label_prior([x], lexicon)).as_tuple() for x in GOEMOTIONS.labels]
    assert neutral_beats_gold(vad, np.array(words), distance) > 0.9
