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


def without_dominance(run: Path) -> list[Any]:
    """Nobody rated dominance in `select`, nor the arousal of its first human row.

    Returns:
        The rows with human VAD.
    """
    path = run / "data/select.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    human = [row for row in rows if row["vad_source"] == "human"]
    for row in rows:
        row["answer"]["vad"]["d"] = None
    human[0]["answer"]["vad"]["a"] = None
    write_lines(path, rows)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    for entry in board["entries"]:
        if entry["parsed"]:
            n = entry["parsed"]["n_vad_rows"]
            entry["parsed"] |= {"n_vad_rows_v": n, "n_vad_rows_a": n - 1, "n_vad_rows_d": 0}
    write(run / "leaderboard.json", board)
    return human


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
