"""Polarity consistency: does the answer turn over when the text does (ours).

The polarity of labels is the lexicon's and not the mirror table's, so that labels without a mirror
(gratitude, grief) count, in any label space, and the table that made the pairs cannot grade itself.

Legend of suffixes: N pairs, K columns, B draws. `...` is any leading shape: none for the pairs as
they are, (draws,) for many resampled sets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from emoloom.contract.parse import parse_output
from emoloom.corpora.polarity_pairs import FLIP_SUFFIX, PolarityPair
from emoloom.errors import UserError
from emoloom.metrics.classification import FloatArray, divide
from emoloom.metrics.intervals import Interval, Resampled
from emoloom.metrics.resampling import Bootstrap, influence, weight_blocks
from emoloom.records import LabelSpace, ParseFailure, Prediction
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import label_prior

LABEL_MARGIN = 0.1
"""Distance of the labels' prior valence from 0.5 below which labels have no polarity (ours).

`neutral` (0.53 in the shipped lexicon) and mixed labels such as joy with sadness have none.
"""

POLARITY_METRICS: Mapping[str, str] = MappingProxyType(
    {
        "consistency": "Share of pairs where valence and labels both turn over, in [0, 1]",
        "valence": "Share of pairs where the valence turns over, in [0, 1]",
        "labels": "Share of pairs where the polarity of the labels turns over, in [0, 1]",
    }
)
"""The shares of a block and their meaning. Each has an interval; null where undefined."""

PairAnswers = tuple[Prediction | ParseFailure, Prediction | ParseFailure]
"""What was said of a pair's original and of its flip."""


@dataclass(frozen=True, slots=True)
class PolarityBlock:
    """The shares of one block, `strict` or `parsed`."""

    n: int
    """Pairs: all of them (strict), or those of which both answers parsed."""
    values: Mapping[str, float | None]
    """A value for each key of `POLARITY_METRICS`; None where there is no pair."""
    intervals: Mapping[str, Interval | None]
    """Expanded percentile interval over resampled pairs; None where undefined."""


