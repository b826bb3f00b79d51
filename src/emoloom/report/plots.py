"""The plots of the page: what each shows, and the JSON that the page's script draws it from."""

from collections.abc import Sequence

from emoloom.report.board import Entry
from emoloom.report.formats import visible
from emoloom.report.inputs import Record, RunInputs, mapping
from emoloom.report.label_f1 import label_scores, labels_payload
from emoloom.report.learning import MIXTURE, learning_curves, learning_payload
from emoloom.report.quality import quality_payload, score_against_time
from emoloom.report.rows import DecodedRows, script_json
from emoloom.report.vad_pairs import vad_pairs, vad_payload

QUALITY_HEIGHT = 400
"""Height in pixels of the plot of score against time."""

TERM_HEIGHT, MIXTURE_HEIGHT = 320, 200
"""Heights in pixels of the learning curves."""


def plots_view(inputs: RunInputs, entries: Sequence[Entry], decoded: DecodedRows) -> Record:
    """The plots with their tables, and the script's JSON: `null` where a plot is not drawn."""
    quality = score_against_time(entries, inputs.objects["costs.json"])
    labels = label_scores(inputs, entries)
    vad = vad_pairs(inputs.lines["data/select.jsonl"], decoded, entries)
    names = dict.fromkeys([*(entry.name for entry in entries), *inputs.candidates])
    found = inputs.candidates
    learning = learning_curves((name, found[name].steps) for name in names if name in found)
    verdict = mapping(inputs.objects["leaderboard.json"].get("verdict"))
    leader = str(verdict.get("leader") or "")
    payload = {
        "leader": visible(leader),
        "quality": None if quality.why else quality_payload(quality),
        "labels": None if labels.why else labels_payload(labels),
        "vad": None if vad.why else vad_payload(vad),
        "learning": learning_payload(learning) if learning.curves else None,
    }
    drawn = any(value is not None for key, value in payload.items() if key != "leader")
    return {
        "leader": leader,
        "quality": quality,
        "quality_height": QUALITY_HEIGHT,
        "labels": labels,
        "vad": vad,
        "learning": learning,
        "learning_height": TERM_HEIGHT,
        "mixture": MIXTURE,
        "mixture_height": MIXTURE_HEIGHT,
        "payload": script_json(payload) if drawn else "",
    }
