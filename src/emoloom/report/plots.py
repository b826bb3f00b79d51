"""The plots of the page: what each shows, and the JSON that the page's script draws it from."""

from collections.abc import Sequence

from emoloom.report.board import Entry
from emoloom.report.confusion import confusion_payload, confusions
from emoloom.report.formats import visible
from emoloom.report.inputs import Record, RunInputs, mapping
from emoloom.report.label_f1 import label_scores, labels_payload
from emoloom.report.learning import MIXTURE, learning_curves, learning_payload
from emoloom.report.quality import AXES, quality_payload, score_against_cost
from emoloom.report.row_payload import script_json
from emoloom.report.rows import DecodedRows
from emoloom.report.vad_pairs import vad_pairs, vad_payload

QUALITY_HEIGHT = 280
"""Height in pixels of the plot of score against cost."""

TERM_HEIGHT, MIXTURE_HEIGHT = 320, 200
"""Heights in pixels of the learning curves."""


def plots_view(inputs: RunInputs, entries: Sequence[Entry], decoded: DecodedRows) -> Record:
    """The plots with their tables, and the script's JSON: `null` where a plot is not drawn."""
    quality = score_against_cost(entries, inputs.objects["costs.json"])
    labels = label_scores(inputs, entries)
    vad = vad_pairs(inputs.lines["data/select.jsonl"], decoded, entries)
    confused = confusions(inputs.lines["data/select.jsonl"], decoded)
    names = dict.fromkeys([*(entry.name for entry in entries), *inputs.candidates])
    found = inputs.candidates
    learning = learning_curves((name, found[name].steps) for name in names if name in found)
    leader = _leader(inputs, entries)
    payload = {
        "leader": visible(leader),
        "quality": None if quality.why else quality_payload(quality),
        "labels": None if labels.why else labels_payload(labels),
        "confusion": None if confused.why else confusion_payload(confused),
        "vad": None if vad.why else vad_payload(vad),
        "learning": learning_payload(learning) if learning.curves else None,
    }
    drawn = [key for key, value in payload.items() if key != "leader" and value is not None]
    return {
        "leader": leader,
        "quality": quality,
        "quality_axes": AXES,
        "quality_height": QUALITY_HEIGHT,
        "labels": labels,
        "confusion": confused,
        "vad": vad,
        "learning": learning,
        "learning_height": TERM_HEIGHT,
        "mixture": MIXTURE,
        "mixture_height": MIXTURE_HEIGHT,
        "drawn": drawn,
        "payload": script_json(payload) if drawn else "",
    }


def _leader(inputs: RunInputs, entries: Sequence[Entry]) -> str:
    """Whose plots are drawn at first: the leader's, or those of its first training."""
    verdict = mapping(inputs.objects["leaderboard.json"].get("verdict"))
    leader = str(verdict.get("leader") or "")
    trainings = next((entry.trainings for entry in entries if entry.name == leader), ())
    return trainings[0] if trainings else leader
