"""Are the numbers answered the numbers that people give? Calibration of VAD by dimension (ours).

Over all parsed rows that people rated: where an answer says x, the mean rating should be x.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BINS = 10
"""Answers are grouped in so many steps of equal width over [0, 1]."""

Pair = tuple[float, float]
"""(answered, rated), each in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers that lie close together."""

    said: float
    """Mean answer, in [0, 1]."""
    rated: float
    """Mean rating of these rows, in [0, 1]."""
    n: int
    """Rows."""
    error: float | None
    """Standard error of the mean rating; None for one row."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """One dimension of one entry; what is undefined is None."""

    n: int
    """Rows."""
    bias: float | None
    """Mean answer less mean rating: above 0 the answers are too high."""
    spread: float | None
    """Standard deviation of the answers over that of the ratings: below 1 they are too flat."""
    slope: float | None
    """Of the least-squares line of ratings on answers: 1 is calibrated, 0 is no relation."""
    bins: tuple[Bin, ...]
    """Steps that hold any answer, in order."""


def calibration(pairs: Sequence[Pair]) -> Calibration:
    """Of the pairs (answered, rated) of one dimension."""
    n = len(pairs)
    if not n:
        return Calibration(0, None, None, None, ())
    said, rated = [x for x, _ in pairs], [y for _, y in pairs]
    mean_said, mean_rated = math.fsum(said) / n, math.fsum(rated) / n
    var_said = math.fsum((x - mean_said) ** 2 for x in said)
    var_rated = math.fsum((y - mean_rated) ** 2 for y in rated)
    both = math.fsum((x - mean_said) * (y - mean_rated) for x, y in pairs)
    flat = 1e-14 * n
    return Calibration(
        n=n,
        bias=mean_said - mean_rated,
        spread=math.sqrt(var_said / var_rated) if var_rated > flat else None,
        slope=both / var_said if var_said > flat else None,
        bins=_bins(pairs),
    )


def calibrations(
    gold: Mapping[str, Sequence[float | None]], said: Mapping[str, Sequence[float] | None]
) -> tuple[Calibration, ...]:
    """For valence, arousal and dominance, each over the rows with both.

    Args:
        gold: row id -> ratings (v, a, d), None where a dimension is not rated.
        said: row id -> answer (v, a, d); None where there is none.
    """
    both = [(vad, gold[key]) for key, vad in said.items() if vad is not None and key in gold]
    return tuple(
        calibration([(x[axis], rated) for x, y in both if (rated := y[axis]) is not None])
        for axis in range(3)
    )


def _bins(pairs: Sequence[Pair]) -> tuple[Bin, ...]:
    groups: dict[int, list[Pair]] = {}
    for pair in pairs:
        # An answer has two decimals; 1e-9 keeps 0.3 out of the step below.
        groups.setdefault(min(int(pair[0] * BINS + 1e-9), BINS - 1), []).append(pair)
    return tuple(_bin(groups[step]) for step in sorted(groups))


def _bin(pairs: Sequence[Pair]) -> Bin:
    n = len(pairs)
    mean = math.fsum(y for _, y in pairs) / n
    error = None
    if n > 1:
        error = math.sqrt(math.fsum((y - mean) ** 2 for _, y in pairs) / (n - 1) / n)
    return Bin(math.fsum(x for x, _ in pairs) / n, mean, n, error)


def steps_payload(axes: Sequence[Calibration]) -> list[list[list[float | None]]]:
    """What the script draws: for each dimension [answered, rated, error, n] of each step."""
    return [[_point(step) for step in one.bins] for one in axes]


def _point(step: Bin) -> list[float | None]:
    error = None if step.error is None else round(step.error, 4)
    return [round(step.said, 4), round(step.rated, 4), error, step.n]
