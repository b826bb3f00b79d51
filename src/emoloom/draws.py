"""Every random number comes from here: a stream for each (seed, name, indices), none shared.

NumPy pads a seed with zeros: `default_rng(7)` is `default_rng((7, 0, 0))`. Seeds that purposes
number by themselves therefore meet; a hash of seed, name and indices does not
(docs/decisions/0019-draws.md).
"""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DRAWS", "SCHEME", "DrawName", "generator", "seed_of_library"]

SCHEME = "emoloom-draws-1"
"""Raised whenever the same seed, name and indices would draw otherwise."""

DrawName = Literal[
    "train-rows",
    "select-rows",
    "cross-rows",
    "test-rows",
    "polarity-pairs",
    "trial-rows",
    "row-order",
    "cut-rows",
    "written-values",
    "mixture",
    "mixture-held-out",
    "adapter",
    "bootstrap-rows",
    "bootstrap-seeds",
    "bootstrap-trainings",
    "noise-trainings",
    "verifier-held-out",
    "verifier-folds",
    "atom-folds",
    "replay-rows",
    "tiny-weights",
]
"""What a stream is for."""

DRAWS: Mapping[DrawName, str] = MappingProxyType(
    {
        "train-rows": "rows of a part of `data.train`; index: the part, from 0",
        "select-rows": "rows of a part of `data.select`; index: the part, from 0",
        "cross-rows": "rows of a part of `data.cross`; index: the part, from 0",
        "test-rows": "rows of a part of `data.test`; index: the part, from 0",
        "polarity-pairs": "the polarity pairs that are asked",
        "trial-rows": "train rows that are held out while learning rates are tried",
        "row-order": "the order of the training rows; index: the epoch, from 0",
        "cut-rows": "which training rows end before their answers do",
        "written-values": "values near a row's VAD that its answer writes; index: CRC of its id",
        "mixture": "the rows of a training step from two pools; index: the step, from 0",
        "mixture-held-out": "labelled train rows whose loss drives the mixture",
        "adapter": "initial values of the LoRA matrices",
        "bootstrap-rows": "rows of every bootstrap draw, the same for all candidates",
        "bootstrap-seeds": "trainings of every bootstrap draw; index: the number of trainings",
        "bootstrap-trainings": "chance of trainings in every draw; index: the number of candidates",
        "noise-trainings": "seed of a training that measures noise; index: which, from 1",
        "verifier-held-out": "texts that measure the verifier's fit; index: their set's first atom",
        "verifier-folds": "folds of the texts that the appraisal verifier is fitted on",
        "atom-folds": "folds of the training rows whose appraisal atoms are told without them",
        "replay-rows": "answers that `verify --replay` decodes again",
        "tiny-weights": "weights of `random:tiny`",
    }
)
"""Name of each stream -> what it draws, and what its index counts."""


def generator(seed: int, name: DrawName, *indices: int) -> "np.random.Generator":
    """A stream that no other seed, name or indices have.

    Args:
        seed: Of the run, at least 0.
        name: One of `DRAWS`.
        indices: Which of several draws of this name; as `DRAWS` says.

    Raises:
        ValueError: there is no such name, or a negative number.
    """
    import numpy as np  # models are listed, and sources named, without it

    key = int.from_bytes(_key(seed, name, indices), "little")
    return np.random.Generator(np.random.PCG64(key))


def seed_of_library(seed: int, name: DrawName, *indices: int) -> int:
    """The same for a library that takes a seed, in [0, 2^32): torch's CPU reads no more bits.

    Args:
        seed: Of the run, at least 0.
        name: One of `DRAWS`.
        indices: Which of several draws of this name; as `DRAWS` says.

    Raises:
        ValueError: there is no such name, or a negative number.
    """
    return int.from_bytes(_key(seed, name, indices)[:4], "little")


def _key(seed: int, name: str, indices: tuple[int, ...]) -> bytes:
    """32 bytes; JSON keeps apart what stands side by side, and `(7,)` from `(7, 0)`."""
    if name not in DRAWS:
        raise ValueError(f"no draw is named {name!r}: add it to emoloom.draws.DRAWS")
    numbers = [int(number) for number in (seed, *indices)]
    if min(numbers) < 0:
        raise ValueError(f"a draw's seed and indices are at least 0, got {numbers}")
    return hashlib.sha256(json.dumps([SCHEME, name, *numbers]).encode()).digest()
