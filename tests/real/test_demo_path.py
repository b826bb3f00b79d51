"""The demo's path on the real SmolLM2 weights, with few rows: every stage, every file."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from emoloom.engines.progress import PlainProgress
from emoloom.errors import ExitCode
from emoloom.pipeline import screen

ROOT = Path(__file__).parents[2]


def _few_rows(tmp_path: Path) -> Path:
    config = yaml.safe_load((ROOT / "configs" / "demo.yaml").read_text(encoding="utf-8"))
    for part, rows in zip(config["data"]["train"], (32, 16), strict=True):
        part["rows"] = rows
    for part in config["data"]["select"]:
        part["rows"] = 4
    config["zero_shot"]["rows"] = 1
    config["training"]["batch_rows"] = 4
    config["decoding"] = {"max_new_tokens": 64, "audit_rows": 1}
    path = tmp_path / "few.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.mark.real
def test_the_demo_with_few_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    screened = screen(_few_rows(tmp_path), run, PlainProgress(sys.stderr))

    assert screened.code is ExitCode.DONE
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    entries = {entry["name"]: entry for entry in board["entries"]}
    assert set(entries) == {
        "constant",
        "lexicon",
        "tf-idf",
        "smollm2-135m.sft",
        "smollm2-135m.zero-shot",
    }
    trained = entries["smollm2-135m.sft"]
    assert trained["rank"] == 1
    assert trained["n"] == 8
    # Twelve steps teach the form: without training hardly an output parses.
    assert trained["parse_ok"]["value"] >= 0.75
    assert entries["smollm2-135m.zero-shot"]["rank"] is None
    losses = [
        json.loads(line)["loss"]
        for line in (run / "candidates/smollm2-135m.sft/steps.jsonl").read_text().splitlines()
    ]
    assert len(losses) == 12
    assert losses[-1] < losses[0] / 2
    certificate = json.loads((run / "candidates/smollm2-135m.sft/preflight.json").read_text())
    assert certificate["verdict"] == "packed"
    assert certificate["positions"] >= 512
    costs = json.loads((run / "costs.json").read_text(encoding="utf-8"))
    decoded = costs["decode"]["smollm2-135m.sft"]
    assert decoded["forwards_per_row"] < 20
    assert (decoded["audited_rows"], decoded["audit_mismatches"]) == (1, 0)
    assert "only candidate that was ranked" in screened.verdict
    assert (run / "report.html").stat().st_size > 50_000
    assert "train smollm2-135m.sft: 12 steps" in capsys.readouterr().err
