"""Read a run folder that may be partial: what is there, and what is missing or damaged.

Nothing in a run folder is trusted. A file that is absent, cut short or of another shape becomes a
note for the reader of the page; it never stops the page (ours).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoloom.recipes import FROZEN_PROBE, ZERO_SHOT
from emoloom.screening.precision_record import PRECISION

Record = dict[str, Any]
"""A JSON object."""

_OBJECTS = {
    "run.json": "the run's name, settings, instruction, versions and licences are not known",
    "plan.json": "the plan is not known",
    "costs.json": "times, rates and decoding costs are not known",
    "leaderboard.json": "no ranking and no verdict can be shown",
    "manifest.json": "",
    "rungs.json": "",
    "data/counts.json": "",
    "data/flips.json": "",
    "data/verifier.json": "",
}
"""Files that hold one JSON object, and what the page lacks without them ("": optional)."""

_LINES = {
    "events.jsonl": "what happened during the run is not known",
    "data/select.jsonl": "texts and gold answers cannot be shown",
    "data/rejected.jsonl": "",
    "data/polarity.jsonl": "",
    "data/cross.jsonl": "",
    "data/test.jsonl": "",
}
"""Files of one JSON object a line, and what the page lacks without them ("": optional)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the folder of one candidate, floor or shown entry holds."""

    outputs: Mapping[str, str]
    """Row id -> raw output of the `select` rows; empty where there is no file."""
    has_rows: bool
    """Whether the file of outputs is there."""
    preflight: Record | None
    """The preflight certificate."""
    steps: tuple[Record, ...]
    """One record per training step, in the order of the file."""
    scores: Record | None
    """The candidate's own scores."""
    pairs: Mapping[str, str]
    """Row id -> raw output of the polarity pairs; empty where there is no file."""
    rates: tuple[Record, ...] = ()
    """What each learning rate came to that was tried, in the order of trial."""
    cross: Mapping[str, str] = field(default_factory=dict)
    """Row id -> raw output of rows of corpora never trained on; empty where there is no file."""
    precision: Record | None = None
    """In which precision it answers, where the config asks for bfloat16."""
    tested: Mapping[str, str] = field(default_factory=dict)
    """Row id -> raw output of the rows `test`; empty where it was not asked."""


@dataclass(frozen=True, slots=True)
class RunInputs:
    """All that the page is made of."""

    folder: str
    """Name of the run's folder."""
    objects: Mapping[str, Record]
    """File name -> object; an empty one where the file is missing or damaged."""
    lines: Mapping[str, tuple[Record, ...]]
    """File name -> its records; empty where the file is missing."""
    candidates: Mapping[str, Candidate]
    """Name of the folder -> what it holds, in alphabetical order."""
    rankings: Mapping[str, Record]
    """File of rankings/ -> object: the same answers ranked with other weights."""
    notes: tuple[str, ...]
    """What is missing or damaged, one sentence each."""


def read_run(run_dir: Path, *, rankings: bool = False) -> RunInputs:
    """Everything the page needs, from a finished, partial, failed or empty run folder."""
    notes: list[str] = []
    objects: dict[str, Record] = {}
    lines: dict[str, tuple[Record, ...]] = {}
    for name, loss in _OBJECTS.items():
        objects[name] = _read_object(run_dir / name, name, notes) or {}
        _note_absence(run_dir / name, name, loss, notes)
    for name, loss in _LINES.items():
        lines[name] = _read_lines(run_dir / name, name, notes)
        _note_absence(run_dir / name, name, loss, notes)
    names = _folders(run_dir / "candidates")
    candidates = {name: _read_candidate(run_dir / "candidates" / name, notes) for name in names}
    entries = [e for e in listed(objects["leaderboard.json"].get("entries")) if "name" in e]
    notes += _missing_of_candidates(entries, candidates)
    asked = _asked(entries, objects["plan.json"])
    notes += _unmatched(asked, candidates, lines["data/select.jsonl"])
    return RunInputs(
        folder=run_dir.resolve().name,
        objects=objects,
        lines=lines,
        candidates=candidates,
        rankings=_rankings(run_dir / "rankings", notes) if rankings else {},
        notes=tuple(notes),
    )


def mapping(value: object) -> Record:
    """The value, if it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Record]:
    """The objects of a list; anything else counts as none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _note_absence(path: Path, shown: str, loss: str, notes: list[str]) -> None:
    if loss and not path.is_file():
        notes.append(f"{shown} is missing: {loss}.")


def _read_object(path: Path, shown: str, notes: list[str]) -> Record | None:
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        notes.append(f"{shown} is damaged: it is not readable JSON.")
        return None
    if not isinstance(value, dict):
        notes.append(f"{shown} is damaged: it holds no JSON object.")
        return None
    return value


