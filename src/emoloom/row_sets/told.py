"""What became of the records of a config, in words: the lines under `check` and `screen`."""

from collections.abc import Iterator, Mapping
from typing import Any

_TWINS = {
    "same_text": "a text",
    "same_group": "a group",
    "near_text": "nearly a text",
    "same_conversation": "a conversation",
    "near_conversation": "nearly a conversation",
}
"""Reason of counts.json -> what a row is of another set, in words."""

_FOR_TEST = {
    "kept_for_test": "kept for test",
    **{twin: f"{what} of test" for twin, what in _TWINS.items()},
}


def count_lines(counts: Mapping[str, Any]) -> Iterator[str]:
    """Rows of each set, records rejected, and every row that left train, with the reason.

    Args:
        counts: What counts.json holds.
    """
    sets = ", ".join(f"{name} {found['all']:,} rows" for name, found in counts["sets"].items())
    yield f"rows: {sets}; {counts['rejected']:,} of {counts['lines_read']:,} records rejected"
    if lost := counts["lost_in_label_maps"]:
        yield f"dropped by label maps: {lost:,} rows"
    if taken := counts.get("removed_from_select_because"):
        reasons = [f"{_FOR_TEST[twin]}: {number:,}" for twin, number in taken.items() if number]
        told = f"{counts['removed_from_select']:,} rows ({'; '.join(reasons)})"
        yield f"removed from select: {told if reasons else 'none'}"
    yield f"removed from train: {_removed(counts)}"


def _removed(counts: Mapping[str, Any]) -> str:
    twins = counts["removed_from_train_as_twins_in"]
    pairs = int(counts["removed_from_train_as_polarity_pairs"])
    removed = counts["removed_from_train"] + pairs
    if not removed:
        return "none"
    left = sum(one["of"] for one in counts["draws"] if one["set"] == "train")
    reasons = [
        f"{_TWINS[twin]} of {name}: {number:,}"
        for name, because in twins.items()
        for twin, number in because.items()
    ]
    reasons += [f"a polarity pair: {pairs:,}"] if pairs else []
    return f"{removed:,} of {left + removed:,} rows ({'; '.join(reasons)})"
