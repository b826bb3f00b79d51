"""Digits as numbers: targets that spread over the values near a rating (ours).

One-hot digits call 0.49 as wrong as 0.91 where a rating is 0.50, and the second decimal of a rating
is mostly noise. Here a value x is wanted in proportion to exp(-(x - t)^2 / 2 s^2), as number-token
losses do (Zausinger et al. 2025, arXiv 2411.02083), token by token for any tokenizer.

The value that is written in training is itself drawn so. With the rating written, a second decimal
is only ever learnt behind its own first one: of texts around 0.50 those above it alone teach what
follows `0.5`, and a greedy answer is 0.53. Behind drawn values it is the likeliest of all.

Legend of suffixes: N tokens that may stand at a place.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoloom.contract.prompt import EncodedAnswer, Prompter
from emoloom.contract.schema import write_answer
from emoloom.records import VAD, Prediction
from emoloom.training.number_chart import NUMERALS, number_tokens


@dataclass(frozen=True, slots=True)
class Spreads:
    """s of what is wanted around a value, above 0, on the scale of VAD in [0, 1]."""

    human: float
    """Around what people rated."""
    weak: float
    """Around weak VAD."""


@dataclass(frozen=True, slots=True)
class SoftTarget:
    """What is wanted at one token of a written value."""

    at: int
    """Index of the token among the answer's ids."""
    token_ids_N: NDArray[np.int64]
    """Tokens that may stand there, distinct."""
    shares_N: NDArray[np.float32]
    """How much each is wanted; they sum to 1."""


@dataclass(frozen=True, slots=True)
class NumeralTokens:
    """How one tokenizer writes every value of each dimension."""

    ids: tuple[tuple[tuple[int, ...], ...], ...]
    """Of v, a, d: the tokens of each of the 101 numerals, with what else those tokens write."""


def numeral_tokens(prompter: Prompter) -> NumeralTokens:
    """The tokens of the 101 numerals in their places of a contract line."""
    found: list[list[tuple[int, ...]]] = [[], [], []]
    for numeral in NUMERALS:
        value = float(numeral)
        line = write_answer(
            Prediction((prompter.space.labels[0],), VAD(value, value, value), "cues: none")
        )
        answer = prompter.answer(line)
        for dimension, ids in enumerate(_ids_of(line, answer)):
            found[dimension].append(ids)
    return NumeralTokens(tuple(tuple(ids) for ids in found))


def drawn_value(wanted: float, spread: float, chance: float) -> float:
    """One of the 101 numerals' values, each as likely as it is wanted.

    Args:
        wanted: the rating, in [0, 1].
        spread: s, above 0.
        chance: uniform in [0, 1).
    """
    mass = np.exp(-((_VALUES - wanted) ** 2) / (2 * spread**2) + _nearest_gap(wanted, spread))
    ends = np.cumsum(mass)
    return float(NUMERALS[int(np.searchsorted(ends, chance * ends[-1], side="right"))])


def soft_targets(
    text: str,
    answer: EncodedAnswer,
    numerals: NumeralTokens,
    spreads: Mapping[int, tuple[float, float]],
) -> Iterator[SoftTarget]:
    """Targets of the tokens of values, where the tokenizer writes them as it does elsewhere.

    At each token: the values that go on with what is written before it, each by its share. A first
    decimal so counts all the values that it leaves open.

    Args:
        text: the contract line.
        answer: its tokens.
        numerals: of `numeral_tokens`.
        spreads: dimension -> (what is wanted, in [0, 1], and its s > 0); others are left out.
    """
    written = _ids_of(text, answer)
    places = _places(text, answer)
    for dimension, (wanted, spread) in spreads.items():
        every, mine = numerals.ids[dimension], written[dimension]
        if mine not in every:
            continue  # merged with its surroundings in a way of its own: hard targets stay
        gaps = [(float(numeral) - wanted) ** 2 / (2 * spread**2) for numeral in NUMERALS]
        for turn, at in enumerate(places[dimension]):
            still_open = [
                (ids[turn], gap)
                for ids, gap in zip(every, gaps, strict=True)
                if len(ids) > turn and ids[:turn] == mine[:turn]
            ]
            yield SoftTarget(at, *_shared_out(still_open))


_VALUES = np.array([float(numeral) for numeral in NUMERALS])


def _nearest_gap(wanted: float, spread: float) -> float:
    """Brings the nearest value to weight 1, so that no sum is 0."""
    return float(np.min((_VALUES - wanted) ** 2) / (2 * spread**2))


def _shared_out(
    gaps: Sequence[tuple[int, float]],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Distinct tokens and their shares; the nearest value has weight 1, so that no sum is 0."""
    nearest = min(gap for _, gap in gaps)
    mass: dict[int, float] = {}
    for token, gap in gaps:
        mass[token] = mass.get(token, 0.0) + math.exp(nearest - gap)
    total = math.fsum(mass.values())
    shares = [share / total for share in mass.values()]
    return np.array(list(mass), dtype=np.int64), np.array(shares, dtype=np.float32)


def _places(text: str, answer: EncodedAnswer) -> tuple[tuple[int, ...], ...]:
    tokens = number_tokens(text, answer)
    return tuple(tuple(one.at for one in tokens if one.dimension == axis) for axis in range(3))


def _ids_of(text: str, answer: EncodedAnswer) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(answer.ids[at] for at in places) for places in _places(text, answer))
