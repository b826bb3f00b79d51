"""A finished answer as one line of JSON, with what it took; kept until a row set is whole."""

from collections.abc import Sequence
from typing import Any

from emoloom.decoding.canonical import Decoded
from emoloom.records import Row
from emoloom.screening.answer_cache import AnswerCache, Kept

COSTS = ("forwards", "tokens_computed", "near_ties", "truncated", "decided")
"""Counts of each line."""

Line = dict[str, Any]
"""`id`, `output`, and the counts of `COSTS`."""


def line_of(answer: Decoded) -> Line:
    """The line of an answer that was decoded here: at least one forward."""
    return {
        "id": answer.id,
        "output": answer.output,
        "forwards": answer.forwards,
        "tokens_computed": answer.tokens_computed,
        "near_ties": answer.near_ties,
        "truncated": int(answer.truncated),
        "decided": len(answer.ids),
    }


def is_line(value: object) -> bool:
    """Whether a value read back is such a line."""
    return (
        isinstance(value, dict)
        and value.keys() == {"id", "output", *COSTS}
        and all(isinstance(value[key], str) for key in ("id", "output"))
        and all(isinstance(value[key], int) for key in COSTS)
    )


def cached_lines(cache: AnswerCache | None, rows: Sequence[Row]) -> dict[str, Line]:
    """Lines of answers that earlier runs kept, by row id: no forward was needed here."""
    found = {} if cache is None else cache.look_up(rows)
    free = dict.fromkeys(COSTS, 0)
    return {
        row_id: {"id": row_id, "output": kept.output, **free, "truncated": int(kept.truncated)}
        for row_id, kept in found.items()
    }


def keep_lines(cache: AnswerCache | None, rows: Sequence[Row], lines: Sequence[Line]) -> None:
    """Keep the answers of rows, in their order, for later runs."""
    if cache is not None:
        found = [Kept(line["output"], bool(line["truncated"])) for line in lines]
        cache.store(zip(rows, found, strict=True))


def from_cache(lines: Sequence[Line]) -> int:
    """How many of these were not decoded here."""
    return sum(line["forwards"] == 0 for line in lines)
