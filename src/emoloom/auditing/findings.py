"""What a run folder states against what was computed again from it, as findings."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emoloom.auditing.comparing import csv_differences, differences, text_differences
from emoloom.auditing.facts import ANSWERED_BEFORE
from emoloom.auditing.final_answers import answered_before, finalists
from emoloom.auditing.reranking import EARLIER, ranking_faults
from emoloom.auditing.rescoring import RawRun
from emoloom.auditing.rungs import rung_faults
from emoloom.errors import UserError
from emoloom.ranking.halving import RUNGS
from emoloom.row_sets.held_out import TEST
from emoloom.runs.directory import read_complete_lines
from emoloom.runs.provenance import RANKINGS
from emoloom.runs.verify import Finding, Manifest

READ_FAULTS = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What a file of any content can raise where it is read as ours."""


def json_findings(
    root: Path, name: str, computed: Mapping[str, Any], left_out: tuple[str, ...]
) -> Iterator[Finding]:
    """Each number of a JSON file that is another; `left_out` names keys that are not compared."""
    try:
        stated = _without(read_object(root / name), left_out)
    except READ_FAULTS as error:
        yield Finding("number", name, f"it cannot be read: {error}")
        return
    for what in differences(stated, _without(computed, left_out)):
        yield Finding("number", name, what)


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k.partition(".")[0] not in keys}
        return {k: _without(v, keys) for k, v in kept.items()}
    return [_without(v, keys) for v in value] if isinstance(value, list) else value


def text_findings(root: Path, table: str, page: str) -> Iterator[Finding]:
    """Each cell or line of leaderboard.csv and leaderboard.md that is another."""
    for name, computed, compare in (
        ("leaderboard.csv", table, csv_differences),
        ("leaderboard.md", page, text_differences),
    ):
        try:
            stated = (root / name).read_bytes().decode("utf-8")
        except READ_FAULTS as error:
            yield Finding("number", name, f"it cannot be read: {error}")
            continue
        for what in compare(stated, computed):
            yield Finding("number", name, what)


def rung_findings(root: Path, raw: RawRun) -> Iterator[Finding]:
    """What rungs.json states otherwise; nothing where the run has no rungs."""
    if raw.config.halving.rungs == 1:
        return
    try:
        for what in rung_faults(raw, read_object(root / RUNGS)):
            yield Finding("number", RUNGS, what)
    except (UserError, *READ_FAULTS) as error:
        yield Finding("number", RUNGS, f"it cannot be computed: {error}")


def final_findings(raw: RawRun, best_set: Sequence[str], manifest: Manifest) -> Iterator[Finding]:
    """Who answered `test`: the best set of these answers, and nobody whose absence is not told.

    Args:
        raw: the run.
        best_set: as it was computed again.
        manifest: its manifest, which names those of the best set of an earlier call.
    """
    if not raw.rows.test:
        return
    told = manifest.predicate.get(ANSWERED_BEFORE)
    earlier = {str(name) for name in told} if isinstance(told, list) else set[str]()
    for name in answered_before(raw.run, raw.entries, best_set):
        file = raw.run.rows(name, TEST).relative_to(raw.run.root).as_posix()
        if name in earlier:
            what = f"{name} was of the best set of an earlier call of this run, which went on since"
            yield Finding("unchecked", file, what)
        else:
            what = f"{name} answered the test rows, and is not of the best set of these answers"
            yield Finding("contradiction", file, what)
    ended = _ended_in_test(raw.run.root)
    for entry in finalists(raw.entries, best_set):
        path = raw.run.rows(entry.name, TEST)
        if not path.is_file() and entry.name not in ended:
            what = f"{entry.name} is of the best set, and neither answered nor was it stopped"
            yield Finding("missing", path.relative_to(raw.run.root).as_posix(), what)


def _ended_in_test(root: Path) -> set[str]:
    """Candidates that the log says failed or were stopped there; a damaged log says nothing."""
    try:
        events = read_complete_lines(root / "events.jsonl")
        return {str(e["candidate"]) for e in events if str(e["event"]).startswith(f"{TEST}_")}
    except READ_FAULTS:
        return set()


def added_findings(root: Path, raw: RawRun, manifest: Manifest) -> Iterator[Finding]:
    """Rankings by other weights, which were added to the run."""
    found = manifest.predicate.get(EARLIER)
    pairs = found.items() if isinstance(found, dict) else ()
    earlier = {str(name): str(digest) for name, digest in pairs}
    here = {f"{RANKINGS}/{path.name}" for path in (root / RANKINGS).glob("*.json")}
    for name, what in ranking_faults(raw, earlier):
        yield Finding("number", name, what)
    for name in earlier:
        if name in here:
            what = "it ranks scores of an earlier call of this run, which went on since"
            yield Finding("unchecked", name, what)
        else:
            yield Finding("missing", name, "the manifest names it, and it is not here")


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        OSError, ValueError, TypeError: it cannot be read, or is none.
    """
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise TypeError(f"{path.name} holds no JSON object")
    return value


def code_findings(record: Mapping[str, Any], manifest: Manifest) -> Iterator[Finding]:
    """Whose code run.json names: the manifest's too, which wrote what is bound."""
    codes, made_with = record.get("code_sha256"), manifest.predicate.get("emoloom")
    known = codes if isinstance(codes, list) else []
    wrote = made_with.get("code_sha256") if isinstance(made_with, dict) else None
    if wrote not in known:
        what = f"its code_sha256 lacks the code of the manifest, {wrote}"
        yield Finding("contradiction", "run.json", what)
    if len(known) > 1:
        what = f"calls of this run were made by {len(known)} states of the code"
        yield Finding("unchecked", "run.json", what)
