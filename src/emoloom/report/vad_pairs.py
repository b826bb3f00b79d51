"""Answered VAD against the VAD that people gave: the points, with r and n from the leaderboard."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from emoloom.report.board import Entry
from emoloom.report.calibration import Calibration, calibrations, steps_payload
from emoloom.report.charts import Domain, Measure, thinned
from emoloom.report.formats import plural, visible
from emoloom.report.inputs import Record
from emoloom.report.rows import Answer, DecodedRows, GoldVad, gold_vad, vad_sources

POINTS = 1_000
"""At most this many rows are drawn, evenly spaced over the set."""

TEXT = 90
"""Characters of a row's text beside its point."""


@dataclass(frozen=True, slots=True)
class VadEntry:
    """One entry's answers on rows that people rated."""

    name: str
    """Name of the entry."""
    said: tuple[tuple[float, ...] | None, ...]
    """(v, a, d) for each row drawn; None where the answer did not parse or is absent."""
    r: tuple[Measure, ...]
    """Pearson's r of v, a and d over parsed rows, from the leaderboard."""
    ccc: tuple[Measure, ...]
    """Concordance correlation of v, a and d over parsed rows, from the leaderboard."""
    axes: tuple[Calibration, ...]
    """Calibration of v, a and d over all parsed rows that people rated."""
    n: int
    """Parsed rows that people rated: the leaderboard's count, or the page's own without one."""
    n_rated: tuple[int, ...]
    """Of these, those with v, with a, with d."""
    note: str
    """How the page's own count differs from the leaderboard's; empty where it does not."""


@dataclass(frozen=True, slots=True)
class VadPoints:
    """Predicted against human VAD."""

    gold: tuple[GoldVad, ...]
    """(v, a, d) of each row drawn, None where people did not rate a dimension."""
    texts: tuple[str, ...]
    """The beginning of each of these rows' texts."""
    rows: int
    """Rows with human VAD."""
    rated: tuple[int, ...]
    """Of these, those with v, with a, with d."""
    entries: tuple[VadEntry, ...]
    """Entries with a parsed answer to such a row."""
    silent: tuple[str, ...]
    """Entries with answers of which none counts here."""
    domain: Domain
    """Range of both axes, the same for all plots."""
    why: str
    """Why there is no plot; empty where there is one."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries, in the order of the page."""
        return tuple(entry.name for entry in self.entries)


def vad_pairs(
    select: Sequence[Record], decoded: DecodedRows, entries: Sequence[Entry]
) -> VadPoints:
    """Gold and answered VAD of the rows that people rated."""
    rated = [(row, gold) for row in select if (gold := _human(row))]
    human = {str(row.get("id")): gold for row, gold in rated}
    drawn = thinned(rated, POINTS)
    shown = [str(row.get("id")) for row, _ in drawn]
    of = {entry.name: entry for entry in entries}
    made, silent = [], []
    for name, answers in decoded.answers.items():
        said = {key: _said(answers.get(key)) for key in human}
        found = sum(vad is not None for vad in said.values())
        if found:
            drawn_said, axes = tuple(said[key] for key in shown), calibrations(human, said)
            made.append(_vad_entry(of.get(name), found, (name, drawn_said), axes))
        else:
            silent.append(name)
    why = "No answer to a row that people rated could be parsed." if human else ""
    why = why or "No row of this row set has VAD ratings by people."
    points = tuple(vad for _, vad in drawn)
    spans = [*points, *(vad for entry in made for vad in entry.said if vad is not None)]
    return VadPoints(
        gold=points,
        texts=tuple(_beginning(str(row.get("text") or "")) for row, _ in drawn),
        rows=len(human),
        rated=tuple(sum(vad[axis] is not None for vad in human.values()) for axis in range(3)),
        entries=tuple(made),
        silent=tuple(silent) if made else (),
        domain=_square([x for vad in spans for x in vad if x is not None]),
        why="" if made else why,
    )


def _beginning(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"


def _human(row: Record) -> GoldVad | None:
    """The row's VAD where people gave it, if all of it is in [0, 1]."""
    gold = gold_vad(row)
    if gold is None or not all(x is None or 0 <= x <= 1 for x in gold):
        return None
    pairs = zip(gold, vad_sources(row), strict=True)
    rated = tuple(x if source == "human" else None for x, source in pairs)
    return None if rated == (None,) * 3 else rated


def _said(answer: Answer | None) -> tuple[float, ...] | None:
    return None if answer is None else answer.vad


def _vad_entry(
    entry: Entry | None,
    found: int,
    drawn: tuple[str, tuple[tuple[float, ...] | None, ...]],
    axes: tuple[Calibration, ...],
) -> VadEntry:
    """One entry by its name and the answers to the rows drawn."""
    listed_n = None if entry is None else entry.n_vad
    note = ""
    if listed_n is not None and listed_n != found:
        note = f"leaderboard.json counts {plural(listed_n, 'row')}, this page {found:,}."
    r, ccc = (
        tuple(entry.parsed[f"{metric}_{axis}"] if entry else Measure(None) for axis in "vad")
        for metric in ("pearson", "ccc")
    )
    n = found if listed_n is None else listed_n
    listed = (None,) * 3 if entry is None else entry.n_rated
    n_rated = tuple(own.n if n is None else n for n, own in zip(listed, axes, strict=True))
    return VadEntry(*drawn, r=r, ccc=ccc, axes=axes, n=n, n_rated=n_rated, note=note)


def _square(values: Sequence[float]) -> Domain:
    """The smallest range in steps of 0.1 within [0, 1] that holds the values."""
    low = math.floor(min(values, default=0.0) * 10 + 1e-9) / 10
    high = math.ceil(max(values, default=1.0) * 10 - 1e-9) / 10
    low, high = min(max(low, 0.0), 0.9), min(high, 1.0)
    return Domain(low, max(high, low + 0.1))


def vad_payload(vad: VadPoints) -> Record:
    """What the script draws: gold points, and each entry's answers in the same order."""
    return {
        "gold": vad.gold,
        "texts": [visible(text) for text in vad.texts],
        "rows": vad.rows,
        "rated": vad.rated,
        "domain": [vad.domain.low, vad.domain.high],
        "entries": [
            {"name": visible(e.name), "said": e.said, "n": e.n, "r": [asdict(r) for r in e.r]}
            | {"rated": e.n_rated}
            | {"steps": steps_payload(e.axes)}
            for e in vad.entries
        ],
    }
