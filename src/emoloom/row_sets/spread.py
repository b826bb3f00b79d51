"""Fewer rows of a set, the same for all that are asked fewer."""

from collections.abc import Sequence

from emoloom.records import Row


def spread(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
    """The first rows of each corpus in turn, `count` in all, in the order of `rows`."""
    seen: dict[str, int] = {}
    turns = []
    for place, row in enumerate(rows):
        turns.append((seen.get(row.source, 0), place))
        seen[row.source] = seen.get(row.source, 0) + 1
    chosen = sorted(place for _, place in sorted(turns)[:count])
    return tuple(rows[place] for place in chosen)
