"""The decoded rows as compact JSON for the page's script: 10,000 rows must open and search fast."""

import json
from dataclasses import dataclass, replace

from emoloom.report.formats import visible
from emoloom.report.inputs import Record, mapping
from emoloom.report.rows import Answer, DecodedRows, gold_vad, row_text, vad_by

EMBED_BYTES = 12_000_000
"""Rows are embedded in order until their JSON has this size; the rest stay in the run's files."""


@dataclass(frozen=True, slots=True)
class EmbeddedRows:
    """What the page's script browses."""

    payload: str
    """JSON, safe inside a script element."""
    shown: int
    """Rows embedded."""
    total: int
    """Rows in the run."""


FRESH = " (test)"
"""Ends the corpus's name of a row that chose nobody."""


def embed_rows(decoded: DecodedRows, tested: DecodedRows | None = None) -> EmbeddedRows:
    """As many rows as fit, in order; those of `test` behind the others.

    Args:
        decoded: the rows that rank.
        tested: of the rows `test`; an entry that did not answer them has no line there.
    """
    words = _Words()
    fresh = [] if tested is None else [{**r, "source": _fresh(r)} for r in tested.rows]
    said = {name: dict(found) for name, found in decoded.answers.items()}
    for name, found in () if tested is None else tested.answers.items():
        said.setdefault(name, {}).update(found)
    decoded = replace(decoded, rows=[*decoded.rows, *fresh], answers=said)
    pieces = _pieces(decoded, words)
    names = [visible(name) for name in decoded.answers]
    head, body = script_json({"names": names, "words": words.listed}), ",\n".join(pieces)
    return EmbeddedRows(
        payload=f'{head[:-1]},"rows":[\n{body}\n]}}',
        shown=len(pieces),
        total=len(decoded.rows),
    )


def _fresh(row: Record) -> str:
    return f"{row.get('source') or ''}{FRESH}".strip()


def script_json(value: object) -> str:
    """JSON that cannot end, open or comment out the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


class _Words:
    """Words that many rows repeat (labels, sources, reasons), each stored once."""

    def __init__(self) -> None:
        self.listed: list[str] = []
        self._number: dict[str, int] = {}

    def number(self, word: str) -> int:
        """The word's place in the list."""
        if word not in self._number:
            self._number[word] = len(self.listed)
            self.listed.append(visible(word))
        return self._number[word]


def _pieces(decoded: DecodedRows, words: _Words) -> list[str]:
    """JSON of the first rows, as many as fit in EMBED_BYTES."""
    pieces: list[str] = []
    size = 0
    for row in decoded.rows:
        row_id = str(row.get("id"))
        cells = [
            _cell(found[row_id], words) if row_id in found else None
            for found in decoded.answers.values()
        ]
        piece = script_json([*_gold(row, words), cells])
        size += len(piece.encode("utf-8"))
        if size > EMBED_BYTES:
            break
        pieces.append(piece)
    return pieces


def _cell(answer: Answer, words: _Words) -> list[object]:
    """[labels, VAD in hundredths, rationale], then the output where it is written otherwise.

    Of an output without an answer: [reason or -1, output].
    """
    if answer.labels is None or answer.vad is None:
        return [words.number(answer.reason) if answer.reason else -1, answer.shown]
    labels = [words.number(label) for label in answer.labels]
    cell: list[object] = [labels, [round(100 * x) for x in answer.vad], answer.rationale]
    return cell if answer.canonical else [*cell, answer.shown]


def _gold(row: Record, words: _Words) -> list[object]:
    """The row's own part: id, text, source, gold labels, gold VAD, who gave the VAD.

    A dimension that is not rated is null.
    """
    labels, vad = _labels(row), gold_vad(row)
    return [
        visible(str(row.get("id"))),
        None if (text := row_text(row)) is None else visible(text),
        words.number(str(row.get("source") or "")),
        None if labels is None else [words.number(str(label)) for label in labels],
        None if vad is None else [None if x is None else round(x, 4) for x in vad],
        words.number(vad_by(row)),
    ]


def _labels(row: Record) -> list[object] | None:
    labels = mapping(row.get("answer")).get("labels")
    return labels if isinstance(labels, list) else None
