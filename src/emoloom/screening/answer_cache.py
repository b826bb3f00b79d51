"""Answers kept between runs, under a key of everything that can change one. Off by default.

One file for each `AnswerFacts`, in the user's cache folder. A file appears whole or not at all; one
that is damaged, or of other facts than its name says, holds nothing. Why it is off by default, and
what it may and may not say of costs: docs/decisions/0016.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from emoloom.records import Row
from emoloom.runs.directory import fingerprint, write_bytes_atomic
from emoloom.sources.cache import default_cache

FORMAT = 1
"""Version of the files; others hold nothing."""

MEGABYTE = 1_000_000


class Kept(NamedTuple):
    """One answer."""

    output: str
    """The raw text, end token left out."""
    truncated: bool
    """Whether the row's text was cut."""


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """Everything that can change the answer to a text. One field another, and nothing is found."""

    weights: str
    """sha256 of the base weights."""
    adapter: str
    """sha256 of the adapter; empty where nothing was trained."""
    tokenizer: str
    """sha256 of the tokenizer's files and chat template."""
    model_config: str
    """sha256 of the model's config, its stop tokens and its own code."""
    prompt: tuple[str, str]
    """Template and instruction around the text: sha256 of the head, and the tail."""
    max_text_tokens: int
    """Longer texts are cut."""
    decoder: str
    """`verified` or `canonical`."""
    max_new_tokens: int
    """Longest answer."""
    partial: bool
    """Whether answers end as soon as labels and VAD are written."""
    certificate: str
    """Fingerprint of the preflight certificate: what is packed, and the near-tie margin."""
    dtype: str
    """Precision of the model's body."""
    code: str
    """sha256 of this package's files."""
    packages: tuple[tuple[str, str], ...]
    """Version of each package that can change an answer."""
    threads: int
    """CPU threads."""
    device: tuple[str, ...]
    """Kind of device, its instruction set or card, system and architecture."""

    @property
    def key(self) -> str:
        """64 hex digits."""
        return fingerprint(asdict(self))


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """The answers of one `AnswerFacts`."""

    facts: AnswerFacts
    """What they depend on besides the text."""
    most_bytes: int
    """All files together; the least recently used go first."""
    warn: Callable[[str], object]
    """Told of a file that cannot be used."""
    folder: Path
    """Where the files are; `answers_folder()`."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.facts.key}.json"

    def look_up(self, rows: Sequence[Row]) -> dict[str, Kept]:
        """Answers by row id, of the rows whose text is known."""
        known = self._read() if rows else {}
        found = {row.id: known[_text_key(row.text)] for row in rows if _text_key(row.text) in known}
        if found:
            with suppress(OSError):
                os.utime(self.path)
        return found

    def store(self, rows: Iterable[tuple[Row, Kept]]) -> None:
        """Add answers; a disk that takes none costs nothing but the next run's time."""
        answers = self._read()
        before = len(answers)
        answers |= {_text_key(row.text): kept for row, kept in rows}
        if len(answers) == before:
            return
        lines = {key: list(kept) for key, kept in sorted(answers.items())}
        record = {"format": FORMAT, "facts": asdict(self.facts), "answers": lines}
        text = json.dumps(record | {"sha256": fingerprint(lines)}, ensure_ascii=True)
        try:
            write_bytes_atomic(self.path, text.encode("ascii"))
            make_room(self.folder, self.most_bytes)
        except OSError as error:
            self.warn(f"answers cannot be kept in {self.folder}: {error.strerror}")

    def _read(self) -> dict[str, Kept]:
        try:
            record = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            record = None
        answers = _whole(record, self.facts)
        if answers is None:
            self.warn(f"kept answers are damaged and not used: {self.path.name}")
            return {}
        return answers


def answers_folder(cache: Path | None = None) -> Path:
    """Where answers are kept, beside the models."""
    return (cache or default_cache()) / "answers"


def size(folder: Path) -> tuple[int, int]:
    """Files, and bytes of all of them."""
    sizes = [path.stat().st_size for path in _files(folder)]
    return len(sizes), sum(sizes)


def make_room(folder: Path, most_bytes: int) -> None:
    """Remove the least recently used files until the rest are small enough."""
    files = sorted(_files(folder), key=lambda path: path.stat().st_mtime_ns)
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total <= most_bytes:
            break
        total -= path.stat().st_size
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.json") if path.is_file()] if folder.is_dir() else []


def _text_key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _whole(record: Any, facts: AnswerFacts) -> dict[str, Kept] | None:
    """The answers of a file that is whole and of these facts; else None."""
    if not isinstance(record, Mapping) or record.get("format") != FORMAT:
        return None
    answers = record.get("answers")
    if not isinstance(answers, dict) or not all(map(_is_kept, answers.values())):
        return None
    if record.get("sha256") != fingerprint(answers):
        return None
    if fingerprint(record.get("facts")) != facts.key:
        return None
    return {key: Kept(*value) for key, value in answers.items()}


def _is_kept(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], bool)
    )
