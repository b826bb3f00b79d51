"""What a run was made of: packages, code, inputs; bound to its files by sha256.

The manifest is an in-toto statement (https://in-toto.io/Statement/v1): the subjects are the run's
files, the predicate says what they were made from. The file beside it holds its own hash, in the
form of `sha256sum`. Both detect accidents; only a digest kept elsewhere, or a signature, detects a
forger, who would write them anew.
"""

import hashlib
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from emoloom.runs.bindings import bind_answers
from emoloom.runs.directory import (
    RunDirectory,
    fingerprint,
    sha256_file,
    write_json_atomic,
    write_text_atomic,
)

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
"""The form of the manifest."""

PREDICATE_TYPE = "urn:emoloom:screen:3"
"""Names the meaning of the manifest's predicate."""

OLDER_TYPES = ("urn:emoloom:screen:1", "urn:emoloom:screen:2")
"""They bind less: 2 says nothing of the precision of answers."""

MANIFEST = "manifest.json"
"""The statement; its sha256 is the run's digest."""

SIDECAR = "manifest.sha256"
"""The digest beside it, as `sha256sum -c` reads it."""

PAGE = "report.html"
"""The page of a run."""

RANKINGS = "rankings"
"""Folder of rankings with other weights, added after the manifest; each says what it is of."""

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

_NO_RESULTS = {"run.json", PAGE, "costs.json", "events.jsonl"}


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


def files_below(root: Path) -> Iterator[tuple[str, bool]]:
    """(path below the root, whether it is a plain file) of all that is no folder, sorted.

    Links are not followed; a pipe or a link is never opened.
    """
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(root).as_posix(), is_plain(path)


def is_plain(path: Path) -> bool:
    """Whether a path is a file itself: no link to one, no pipe, no device."""
    return not path.is_symlink() and path.is_file()


def is_bound(name: str) -> bool:
    """Whether a manifest binds a file: all but itself, later rankings, and what is hidden.

    Hidden are the lock, and what a killed process left of a file that it was writing.
    """
    parts = name.split("/")
    hidden = any(part.startswith(".") for part in parts)
    return not (hidden or name in {MANIFEST, SIDECAR} or parts[0] == RANKINGS)


def write_manifest(run: RunDirectory, predicate: Mapping[str, Any]) -> str:
    """Bind every file to what it was made from; to be called when all of them are written.

    Args:
        run: the folder.
        predicate: what the run was made from; `entries` and `models` are looked up for the answers.

    Returns:
        The run's digest, 64 hex digits.
    """
    names = [name for name, plain in files_below(run.root) if plain and is_bound(name)]
    digests = {name: sha256_file(run.root / name) for name in names}
    subjects = [{"name": name, "digest": {"sha256": digests[name]}} for name in names]
    results = {name: digest for name, digest in digests.items() if is_result(name)}
    bound = {
        "answers": bind_answers(run.root, digests, predicate),
        "results_sha256": fingerprint(results),
    }
    write_json_atomic(
        run.root / MANIFEST,
        {
            "_type": STATEMENT_TYPE,
            "subject": subjects,
            "predicateType": PREDICATE_TYPE,
            "predicate": dict(predicate) | bound,
        },
    )
    digest = sha256_file(run.root / MANIFEST)
    write_text_atomic(run.root / SIDECAR, f"{digest}  {MANIFEST}\n")
    return digest


def is_result(name: str) -> bool:
    """What is the same in two runs of one config: no time, no log, no marker, nothing unfinished.

    The hash over these, `results_sha256`, says at a glance whether two runs found the same.
    """
    path = Path(name)
    return not (path.suffix == ".partial" or "done" in path.parts or name in _NO_RESULTS)
