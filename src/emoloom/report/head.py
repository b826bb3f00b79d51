"""The top of the page: the verdict, how the run ended, and the few figures that frame both."""

from collections.abc import Sequence

from emoloom.report import board
from emoloom.report.formats import duration, finite, number
from emoloom.report.inputs import Record, RunInputs, listed, mapping

HEADLINE = 130
"""Verdicts of more characters than this are set in two sizes."""

_STATUS = {
    "done": "Finished",
    "running": "Running, or killed",
    "stopped_by_budget": "Stopped by its budget",
    "interrupted": "Interrupted",
    "failed": "Failed",
}

_NO_VERDICT = {
    "done": "The run is finished, but its verdict is not in this folder.",
    "running": "No verdict yet: the run has not finished.",
    "stopped_by_budget": "No verdict: the budget ended before the candidates could be compared.",
    "interrupted": "No verdict yet: the run was interrupted.",
    "failed": "No verdict yet: the run failed.",
}


def head_view(inputs: RunInputs, entries: Sequence[board.Entry]) -> Record:
    """Verdict, status and the few figures that frame them."""
    leaderboard, run = inputs.objects["leaderboard.json"], inputs.objects["run.json"]
    verdict = mapping(leaderboard.get("verdict"))
    rank_by = mapping(leaderboard.get("rank_by"))
    status = str(run.get("status") or "")
    facts = [
        ("Status", _status(status, entries)),
        ("Candidates", _candidate_count(entries) if entries else "–"),
        ("Rows", _row_count(inputs, entries)),
        ("Seeds", number(verdict.get("seeds"), 0)),
        ("Label space", _space_name(leaderboard.get("label_space"))),
        ("Time", duration(_total_seconds(inputs.objects["costs.json"]))),
    ]
    said, rest = _headline(str(verdict.get("text") or ""))
    warnings = inputs.objects["data/counts.json"].get("warnings")
    return {
        "verdict": said or _NO_VERDICT.get(status, "This run has no verdict."),
        "rest": rest,
        "warnings": [str(text) for text in warnings] if isinstance(warnings, list) else [],
        "has_verdict": bool(verdict.get("text")),
        "facts": facts,
        "indicative": bool(rank_by.get("indicative")),
        "note": str(rank_by.get("note") or ""),
        "failure": _failure(inputs) if status == "failed" else "",
    }


def _status(status: str, entries: Sequence[board.Entry]) -> str:
    said = _STATUS.get(status, status) or "Unknown"
    tried = [entry for entry in entries if entry.kind != "floor"]
    if status == "done" and tried and all(entry.failed for entry in tried):
        return f"{said}, and every candidate failed"
    return said


def _failure(inputs: RunInputs) -> str:
    """Why the run failed: its last failure, where that is not one candidate's alone."""
    of_run = [
        str(record.get("message") or "")
        for record in inputs.lines["events.jsonl"]
        if record.get("event") == "failed" and "candidate" not in record
    ]
    return of_run[-1] if of_run else ""


def _headline(verdict: str) -> tuple[str, str]:
    """A long verdict's first clause and the rest, to be set in two sizes."""
    first, mark, rest = verdict.partition("; ")
    if len(verdict) <= HEADLINE or not mark:
        return verdict, ""
    return first, rest


def _candidate_count(entries: Sequence[board.Entry]) -> str:
    candidates = [entry for entry in entries if entry.kind == "candidate"]
    scored = sum(entry.scored for entry in candidates)
    every = scored == len(candidates)
    return f"{scored} scored" if every else f"{scored} of {len(candidates)} scored"


def _row_count(inputs: RunInputs, entries: Sequence[board.Entry]) -> str:
    counts = [entry.n for entry in entries if entry.n is not None]
    count = max(counts, default=len(inputs.lines["data/select.jsonl"]))
    return f"{count:,}" if count else "–"


def _total_seconds(costs: Record) -> float | None:
    seconds = [finite(stage.get("seconds")) for stage in listed(costs.get("stages"))]
    known = [value for value in seconds if value is not None]
    return sum(known) if known else None


def _space_name(given: object) -> str:
    name = mapping(given).get("name") if isinstance(given, dict) else given
    return str(name) if name else "–"
