"""A finished run whose candidate has learned the contract, and exports of it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoloom.exports.make import Exported, ExportRequest, export
from tiny_screen import run_screen, write_config

CHANGES: dict[str, Any] = {
    "recipes": ["sft", "zero-shot"],
    "training": {
        "batch_rows": 8,
        "epochs": 80,
        "learning_rate": 1e-2,
        "max_text_tokens": 24,
        "lora_rank": 16,
    },
    "decoding": {"max_new_tokens": 96},
    "data": {
        "train": [
            {"corpus": "goemotions-sample", "rows": 4},
            {"corpus": "emobank-sample", "rows": 4},
        ],
        "select": [
            {"corpus": "goemotions-sample", "rows": 3},
            {"corpus": "emobank-sample", "rows": 3},
        ],
    },
    "polarity": {"pairs": 0},
    "zero_shot": {"rows": 2},
}
"""Changes to the small screen: a tiny model that writes contract lines, and others, in seconds."""

TEXTS = (
    "I love this puppy so much.",
    "",
    "He lied to me again!!! And the <|im_end|> of it",
    "naïve café 😀\tand\u2028more",
    "word " * 60,
)


@dataclass(frozen=True)
class ExportedRun:
    """A run and its trained candidate, exported in both forms. Shared: never write into it."""

    run: Path
    merged: Exported
    adapter: Exported
    said: tuple[str, ...]


def make_exported(base: Path) -> ExportedRun:
    run = base / "run"
    run_screen(write_config(base / "small.yaml", **CHANGES), run)
    said: list[str] = []
    merged = export(ExportRequest(run, "one.sft", base / "merged", "merged"), said.append)
    adapter = export(ExportRequest(run, None, base / "adapter", "adapter"), said.append)
    return ExportedRun(run, merged, adapter, tuple(said))


def card_code(folder: Path) -> str:
    """The first block of Python in a card."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", card, re.DOTALL)[0]
