"""A fabricated run folder for the tests of the report. Its numbers are invented, not measured."""

import math
import random
from pathlib import Path
from typing import Any

from run_files import label_scores, write, write_lines

TEXTS = (
    ("The puppy fell asleep on my shoes and I will never move again.", ["joy", "love"], "glad"),
    ("You said you would call. You never call.", ["disappointment"], "sad"),
    ("Third outage this week. Do they even test anything?", ["anger", "annoyance"], "angry"),
    ("Thank you for staying late to help me pack.", ["gratitude"], "glad"),
    ("I keep hearing steps upstairs and nobody else is home.", ["fear"], "scared"),
    ("Wait, the library is open on Sundays now?", ["surprise", "curiosity"], "even"),
    ("The meeting moved to three o'clock.", ["neutral"], "even"),
    ("I should not have said that to her. I am sorry.", ["remorse"], "sad"),
    ("We did it! Two years of work and it finally flies!", ["excitement", "pride"], "glad"),
    ("That sandwich had been under the sofa since March.", ["disgust"], "angry"),
    ("Honestly, this is the best explanation I have read.", ["admiration"], "glad"),
    ("She would have turned eighty today.", ["grief", "sadness"], "sad"),
    ("I think the second plan will work if the weather holds.", ["optimism"], "glad"),
    ("No idea what this error means, can anyone explain?", ["confusion", "curiosity"], "even"),
    ("The test came back clear. I can breathe again.", ["relief"], "glad"),
    ("Speaking tomorrow in front of four hundred people. Help.", ["nervousness"], "scared"),
)
MOODS = {
    "glad": (0.82, 0.58, 0.60),
    "sad": (0.24, 0.36, 0.33),
    "angry": (0.20, 0.66, 0.55),
    "scared": (0.22, 0.70, 0.28),
    "even": (0.54, 0.38, 0.50),
}
ROWS = 64
LEADER = "smollm2-360m-sft"
_REST = '"rationale":"cues: none"}'
BAD_OUTPUTS = (
    ("truncated", '{"labels":["joy"],"vad":{"v":0.81,"a":0.5'),
    ("no_json", "I think the writer feels joy."),
    ("unknown_label", '{"labels":["bliss"],"vad":{"v":0.90,"a":0.60,"d":0.60},' + _REST),
    ("out_of_range", '{"labels":["fear"],"vad":{"v":1.20,"a":0.70,"d":0.30},' + _REST),
)
SCORED = """
# name | kind | model | recipe | rank | score | half-width | chance of right labels | bad outputs
smollm2-360m-sft | candidate | SmolLM2-360M-Instruct | sft | 1 | 0.318 | 0.052 | 0.55 | 1
smollm2-135m-sft | candidate | SmolLM2-135M-Instruct | sft | 2 | 0.291 | 0.055 | 0.5 | 2
qwen3-0.6b-sft | candidate | Qwen3-0.6B | sft | 3 | 0.224 | 0.058 | 0.4 | 4
tfidf | floor | TF-IDF, logistic and ridge | all training rows | | 0.241 | 0.05 | 0.4 | 0
lexicon | floor | label-free lexicon | | | 0.112 | 0.04 | 0.2 | 0
majority | floor | commonest label, mean VAD | | | 0.061 | 0.03 | 0.1 | 0
smollm2-360m-head | shown | SmolLM2-360M-Instruct | head alone | | 0.302 | 0.054 | 0.5 | 0
smollm2-135m-zero-shot | shown | SmolLM2-135M-Instruct | zero-shot | | 0.03 | 0.02 | 0.1 | 12
"""
REFUSED = "gemma3-270m-sft"


RUN = r"""{
 "name": "demo", "status": "done", "emoloom_version": "0.1.0",
 "config": {
  "label_space": "goemotions28", "threads": 2,
  "candidates": [{"model": "pypi:smollm2-360m==1.0#model", "recipe": "sft"}],
  "training": {"rows": 2400, "lora": {"r": 16, "dropout": 0.0}, "terms": ["lm", "vad"]},
  "budget": {"wall_time": "45m", "tokens": null}},
 "packages": {"torch": "2.13.0", "transformers": "5.23.0"},
 "created_with": {"threads": 2, "cpu": "x86_64, AVX2"},
 "instruction": "Label the emotions of the text.\nLabels: admiration, ..., neutral.\nText: {text}",
 "instruction_sha256": "9f2c41d0",
 "licences": [
  {"what": "GoEmotions", "licence": "Apache-2.0"},
  {"what": "EmoBank", "licence": "CC BY-SA 4.0"},
  {"what": "Glasgow Norms", "licence": "CC BY 4.0"}],
 "strictest_licence": "CC BY-SA 4.0"}"""
EVENTS = """\
{"event": "plan_fixed", "message": "3 candidates fit the budget of 45 min", "rungs": 1}
{"event": "refused", "candidate": "gemma3-270m-sft", "message": "the output changes with padding"}
{"event": "done", "message": "all stages done"}
"""


