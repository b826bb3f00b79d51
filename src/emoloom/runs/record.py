"""run.json: what this folder is a run of, and how far it came."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.runs.directory import RunDirectory, write_json_atomic
from emoloom.runs.licences import strictest_licence

FORMAT = 1
"""Version of the run folder's layout."""

_ELSEWHERE = "choose another folder with --out"


def open_run(run: RunDirectory, identity: str, facts: Mapping[str, Any]) -> bool:
    """Begin a run, or continue the one that is there.

    Args:
        run: the folder; its lock is held.
        identity: fingerprint of every setting that affects a result.
        facts: the rest of run.json. To its `code_sha256`, a list, those of earlier calls are added.
            What differs in a run that is there, and can be named, is for the caller to say before.

    Returns:
        True where a run is continued.

    Raises:
        UserError: the folder holds another run, a newer layout, or files that are no run.
    """
    path = run.root / "run.json"
    if not path.exists():
        refuse_foreign_files(run)
        write_json_atomic(path, _record(identity, facts, "running"))
        run.event("started")
        return False
    before = _read(run)
    if (held := held_record(run)) is not None:
        refuse_identity(run, held, identity)
    if before.get("status") != "done":
        run.event("continued")
    code = list(dict.fromkeys([*_codes(before), *_codes(facts)]))
    merged = {**facts, "code_sha256": code} if code else facts
    write_json_atomic(path, _record(identity, merged, "running"))
    return True


def held_record(run: RunDirectory) -> dict[str, Any] | None:
    """run.json of a run that has finished a stage; None where there is nothing to keep apart.

    Raises:
        UserError: it is of a newer layout, or cannot be read.
    """
    if not (run.root / "run.json").exists():
        return None
    record = _read(run)
    _check_format(run.root, record["format"], f"upgrade emoloom, or {_ELSEWHERE}")
    # Before a first stage is done (the config had a fault) nothing binds anybody.
    return record if any(run.root.rglob("done/*.json")) else None


def refuse_identity(run: RunDirectory, record: Mapping[str, Any], identity: str) -> None:
    """See that a run that is there has this identity.

    Raises:
        UserError: it has another, and nothing tells where from.
    """
    if record.get("identity") != identity:
        raise UserError(
            f"{run.root} holds a run of another config or version",
            do="choose another folder with --out, or delete this one",
        )


def record_inputs(run: RunDirectory, hashes: Mapping[str, str]) -> None:
    """Say which inputs the run is made from."""
    write_json_atomic(run.root / "run.json", {**_read(run), "inputs": dict(hashes)})


def _codes(record: Mapping[str, Any]) -> list[str]:
    """Hashes of the code that calls of a run were made by."""
    found = record.get("code_sha256")
    return [str(one) for one in found] if isinstance(found, list) else []


def close_run(run: RunDirectory, status: str) -> None:
    """Say how the run ended: `done`, `stopped_by_budget`, `interrupted` or `failed`."""
    path = run.root / "run.json"
    write_json_atomic(path, {**_read(run), "status": status})


def add_licences(run: RunDirectory, licences: Iterable[Mapping[str, str]]) -> None:
    """Add what became known on the way, such as models', to the licences; by `what`, each once.

    The strictest of them all is worked out again.
    """
    record = _read(run)
    known = {entry["what"]: entry for entry in record["licences"]}
    for entry in licences:
        known.setdefault(entry["what"], entry)
    strictest = strictest_licence(known.values()).to_dict()
    changed = {"licences": list(known.values()), "strictest_licence": strictest}
    write_json_atomic(run.root / "run.json", {**record, **changed})


def check_format(folder: Path) -> None:
    """See that a folder's run.json, if it says in which layout it is, says one that we can read.

    Raises:
        UserError: it is of a newer emoloom, or the version is no number.
    """
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return  # no record at all: what can be made of such a folder is for the caller
    if isinstance(record, dict) and "format" in record:
        _check_format(folder, record["format"], "upgrade emoloom")


def _check_format(folder: Path, found: object, do: str) -> None:
    allowed = f"up to {FORMAT}"
    if type(found) is not int or found < 1:
        got = f"run format {json.dumps(found)[:60]}"
        raise UserError(
            f"{folder} states no layout that can be read", got=got, allowed=allowed, do=do
        )
    if found > FORMAT:
        raise UserError(
            f"{folder} was written by a newer emoloom",
            got=f"run format {found}",
            allowed=allowed,
            do=do,
        )


def _record(identity: str, facts: Mapping[str, Any], status: str) -> dict[str, Any]:
    return {"format": FORMAT, "identity": identity, "status": status, **facts}


def _read(run: RunDirectory) -> dict[str, Any]:
    path = run.root / "run.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read", got=str(error), do=_ELSEWHERE) from error
    if not isinstance(value, dict) or type(value.get("format")) is not int:
        raise UserError(
            f"{path} is no run record",
            allowed="an object with a `format` number",
            do=_ELSEWHERE,
        )
    return value


def refuse_foreign_files(run: RunDirectory) -> None:
    """See that a folder without a run holds nothing else. Writes nothing there, not even a lock.

    Raises:
        UserError: it does.
    """
    if not run.root.is_dir() or (run.root / "run.json").exists():
        return
    # Hidden files are the lock, and what a killed process left of a file it was writing.
    foreign = sorted(path.name for path in run.root.iterdir() if not path.name.startswith("."))
    if foreign:
        raise UserError(
            f"{run.root} is not empty and holds no run",
            got=", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else ""),
            do="choose a new or empty folder with --out",
        )
