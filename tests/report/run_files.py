"""Files of a fabricated run folder, and the F1 of its labels, counted plainly."""

import json
from pathlib import Path
from typing import Any


def write(path: Path, value: object) -> None:
    """One JSON object, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")


def write_lines(path: Path, values: list[Any]) -> None:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


def label_scores(rows: list[Any], outputs: list[Any]) -> list[dict[str, Any]]:
    """What scores.json says of each label that is gold somewhere, and of one that is not."""
    pairs = [
        (set(row["answer"]["labels"]), _said(line["output"]))
        for row, line in zip(rows, outputs, strict=True)
        if row["answer"]["labels"] is not None
    ]
    names = dict.fromkeys(label for gold, _ in pairs for label in sorted(gold))
    return [_of(label, pairs) for label in (*names, "caring")]


def _said(output: str) -> set[str]:
    """The labels of an output; none where it is no answer."""
    try:
        labels = set(json.loads(output)["labels"])
    except ValueError:
        return set()
    return labels if "bliss" not in labels and "1.20" not in output else set()


def _of(label: str, pairs: list[tuple[set[str], set[str]]]) -> dict[str, Any]:
    gold = sum(label in right for right, _ in pairs)
    said = sum(label in got for _, got in pairs)
    hits = sum(label in right & got for right, got in pairs)
    return {
        "label": label,
        "support": gold,
        "precision": hits / said if said else None,
        "recall": hits / gold if gold else None,
        "f1": 2 * hits / (gold + said) if gold else None,
    }
