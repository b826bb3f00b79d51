"""The margin of labels against other tokens: on where base rates are levelled, and only there."""

import json

import pytest

from tiny_screen import lines_of, run_screen, write_config

pytestmark = pytest.mark.usefixtures("own_cache")


def first_losses(tmp_path, margin, level):
    """Parts of the loss of the first step, before anything is learnt."""
    given = {"batch_rows": 4, "learning_rate": 3e-3, "max_text_tokens": 24, "lora_rank": 4}
    folder = tmp_path / f"run-{margin}-{level}"
    config = write_config(
        tmp_path / f"{margin}-{level}.yaml",
        recipes=["sft+focus"],
        training=given | {"level": level, "label_margin": margin},
        polarity={"pairs": 0},
    )
    run_screen(config, folder)
    return lines_of(folder / "candidates/one.sft+focus/steps.jsonl")[0]["terms"]


def test_it_is_in_the_loss_of_labels_alone(tmp_path):
    without = first_losses(tmp_path, 0.0, 0.5)
    held = first_losses(tmp_path, 2.0, 0.5)
    assert held["lm_labels"] > without["lm_labels"] + 0.2, json.dumps([without, held])
    for part in ("lm_digits", "lm_rationale", "lm_skeleton"):
        assert held[part] == pytest.approx(without[part], rel=1e-6), part


def test_without_levelling_there_is_none(tmp_path):
    without = first_losses(tmp_path, 0.0, 0.0)
    assert first_losses(tmp_path, 2.0, 0.0) == without