def make_run(root: Path, rows: int = ROWS) -> Path:
    """Write a whole run folder of so many select rows under `root` and return it."""
    rng = random.Random(7)
    run = root / "demo"
    select = [_row(index) for index in range(rows)]
    write_lines(run / "data/select.jsonl", select)
    rejected = {"source": "goemotions", "line": 17, "reason": "empty text", "excerpt": "\t3\tabc"}
    write_lines(run / "data/rejected.jsonl", [rejected])
    specs = [line.split("|") for line in SCORED.splitlines() if line and line[0] != "#"]
    entries = [_scored(run, select, [part.strip() for part in s], rng) for s in specs]
    entries.append(_refused(run))
    write(run / "leaderboard.json", _leaderboard(entries))
    (run / "run.json").write_text(RUN, encoding="utf-8")
    write(run / "plan.json", _plan())
    write(run / "costs.json", _costs())
    counts = {"sets": {"train": 2400, "select": rows}, "removed_from_train": 109, "rejected": 1}
    write(run / "data/counts.json", counts)
    (run / "events.jsonl").write_text(EVENTS, encoding="utf-8")
    return run


def _vad(numbers: tuple[float, ...]) -> dict[str, float]:
    return dict(zip("vad", numbers, strict=True))


def _row(index: int) -> dict[str, Any]:
    text, labels, mood = TEXTS[index % len(TEXTS)]
    human = index % 4 == 3
    again = index // len(TEXTS)
    return {
        "id": f"emobank:dev:{index}" if human else f"goemotions:dev:{index}",
        "text": text if again == 0 else f"{text} ({again + 1})",
        "answer": {
            "labels": None if human and index % 8 == 7 else labels,
            "vad": _vad(MOODS[mood]),
            "rationale": "cues: none",
        },
        "source": "emobank" if human else "goemotions",
        "split": "dev",
        "vad_source": "human" if human else "weak",
        "group": f"g{index}",
    }


def _output(row: dict[str, Any], right: float, rng: random.Random) -> str:
    gold = row["answer"]["labels"] or ["neutral"]
    labels = gold if rng.random() < right else [rng.choice(rng.choice(TEXTS)[1])]
    spread = 0.25 * (1 - right)
    vad = {k: min(1.0, max(0.0, v + rng.gauss(0, spread))) for k, v in row["answer"]["vad"].items()}
    numbers = ",".join(f'"{key}":{value:.2f}' for key, value in vad.items())
    names = ",".join(f'"{label}"' for label in labels)
    cue = max(row["text"].split(), key=len).strip(".,!?").lower()
    return f'{{"labels":[{names}],"vad":{{{numbers}}},"rationale":"cues: {cue}"}}'


def _measure(value: float, half: float) -> dict[str, Any]:
    low, high = value - half, min(value + half, 1.0)
    return {"value": round(value, 4), "interval": [round(low, 4), round(high, 4)]}


def _metrics(score: float, parse_ok: float, half: float) -> dict[str, Any]:
    rmse = 0.092 - 0.06 * score if parse_ok == 1 else 0.094 - 0.06 * score
    metrics: dict[str, Any] = {
        "macro_f1": _measure(score * 0.9, half),
        "micro_f1": _measure(score * 1.4, half),
        "macro_recall": _measure(score * 0.95, half),
        "subset_accuracy": _measure(score * 1.1, half),
        "rmse": _measure(rmse, 0.004),
        "one_minus_rmse": _measure(1 - rmse, 0.004),
        "skill": _measure(1 - rmse / 0.0883, 0.03),
        "n_labels": 14,
        "labels_left_out": ["pride", "grief"],
    }
    for index, dimension in enumerate("vad"):
        metrics[f"rmse_{dimension}"] = _measure(rmse + 0.01 * (index - 1), 0.004)
        metrics[f"pearson_{dimension}"] = _measure(1.8 * score - 0.12 * index, 0.08)
        metrics[f"ccc_{dimension}"] = _measure(1.4 * score - 0.12 * index, 0.08)
    return metrics


