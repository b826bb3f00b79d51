"""What a forger does: alter a finished run, then write its hashes anew."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emoloom.runs.directory import RunDirectory
from emoloom.runs.provenance import write_manifest

ANSWER = '{"labels":["joy"],"vad":{"v":0.91,"a":0.50,"d":0.60},"rationale":"cues: none"}'


def seal(folder: Path, **changes: object) -> str:
    """Bind the files as they are now, with some facts of the predicate changed."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return write_manifest(RunDirectory(folder), manifest["predicate"] | changes)


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file in place, written as the run writes it."""
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def edit_answer(folder: Path, entry: str, place: int, output: str, row_set: str = "select") -> None:
    """Put other words into a model's mouth."""
    path = folder / f"candidates/{entry}/rows/{row_set}.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines[place]["output"] = output
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")


def flip_byte(path: Path, place: int | None = None) -> None:
    """Change one bit of one byte, in the middle unless told otherwise."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 1
    path.write_bytes(bytes(content))
