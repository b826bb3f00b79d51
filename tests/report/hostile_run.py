"""The fabricated run with text that tries to become markup, script, template or disguise."""

import json
from pathlib import Path

from make_run import LEADER, make_run, write, write_lines

HOSTILE = (
    "<img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}{% raw %}\u202eevil\ud800"
)
HOSTILE_NAME = "<img src=x onerror=alert(3)>{{7*7}}\u202e"
HOSTILE_FLOOR = "<b>floor<script>alert(4)"
"""Names that a folder can have."""

SCRIPTS = 14
"""Script elements of its page: two of data, the page's own, two libraries, and a kit."""


def hostile_run(root: Path) -> Path:
    """The fabricated run with hostile text in every place that text can come from."""
    run = make_run(root)
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    board["verdict"]["text"] = board["rank_by"]["note"] = board["signature"] = HOSTILE
    board["entries"][0]["model"] = board["entries"][8]["reason"] = HOSTILE
    board["entries"][1]["name"] = HOSTILE
    board["entries"][2]["name"] = HOSTILE_NAME
    board["entries"][3]["name"] = HOSTILE_FLOOR
    board["entries"][0]["strict"][HOSTILE] = board["entries"][0]["reasons"][HOSTILE] = 1
    board["verdict"]["comparisons"][0]["name"] = HOSTILE
    write(run / "leaderboard.json", board)
    settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
    settings["name"] = settings["instruction"] = settings["instruction_sha256"] = HOSTILE
    settings["config"] = {HOSTILE: HOSTILE, "list": [{HOSTILE: [HOSTILE]}]}
    settings["licences"] = [{"what": HOSTILE, "licence": HOSTILE}]
    write(run / "run.json", settings)
    select = [json.loads(x) for x in (run / "data/select.jsonl").read_text("utf-8").splitlines()]
    select[0] |= {"text": HOSTILE, "source": HOSTILE}
    select[0]["answer"]["labels"] = [HOSTILE]
    write_lines(run / "data/select.jsonl", select)
    outputs = run / "candidates" / LEADER / "rows/select.jsonl"
    said = [{"id": row["id"], "output": HOSTILE} for row in select]
    write_lines(outputs, said)
    write_lines(run / "events.jsonl", [{"event": HOSTILE, "message": HOSTILE, HOSTILE: HOSTILE}])
    write(run / "plan.json", {"stages": [{"stage": HOSTILE, HOSTILE: 1}], HOSTILE: {"a": HOSTILE}})
    write(
        run / "costs.json",
        {
            "stages": [{HOSTILE: HOSTILE}],
            "decode": {HOSTILE: {"rows": 64, "seconds": 90}, LEADER: {"rows": HOSTILE}},
        },
    )
    write_lines(run / "data/rejected.jsonl", [{"excerpt": HOSTILE}])
    check = {"name": HOSTILE, "value": HOSTILE}
    certificate = {"verdict": HOSTILE, "reason": HOSTILE, "checks": [check], HOSTILE: HOSTILE}
    write(run / "candidates" / LEADER / "preflight.json", certificate)
    (run / "candidates/qwen3-0.6b-sft").rename(run / "candidates" / HOSTILE_NAME)
    (run / "candidates/tfidf").rename(run / "candidates" / HOSTILE_FLOOR)
    for name in (HOSTILE_NAME, HOSTILE_FLOOR):
        scores = json.loads((run / "candidates" / name / "scores.json").read_text("utf-8"))
        label = {"label": HOSTILE, "support": 99, "precision": 0.5, "recall": 1, "f1": 0.5}
        write(run / "candidates" / name / "scores.json", scores | {"per_label": [label]})
    return run
