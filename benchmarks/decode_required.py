"""What is asked of decoding, held against the lines of `decode.py`."""

from collections.abc import Sequence
from typing import Any


def required(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each requirement, what was measured for it, and whether it is met."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_kind.setdefault(line["name"].partition(", ")[0], []).append(line)
    ours = [line for line in lines if line["name"].startswith("verified")]
    packs, alone = (one for one in ours if "no heads" not in one["name"])
    no_packs, no_alone = (one for one in ours if "no heads" in one["name"])
    cached = by_kind["generate(use_cache=True)"]
    at_once = [line for line in cached if not line["name"].endswith("batch 1")]
    best = max(at_once or cached, key=lambda line: line["rows_per_second"])
    slow = max(by_kind["generate(use_cache=False)"], key=lambda line: line["rows_per_second"])
    memory = [line for line in cached if "our_peak_memory_is_times" in line]
    key, bare = "ours_is_times", "ours_without_heads_is_times"
    least = [
        ("uncached, best batch", 10, min(slow[key], slow[bare])),
        ("cached, one row at a time", 2, min(cached[0][key], cached[0][bare])),
        ("cached, best batch, with heads", 0.6, best[key]),
        ("cached, best batch, no heads", 0.5, best[bare]),
        ("zero-shot, against a token a forward in packs", 1, lines[-1][key]),
    ]
    most = [
        ("forwards a row, with heads", 3.5, _forwards(packs, alone)),
        ("forwards a row, no heads", 4.0, _forwards(no_packs, no_alone)),
        ("peak memory, same batch", 1.2, max(line["our_peak_memory_is_times"] for line in memory)),
    ]
    made = [(what, f"at least {limit}", found, found >= limit) for what, limit, found in least]
    made += [(what, f"at most {limit}", found, found <= limit) for what, limit, found in most]
    answers = [line["same_answers"] == line["rows"] for line in lines]
    made.append(("answers of every way the same", "all", f"{sum(answers)} ways", all(answers)))
    against = [line["canonical"] for line in lines if "canonical" in line]
    counts = {key: sum(one[key] for one in against) for key in ("known", "equal")}
    told = f"{counts['equal']} of {counts['known']}" if against else "none kept: make exactness"
    equal = bool(against) and counts["equal"] == counts["known"]
    made.append(("answers equal to canonical", "all", told, equal))
    keys = ("what", "required", "measured", "met")
    return [dict(zip(keys, one, strict=True)) for one in made]


def _forwards(*lines: dict[str, Any]) -> float:
    """The most of these."""
    return max(line["costs_per_row"]["forwards"] for line in lines)
