"""Streams of random numbers: of all that exist, no two are alike."""

import itertools
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import emoloom
from emoloom.draws import DRAWS, DrawName, generator, seed_of_library

SOURCES = [path for path in Path(emoloom.__file__).parent.rglob("*.py") if path.name != "draws.py"]
SEEDS = (0, 1, 3, 7, 77, 2**32 - 1)
INDICES = ((), (0,), (1,), (2,), (7,), (0, 0), (0, 1), (1, 0), (7, 0), (10**9,))
KEYS = list(itertools.product(SEEDS, DRAWS, INDICES))


def first_words(stream: np.random.Generator) -> bytes:
    return stream.bytes(32)


def test_no_two_streams_are_alike():
    streams = {first_words(generator(seed, name, *indices)) for seed, name, indices in KEYS}
    assert len(streams) == len(KEYS)


def test_no_two_seeds_of_libraries_are_alike():
    seeds = {seed_of_library(seed, name, *indices) for seed, name, indices in KEYS}
    assert len(seeds) == len(KEYS)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_no_stream_is_one_that_numpy_makes_of_the_numbers_alone():
    plain = {
        first_words(np.random.default_rng((seed, *more)))
        for seed in SEEDS
        for more in itertools.product(range(4), repeat=2)
    }
    # What made this room: numpy pads with zeros.
    assert first_words(np.random.default_rng(7)) in plain
    assert plain.isdisjoint(first_words(generator(*key[:2], *key[2])) for key in KEYS)


def test_the_same_key_draws_the_same_everywhere():
    drawn = generator(7, "select-rows", 1).integers(0, 1000, 6).tolist()
    assert drawn == generator(np.int64(7), "select-rows", np.int32(1)).integers(0, 1000, 6).tolist()
    assert drawn == [352, 168, 725, 282, 657, 330]
    assert seed_of_library(7, "adapter") == 3926414211


@pytest.mark.parametrize("make", [generator, seed_of_library])
def test_a_misspelt_name_and_a_negative_number_are_refused(make):
    with pytest.raises(ValueError, match="no draw is named 'select-row'"):
        make(7, "select-row")
    with pytest.raises(ValueError, match=r"at least 0, got \[-1\]"):
        make(-1, "select-rows")
    with pytest.raises(ValueError, match=r"at least 0, got \[7, -1\]"):
        make(7, "select-rows", -1)


def test_every_name_says_what_it_draws_and_is_drawn():
    assert set(DRAWS) == set(get_args(DrawName))
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert [name for name in DRAWS if f'"{name}"' not in code] == []


def test_scikit_learn_is_given_no_seed_of_its_own():
    # Generators are ruff's to find (TID251); this argument it cannot.
    given = re.compile(r"random_state\s*=\s*(?!seed_of_library)")
    assert [path.name for path in SOURCES if given.search(path.read_text(encoding="utf-8"))] == []
