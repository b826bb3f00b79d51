"""What every file of a run folder is for: the table behind `docs/reference/run-folder.md`.

A test holds it against the files of a real run: a file that no line here describes fails it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunFile:
    """One kind of file in a run folder."""

    path: str
    """Path below the folder; `<name>` is a candidate or floor, `<stage>` a stage of its work."""
    meaning: str
    """What it holds, in one line of Markdown."""
    when: str = ""
    """When it is there; empty where every finished screen has it."""


_TRAINED = "a trained candidate"
_FLIP = "a recipe with `flip`"
_APPRAISAL = "a recipe with `appraisal`"
_HEADS = "a recipe with `heads`"
_PROBED = "a frozen probe"
_UNFINISHED = "training was cut short"
_RUNGS = "`halving.rungs` is above 1"
_TRIALS = "`trials.learning_rates` has rates"
_CROSS = "`data.cross` has parts"
_TEST = "`data.test` has parts"
_HALF = "`decoding.dtype` is bfloat16"
_HALF_RUNGS = "both that and rungs"
_RANKED = "`emoloom rank` was called"

RUN_FILES = (
    RunFile(
        "run.json", "What the folder is a run of, and how far it came: config, hashes of inputs."
    ),
    RunFile("manifest.json", "in-toto statement: sha256 of the files, and what they came from."),
    RunFile("manifest.sha256", "The digest of the manifest: keep it elsewhere."),
    RunFile("plan.json", "Stages and their counts, fixed before any work."),
    RunFile("events.jsonl", "What happened: started, continued, stopped, failed, audits."),
    RunFile("costs.json", "Every time, rate, memory and forward; nothing of it is elsewhere."),
    RunFile("report.html", "The report: one offline page, made from the other files."),
    RunFile("leaderboard.json", "All scores with intervals, comparisons, best set and verdict."),
    RunFile("leaderboard.csv", "The same table for a spreadsheet."),
    RunFile("leaderboard.md", "The same table for people; `emoloom screen` prints it."),
    RunFile("rungs.json", "What every rung decided, and why.", _RUNGS),
    RunFile("rankings/<number>.json", "The ranking by other weights; numbered.", _RANKED),
    RunFile("data/train.jsonl", "Dataset rows trained on, with weak VAD where nobody rated it."),
    RunFile("data/select.jsonl", "Dataset rows that rank, as annotated by people."),
    RunFile("data/polarity.jsonl", "Texts and their flips.", "`polarity.pairs` is above 0"),
    RunFile("data/cross.jsonl", "Dataset rows of corpora never trained on.", _CROSS),
    RunFile("data/test.jsonl", "Dataset rows that chose nobody: the best set answers.", _TEST),
    RunFile("data/rejected.jsonl", "Lines of the corpora that could not become rows, and why."),
    RunFile("data/scale.json", "The affine map from weak to human VAD."),
    RunFile("data/counts.json", "Rows in, drawn, removed, lost; positives; lexicon hit rate."),
    RunFile("data/flips.jsonl", "Training rows made by Valence Flip.", _FLIP),
    RunFile("data/flips.json", "How many rows were flipped, and why others were not.", _FLIP),
    RunFile("data/verifier.zip", "The appraisal verifier, without pickle.", _APPRAISAL),
    RunFile("data/verifier.json", "How good the verifier is on held-out texts.", _APPRAISAL),
    RunFile("data/atoms.jsonl", "The atoms of each row trained on, out of fold.", _APPRAISAL),
    RunFile("done/<stage>.json", "Marker of a finished stage: hashes of inputs and outputs."),
    RunFile("candidates/<name>/rows/<set>.jsonl", "Raw outputs, one a row: `id`, `output`."),
    RunFile("candidates/<name>/scores.json", "Its scores, parsed and strict."),
    RunFile("candidates/<name>/done/<stage>.json", "Marker of a finished stage, written last."),
    RunFile("candidates/<name>/preflight.json", "The certificate of the model.", "no floor"),
    RunFile("candidates/<name>/frozen_probe.json", "Its scores on train rows held out.", _PROBED),
    RunFile("candidates/<name>/forced.jsonl", "Losses of each gold answer.", "it decodes"),
    RunFile("candidates/<name>/precision.json", "In which precision it answers, why.", _HALF),
    RunFile("candidates/<name>/steps.jsonl", "Losses and rate of every training step.", _TRAINED),
    RunFile(
        "candidates/<name>/checkpoint/adapter_config.json", "Of the LoRA adapter (peft).", _TRAINED
    ),
    RunFile("candidates/<name>/checkpoint/adapter_model.safetensors", "Its weights.", _TRAINED),
    RunFile(
        "candidates/<name>/checkpoint/heads.safetensors", "Weights of the light heads.", _HEADS
    ),
    RunFile("candidates/<name>/training/<step>/state.json", "Where training goes on.", _UNFINISHED),
    RunFile(
        "candidates/<name>/training/<step>/state.safetensors",
        "Parameters and the optimiser's moments.",
        _UNFINISHED,
    ),
    RunFile("candidates/<name>/rows/<set>-<rung>.jsonl", "Raw outputs of a rung.", _RUNGS),
    RunFile("candidates/<name>/rungs/<rung>/steps.jsonl", "Training steps of a rung.", _RUNGS),
    RunFile("candidates/<name>/rungs/<rung>/checkpoint/<file>", "Its adapter.", _RUNGS),
    RunFile("candidates/<name>/rungs/<rung>/precision.json", "As above, of a rung.", _HALF_RUNGS),
    RunFile("candidates/<name>/trunk/<step>/<file>", "Where the next rung goes on.", _RUNGS),
    RunFile("candidates/<name>/rates/<trial>/steps.jsonl", "Steps of a trial of rates.", _TRIALS),
    RunFile("candidates/<name>/rates/<trial>/loss.json", "Its loss on held-out rows.", _TRIALS),
)
"""Every file, in the order of the page."""