def _read_lines(path: Path, shown: str, notes: list[str]) -> tuple[Record, ...]:
    if not path.is_file():
        return ()
    try:
        raw = path.read_bytes().split(b"\n")
    except OSError:
        notes.append(f"{shown} is damaged: it cannot be read.")
        return ()
    records, bad = [], []
    for number, line in enumerate(raw, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            records.append(value)
        else:
            bad.append(number)
    if bad:
        several = "1 line is" if len(bad) == 1 else f"{len(bad)} lines are"
        notes.append(f"{shown}: {several} no JSON object and left out (first: line {bad[0]}).")
    return tuple(records)


def _folders(path: Path) -> list[str]:
    """Names of the candidates' folders. Only these are ever opened, never a name from a file."""
    return sorted(child.name for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def _rankings(folder: Path, notes: list[str]) -> dict[str, Record]:
    """Every ranking that `emoloom rank` left, by file name."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = {file.name: _read_object(file, f"rankings/{file.name}", notes) for file in files}
    return {name: record for name, record in found.items() if record}


def _read_candidate(folder: Path, notes: list[str]) -> Candidate:
    where = f"candidates/{folder.name}"
    return Candidate(
        outputs=_read_outputs(folder, "rows/select.jsonl", notes),
        has_rows=(folder / "rows/select.jsonl").is_file(),
        preflight=_read_object(folder / "preflight.json", f"{where}/preflight.json", notes),
        steps=_read_lines(folder / "steps.jsonl", f"{where}/steps.jsonl", notes),
        scores=_read_object(folder / "scores.json", f"{where}/scores.json", notes),
        pairs=_read_set(folder, "polarity", notes),
        rates=_read_rates(folder, notes),
        cross=_read_set(folder, "cross", notes),
        precision=_read_object(folder / PRECISION, f"{where}/{PRECISION}", notes),
        tested=_read_set(folder, "test", notes),
    )


def _read_rates(folder: Path, notes: list[str]) -> tuple[Record, ...]:
    tried = [name for name in _folders(folder / "rates") if name.isdecimal()]
    files = [folder / "rates" / name / "loss.json" for name in sorted(tried, key=int)]
    shown = f"candidates/{folder.name}/rates"
    found = [_read_object(file, f"{shown}/{file.parent.name}/loss.json", notes) for file in files]
    return tuple(record for record in found if record)


def _read_set(folder: Path, row_set: str, notes: list[str]) -> dict[str, str]:
    """Answers to a row set that a run need not have; where it has none, nothing."""
    if not (folder.parents[1] / "data" / f"{row_set}.jsonl").is_file():
        return {}
    return _read_outputs(folder, f"rows/{row_set}.jsonl", notes)


def _read_outputs(folder: Path, name: str, notes: list[str]) -> dict[str, str]:
    shown = f"candidates/{folder.name}/{name}"
    rows = _read_lines(folder / name, shown, notes)
    outputs = {str(r["id"]): str(r["output"]) for r in rows if "id" in r and "output" in r}
    if len(outputs) < len(rows):
        notes.append(
            f"{shown}: {len(rows) - len(outputs)} of {len(rows)} lines repeat an "
            "id or lack one; the last line of an id is shown."
        )
    return outputs


def _missing_of_candidates(entries: list[Record], found: Mapping[str, Candidate]) -> list[str]:
    """One sentence per kind of file, naming the entries that lack it."""
    nothing = Candidate({}, has_rows=False, preflight=None, steps=(), scores=None, pairs={})
    lacking: dict[str, list[str]] = {}
    for entry in entries:
        name = str(entry["name"])
        candidate = found.get(name, nothing)
        is_model = entry.get("kind") == "candidate" and not entry.get("trainings")
        scored = entry.get("status") == "scored" and not entry.get("trainings")
        wanted = {
            "rows/select.jsonl": (scored, candidate.has_rows),
            "scores.json": (scored, candidate.scores is not None),
            "rows/polarity.jsonl": (scored and bool(entry.get("polarity")), bool(candidate.pairs)),
            "preflight.json": (is_model, candidate.preflight is not None),
            "steps.jsonl": (is_model and scored and trains(entry), bool(candidate.steps)),
        }
        for file, (expected, is_there) in wanted.items():
            if expected and not is_there:
                lacking.setdefault(file, []).append(name)
    return [
        f"candidates/<name>/{file} is missing for: {', '.join(names)}."
        for file, names in lacking.items()
    ]


def trains(entry: Record) -> bool:
    """Whether the entry's recipe is one that trains, so that a loss curve is to be expected."""
    return str(entry.get("recipe") or ZERO_SHOT) not in (ZERO_SHOT, FROZEN_PROBE)


def _asked(entries: list[Record], plan: Record) -> dict[str, object]:
    """Name -> rows that it was to answer, where less than all may be meant.

    What an entry says of itself (`n`) counts; before there is a leaderboard, the plan does.
    """
    stages = [one for one in listed(plan.get("stages")) if one.get("stage") == "select"]
    planned = {str(one.get("candidate")): one.get("units") for one in stages}
    return planned | {str(entry["name"]): entry.get("n") for entry in entries}


def _unmatched(
    said: Mapping[str, object], candidates: Mapping[str, Candidate], select: tuple[Record, ...]
) -> list[str]:
    """Rows without an output, and outputs of rows that the row set does not have."""
    known = {str(row.get("id")) for row in select}
    notes = []
    for name, candidate in candidates.items():
        where = f"candidates/{name}/rows/select.jsonl"
        count = said.get(name)
        expected = min(count, len(known)) if isinstance(count, int) else len(known)
        without = expected - len(candidate.outputs.keys() & known)
        strange = len(candidate.outputs.keys() - known)
        if known and candidate.has_rows and without > 0:
            notes.append(f"{where}: {without} of {expected} rows have no output.")
        if known and strange:
            several = "1 output is" if strange == 1 else f"{strange} outputs are"
            notes.append(f"{where}: {several} of no row in data/select.jsonl and not shown.")
    return notes
