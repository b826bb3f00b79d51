"""The decoded rows: what each candidate said, parsed again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.contract.parse import parse_output
from emoloom.contract.schema import write_answer
from emoloom.records import FailureReason, LabelSpace, ParseFailure
from emoloom.report.formats import clip, finite, visible
from emoloom.report.inputs import Candidate, Record, mapping

TEXT_LIMIT = 1_500
"""Characters of a text or an output that the page shows."""

EXAMPLES = 3
"""Examples of each reason of failure, per candidate."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One output, parsed; nothing but `shown` where it did not parse or the space is not known."""

    shown: str
    """The output as the page shows it: cut, with control characters written out."""
    labels: tuple[str, ...] | None
    """Labels, in the order of the space."""
    vad: tuple[float, ...] | None
    """(v, a, d), each in [0, 1], with two decimals."""
    rationale: str
    """The rationale, control characters written out."""
    reason: FailureReason | None
    """Why it is no answer."""
    canonical: bool
    """Whether the output is letter by letter what `write_answer` writes of it."""


@dataclass(frozen=True, slots=True)
class Example:
    """An output that did not parse."""

    id: str
    """Id of the row."""
    text: str | None
    """The row's text, where it is known."""
    output: str
    """The raw output."""


@dataclass(frozen=True, slots=True)
class DecodedRows:
    """All that the page says of single rows."""

    rows: Sequence[Record]
    """All rows: those of the set, or bare ones with nothing but an id."""
    parsed: bool
    """Whether the outputs could be parsed (the label space is known)."""
    answers: Mapping[str, Mapping[str, Answer]]
    """Candidate -> row id -> answer; only rows that have an output."""
    failures: Mapping[str, Mapping[str, int]]
    """Candidate -> reason -> number of outputs."""
    examples: Mapping[str, Mapping[FailureReason, Sequence[Example]]]
    """Candidate -> reason -> the first few outputs."""


def decode_rows(
    select: Sequence[Record],
    candidates: Mapping[str, Candidate],
    names: Sequence[str],
    space: LabelSpace | None,
) -> DecodedRows:
    """Parse every output and embed as many rows as fit.

    Args:
        select: dataset rows, or nothing where their file is missing.
        candidates: what each folder holds.
        names: the candidates to show, in the order of the page.
        space: the label space in force; None: outputs are shown raw.
    """
    names = [name for name in names if name in candidates and candidates[name].outputs]
    outputs = {name: candidates[name].outputs for name in names}
    rows = select or _rows_of_outputs(list(outputs.values()))
    texts = {str(row.get("id")): row_text(row) for row in rows}
    answers = {
        name: {key: _answer(said[key], space) for key in texts if key in said}
        for name, said in outputs.items()
    }
    return DecodedRows(
        rows=rows,
        parsed=space is not None,
        answers=answers,
        failures={
            name: Counter(a.reason for a in found.values() if a.reason is not None)
            for name, found in answers.items()
        },
        examples={name: _examples(texts, outputs[name], answers[name]) for name in names},
    )


def _rows_of_outputs(outputs: Sequence[Mapping[str, str]]) -> list[Record]:
    """Bare rows, one per id that any candidate answered, where the row set is missing."""
    return [{"id": row_id} for row_id in dict.fromkeys(key for said in outputs for key in said)]


def _examples(
    texts: Mapping[str, str | None], outputs: Mapping[str, str], answers: Mapping[str, Answer]
) -> dict[FailureReason, list[Example]]:
    """The first few failed outputs of each reason."""
    found: dict[FailureReason, list[Example]] = {}
    for row_id, answer in answers.items():
        reason = answer.reason
        if reason is not None and len(kept := found.setdefault(reason, [])) < EXAMPLES:
            kept.append(Example(row_id, texts[row_id], clip(outputs[row_id], TEXT_LIMIT)))
    return found


GoldVad = tuple[float | None, ...]
"""(v, a, d) of a row; None where it lacks a dimension."""


def gold_vad(row: Record) -> GoldVad | None:
    """The row's own VAD; None where it has no dimension."""
    vad = mapping(mapping(row.get("answer")).get("vad"))
    numbers = tuple(finite(vad.get(key)) for key in "vad")
    return None if numbers == (None,) * 3 else numbers


def vad_sources(row: Record) -> tuple[str, ...]:
    """Who gave v, a and d of the row, each `` where it is not there."""
    by = row.get("vad_source")
    given = [by.get(key) for key in "vad"] if isinstance(by, dict) else [by] * 3
    vad = gold_vad(row) or (None,) * 3
    pairs = zip(given, vad, strict=True)
    return tuple("" if source is None or x is None else str(source) for source, x in pairs)


def vad_by(row: Record) -> str:
    """Who gave a row's VAD, for people: `human`, `human (va)`, `human (va), weak (d)`, or empty."""
    found: dict[str, str] = {}
    for key, source in zip("vad", vad_sources(row), strict=True):
        found[source] = found.get(source, "") + key
    found.pop("", None)
    return ", ".join(s if keys == "vad" else f"{s} ({keys})" for s, keys in found.items())


def row_text(row: Record) -> str | None:
    """The row's text, cut where it is very long."""
    text = row.get("text")
    return clip(text, TEXT_LIMIT) if isinstance(text, str) else None


def _answer(output: str, space: LabelSpace | None) -> Answer:
    shown = visible(clip(output, TEXT_LIMIT))
    if space is None:
        return Answer(shown, None, None, "", None, canonical=False)
    found = parse_output(output, space)
    if isinstance(found, ParseFailure):
        return Answer(shown, None, None, "", found.reason, canonical=False)
    canonical = shown == output == write_answer(found)
    vad = found.vad.as_tuple()
    return Answer(shown, found.labels, vad, visible(found.rationale), None, canonical=canonical)
