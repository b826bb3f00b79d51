"""The verifier's atoms of training rows: by fits that have not seen them, where it has."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.records import ATOMS, Answer, Row
from emoloom.supervision.theory import load_theory_table
from emoloom.supervision.training_atoms import FOLDS, row_folds, training_atoms
from emoloom.supervision.verifier_choice import TheoryRows, VerifierRequest, get_verifier
from emoloom.supervision.verifier_file import save_verifier
from rated_files import envent_folder

SPACE = load_space("goemotions28")
TABLE = load_theory_table(SPACE)
OWN = VerifierRequest(None, None, None, None, None)


def made_rows(count: int) -> tuple[Row, ...]:
    """Texts that tell nothing of their labels."""
    rng = np.random.default_rng(3)
    words = [f"w{number}" for number in range(300)]
    rows = []
    for number in range(count):
        label = ("joy", "fear", "pride", "anger")[number % 4]
        text = " ".join(rng.choice(words, 10))
        answer = Answer((label,), None, "")
        rows.append(Row(f"r{number}", text, answer, "made-up", "train", None, f"g{number}"))
    return tuple(rows)


def atoms_of(request: VerifierRequest, train: TheoryRows, rows: tuple[Row, ...]) -> np.ndarray:
    verifier = get_verifier(request, lambda _: None, train)
    found = np.array([one.as_tuple() for one in training_atoms(verifier, request, train, rows)])
    assert found.shape == (len(rows), len(ATOMS))
    return found


def r_with_own_labels(atoms: np.ndarray, rows: tuple[Row, ...]) -> list[float]:
    wanted = np.array([TABLE.target(row.answer.labels) for row in rows])
    return [float(np.corrcoef(atoms[:, k], wanted[:, k])[0, 1]) for k in range(len(ATOMS))]


def test_atoms_are_not_the_rows_own_labels_again():
    rows = made_rows(400)
    train = TheoryRows(SPACE, rows)
    verifier = get_verifier(OWN, lambda _: None, train)
    seen = r_with_own_labels(verifier.matrix([row.text for row in rows]), rows)
    assert min(seen) > 0.5, "of texts that it was fitted on the verifier knows the labels"
    assert max(r_with_own_labels(atoms_of(OWN, train, rows), rows)) < 0.15


def test_twins_of_a_row_are_told_without_it():
    """Near duplicates, flips and rows without labels, whose texts the fit would else have seen."""
    rows = made_rows(400)
    texts = [row.text for row in rows]
    near = [replace(r, id=f"{r.id}-n", text=f"{r.text} end", group=f"n{r.id}") for r in rows]
    flips = [replace(r, id=f"{r.id}+flip", text=t[:20]) for r, t in zip(rows, texts, strict=True)]
    asked = (*rows, *flips, *near)
    folds = row_folds(asked).reshape(3, 400)
    assert (folds == folds[0]).all()
    assert np.bincount(folds[0], minlength=FOLDS).tolist() == [80] * FOLDS
    found = atoms_of(OWN, TheoryRows(SPACE, rows), asked)
    assert max(r_with_own_labels(found[400:800], rows)) < 0.15
    assert max(r_with_own_labels(found[800:], rows)) < 0.15


def test_the_folds_are_a_function_of_the_rows_and_no_row_is_too_few():
    rows = made_rows(60)
    assert (row_folds(rows) == row_folds(rows)).all()
    assert row_folds(()).shape == (0,)
    same = tuple(replace(row, group="one") for row in rows)
    assert len(set(row_folds(same).tolist())) == 1
    # One fold has all, so nothing is left to fit on: the mean says nothing of any row.
    found = atoms_of(OWN, TheoryRows(SPACE, same), same)
    wanted = np.mean([TABLE.target(row.answer.labels) for row in same], axis=0)
    np.testing.assert_allclose(found, np.broadcast_to(wanted, found.shape))
    train = TheoryRows(SPACE, rows)
    assert training_atoms(get_verifier(OWN, lambda _: None, train), OWN, train, ()) == ()


def test_where_the_sample_stands_in_its_rows_are_told_without_themselves():
    """Too few labelled rows: the verifier is fitted on the sample that they are of."""
    sample = read_corpus("goemotions-sample", "train").rows
    few = sample[:40]
    train = TheoryRows(SPACE, few)
    seen = get_verifier(OWN, lambda _: None, train).matrix([row.text for row in few])
    fitted, told = r_with_own_labels(seen, few), r_with_own_labels(atoms_of(OWN, train, few), few)
    assert all(one < other for one, other in zip(told, fitted, strict=True))


def test_a_verifier_from_elsewhere_and_human_ratings_are_applied_as_they_are(tmp_path: Path):
    rows = made_rows(100)
    train, texts = TheoryRows(SPACE, rows), [row.text for row in rows]
    path = tmp_path / "saved.zip"
    saved = get_verifier(OWN, lambda _: None, train)
    save_verifier(saved, path)
    given = atoms_of(replace(OWN, verifier=path), train, rows)
    np.testing.assert_array_equal(given, saved.matrix(texts))
    request = replace(OWN, crowd_envent=envent_folder(tmp_path / "envent"))
    rated = get_verifier(request, lambda _: None, train).matrix(texts)
    found = atoms_of(request, train, rows)
    people = [ATOMS.index(atom) for atom in ATOMS if atom != "fairness"]
    np.testing.assert_array_equal(found[:, people], rated[:, people])
    fairness = ATOMS.index("fairness")
    assert np.ptp(found[:, fairness] - rated[:, fairness]) > 0.01
    assert found[:, fairness] == pytest.approx(atoms_of(OWN, train, rows)[:, fairness])
