"""How long `emoloom verify` takes: a run of many answers is made, then verified as a process.

    python benchmarks/verify.py [--answers 100000] [--entries 5] [--labels goemotions28]

The answers are invented (no model can decode so many here), their scores are computed as a
screen computes them, and the manifest binds all. Half of the gold rows have labels, half human VAD,
as in the demo; one answer in fifty does not parse.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emoloom.auditing.facts import Inputs, made_from, run_facts, run_identity
from emoloom.auditing.links import scores_files
from emoloom.auditing.rescoring import RawRun, read_raw, rescore
from emoloom.config import Config, parse_config
from emoloom.contract.schema import write_answer
from emoloom.corpora.labels import load_space
from emoloom.metrics.signature import Signature
from emoloom.ranking.leaderboard import Leaderboard
from emoloom.ranking.leaderboard_texts import to_csv, to_json, to_markdown
from emoloom.records import VAD, Answer, LabelSpace, Prediction, Row
from emoloom.report.page import write_report
from emoloom.runs.directory import (
    RunDirectory,
    write_json_atomic,
    write_jsonl_atomic,
    write_text_atomic,
)
from emoloom.runs.provenance import write_manifest
from emoloom.runs.record import close_run, open_run, record_inputs
from emoloom.supervision.lexicon import load_lexicon

WORDS = ("love", "puppy", "lied", "again", "meeting", "Tuesday", "what", "never", "mind")


def settings(labels: str, draws: int) -> Config:
    """A config that names what a verification needs."""
    part = [{"corpus": "goemotions-sample"}, {"corpus": "emobank-sample"}]
    return parse_config(
        {
            "name": "many-answers",
            "labels": labels,
            "data": {"train": part, "select": part},
            "models": ["random:tiny@1"],
            "polarity": {"pairs": 0},
            "ranking": {"bootstrap": draws},
        },
        source="benchmarks/verify.py",
    )


def gold(count: int, space: LabelSpace, chance: random.Random, split: str) -> Iterator[Row]:
    """Rows of two corpora in turn: one labelled, one rated."""
    for number in range(count):
        text = " ".join(chance.choices(WORDS, k=chance.randint(4, 20)))
        if number % 2:
            vad = VAD(*(round(chance.betavariate(4, 4), 3) for _ in range(3)))
            answer, source, by = Answer(None, vad, ""), "emobank-sample", "human"
        else:
            labels = some_labels(space, chance)
            answer, source, by = Answer(labels, None, ""), "goemotions-sample", None
        yield Row(f"{source}/{split}{number}", text, answer, source, "dev", by, f"g{number}")


def some_labels(space: LabelSpace, chance: random.Random) -> tuple[str, ...]:
    """One label or two, in the order of the space."""
    drawn = set(chance.choices(space.labels, k=chance.choice((1, 1, 1, 2))))
    return tuple(label for label in space.labels if label in drawn)


def outputs(rows: list[Row], space: LabelSpace, chance: random.Random) -> Iterator[dict[str, str]]:
    """Answers that differ from row to row."""
    for row in rows:
        labels = some_labels(space, chance)
        if row.answer.labels and chance.random() < 0.4:
            labels = row.answer.labels
        vad = VAD(*(chance.random() for _ in range(3)))
        said = write_answer(Prediction(labels, vad, f"cues: {chance.choice(WORDS)}"))
        yield {"id": row.id, "output": said if chance.random() > 0.02 else said[:-9]}


def make_run(root: Path, select_rows: int, entries: int, config: Config) -> None:
    """A finished run folder whose every number is right."""
    space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
    run, chance = RunDirectory(root), random.Random(1)  # noqa: S311
    open_run(run, run_identity(config), run_facts(config, space, lexicon, run.root))
    select = list(gold(select_rows, space, chance, "s"))
    for name, rows in (("train", list(gold(200, space, chance, "t"))), ("select", select)):
        write_jsonl_atomic(run.data(name), [row.to_dict() for row in rows])
    record_inputs(run, {})
    write_json_atomic(run.root / "data" / "counts.json", {"losses": []})
    who: list[dict[str, Any]] = []
    for number in range(entries):
        name = f"model{number}.sft"
        texts = {"name": name, "kind": "candidate", "model": "invented", "recipe": "sft"}
        who.append(texts | {"status": "scored", "reason": "", "pooled": "", "noise_of": ""})
        who[-1] |= {"made_by": name, "base": None, "weights_sha256": None}
        write_jsonl_atomic(run.rows(name, "select"), outputs(select, space, chance))
    predicate = made_from(config, space, lexicon, Inputs({}, {}, {})) | {"entries": who}
    record = json.loads((root / "run.json").read_text(encoding="utf-8"))
    raw = read_raw(root, record, predicate, who)
    write_board(raw, *rescore(raw))
    close_run(run, "done")
    write_manifest(run, predicate)  # for the page, which shows it
    write_report(root)
    write_manifest(run, predicate)


def write_board(raw: RawRun, board: Leaderboard, signature: Signature) -> None:
    """As the pipeline writes it."""
    for name, scores in scores_files(raw.run, board, signature, raw.made_by).items():
        write_json_atomic(raw.run.candidate(name) / "scores.json", scores)
    for suffix, text in (("json", to_json), ("csv", to_csv), ("md", to_markdown)):
        write_text_atomic(raw.run.root / f"leaderboard.{suffix}", text(board))


def verify_seconds(root: Path) -> tuple[float, float]:
    """One `emoloom verify`: seconds from the start of its process to its end, and of CPU."""
    command = [sys.executable, "-c", "from emoloom.cli import main; main()", "verify", str(root)]
    start, before = time.perf_counter(), os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    seconds, after = time.perf_counter() - start, os.times()
    print(done.stdout.splitlines()[-1])
    used = after.children_user + after.children_system
    return seconds, used - before.children_user - before.children_system


def main() -> None:
    """Make the run, verify it, print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=100_000, help="raw outputs in all")
    parser.add_argument("--entries", type=int, default=5, help="candidates that share the rows")
    parser.add_argument("--labels", default="goemotions28", help="label space")
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap draws")
    parser.add_argument("--times", type=int, default=3, help="verifications")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "run"
        rows = asked.answers // asked.entries
        make_run(root, rows, asked.entries, settings(asked.labels, asked.draws))
        seconds = [verify_seconds(root) for _ in range(asked.times)]
    said = ", ".join(f"{wall:.1f} s ({cpu:.1f} s of CPU)" for wall, cpu in seconds)
    print(f"{asked.entries} entries x {rows} rows, {asked.draws} draws, {asked.labels}: {said}")


if __name__ == "__main__":
    main()
