"""The run folder: files that appear whole or not at all, and the markers that say what is done.

A stage writes its outputs first and its marker `done/<stage>.json` last. The marker holds a
fingerprint of the stage's inputs and a hash of each output, so that "done" means "these bytes,
from these inputs" and never "a file of that name exists".
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from emoloom.errors import UserError

MARKER_VERSION = 1
"""Raised when the meaning of a done marker changes; other versions are redone."""

_UNFINISHED = ".unfinished"
"""Ends the name of a file or folder that is not whole yet; the name begins with a dot."""


def dumps(value: object, *, indent: int | None = None) -> str:
    """JSON text, the same bytes for the same value: no NaN, keys in the order given."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary file beside it, fsync, rename."""
    write_parts_atomic(path, (data,))


def write_parts_atomic(path: Path, parts: Iterable[bytes]) -> None:
    """The same of a file's parts, one in memory at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(_UNFINISHED, f".{path.name}.", path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text_atomic(path: Path, text: str) -> None:
    """`write_bytes_atomic` of UTF-8 text."""
    write_bytes_atomic(path, text.encode("utf-8"))


def write_json_atomic(path: Path, value: object) -> None:
    """Indented JSON and a final newline."""
    write_text_atomic(path, dumps(value, indent=2) + "\n")


def write_jsonl_atomic(path: Path, values: Iterable[object]) -> None:
    """One compact JSON value a line."""
    write_text_atomic(path, "".join(dumps(value) + "\n" for value in values))


def append_json_line(path: Path, value: object) -> None:
    """Add one line and make it last: what is returned from is on the disk.

    What a kill left of a line cut short is taken off first, so that it spoils no other line.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # workers write to one log
        _drop_cut_line(stream)
        stream.write((dumps(value) + "\n").encode("utf-8"))
        stream.flush()
        os.fsync(stream.fileno())


def _drop_cut_line(stream: IO[bytes]) -> None:
    size = stream.seek(0, os.SEEK_END)
    if size:
        stream.seek(size - 1)
        if stream.read(1) != b"\n":
            stream.seek(0)
            stream.truncate(stream.read().rfind(b"\n") + 1)


def read_complete_lines(path: Path) -> list[Any]:
    """The JSON values of all whole lines; a last line cut short by a kill is left out."""
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1] if line]


def sha256_file(path: Path) -> str:
    """Hash of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(value: object) -> str:
    """sha256 of a JSON value with sorted keys: identity of all that affects an output."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Paths of one run. Creating the object touches nothing."""

    root: Path
    """The run's folder; its name enters no fingerprint."""

    def candidate(self, name: str) -> Path:
        """Folder of one candidate or floor."""
        return self.root / "candidates" / name

    def rows(self, name: str, row_set: str) -> Path:
        """Raw outputs of a candidate on a row set."""
        return self.candidate(name) / "rows" / f"{row_set}.jsonl"

    def data(self, row_set: str) -> Path:
        """Rows of a row set, shared by all candidates."""
        return self.root / "data" / f"{row_set}.jsonl"

    def event(self, event: str, **details: object) -> None:
        """Append one line to events.jsonl. No times: they live in costs.json alone."""
        append_json_line(self.root / "events.jsonl", {"event": event, **details})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process, and sweep out what a killed one left half written.

        Raises:
            UserError: another process holds it, or the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            stream = (self.root / ".lock").open("a")
        except OSError as error:
            raise UserError(
                f"cannot write the run folder {self.root}",
                got=error.strerror or str(error),
                do="choose another folder with --out",
            ) from error
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(
                    f"another process works on {self.root}",
                    do="wait for it, or choose another folder with --out",
                ) from error
            _remove_unfinished(self.root)
            yield


def _remove_unfinished(root: Path) -> None:
    """Nobody is writing them: the lock is held. Each would stay for good, and they add up."""
    for path in list(root.rglob(f".*{_UNFINISHED}")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """One idempotent piece of a run: inputs by fingerprint, outputs by hash."""

    folder: Path
    """Where the stage's outputs and its `done` folder live."""
    name: str
    """Name of the stage; the marker is `done/<name>.json`."""
    inputs: str
    """Fingerprint of everything that affects the outputs."""

    @property
    def marker(self) -> Path:
        """The file whose presence, content and hashes say that the stage is done."""
        return self.folder / "done" / f"{self.name}.json"

    def done(self) -> Mapping[str, Any] | None:
        """The marker, if its inputs are ours and every output still has its hash; else None."""
        try:
            marker = json.loads(self.marker.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(marker, dict) or marker.get("version") != MARKER_VERSION:
            return None
        if marker.get("inputs") != self.inputs:
            return None
        outputs = marker.get("outputs")
        if not isinstance(outputs, dict):
            return None
        for relative, digest in outputs.items():
            path = self.folder / relative
            if not path.is_file() or sha256_file(path) != digest:
                return None
        return marker

    def finish(
        self,
        outputs: Iterable[Path],
        counts: Mapping[str, int] | None = None,
        made_on: Mapping[str, str] | None = None,
    ) -> None:
        """Write the marker, last. `counts` say what went in, came out and was dropped."""
        hashes = {
            path.relative_to(self.folder).as_posix(): sha256_file(path) for path in sorted(outputs)
        }
        write_json_atomic(
            self.marker,
            {
                "version": MARKER_VERSION,
                "stage": self.name,
                "inputs": self.inputs,
                "outputs": hashes,
                "counts": dict(counts or {}),
                **({"made_on": dict(made_on)} if made_on else {}),
            },
        )


def write_folder_atomic(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a temporary folder beside `target`, then put it in place (replacing an older one)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(_UNFINISHED, f".{target.name}.", target.parent))
    try:
        fill(temporary)
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        temporary.replace(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
