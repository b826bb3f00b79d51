"""Two real models in one screen, on few rows: Gemma-3 without chat template beside SmolLM2."""

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
    config = yaml.safe_load((ROOT / "configs" / "two-models.yaml").read_text(encoding="utf-8"))
    for part in config["data"]["train"]:
        part["rows"] = 8
    for part in config["data"]["select"]:
        part["rows"] = 2
    del config["data"]["test"]  # so few rows need share no label with those that rank
    config["recipes"] = ["sft"]
    config["training"] |= {"max_text_tokens": 48, "batch_rows": 8}
    config["decoding"] = {"max_new_tokens": 40, "audit_share": 0.0, "audit_rows": 0}
    config["polarity"], config["budget"] = {"pairs": 0}, {"probe": False}  # as the demo's test has
    path = tmp_path / "few.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.mark.real
def test_gemma_and_smollm2_are_scored_and_ranked_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    screened = screen(_few_rows(tmp_path), run, PlainProgress(sys.stderr))

    assert screened.code is ExitCode.DONE
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    entries = {e["name"]: e for e in board["entries"] if e["kind"] == "candidate"}
    assert set(entries) == {"smollm2-135m.sft", "gemma-3-270m.sft"}
    for name, entry in entries.items():
        assert (entry["status"], entry["n"]) == ("scored", 4)
        assert entry["rank"] in {1, 2}
        certificate = json.loads((run / f"candidates/{name}/preflight.json").read_text())
        assert certificate["verdict"] == "packed"
        steps = (run / f"candidates/{name}/steps.jsonl").read_text().splitlines()
        losses = [json.loads(line)["loss"] for line in steps]
        assert len(losses) == 2
        assert losses[1] < losses[0]
    (floor,) = (entry for entry in board["entries"] if entry["name"] == "minilm-l6")
    assert (floor["kind"], floor["status"], floor["n"]) == ("floor", "scored", 4)
    assert 1 in {entry["rank"] for entry in entries.values()}
    terms = "Gemma Terms of Use (https://ai.google.dev/gemma/terms)"
    assert capsys.readouterr().err.count(terms) == 1
    models = json.loads((run / "manifest.json").read_text())["predicate"]["models"]
    assert models["gemma-3-270m"]["terms"] == terms
    assert models["smollm2-135m"]["terms"] is None
    assert terms in (run / "report.html").read_text(encoding="utf-8")
