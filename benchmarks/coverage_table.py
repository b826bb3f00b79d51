"""Counts of covered truths, and the tables of `coverage.py` in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEVEL, LEAST, MOST, ENOUGH = 0.95, 0.92, 0.97, 1000
"""Nominal coverage; what is required of it, from how many rows on."""

ENOUGH_OF = {"score": 2000}
"""Where more rows are needed: in most draws of fewer the stand-in ranks, which says of itself that
it is indicative (labels with 3 gold rows rank, and fall out of draws)."""

Ends = tuple[float, float] | None

_ROUNDING = 1e-12

Part = dict[str, Any]


@dataclass
class Tally:
    """Of one method on one score."""

    reps: int = 0
    held: int = 0
    too_low: int = 0
    """The whole interval lies below the truth."""
    width: float = 0.0
    undefined: int = 0
    truth: float = 0.0
    bias: float = 0.0

    def add(self, ends: Ends, truth: float, value: float) -> None:
        """Count one interval."""
        if ends is None or np.isnan(truth):
            self.undefined += 1
            return
        self.reps += 1
        self.held += ends[0] - _ROUNDING <= truth <= ends[1] + _ROUNDING
        self.too_low += ends[1] + _ROUNDING < truth
        self.width += ends[1] - ends[0]
        self.truth += truth
        self.bias += value - truth

    def to_dict(self) -> dict[str, Any]:
        """Shares and means."""
        reps = max(1, self.reps)
        shares = {"coverage": self.held, "too_low": self.too_low, "width": self.width}
        shares |= {"truth": self.truth, "bias": self.bias}
        means = {key: round(float(value) / reps, 5) for key, value in shares.items()}
        return means | {"reps": self.reps, "undefined": self.undefined}


def failed(parts: Sequence[Part], required: Sequence[str]) -> list[str]:
    """What is required and not within `LEAST` and `MOST`, by the product's own method."""
    missed = []
    for part in parts:
        method = part.get("method", METHOD)
        assert any(one["method"] == method for one in part["found"]), f"no {method}: run it anew"
        for one in part["found"]:
            enough = part["n"] >= ENOUGH_OF.get(one["key"], ENOUGH)
            wanted = enough and one["key"] in required and one["of"] in ("A", "A-B")
            held = LEAST <= one["coverage"] <= MOST
            if wanted and one["method"] == method and not held:
                missed.append(f"{part['scene']} {part['n']} {one['of']} {one['key']}")
    return missed


METHOD = "expanded"
"""The product's."""


def to_markdown(parts: Sequence[Part], methods: Sequence[str], required: Sequence[str]) -> str:
    """Coverage by scene, score and n; then by method; then the best set; then seeds."""
    rows = [part for part in parts if "seeds" not in part]
    blocks = []
    sizes = sorted({part["n"] for part in rows})
    for what, title in (("A", "One candidate"), ("A-B", "Paired difference")):
        heads = ["scene", "score", *(f"n = {n:,}" for n in sizes)]
        lines = [f"{title}: coverage in percent, {METHOD}", "", *head(heads)]
        for scene in dict.fromkeys(part["scene"] for part in rows):
            for key in dict.fromkeys(one["key"] for part in rows for one in part["found"]):
                cells = [
                    _percent(_found(rows, scene, n, (key, what, METHOD)), key in required)
                    for n in sizes
                ]
                if set(cells) - {"100.0", "-"}:  # else nothing varies: no failure to parse
                    lines.append(row([scene, key, *cells]))
        blocks.append("\n".join(lines))
    blocks.append(_by_method(rows, methods, required))
    blocks.append(_best_sets(rows))
    blocks.append(_seeds([part for part in parts if "seeds" in part]))
    return "\n\n".join(filter(None, blocks)) + "\n"


def _by_method(rows: Sequence[Part], methods: Sequence[str], required: Sequence[str]) -> str:
    """Least and largest coverage over scenes, from `ENOUGH` rows on."""
    lines = ["By method: lowest to highest coverage over the scenes and A, B, A-B", ""]
    sizes = sorted({part["n"] for part in rows if part["n"] >= ENOUGH})
    lines += head(["score", "n", *methods])
    for key in (*required, "rank.labels", "strict.macro_f1"):
        for n in sizes:
            cells = []
            for method in methods:
                shares = [
                    one["coverage"]
                    for part in rows
                    for one in part["found"]
                    if part["n"] == n and (one["key"], one["method"]) == (key, method)
                ]
                cells.append(f"{100 * min(shares):.1f} to {100 * max(shares):.1f}")
            lines.append(row([key, f"{n:,}", *cells]))
    return "\n".join(lines) if rows else ""


def _best_sets(rows: Sequence[Part]) -> str:
    lines = ["The best set: how often the better of the two is lost, and the worse one told apart"]
    lines += ["", *head(["scene", "n", "better lost", "worse told apart"])]
    for part in rows:
        shares = (f"{100 * part[key]:.1f}%" for key in ("better_lost", "worse_told"))
        lines.append(row([part["scene"], f"{part['n']:,}", *shares]))
    return "\n".join(lines) if rows else ""


def _seeds(parts: Sequence[Part]) -> str:
    lines = ["Several trainings: coverage in percent of the mean over seeds, n = 1,000", ""]
    methods = list(dict.fromkeys(one["method"] for part in parts for one in part["found"]))
    lines += head(["trainings vary", "seeds", "of", "score", *methods])
    for part in parts:
        by = {(one["of"], one["key"], one["method"]): one for one in part["found"]}
        for of, key in dict.fromkeys(key[:2] for key in by):
            cells = [_percent(by[of, key, method], required=False) for method in methods]
            lines.append(row([part["scene"], str(part["seeds"]), of, key, *cells]))
    return "\n".join(lines) if parts else ""


def _found(rows: Sequence[Part], scene: str, n: int, key: tuple[str, str, str]) -> Part | None:
    found = (
        one
        for part in rows
        if (part["scene"], part["n"]) == (scene, n)
        for one in part["found"]
        if (one["key"], one["of"], one["method"]) == key
    )
    return next(found, None)


def _percent(one: Part | None, required: bool) -> str:
    if one is None:
        return "-"
    text = f"{100 * one['coverage']:.1f}"
    return f"**{text}**" if required and not LEAST <= one["coverage"] <= MOST else text


def head(cells: Sequence[str]) -> list[str]:
    """The first two lines of a table."""
    return [row(cells), row(["---"] * len(cells))]


def row(cells: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"
