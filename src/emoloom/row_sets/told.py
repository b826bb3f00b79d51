"""What became of the records of a config, in words: the lines under `check` and `screen`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from emoloom.corpora.overlap import Twin

_TWINS = {
    "same_text": "a text",
    "same_group": "a group",
    "near_text": "nearly a text",
    "same_conversation": "a conversation",
    "near_conversation": "nearly a conversation",
}
"""Reason of counts.json -> what a row is of another set, in words."""

_GROUPS = "groups"
_OTHER = {
    **dict.fromkeys(("same_text", "near_text"), "texts"),
    "same_group": _GROUPS,
    **dict.fromkeys(("same_conversation", "near_conversation"), "conversations"),
}
"""Reason -> what other rows must have another of."""

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
        told = f"{counts['removed_from_select']:,} rows ({for_test_in_words(taken)})"
        yield f"removed from select: {told if any(taken.values()) else 'none'}"
    yield f"removed from train: {_removed(counts)}"


def _removed(counts: Mapping[str, Any]) -> str:
    twins = counts["removed_from_train_as_twins_in"]
    pairs = int(counts["removed_from_train_as_polarity_pairs"])
    removed = counts["removed_from_train"] + pairs
    if not removed:
        return "none"
    left = sum(one["of"] for one in counts["draws"] if one["set"] == "train")
    return f"{removed:,} of {left + removed:,} rows ({twins_in_words(twins, pairs)})"


def twins_in_words(twins: Mapping[str, Mapping[Twin, int]], pairs: int = 0) -> str:
    """Why rows left train: `a text of select: 3; a group of test: 1`.

    Args:
        twins: Set -> reason -> rows, as `OtherSets.removed` gives them.
        pairs: Rows that left since they are polarity pairs.
    """
    reasons = [
        f"{_TWINS[twin]} of {name}: {number:,}"
        for name, because in twins.items()
        for twin, number in because.items()
        if number
    ]
    return "; ".join([*reasons, *([f"a polarity pair: {pairs:,}"] if pairs else [])])


def newly(
    now: Mapping[str, Mapping[Twin, int]], before: Mapping[str, Mapping[Twin, int]]
) -> dict[str, dict[Twin, int]]:
    """What of `OtherSets.removed` has been added since."""
    return {
        name: {twin: number - before.get(name, {}).get(twin, 0) for twin, number in because.items()}
        for name, because in now.items()
    }


def for_test_in_words(taken: Mapping[str, int]) -> str:
    """Why rows left select: `kept for test: 3; a group of test: 1`."""
    return "; ".join(f"{_FOR_TEST[twin]}: {number:,}" for twin, number in taken.items() if number)


def other_rows(reasons: Iterable[str], *, shared_groups: bool) -> str:
    """What to give in place of rows that left a set for these reasons: other texts, or groups.

    Args:
        reasons: Those of counts.json.
        shared_groups: Whether the config says that the files share their groups.
    """
    what = dict.fromkeys(_OTHER[reason] for reason in reasons if reason in _OTHER)
    told = f"other {' and '.join(what) or 'texts'}"
    if shared_groups and _GROUPS in what:
        told += ", or leave `shared_groups` out if equal groups of two files are not one"
    return told
