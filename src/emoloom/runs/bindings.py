"""Which model, adapter, prompt, rows and device each file of answers comes from, by hash."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MODEL_HASHES = ("weights_sha256", "tokenizer_sha256", "config_sha256")
"""What a model is known by again."""

_ROWS = re.compile(r"(?P<row_set>.+?)(?:-(?P<rung>[1-9][0-9]*))?\.jsonl")
"""A file of answers: to a row set, or to what a rung of successive halving asks of it."""

_PROMPT = ("prompt_head_sha256", "prompt_tail", "system_turn")


def bind_answers(
    root: Path, digests: Mapping[str, str], predicate: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One object for each file of answers.

    Config, lexicon, code and packages are the same for all, and stand in the predicate itself.

    Args:
        root: the run folder.
        digests: sha256 of each file of the run, by its path below the root.
        predicate: `entries` says whose model and checkpoint each entry has, `models` has hashes.
    """
    return [
        _bound(root, digests, predicate, entry, name)
        for entry in predicate.get("entries", ())
        for name in sorted(digests)
        if name.startswith(f"candidates/{entry['name']}/rows/") and name.endswith(".jsonl")
    ]


def _bound(
    root: Path,
    digests: Mapping[str, str],
    predicate: Mapping[str, Any],
    entry: Mapping[str, Any],
    name: str,
) -> dict[str, Any]:
    row_set, rung = _asked(name)
    gold = f"data/{row_set}.jsonl"
    model = predicate.get("models", {}).get(entry["base"])
    return {
        "file": name,
        "sha256": digests[name],
        "entry": entry["name"],
        "answers_to": {"file": gold, "sha256": digests.get(gold)},
        "base": entry["base"],
        **{key: None if model is None else model[key] for key in MODEL_HASHES},
        "adapter": _adapter(digests, entry, rung),
        "answers_in": _precision(root, entry, rung),
        "prompt": _prompt(root / "candidates" / entry["made_by"] / "preflight.json"),
        "made_on": _made_on(root / "candidates" / entry["name"], Path(name).name),
    }


def _asked(name: str) -> tuple[str, str]:
    """The row set that a file answers to, and the rung, empty where it is of none."""
    found = _ROWS.fullmatch(Path(name).name)
    return (found["row_set"], found["rung"] or "") if found else (Path(name).stem, "")


def _adapter(digests: Mapping[str, str], entry: Mapping[str, Any], rung: str) -> dict[str, str]:
    """Files of the checkpoint that answered, a rung's own; none where nothing was trained."""
    folder = f"candidates/{entry['made_by']}/{f'rungs/{rung}/' if rung else ''}checkpoint/"
    return {name: digest for name, digest in digests.items() if name.startswith(folder)}


def _precision(root: Path, entry: Mapping[str, Any], rung: str) -> str | None:
    """fp32, unless the checkpoint's record says otherwise; heads are always fp32."""
    if entry["base"] is None:
        return None
    if entry["name"] != entry["made_by"]:
        return "float32"
    folder = root / "candidates" / entry["name"] / (f"rungs/{rung}" if rung else "")
    return str(_object(folder / "precision.json").get("dtype", "float32"))


def _prompt(preflight: Path) -> dict[str, Any] | None:
    """Rendered template and instruction around every text; None where no model was asked."""
    record = _object(preflight)
    return {key: record.get(key) for key in _PROMPT} if record else None


def _made_on(folder: Path, rows: str) -> object:
    """Device and threads, as the marker of the stage that made the file has them."""
    for marker in _markers(folder / "done"):
        if f"rows/{rows}" in marker.get("outputs", {}):
            return marker.get("made_on")
    return None


def _markers(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        yield _object(path)


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
