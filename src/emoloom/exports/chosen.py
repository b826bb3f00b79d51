"""The candidate that is to be exported, as its run folder has it and its manifest binds it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoloom.config import Config, parse_config
from emoloom.config_paths import recorded
from emoloom.contract.prompt import instruction_sha256
from emoloom.corpora.readers import read_rows
from emoloom.errors import UserError
from emoloom.records import LabelSpace, Row
from emoloom.report.inputs import Record, RunInputs, listed, mapping, read_run
from emoloom.row_sets.held_out import TEST
from emoloom.runs.directory import sha256_file
from emoloom.runs.record import check_format
from emoloom.screening.candidates import Candidate, list_candidates
from emoloom.screening.outputs import SELECT
from emoloom.screening.precision_record import PRECISION, Dtype, read_precision

ENDED = ("done", "stopped_by_budget")
"""Ends of a run that leave a manifest and a leaderboard."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One candidate of a finished run."""

    run: Path
    """The run folder."""
    record: Record
    """run.json."""
    board: Record
    """leaderboard.json."""
    entry: Record
    """The candidate's line of it."""
    costs: Record
    """costs.json."""
    candidate: Candidate
    """Model and recipe."""
    config: Config
    """Settings of the run."""
    space: LabelSpace
    """Labels in force."""
    rows: tuple[Row, ...]
    """The rows that ranked."""
    outputs: Mapping[str, str]
    """What the candidate wrote for them, by row id."""
    made_from: Record
    """The manifest's predicate."""
    manifest_sha256: str
    """Of manifest.json, which holds the hash of every result file: the run's digest."""
    test_entry: Record = field(default_factory=dict)
    """The candidate's line on the rows `test`; empty where it did not answer them."""
    test_rows: tuple[Row, ...] = ()
    """Rows that chose nobody, where it answered them."""
    test_outputs: Mapping[str, str] = field(default_factory=dict)
    """What it wrote for them, by row id."""

    @property
    def among(self) -> int:
        """Candidates that were ranked; a score is too good where it is the best of several."""
        return sum(entry.get("rank") is not None for entry in listed(self.board.get("entries")))

    @property
    def folder(self) -> Path:
        """The candidate's folder."""
        return self.run / "candidates" / self.candidate.name

    @property
    def dtype(self) -> Dtype:
        """In which precision it answered."""
        record = self.folder / PRECISION
        return read_precision(record).dtype if record.exists() else "float32"


def read_chosen(run: Path, name: str | None) -> Chosen:
    """Read a candidate from a run folder.

    Args:
        run: the folder of a run that has ended.
        name: the candidate; None for the leader.

    Raises:
        UserError: there is no such run or candidate, it has no answers, or a file was altered.
    """
    inputs = _read_ended(run)
    record, board = inputs.objects["run.json"], inputs.objects["leaderboard.json"]
    entry = _entry(board, name)
    chosen = str(entry["name"])
    subjects, made_from, digest = _manifest(run)
    test_entry = _test_entry(board, chosen)
    _check_unchanged(run, subjects, chosen, (SELECT, TEST) if test_entry else (SELECT,))
    given, look = mapping(made_from.get("config")), recorded(record.get("paths"), run)
    config = parse_config(given, source=f"{run}/manifest.json", look=look)
    space = _space(run, made_from)
    return Chosen(
        run=run,
        record=record,
        board=board,
        entry=entry,
        costs=inputs.objects["costs.json"],
        candidate=_candidate(config, chosen),
        config=config,
        space=space,
        rows=_answered_rows(run, space, inputs.candidates[chosen].outputs, chosen),
        outputs=inputs.candidates[chosen].outputs,
        made_from=made_from,
        manifest_sha256=digest,
        **_tested(run, space, inputs, test_entry),
    )


def _tested(run: Path, space: LabelSpace, inputs: RunInputs, entry: Record) -> dict[str, Any]:
    if not entry:
        return {}
    outputs = inputs.candidates[str(entry["name"])].tested
    rows = _answered_rows(run, space, outputs, str(entry["name"]), TEST)
    return {"test_entry": entry, "test_rows": rows, "test_outputs": outputs}


def _test_entry(board: Record, name: str) -> Record:
    """The line on rows that chose nobody; empty where there is none with scores."""
    lines = listed(mapping(board.get("test")).get("entries"))
    found = (e for e in lines if e.get("name") == name and e.get("status") == "scored")
    return next(found, {})


