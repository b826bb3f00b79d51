"""A folder that appears whole or not at all, never over another, and says the hash of each file."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.runs.directory import sha256_file, write_json_atomic

PREDICATE_TYPE = "urn:emoloom:export:1"
"""Names the meaning of the manifest's predicate."""

MANIFEST = "manifest.json"


def refuse_target(target: Path) -> None:
    """Raise `UserError` where something is in the way: an export overwrites nothing."""
    above = next(parent for parent in target.absolute().parents if parent.exists())
    if os.path.lexists(target):
        got = "a folder" if target.is_dir() else "a file"
    elif not above.is_dir():
        got = f"{above} is a file"
    else:
        return
    raise UserError(
        f"cannot export to {target}",
        got=got,
        allowed="a path where nothing is yet",
        do="choose another --out, or move away what is there",
    )


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder beside the target, put in its place at the end; removed where anything fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield made
        made.chmod(0o755)
        for path in made.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
            _make_last(path)
        refuse_target(target)
        made.rename(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def write_export_manifest(folder: Path, predicate: Mapping[str, Any]) -> None:
    """Bind every file of the export to what it was made from, as an in-toto statement."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    subjects = [
        {"name": path.relative_to(folder).as_posix(), "digest": {"sha256": sha256_file(path)}}
        for path in files
    ]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(predicate),
    }
    write_json_atomic(folder / MANIFEST, statement)


def _make_last(path: Path) -> None:
    """What is renamed into place is on the disk."""
    if path.is_file():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
