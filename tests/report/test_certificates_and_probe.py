"""Near-ties beside the certificates; the rows of corpora never trained on."""

import json
from pathlib import Path

import pytest
from make_run import LEADER, make_run, write, write_lines
from page_reader import page_of

pytestmark = pytest.mark.usefixtures("compiled_once")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path, rows=16)


def test_near_ties_stand_with_the_certificates(run: Path) -> None:
    costs = json.loads((run / "costs.json").read_text(encoding="utf-8"))
    costs["decode"][LEADER] |= {"near_ties": 5, "decided": 1000, "tie_margin": 0.002}
    write(run / "costs.json", costs)
    text = page_of(run).text("certificates")
    assert f"{LEADER} packed up to L – 0.002 5 0.5% 1,000 no mismatch in 336" in text


OUTPUT = '{"labels":["joy"],"vad":{"v":0.5,"a":0.5,"d":0.5},"rationale":"cues: none"}'


def test_the_probe_is_shown_where_there_is_one(run: Path) -> None:
    assert "cross" not in page_of(run).sections
    rows = [{"id": f"d/{n}", "source": "dailydialog", "text": "t"} for n in range(4)]
    write_lines(run / "data/cross.jsonl", rows)
    outputs = [{"id": f"d/{n}", "output": OUTPUT if n else "none"} for n in range(4)]
    write_lines(run / "candidates" / LEADER / "rows/cross.jsonl", outputs)
    text = page_of(run).text("cross")
    assert "This folder has the answers without scores" in text
    assert f"{LEADER} dailydialog – 4 75.0%" in text
    score = {"value": 0.25, "interval": [0.2, 0.3]}
    block = {"n": 4, "parse_ok": {"value": 0.75}, "label_space": "ekman7"}
    path = run / "candidates" / LEADER / "scores.json"
    scores = json.loads(path.read_text(encoding="utf-8"))
    write(path, scores | {"cross": {"dailydialog": block | {"strict": {"macro_f1": score}}}})
    page = page_of(run)
    assert f"{LEADER} dailydialog ekman7 4 75.0% 0.250 [0.200, 0.300]" in page.text("cross")
    assert "#cross" in [a.get("href") for _, a in page.elements]
