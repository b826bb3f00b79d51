"""The parts of weak VAD, each turned off or elsewhere, worked by hand."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.supervision.lexicon import Lexicon, load_lexicon
from emoloom.supervision.matching import DEFAULT, Formula
from emoloom.supervision.weak_vad import weak_vad

TINY = """term\tvalence\tarousal\tdominance
good\t0.9\t0.5\t0.5
bad\t0.1\t0.5\t0.5
joy\t0.9\t0.9\t0.5
grief\t0.1\t0.1\t0.5
plain\t0.5\t0.5\t0.5
"""
# The centre is (0.5, 0.5, 0.5). Distances from it: good, bad 0.4; joy, grief sqrt(0.32); plain 0.


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Lexicon:
    path = tmp_path_factory.mktemp("lexicon") / "tiny.tsv"
    path.write_text(TINY, encoding="utf-8")
    return load_lexicon(path)


JOY = 0.32**0.5


@pytest.mark.parametrize(
    ("text", "changes", "valence"),
    [
        # No negators: not mirrored.
        ("not good", {"window": 0}, (0.36 + 0.5) / 1.4),
        ("not good", {"window": 1}, (0.04 + 0.5) / 1.4),
        ("not so good", {"window": 1}, (0.36 + 0.5) / 1.4),
        ("not a b c d good", {"window": 5}, (0.04 + 0.5) / 1.4),
        # No lemmas: the plural is not found, and the prior stands.
        ("joys", {"lemmas": False}, 0.5),
        ("joy", {"lemmas": False}, (JOY * 0.9 + 0.5) / (1 + JOY)),
        # No weights: every term counts 1.
        ("good", {"weight_power": 0.0}, (0.9 + 0.5) / 2),
        ("good bad joy", {"weight_power": 0.0}, (1.9 + 0.5) / 4),
        ("good joy", {"weight_power": 2.0}, (0.9 * 0.48 + 0.5) / 1.48),
        # No shrinkage: the weighted mean alone.
        ("good", {"prior_weight": 0.0}, 0.9),
        ("good grief", {"prior_weight": 0.0}, (0.4 * 0.9 + JOY * 0.1) / (0.4 + JOY)),
        ("good", {"prior_weight": 3.6}, (0.36 + 1.8) / 4),
        # A term at the centre weighs nothing, so that nothing is left to divide by.
        ("plain", {"prior_weight": 0.0}, 0.5),
        ("nothing here", {"prior_weight": 0.0}, 0.5),
    ],
)
def test_a_part_turned(tiny, text, changes, valence):
    found = weak_vad(text, tiny, formula=replace(DEFAULT, **changes))
    assert found.vad.v == pytest.approx(valence, abs=1e-12)


def test_the_defaults_are_the_formula_of_the_design():
    assert Formula() == DEFAULT
    assert (DEFAULT.prior_weight, DEFAULT.window, DEFAULT.lemmas, DEFAULT.weight_power) == (
        1.0, 3, True, 1.0
    )  # fmt: skip


formulas = st.builds(
    Formula,
    prior_weight=st.floats(0, 10),
    window=st.integers(0, 6),
    lemmas=st.booleans(),
    weight_power=st.floats(0, 4),
)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["good", "bads", "not", "joy", "plain", "z"]), max_size=9), formulas
)
def test_any_formula_gives_a_vad(words, formula):
    tiny = load_lexicon()
    found = weak_vad(" ".join(words), tiny, formula=formula)
    assert all(0 <= value <= 1 for value in found.vad.as_tuple())
    if not found.hits:
        assert found.vad == tiny.centre
