"""What a run was made of: packages, code, inputs; bound to its files by sha256.

The manifest is an in-toto statement (https://in-toto.io/Statement/v1): the subjects are the run's
files, the predicate says what they were made from. It detects accidents; only a digest kept
elsewhere, or a signature, detects a forger.
"""

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from emoloom.runs.directory import RunDirectory, sha256_file, write_json_atomic

PREDICATE_TYPE = "urn:emoloom:screen:1"
"""Names the meaning of the manifest's predicate."""

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "safetensors",
    "gguf",
    "numpy",
    "scikit-learn",
    "lemminflect",
)
"""Packages whose version can change an answer or a score."""

_NOT_SUBJECTS = {"manifest.json", "run.json", "report.html", "costs.json", "events.jsonl"}


def package_versions() -> dict[str, str]:
    """Versions of everything that can change an answer or a score."""
    return {name: metadata.version(name) for name in PACKAGES}


def code_sha256() -> str:
    """Hash over this package's own files: source and shipped data."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.suffix == ".pyc":
            continue
        digest.update(path.relative_to(root).as_posix().encode("utf-8"))
        digest.update(bytes.fromhex(sha256_file(path)))
    return digest.hexdigest()


def machine() -> dict[str, str]:
    """Interpreter and kind of machine; nothing that names this one."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


def write_manifest(run: RunDirectory, predicate: Mapping[str, Any]) -> None:
    """Bind every result file to what it was made from."""
    files = sorted(
        path
        for path in run.root.rglob("*")
        if path.is_file() and _is_subject(path.relative_to(run.root))
    )
    subjects = [
        {"name": path.relative_to(run.root).as_posix(), "digest": {"sha256": sha256_file(path)}}
        for path in files
    ]
    write_json_atomic(
        run.root / "manifest.json",
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects,
            "predicateType": PREDICATE_TYPE,
            "predicate": dict(predicate),
        },
    )


def _is_subject(path: Path) -> bool:
    """Results alone: no marker, no unfinished work, no lock or leftover of a killed process."""
    hidden = any(part.startswith(".") for part in path.parts)
    unfinished = path.suffix == ".partial" or "done" in path.parts
    return not (hidden or unfinished or path.as_posix() in _NOT_SUBJECTS)
