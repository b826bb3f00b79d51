"""Geometry of the page's small inline drawings: interval bars and loss curves."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from emoloom.report.formats import finite

POINTS = 240
"""At most this many points of a loss curve are drawn; the ends always are."""

_MOST = 1e6
"""A score of larger size is damage, and counts as absent."""

WIDTH, HEIGHT, LEFT, BOTTOM = 320, 132, 34, 18
"""The loss drawing, in its own units: outer size, and room for the axes' numbers."""


_Point = TypeVar("_Point")


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its interval; either may be absent."""

    value: float | None
    """The point estimate."""
    low: float | None = None
    """Lower end of the 95% interval."""
    high: float | None = None
    """Upper end of the 95% interval."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The range that a column of bars shares."""

    low: float
    """Value at the left end."""
    high: float
    """Value at the right end."""

    def at(self, value: float) -> str:
        """Where a value lies, as per cent of the width."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"


def measure(value: object, interval: object = None) -> Measure:
    """A Measure of a number, or of an object with `value` and `interval`."""
    if isinstance(value, dict):
        return measure(value.get("value"), value.get("interval"))
    low = high = None
    if isinstance(interval, list | tuple) and len(interval) == 2:
        low, high = finite(interval[0]), finite(interval[1])
    if low is None or high is None or max(abs(low), abs(high)) > _MOST:
        low = high = None
    number = finite(value)
    return Measure(None if number is None or abs(number) > _MOST else number, low, high)


def domain(measures: Iterable[Measure]) -> Domain:
    """The smallest range in steps of 0.05 that holds zero, every value and every interval."""
    values = [0.0]
    for one in measures:
        values += [v for v in (one.value, one.low, one.high) if v is not None]
    low, high = math.floor(min(values) * 20 - 1e-9), math.ceil(max(values) * 20 + 1e-9)
    # 1e-9 keeps a value that stands on a step from touching the edge.
    return Domain(0.0 if min(values) == 0 else low / 20, max(high, low + 1, 1) / 20)


@dataclass(frozen=True, slots=True)
class Curve:
    """One candidate's training loss, ready to draw."""

    name: str
    """Name of the candidate."""
    points: str
    """The polyline's points, in drawing units."""
    steps: int
    """Optimiser steps recorded."""
    first: float
    """Loss of the first step, in nats per answer token."""
    last: float
    """Loss of the last step."""
    left_out: int
    """Steps without a finite loss."""


@dataclass(frozen=True, slots=True)
class Curves:
    """All loss curves, on the same axes."""

    curves: tuple[Curve, ...]
    """One per candidate that has steps."""
    top: int
    """Loss at the upper edge; the lower edge is zero."""
    last_step: int
    """Step at the right edge; the left edge is step zero."""
    undrawn: tuple[str, ...]
    """Candidates with steps of which none has a finite loss."""


def loss_curves(steps: Sequence[tuple[str, Sequence[dict[str, object]]]]) -> Curves:
    """Curves of (name, records with `step` and `loss`), on common axes so they can be compared."""
    series = []
    for name, records in steps:
        pairs = [(finite(r.get("step")), finite(r.get("loss"))) for r in records]
        kept = sorted((s, v) for s, v in pairs if s is not None and v is not None)
        if kept:
            series.append((name, kept, len(pairs) - len(kept)))
    top = max((loss for _, kept, _ in series for _, loss in kept), default=1.0)
    top = max(math.ceil(top), 1)
    last = max((kept[-1][0] for _, kept, _ in series), default=1.0)
    last = max(last, 1.0)
    curves = tuple(
        Curve(
            name=name,
            points=_polyline(thinned(kept, POINTS), top, last),
            steps=len(kept),
            first=kept[0][1],
            last=kept[-1][1],
            left_out=left_out,
        )
        for name, kept, left_out in series
    )
    drawn = {name for name, _, _ in series}
    undrawn = tuple(name for name, records in steps if records and name not in drawn)
    return Curves(curves, top, int(last), undrawn)


def thinned(points: Sequence[_Point], limit: int) -> list[_Point]:
    """At most `limit` (two or more) of the points, evenly spaced, both ends among them."""
    if len(points) <= limit:
        return list(points)
    step = (len(points) - 1) / (limit - 1)
    return [points[round(index * step)] for index in range(limit)]


def _polyline(points: list[tuple[float, float]], top: float, last: float) -> str:
    wide, tall = WIDTH - LEFT - 6, HEIGHT - BOTTOM - 6
    return " ".join(
        f"{LEFT + wide * max(step, 0) / last:.1f},{6 + tall * (1 - max(loss, 0) / top):.1f}"
        for step, loss in points
    )