def _read_ended(run: Path) -> RunInputs:
    if not run.is_dir():
        raise UserError(
            "there is no run folder to export from",
            got=str(run),
            allowed="a folder written by `emoloom screen`",
            do="check the path",
        )
    check_format(run)
    inputs = read_run(run)
    status = inputs.objects["run.json"].get("status")
    if status not in ENDED:
        raise UserError(
            f"the run in {run} has not ended",
            got=f"status {str(status)[:40]!r}",
            allowed=", ".join(ENDED),
            do="run the same `emoloom screen` again to continue it",
        )
    return inputs


def _entry(board: Record, name: str | None) -> Record:
    entries = [e for e in listed(board.get("entries")) if isinstance(e.get("name"), str)]
    models = [e for e in entries if e.get("kind") != "floor"]
    usable = [e["name"] for e in models if e.get("status") == "scored"]
    verdict = mapping(board.get("verdict"))
    if name is None:
        name = verdict.get("leader")
        if not isinstance(name, str):
            tied = [str(one) for one in verdict.get("tied") or []]
            raise UserError(
                "this run has no single leader",
                got=f"tied: {', '.join(tied)}" if tied else "no candidate was ranked",
                allowed=", ".join(usable) or "none",
                do="choose one with --candidate",
            )
    if name not in usable:
        found = next((e for e in entries if e["name"] == name), None)
        if found is None:
            got = name
        elif found.get("kind") == "floor":
            got = f"{name}, a floor"
        else:
            got = f"{name}, which is {found.get('status')}"
        raise UserError(
            "no such candidate to export",
            got=got,
            allowed=", ".join(usable) or "none: no candidate of this run was scored",
            do="name one with --candidate",
        )
    return next(e for e in entries if e["name"] == name)


def _manifest(run: Path) -> tuple[dict[str, str], Record, str]:
    """Hashes by file, the predicate, and the manifest's own hash."""
    path = run / "manifest.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        subjects = {str(s["name"]): str(s["digest"]["sha256"]) for s in value["subject"]}
        return subjects, mapping(value["predicate"]), sha256_file(path)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path} cannot be read",
            got=str(error)[:200] or repr(error),
            do="run the same `emoloom screen` again: it writes the manifest last",
        ) from error


def _check_unchanged(
    run: Path, subjects: Mapping[str, str], chosen: str, row_sets: Iterable[str]
) -> None:
    """See that all that an export is made from has the bytes that the run left."""
    own = f"candidates/{chosen}/"
    used = ["leaderboard.json"]
    used += [f"{at}/{one}.jsonl" for one in row_sets for at in ("data", f"{own}rows")]
    used += [name for name in subjects if name.startswith(f"{own}checkpoint/")]
    for name in used:
        path = run / name
        if not path.is_file() or sha256_file(path) != subjects.get(name):
            raise UserError(
                f"{path} is not as the run left it",
                got="another sha256" if path.is_file() else "no file",
                allowed="the one in manifest.json",
                do="put it back, or run the same `emoloom screen` again",
            )


def _space(run: Path, made_from: Record) -> LabelSpace:
    """The run's label space; a file of the user's own may have changed since."""
    given: Any = mapping(made_from.get("label_space"))
    space = LabelSpace(str(given.get("name")), tuple(map(str, given.get("labels") or ())))
    if not space.labels or instruction_sha256(space) != made_from.get("instruction_sha256"):
        raise UserError(
            f"the run in {run} was asked with another instruction than this version's",
            got=f"emoloom {mapping(made_from.get('emoloom')).get('version')}",
            do="export it with the version that made it",
        )
    return space


def _candidate(config: Config, name: str) -> Candidate:
    found = {candidate.name: candidate for candidate in list_candidates(config)}
    if name not in found:
        raise UserError(
            "the run's settings do not know this candidate",
            got=name,
            allowed=", ".join(found),
            do="run the same `emoloom screen` again",
        )
    return found[name]


def _answered_rows(
    run: Path, space: LabelSpace, outputs: Mapping[str, str], name: str, row_set: str = SELECT
) -> tuple[Row, ...]:
    rows: Iterable[Row] = read_rows(run / "data" / f"{row_set}.jsonl", space).rows
    answered = tuple(row for row in rows if row.id in outputs)
    if not answered or len(answered) < len(outputs):
        raise UserError(
            f"the answers of {name} are not to the rows of its run",
            got=f"{len(outputs)} answers, {len(answered)} of them to rows of data/{row_set}.jsonl",
            do="run the same `emoloom screen` again",
        )
    return answered
