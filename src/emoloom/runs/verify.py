"""Is every file of a run folder the one that its manifest binds? Hashes alone; nothing is scored.

Nothing in the folder is trusted: only files that are found by walking it are opened, never a path
that a file names, and neither a link nor a pipe.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from emoloom.errors import UserError
from emoloom.runs.directory import fingerprint, sha256_file
from emoloom.runs.provenance import (
    MANIFEST,
    OLDER_TYPES,
    PREDICATE_TYPE,
    RANKINGS,
    SIDECAR,
    STATEMENT_TYPE,
    files_below,
    is_bound,
    is_plain,
    is_result,
)
from emoloom.runs.record import check_format

Kind = Literal["altered", "missing", "extra", "number", "contradiction", "unchecked", "note"]
"""What was found. `altered` to `contradiction` fail; `unchecked` could not be seen here."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = ("running", "interrupted", "failed")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is worth a line."""

    kind: Kind
    """What it is."""
    file: str
    """The file, by its path below the run folder; empty where it is about the run."""
    what: str
    """In words."""

    @property
    def fails(self) -> bool:
        """Whether the run cannot be called verified with it."""
        return self.kind not in ("unchecked", "note")

    def to_dict(self) -> dict[str, str]:
        """The JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read; nothing in it is trusted."""

    digest: str
    """sha256 of its bytes: the run's digest."""
    subjects: Mapping[str, str]
    """sha256 by path below the run folder."""
    predicate: Mapping[str, Any]
    """What the run was made from."""


def read_manifest(root: Path) -> tuple[Manifest | None, list[Finding]]:
    """The manifest of a run folder, or None where it cannot be read; and what is wrong with it.

    Raises:
        UserError: there is no run folder, it is of a newer emoloom, or it has no manifest.
    """
    _check_folder(root)
    digest = sha256_file(root / MANIFEST)
    found = list(_sidecar_findings(root, digest))
    manifest = _parsed(root / MANIFEST, digest)
    if isinstance(manifest, str):
        check_format(root)
        return None, [*found, Finding("altered", MANIFEST, manifest)]
    wanted = manifest.subjects.get("run.json", "")
    if is_plain(root / "run.json") and not _compared(root, "run.json", wanted):
        check_format(root)  # an altered run.json is named; what it says of itself counts no more
    return manifest, found


def _parsed(path: Path, digest: str) -> Manifest | str:
    """The manifest, or why it is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        subjects = {one["name"]: one["digest"]["sha256"] for one in value["subject"]}
        predicate, forms = value["predicate"], (value["_type"], value["predicateType"])
        right = all(isinstance(n, str) and _DIGEST.fullmatch(d) for n, d in subjects.items())
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return f"it cannot be read: {error!r}"
    if not (right and isinstance(predicate, dict) and len(subjects) == len(value["subject"])):
        return "it is no statement about distinct files"
    if forms[0] == STATEMENT_TYPE and forms[1] in OLDER_TYPES:
        return (
            f"an older emoloom wrote it ({forms[1]}), and {PREDICATE_TYPE} is what can be checked: "
            "verify it with that version, or screen again"
        )
    if forms != (STATEMENT_TYPE, PREDICATE_TYPE):
        return f"it is {forms[0]!r} of {forms[1]!r}, and {PREDICATE_TYPE!r} is what can be checked"
    return Manifest(digest, subjects, predicate)


def check_hashes(root: Path, manifest: Manifest) -> list[Finding]:
    """Every file that is altered, missing or extra."""
    found: list[Finding] = []
    here: set[str] = set()
    for name, plain in files_below(root):
        if not plain:
            kind: Kind = "altered" if name in manifest.subjects else "extra"
            found.append(Finding(kind, name, "it is a link or a device, not a file"))
        elif not is_bound(name):
            found += _unbound(name)
        elif name not in manifest.subjects:
            found.append(Finding("extra", name, "the manifest does not know it"))
        else:
            found += _compared(root, name, manifest.subjects[name])
        here.add(name)
    what = "the manifest binds it, and it is not here"
    found += [Finding("missing", name, what) for name in sorted(manifest.subjects.keys() - here)]
    return found + _results(manifest)


def only_plain_files(root: Path) -> bool:
    """Whether every file may be opened: a pipe would never end, a link may lead anywhere."""
    return all(plain for _, plain in files_below(root))


def how_it_ended(root: Path) -> str:
    """A hint where the run says itself that it did not come to its end; else empty."""
    status = _object(root / "run.json").get("status")
    if status in _UNFINISHED:
        return f"run.json says that the run is {status}: continue it with `emoloom screen`"
    return ""


def _check_folder(root: Path) -> None:
    if not root.is_dir():
        raise UserError(
            "there is no run folder to verify",
            got=str(root),
            allowed="a folder written by `emoloom screen`",
            do="check the path",
        )
    if not (root / MANIFEST).is_file():
        check_format(root)
        raise UserError(
            f"{root} has no {MANIFEST}, so nothing in it can be verified",
            got=how_it_ended(root) or "a folder without one",
            allowed="a run that `emoloom screen` brought to its end",
            do="continue the run, or copy the whole folder again",
        )


def _sidecar_findings(root: Path, digest: str) -> Iterator[Finding]:
    path = root / SIDECAR
    if not path.is_file():
        yield Finding("missing", SIDECAR, f"it holds the sha256 of {MANIFEST}")
    elif path.read_bytes() != f"{digest}  {MANIFEST}\n".encode():
        yield Finding(
            "altered",
            f"{MANIFEST}, {SIDECAR}",
            f"the sha256 of {MANIFEST} is {digest}, and {SIDECAR} says another: "
            "one of the two was altered",
        )


def _compared(root: Path, name: str, wanted: str) -> list[Finding]:
    try:
        digest = sha256_file(root / name)
    except OSError as error:
        return [Finding("altered", name, f"it cannot be read ({error.strerror})")]
    if digest == wanted:
        return []
    return [Finding("altered", name, f"sha256 is {digest}, the manifest says {wanted}")]


def _unbound(name: str) -> list[Finding]:
    """What a manifest cannot bind: rankings are looked at later, leftovers are only told."""
    hidden = name.rpartition("/")[2].startswith(".")
    added = name.partition("/")[0] == RANKINGS and not hidden
    if name in {MANIFEST, SIDECAR, ".lock"} or added:
        return []
    return [Finding("note", name, "a hidden file that is bound by nothing and read by nothing")]


def _results(manifest: Manifest) -> list[Finding]:
    results = {n: digest for n, digest in sorted(manifest.subjects.items()) if is_result(n)}
    if fingerprint(results) == manifest.predicate.get("results_sha256"):
        return []
    return [Finding("contradiction", MANIFEST, "its results_sha256 is not that of its subjects")]


def _object(path: Path) -> dict[str, Any]:
    if not is_plain(path):
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
