"""The small screen with rows that chose nobody, and answers that are right or wrong at will."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emoloom.contract.schema import write_answer
from emoloom.records import VAD, Prediction
from emoloom.runs.directory import write_jsonl_atomic
from emoloom.screening import answers
from tiny_screen import SETTINGS, write_config

TEST = [{"corpus": "goemotions-sample", "rows": 20}, {"corpus": "emobank-sample", "rows": 5}]
"""Rows of test splits, enough of them for one with a label that ranks, whatever the draw."""

TEST_ROWS = 25
"""Of both."""

TWO = [{"source": f"random:tiny@{seed}", "name": f"m{seed}"} for seed in (1, 2)]
"""Two models."""


def final_config(path: Path, test: list[dict[str, object]] | None = None, **changes: object):
    """The small screen with `data.test`: `TEST_ROWS` rows unless others are given."""
    return write_config(
        path, data={**SETTINGS["data"], "test": TEST if test is None else test}, **changes
    )


def answer_as(patch: pytest.MonkeyPatch, right: Callable[[str, str], bool]) -> None:
    """Let decoding copy the gold answer where `right(candidate, row set)`, else say one thing."""

    def decode(lm, task, out, advance, event, begun):
        good = right(out.parents[1].name, out.stem)
        lines = []
        for row in task.rows:
            labels = (row.answer.labels if good else None) or ("grief",)
            vad = (row.answer.vad if good else None) or VAD(0.99, 0.01, 0.99)
            lines.append(
                {"id": row.id, "output": write_answer(Prediction(labels, vad, "cues: none"))}
            )
        write_jsonl_atomic(out, lines)
        advance(len(lines))
        return {}

    patch.setattr(answers, "decode", decode)
