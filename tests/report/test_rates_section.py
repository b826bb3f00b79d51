"""Learning rates that were tried, in the report."""

from pathlib import Path

import pytest
from make_run import make_run, write
from page_reader import page_of

pytestmark = pytest.mark.usefixtures("compiled_once")


def test_learning_rates_are_shown_where_any_were_tried(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=16)
    assert "rates" not in page_of(run).sections
    folder = run / "candidates/smollm2-360m-sft/rates"
    tried = [
        {"learning_rate": 3e-4, "loss": 1.5, "labels": 0.9, "digits": 0.6},
        {"learning_rate": 1e-3, "loss": None, "reason": "the loss is not finite"},
        {"learning_rate": 1e-4, "loss": 1.5},
        {"learning_rate": "x", "loss": "y"},
    ]
    for number, record in enumerate(tried, start=9):  # 9, 10, ...: in the order of numbers
        write(folder / str(number) / "loss.json", record)
    text = page_of(run).text("rates")
    wanted = "0.0003 1.500 0.900 0.600 0.001 – – – the loss is not finite "
    wanted += "0.0001 1.500 – – taken – – – – no loss"
    assert f"smollm2-360m-sft {wanted}" in text