def _scored(run: Path, rows: list[Any], spec: list[str], rng: random.Random) -> dict[str, Any]:
    name, kind, model, recipe, rank = spec[:5]
    score, half, right = (float(part) for part in spec[5:8])
    folder = run / "candidates" / name
    lines: list[Any] = []
    reasons: dict[str, int] = {}
    for index, row in enumerate(rows):
        output = _output(row, right, rng)
        if index < 4 * int(spec[8]) and index % 4 == 1:
            reason, output = BAD_OUTPUTS[index // 4 % len(BAD_OUTPUTS)]
            reasons[reason] = reasons.get(reason, 0) + 1
        lines.append({"id": row["id"], "output": output})
    write_lines(folder / "rows/select.jsonl", lines)
    parse_ok = 1 - sum(reasons.values()) / len(rows)
    entry = _entry(name, kind, model, recipe) | {
        "rank": int(rank) if rank else None,
        "below_floors": ["tfidf"] if name == "qwen3-0.6b-sft" else [],
        "score": _measure(score, half),
        "n": len(rows),
        "parse_ok": _measure(parse_ok, 0.0 if parse_ok == 1 else 0.02),
        "reasons": reasons,
        "strict": _metrics(score, parse_ok, half),
        "parsed": _metrics(score + 0.4 * (1 - parse_ok), 1.0, half),
    }
    entry["parsed"]["n_vad_rows"] = sum(row["vad_source"] == "human" for row in rows)
    write(folder / "scores.json", entry | {"per_label": label_scores(rows, lines)})
    if kind == "candidate":
        write(folder / "preflight.json", _preflight("packed up to L", "", 2e-5))
        write_lines(folder / "steps.jsonl", _steps(score, rng))
    return entry


def _entry(name: str, kind: str, model: str, recipe: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "kind": kind, "model": model, "recipe": recipe}
    nothing = dict.fromkeys(("rank", "score", "parse_ok", "strict", "parsed"))
    return entry | {"status": "scored", "reason": "", "below_floors": [], "reasons": {}} | nothing


def _steps(score: float, rng: random.Random) -> list[Any]:
    steps = []
    for step in range(1, 301):
        loss = (2.9 - score) * math.exp(-step / 45) + 0.85 - score + rng.gauss(0, 0.05)
        rest = {"learning_rate": 2e-4, "rows": 16 * step, "answer_tokens": 640}
        steps.append({"step": step, "loss": loss, **rest})
    return steps


def _preflight(verdict: str, reason: str, gap: float) -> dict[str, Any]:
    checks = [
        {"name": name, "passed": value < 1e-3, "value": value, "limit": 1e-3}
        for name, value in (("causality", 1.1e-5), ("packed = single", gap))
    ]
    return {"verdict": verdict, "reason": reason, "max_length": 512, "checks": checks}


def _refused(run: Path) -> dict[str, Any]:
    reason = "the output changes with padding"
    write(run / "candidates" / REFUSED / "preflight.json", _preflight("refused", reason, 3.4))
    entry = _entry(REFUSED, "candidate", "Gemma-3-270M-it", "sft")
    return entry | {"status": "failed", "reason": reason, "n": 0}


def _leaderboard(entries: list[Any]) -> dict[str, Any]:
    return {
        "contract_version": "1",
        "run": "demo",
        "label_space": "goemotions28",
        "signature": "rows:64|seeds:1|bootstrap:2000|metric:macro-F1|emoloom:0.1.0",
        "rank_by": {
            "labels_metric": "strict_macro_f1",
            "labels": ["joy", "anger", "sadness", "neutral"],
            "weights": {"labels": 0.5, "vad": 0.5},
            "indicative": True,
            "note": "too few labels have 20 gold rows (0 of 4 in gold), so those with at least 3 "
            "stand in.",
        },
        "verdict": {
            "text": "Invest in smollm2-360m-sft or smollm2-135m-sft: on these 64 rows, this seed, "
            "the two are not separable.",
            "leader": LEADER,
            "best_set": [LEADER, "smollm2-135m-sft"],
            "seeds": 1,
            "p_best": {LEADER: 0.71, "smollm2-135m-sft": 0.27, "qwen3-0.6b-sft": 0.02},
            "comparisons": [
                _comparison("smollm2-135m-sft", 0.027, 0.052, 0.31, 410),
                _comparison("qwen3-0.6b-sft", 0.094, 0.057, 0.004, 40),
            ],
            "floor_comparisons": [_comparison("tfidf", 0.077, 0.072, 0.04, 60)],
        },
        "entries": entries,
    }


def _comparison(
    name: str, difference: float, half: float, p_adjusted: float, rows: int | None
) -> dict[str, Any]:
    return {
        "name": name,
        "difference": difference,
        "interval": [difference - half, difference + half],
        "p": p_adjusted / 2,
        "p_adjusted": p_adjusted,
        "separable": p_adjusted < 0.05,
        "rows_to_separate": rows,
    }


def _plan() -> dict[str, Any]:
    stages = [
        {"stage": stage, "candidate": name, "units": units}
        for name in (LEADER, "smollm2-135m-sft", "qwen3-0.6b-sft")
        for stage, units in (("train", 300), ("decode", 8))
    ]
    return {"stages": stages, "select_rows": ROWS, "train_rows": 2400, "budget_seconds": 2700}


def _costs() -> dict[str, Any]:
    stages, decode = [], {}
    for index, name in enumerate((LEADER, "smollm2-135m-sft", "qwen3-0.6b-sft")):
        for stage, units, seconds in (("train", 300, 612.4), ("decode", 8, 58.2)):
            work = {"stage": stage, "candidate": name, "units": units}
            took = seconds * (1.5 - 0.4 * index)
            cost = {"seconds": took, "rate": units / took, "peak_memory_mb": 3810.4 + index}
            stages.append(work | cost)
        forwards = 166 + 20 * index
        audit = {"near_ties": 3 * index, "audited_tokens": 336, "audit_mismatches": 0}
        effort = {"forwards": forwards, "forwards_per_row": forwards / ROWS}
        effort["seconds"] = 58.2 * (1.5, 0.6, 2.0)[index]
        decode[name] = {"rows": ROWS, "tokens_computed": 17920} | effort | audit
    return {"stages": stages, "decode": decode}
