"""The top of the page: the verdict, how the run ended, and the few figures that frame both."""

from collections.abc import Sequence

from emoloom.report import board
from emoloom.report.budget import Budget, Resource
from emoloom.report.finals import FinalsView
from emoloom.report.formats import number
from emoloom.report.inputs import Record, RunInputs, mapping

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


def head_view(
    inputs: RunInputs, entries: Sequence[board.Entry], budget: Budget, finals: FinalsView
) -> Record:
    """Verdict, status and the few figures that frame them, the budget's limits among them."""
    leaderboard, run = inputs.objects["leaderboard.json"], inputs.objects["run.json"]
    verdict = mapping(leaderboard.get("verdict"))
    rank_by = mapping(leaderboard.get("rank_by"))
    status = str(run.get("status") or "")
    facts = [
        ("Status", _status(status, entries)),
        ("Candidates", _candidate_count(entries) if entries else "–"),
        ("Rows", _row_count(inputs, entries)),
        *([("On fresh rows (test)", finals.said)] if finals.said else ()),
        ("Seeds", number(verdict.get("seeds"), 0)),
        ("Label space", _space_name(leaderboard.get("label_space"))),
        *_spent(budget),
    ]
    said, rest = _headline(str(verdict.get("text") or ""))
    return {
        "verdict": said or _NO_VERDICT.get(status, "This run has no verdict."),
        "rest": rest,
        "warnings": _texts(inputs.objects["data/counts.json"].get("warnings")),
        "lost": _texts(verdict.get("notes")),
        "has_verdict": bool(verdict.get("text")),
        "facts": facts,
        "indicative": bool(rank_by.get("indicative")),
        "note": str(rank_by.get("note") or ""),
        "failure": _failure(inputs) if status == "failed" else "",
    }


def _texts(given: object) -> list[str]:
    return [str(text) for text in given] if isinstance(given, list) else []


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


def _spent(budget: Budget) -> list[tuple[str, str]]:
    """The time, and whatever else has a limit: spent, of how much, and what was planned."""
    known = {one.name: one for one in budget.resources}
    time = known.pop("wall_seconds", Resource("wall_seconds", None, None, None))
    limited = [one for one in known.values() if one.limit is not None]
    return [("Time", _against_plan(time)), *((one.title, _against_plan(one)) for one in limited)]


def _against_plan(one: Resource) -> str:
    allowed = "" if one.limit is None else f" of {one.said(one.limit)}"
    planned = "" if one.planned is None else f" (planned {one.said(one.planned)})"
    return f"{one.said(one.spent)}{allowed}{planned}"


def _space_name(given: object) -> str:
    name = mapping(given).get("name") if isinstance(given, dict) else given
    return str(name) if name else "–"
