"""What each rung of successive halving decided, from rungs.json."""

from dataclasses import dataclass

from emoloom.report.formats import finite
from emoloom.report.inputs import Record, listed, mapping


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung."""

    number: int
    """From 1."""
    rows: int | None
    """Rows that each candidate was scored on."""
    places: tuple[tuple[str, float | None, str], ...]
    """(candidate, score, what became of it), best first."""
    capped: bool
    """Whether a group that could not be told apart was cut all the same, at the cap."""
    uncut: bool
    """Whether the scores count skill below 0, since nobody's is above."""


def rungs_view(found: Record) -> tuple[Rung, ...]:
    """The rungs that decided anything; empty where there was no halving."""
    return tuple(_rung(raw) for raw in listed(found.get("rungs")) if mapping(raw.get("scores")))


def _rung(raw: Record) -> Rung:
    scores = mapping(raw.get("scores"))
    promoted, dropped, tied = (_names(raw.get(key)) for key in ("promoted", "dropped", "tied"))
    order = dict.fromkeys([*promoted, *dropped, *scores])

    def became(name: str) -> str:
        if name in promoted:
            return "went on, not separable at the cut" if name in tied else "went on"
        return "dropped, not separable at the cut" if name in tied else "dropped"

    rows = finite(raw.get("rows"))
    return Rung(
        number=int(finite(raw.get("rung")) or 0),
        rows=None if rows is None else int(rows),
        places=tuple((name, finite(scores.get(name)), became(name)) for name in order),
        capped=raw.get("capped") is True,
        uncut=raw.get("decided_by") == "uncut",
    )


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []
