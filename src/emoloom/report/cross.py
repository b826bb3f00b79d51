"""Answers to corpora that no model was trained on: the cross-corpus probe.

Scores are read where scores.json has them; of answers without scores only the share that parsed is
counted here. The probe never ranks.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.contract.parse import parse_output
from emoloom.records import LabelSpace, ParseFailure
from emoloom.report.board import Entry
from emoloom.report.charts import Measure, measure
from emoloom.report.formats import finite
from emoloom.report.inputs import Candidate, Record, RunInputs, mapping

METRICS = ("macro_f1", "micro_f1", "skill")
"""Strict scores that the table shows where any entry has them."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One entry on one corpus."""

    name: str
    """Name of the entry."""
    corpus: str
    """The corpus."""
    space: str
    """Label space that it is scored in; may be empty."""
    n: int | None
    """Rows answered."""
    parse_ok: Measure
    """Share of outputs that parsed, in [0, 1]."""
    scores: Mapping[str, Measure]
    """By `METRICS`; without a value where not scored."""


@dataclass(frozen=True, slots=True)
class Cross:
    """The whole probe."""

    probes: tuple[Probe, ...]
    """By corpus, then in the order of the page; empty where there is none."""
    metrics: tuple[str, ...]
    """Of `METRICS`, those that any probe has."""


def cross_view(inputs: RunInputs, entries: Sequence[Entry], space: LabelSpace | None) -> Cross:
    """Every entry that answered rows of the cross set, or has scores on it."""
    sources = {
        str(row.get("id")): str(row.get("source") or "–")
        for row in inputs.lines["data/cross.jsonl"]
    }
    names = dict.fromkeys([*(entry.name for entry in entries), *inputs.candidates])
    probes = [
        probe
        for name in names
        if (candidate := inputs.candidates.get(name))
        for probe in _probes(name, candidate, sources, space)
    ]
    probes.sort(key=lambda probe: probe.corpus)
    scored = [key for key in METRICS if any(p.scores[key].value is not None for p in probes)]
    return Cross(tuple(probes), tuple(scored))


def _probes(
    name: str, candidate: Candidate, sources: Mapping[str, str], space: LabelSpace | None
) -> list[Probe]:
    said = mapping(mapping(candidate.scores).get("cross"))
    rows, parsed = _counts(candidate.cross, sources, space)
    return [
        _probe((name, corpus), mapping(said.get(corpus)), rows[corpus], parsed[corpus], space)
        for corpus in dict.fromkeys([*said, *rows])
    ]


def _counts(
    outputs: Mapping[str, str], sources: Mapping[str, str], space: LabelSpace | None
) -> tuple[Counter[str], Counter[str]]:
    """Rows answered, and outputs that parsed, by corpus."""
    rows: Counter[str] = Counter()
    parsed: Counter[str] = Counter()
    for row_id, output in outputs.items():
        if row_id in sources:
            rows[sources[row_id]] += 1
            if space is not None and not isinstance(parse_output(output, space), ParseFailure):
                parsed[sources[row_id]] += 1
    return rows, parsed


def _probe(
    key: tuple[str, str], said: Record, rows: int, parsed: int, space: LabelSpace | None
) -> Probe:
    """What scores.json says, else what was counted."""
    strict = mapping(said.get("strict"))
    n, parse_ok = finite(said.get("n")), measure(said.get("parse_ok"))
    if parse_ok.value is None and rows and space is not None:
        parse_ok = Measure(parsed / rows)
    return Probe(
        name=key[0],
        corpus=key[1],
        space=str(said.get("label_space") or said.get("space") or ""),
        n=int(n) if n is not None else rows or None,
        parse_ok=parse_ok,
        scores={name: measure(strict.get(name, said.get(name))) for name in METRICS},
    )
