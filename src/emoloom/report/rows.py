"""The decoded rows: what each candidate said, parsed again, ready to embed in the page."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.contract.parse import parse_output
from emoloom.records import FailureReason, LabelSpace, ParseFailure
from emoloom.report.formats import clip, finite, visible
from emoloom.report.inputs import Candidate, Record, mapping

EMBED_BYTES = 4_000_000
"""Rows are embedded in order until their JSON has this size; the rest stay in the run's files."""

TEXT_LIMIT = 1_500
"""Characters of a text or an output that the page shows."""

EXAMPLES = 3
"""Examples of each reason of failure, per candidate."""


Answer = tuple[list[object], FailureReason | None]
"""[shown output, labels, [v, a, d], rationale, reason of failure], and that reason again."""


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

    payload: str
    """JSON for the page's script, safe inside a script element."""
    shown: int
    """Rows embedded."""
    total: int
    """Rows in the run."""
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
    texts = {str(row.get("id")): _text(row) for row in rows}
    answers = {
        name: {key: _answer(said[key], space) for key in texts if key in said}
        for name, said in outputs.items()
    }
    pieces = _embedded(rows, answers)
    head, body = script_json([visible(name) for name in names]), ",\n".join(pieces)
    return DecodedRows(
        payload=f'{{"names":{head},"rows":[\n{body}\n]}}',
        shown=len(pieces),
        total=len(rows),
        parsed=space is not None,
        answers=answers,
        failures={
            name: Counter(reason for _, reason in found.values() if reason is not None)
            for name, found in answers.items()
        },
        examples={name: _examples(texts, outputs[name], answers[name]) for name in names},
    )


def script_json(value: object) -> str:
    """JSON that cannot end, open or comment out the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _rows_of_outputs(outputs: Sequence[Mapping[str, str]]) -> list[Record]:
    """Bare rows, one per id that any candidate answered, where the row set is missing."""
    return [{"id": row_id} for row_id in dict.fromkeys(key for said in outputs for key in said)]


def _embedded(rows: Sequence[Record], answers: Mapping[str, Mapping[str, Answer]]) -> list[str]:
    """JSON of the first rows, as many as fit in EMBED_BYTES."""
    pieces: list[str] = []
    size = 0
    for row in rows:
        row_id = str(row.get("id"))
        cells = [found[row_id][0] if row_id in found else None for found in answers.values()]
        piece = script_json({**_gold(row), "c": cells})
        size += len(piece.encode("utf-8"))
        if size > EMBED_BYTES:
            break
        pieces.append(piece)
    return pieces


def _examples(
    texts: Mapping[str, str | None], outputs: Mapping[str, str], answers: Mapping[str, Answer]
) -> dict[FailureReason, list[Example]]:
    """The first few failed outputs of each reason."""
    found: dict[FailureReason, list[Example]] = {}
    for row_id, (_, reason) in answers.items():
        if reason is not None and len(kept := found.setdefault(reason, [])) < EXAMPLES:
            kept.append(Example(row_id, texts[row_id], clip(outputs[row_id], TEXT_LIMIT)))
    return found


def gold_vad(row: Record) -> list[float] | None:
    """The row's own [v, a, d]; None where it lacks one of them."""
    vad = mapping(mapping(row.get("answer")).get("vad"))
    numbers = [number for key in "vad" if (number := finite(vad.get(key))) is not None]
    return numbers if len(numbers) == 3 else None


def _text(row: Record) -> str | None:
    text = row.get("text")
    return clip(text, TEXT_LIMIT) if isinstance(text, str) else None


def _gold(row: Record) -> dict[str, object]:
    """The row's own part: i id, t text, s source, g labels, v VAD, w who gave the VAD."""
    answer = mapping(row.get("answer"))
    labels = answer.get("labels")
    return {
        "i": visible(str(row.get("id"))),
        "t": None if (text := _text(row)) is None else visible(text),
        "s": visible(str(row.get("source") or "")),
        "g": [visible(str(label)) for label in labels] if isinstance(labels, list) else None,
        "v": gold_vad(row),
        "w": visible(str(row.get("vad_source") or "")),
    }


def _answer(output: str, space: LabelSpace | None) -> Answer:
    shown = visible(clip(output, TEXT_LIMIT))
    if space is None:
        return [shown, None, None, None, None], None
    answer = parse_output(output, space)
    if isinstance(answer, ParseFailure):
        return [shown, None, None, None, answer.reason], answer.reason
    vad = list(answer.vad.as_tuple())
    return [shown, list(answer.labels), vad, visible(answer.rationale), None], None