@dataclass(frozen=True, slots=True)
class PolarityScores:
    """Polarity consistency of one candidate."""

    strict: PolarityBlock
    """A pair with a failed parse is inconsistent in every part."""
    parsed: PolarityBlock
    """Over the pairs of which both answers parsed."""
    consistent: Mapping[str, bool]
    """Pair by pair, by id: whether it is consistent; a failed parse is not."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        return {name: _block_dict(getattr(self, name)) for name in ("strict", "parsed")}


def score_polarity(
    answers: Sequence[PairAnswers],
    pairs: Sequence[PolarityPair],
    lexicon: Lexicon,
    bootstrap: Bootstrap | None = None,
) -> PolarityScores:
    """Polarity consistency over pairs.

    A pair's *valence* turns over where the predicted valence lies above 0.5 for its pleasant text
    and below 0.5 for the unpleasant one. Its *labels* turn over where the same holds for the mean
    lexicon valence of the predicted labels (`weak_vad.label_prior`), by at least `LABEL_MARGIN`.
    It is *consistent* where both do. The scores are shares of pairs, in [0, 1]; 0 is what a
    constant answer has, about 0.25 (for each part) what a coin for each text would have.

    Undefined (None): without pairs, or, in `parsed`, without a pair whose answers both parsed.
    Source: ours. The interval is the bootstrap of `resampling`, whose units are pairs.

    Args:
        answers: For each pair, the answers to its original and to its flip.
        pairs: In the same order.
        lexicon: Gives the labels' valence.
        bootstrap: Settings of the intervals; None takes the defaults.

    Raises:
        UserError: the lengths differ.
    """
    _check_lengths(answers, pairs)
    columns = [_columns(answer, pair, lexicon) for answer, pair in zip(answers, pairs, strict=True)]
    columns_NK = np.array(columns, dtype=np.float64).reshape(len(pairs), 5)
    settings = bootstrap or Bootstrap()
    measured = _measure(columns_NK.sum(axis=0))
    intervals = _intervals(columns_NK, settings)
    n = {"strict": len(pairs), "parsed": int(columns_NK[:, 1].sum())}
    strict, parsed = (_block(name, n[name], measured, intervals) for name in ("strict", "parsed"))
    found = {pair.id: bool(column[2]) for pair, column in zip(pairs, columns, strict=True)}
    return PolarityScores(strict, parsed, found)


def score_polarity_outputs(
    outputs: Mapping[str, str],
    pairs: Sequence[PolarityPair],
    space: LabelSpace,
    lexicon: Lexicon,
    bootstrap: Bootstrap | None = None,
) -> PolarityScores:
    """`score_polarity` of raw outputs by row id, as decoded from `polarity_pairs.polarity_rows`.

    Raises:
        UserError: a row of the pairs has no output.
    """
    ids = [(pair.id, pair.id + FLIP_SUFFIX) for pair in pairs]
    missing = [row_id for both in ids for row_id in both if row_id not in outputs]
    if missing:
        raise UserError(
            "polarity pairs without an output",
            got=f"{len(missing)} ids, first {missing[0]!r}",
            allowed="an output for every row of the pairs",
            do="an empty output counts as a failed parse",
        )
    answers = [
        (parse_output(outputs[original], space), parse_output(outputs[flip], space))
        for original, flip in ids
    ]
    return score_polarity(answers, pairs, lexicon, bootstrap)


def _check_lengths(answers: Sequence[PairAnswers], pairs: Sequence[PolarityPair]) -> None:
    if len(answers) != len(pairs):
        raise UserError(
            "Answers and polarity pairs must pair up",
            got=f"{len(answers)} answers, {len(pairs)} pairs",
            allowed="two answers for each pair, in the same order",
        )


def _columns(
    answers: PairAnswers, pair: PolarityPair, lexicon: Lexicon
) -> tuple[bool, bool, bool, bool, bool]:
    """One (a pair), both parsed, consistent, valence turned over, labels turned over."""
    pleasant, unpleasant = answers if pair.polarity == "pleasant" else answers[::-1]
    if isinstance(pleasant, ParseFailure) or isinstance(unpleasant, ParseFailure):
        return True, False, False, False, False
    valence = pleasant.vad.v > 0.5 > unpleasant.vad.v
    up, down = (label_prior(answer.labels, lexicon).v - 0.5 for answer in (pleasant, unpleasant))
    labels = up >= LABEL_MARGIN and down <= -LABEL_MARGIN
    return True, True, valence and labels, valence, labels


def _measure(sums: FloatArray) -> dict[str, FloatArray]:
    """Shares of sums of the columns, shape (..., K), keyed `<block>.<metric>`."""
    return {
        f"{block}.{key}": divide(sums[..., column], sums[..., whole])
        for whole, block in enumerate(("strict", "parsed"))
        for column, key in enumerate(POLARITY_METRICS, start=2)
    }


def _intervals(columns_NK: FloatArray, settings: Bootstrap) -> dict[str, Interval | None]:
    """Of every share; None without a pair."""
    strata = ["pairs"] * len(columns_NK)
    without_N = _measure(columns_NK.sum(axis=0) - columns_NK)
    if not strata:
        return dict.fromkeys(without_N)
    stratum_N = np.zeros(len(strata), dtype=np.int64)
    draws = [_measure(weights @ columns_NK) for weights in weight_blocks(strata, settings)]
    return {
        key: Resampled(
            np.concatenate([draw[key] for draw in draws]), influence(without_N[key], stratum_N)
        ).interval(settings.level)
        for key in without_N
    }


def _block(
    name: str,
    n: int,
    measured: Mapping[str, FloatArray],
    intervals: Mapping[str, Interval | None],
) -> PolarityBlock:
    return PolarityBlock(
        n,
        {key: float(measured[f"{name}.{key}"]) if n else None for key in POLARITY_METRICS},
        {key: intervals[f"{name}.{key}"] if n else None for key in POLARITY_METRICS},
    )


def _block_dict(block: PolarityBlock) -> dict[str, Any]:
    pairs = {f"{key}_interval": ends and list(ends) for key, ends in block.intervals.items()}
    return {"n": block.n, **block.values, **pairs}
