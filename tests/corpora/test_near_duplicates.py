"""Near-duplicate groups against the definition, computed pair by pair."""

import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from emoloom.corpora.lines import normalise_text
from emoloom.corpora.near_duplicates import NearIndex, near_duplicate_groups

TEXTS = st.lists(st.text(alphabet="abcde ", max_size=14), max_size=14)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from([0.25, 0.5, 0.6, 0.8, 1.0]))
def test_groups_are_the_connected_components_of_all_pairs(texts, threshold):
    bags = [set(normalise_text(text).split()) for text in texts]
    linked = np.zeros((len(texts), len(texts)))
    for i, j in combinations(range(len(texts)), 2):
        union = len(bags[i] | bags[j])
        linked[i, j] = union > 0 and len(bags[i] & bags[j]) / union >= threshold - 1e-9
    groups = near_duplicate_groups(texts, threshold)
    wanted = connected_components(linked, directed=False)[1] if texts else []
    assert len(set(groups)) == len(set(wanted))
    assert len(set(zip(groups, wanted, strict=True))) == len(set(groups))
    assert all(group <= index and groups[group] == group for index, group in enumerate(groups))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("MY DAD passed away!", True),
        ("passed away, my dad", True),
        ("My dad just passed away", True),
        ("My mum passed away", False),
        ("", False),
    ],
)
def test_what_counts_as_one_text(other, same):
    groups = near_duplicate_groups(["my dad passed away", "nothing alike", other])
    assert groups == (0, 1, 0 if same else 2)


def test_texts_without_a_word_are_alone():
    assert near_duplicate_groups(["", "", "  "]) == (0, 1, 2)


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from([0.25, 0.5, 0.6, 0.8, 1.0]))
def test_the_index_finds_every_near_text_and_no_other(texts, others, threshold):
    def jaccard(one: str, other: str) -> float:
        a, b = (set(normalise_text(text).split()) for text in (one, other))
        return len(a & b) / len(a | b) if a | b else 0.0

    index = NearIndex(others, threshold)
    for text in texts:
        wanted = [(n, jaccard(text, other)) for n, other in enumerate(others)]
        wanted = [(n, value) for n, value in wanted if value >= threshold - 1e-9 and value]
        assert index.near(text) == [(n, pytest.approx(value)) for n, value in wanted]


def test_the_same_groups_in_every_process_whatever_the_hash_seed():
    code = (
        "from emoloom.corpora.near_duplicates import NearIndex, near_duplicate_groups\n"
        "texts = [' '.join(f'w{i * j % 17}' for j in range(1, 6)) for i in range(300)]\n"
        "index = NearIndex(texts[150:], 0.6)\n"
        "print(near_duplicate_groups(texts, 0.6), [index.near(text) for text in texts[:150]])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
