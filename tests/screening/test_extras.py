"""What recipes need beside the rows: the verifier and its atoms of every row trained on."""

from dataclasses import replace

import pytest

from asked_rows import SPACE
from emoloom.config import parse_config
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.records import LabelSpace
from emoloom.runs.directory import RunDirectory, sha256_file
from emoloom.screening.extras import check_recipes, extras_work, read_extras
from emoloom.supervision.theory import load_theory_table
from emoloom.supervision.verifier_file import load_verifier
from tiny_screen import SETTINGS


def config_with(recipes: list[str], **appraisal: str):
    training = {**SETTINGS["training"], "appraisal": appraisal}
    return parse_config({**SETTINGS, "recipes": recipes, "training": training}, source="test")


def test_each_row_and_flip_has_atoms_that_no_fit_on_it_gave(tmp_path, rows, lexicon):
    run, config = RunDirectory(tmp_path), config_with(["full-recipe"])
    rows = replace(rows, train=read_corpus("goemotions-sample", "train").rows[:300])
    for work in extras_work(run, config, rows, SPACE, lexicon, lambda _: None):
        outcome = work.make(lambda *_: None)
        assert all(path.is_file() for path in outcome.outputs)
    extras = read_extras(run, config, SPACE)
    assert extras.flips
    trained = (*rows.train, *extras.flips)
    assert list(extras.atoms) == [row.id for row in trained]
    assert extras.hashes["atoms"] == sha256_file(tmp_path / "data/atoms.jsonl")
    # The saved verifier is the one that was measured, and was fitted on most of them.
    verifier = load_verifier(tmp_path / "data/verifier.zip")
    told = verifier.appraise([row.text for row in trained])
    assert all(extras.atoms[row.id] != one for row, one in zip(trained, told, strict=True))


def test_no_theory_table_is_asked_for_where_nothing_is_fitted_on_one(tmp_path):
    own = LabelSpace("own", ("good", "bad"))
    with pytest.raises(Exception, match="no theory table ships"):
        load_theory_table(own)
    (fault,) = check_recipes(config_with(["sft+appraisal"]), own)
    assert fault.startswith("training.appraisal.theory: no theory table ships")
    for given in ({"verifier": "v.zip"}, {"crowd_envent": "e", "isear": "i"}):
        assert check_recipes(config_with(["sft+appraisal"], **given), own) == []
    assert len(check_recipes(config_with(["sft+appraisal"], isear="i"), own)) == 1
    assert check_recipes(config_with(["sft+appraisal"]), load_space("ekman7")) == []
