"""docs/weak-vad.md: its tables are the benchmark's, and the benchmark's numbers are made again."""

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.stats

from emoloom.corpora.readers import read_emobank
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.matching import DEFAULT, Formula
from emoloom.supervision.weak_vad import weak_vad

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"
RESULT = json.loads((ROOT / "benchmarks/results/weak_vad.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks/weak_vad_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_tables_are_what_was_measured(tables):
    page = (ROOT / "docs/weak-vad.md").read_text("utf-8")
    assert tables.fill(page, RESULT) == page


def test_the_formula_measured_is_the_one_in_force():
    assert Formula(**RESULT["formula"]) == DEFAULT
    assert RESULT["lexicons"]["shipped"]["sha256"] == load_lexicon().sha256


def test_the_shipped_lexicons_r_on_test_is_scipys():
    file = SHARED / "emobank/emobank.csv"
    if not file.exists():
        pytest.skip("../shared/data is absent: EmoBank cannot be read")
    rows = read_emobank(file, "test").rows
    for part in RESULT["lexicons"]["shipped"]["parts"]:
        formula = Formula(**part["formula"])
        weak = [weak_vad(row.text, load_lexicon(), formula=formula).vad.as_tuple() for row in rows]
        human = [row.answer.vad.as_tuple() for row in rows if row.answer.vad is not None]
        # scipy.stats.pearsonr (SciPy 1.17)
        r = [scipy.stats.pearsonr(x, y).statistic for x, y in zip(zip(*weak), zip(*human))]  # noqa: B905
        np.testing.assert_allclose(r, part["r_test"], atol=1e-9)
    whole = RESULT["lexicons"]["shipped"]["parts"][0]
    assert whole["formula"] == asdict(DEFAULT)
