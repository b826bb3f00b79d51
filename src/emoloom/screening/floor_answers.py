"""Answers of floors, and the files that hold the answers of anyone."""

from collections.abc import Sequence
from pathlib import Path

from emoloom import __version__
from emoloom.contract.parse import parse_output
from emoloom.records import LabelSpace, Output, ParseFailure, Prediction
from emoloom.runs.directory import (
    RunDirectory,
    Stage,
    fingerprint,
    read_complete_lines,
    write_jsonl_atomic,
)
from emoloom.runs.provenance import package_versions
from emoloom.runs.work import Advance, Outcome, Work
from emoloom.screening.floors import FloorInputs, floor_outputs
from emoloom.screening.polarity_set import POLARITY
from emoloom.screening.row_sets import SharedRows
from emoloom.supervision.lexicon import Lexicon

SELECT = "select"
"""Name of the stage, and of the files of rows, that rank."""


def read_answers(
    run: RunDirectory, name: str, space: LabelSpace, row_set: str = SELECT
) -> tuple[tuple[Prediction | ParseFailure, ...], tuple[str, ...]]:
    """Parsed answers of a candidate or floor on a row set, and the ids of their rows."""
    lines = read_complete_lines(run.rows(name, row_set))
    answers = tuple(parse_output(line["output"], space) for line in lines)
    return answers, tuple(line["id"] for line in lines)


def floor_work(
    run: RunDirectory,
    name: str,
    rows: SharedRows,
    space: LabelSpace,
    lexicon: Lexicon,
    seed: int,
) -> Work:
    """Answers of one floor on `select` and on the polarity pairs, from one fit."""
    asked = (*rows.select, *rows.polarity)

    def make(advance: Advance) -> Outcome:
        made_from = FloorInputs(rows.train, space, lexicon, rows.scale, seed)
        outputs = floor_outputs(name, made_from, asked)
        outs = write_answers(run, name, outputs, len(rows.select))
        advance(len(outputs))
        return Outcome(outs, {"rows": len(asked), "answers": len(outputs)})

    inputs = [name, rows.hashes, lexicon.sha256, seed, __version__, package_versions()]
    stage = Stage(run.candidate(name), SELECT, fingerprint(inputs))
    return Work(stage, name, len(asked), "rows", make, budgeted=False)


def write_answers(
    run: RunDirectory, name: str, outputs: Sequence[Output], selected: int
) -> tuple[Path, ...]:
    """The first outputs are of `select`, the rest, if any, of the polarity pairs."""
    lines = [{"id": o.id, "output": o.output} for o in outputs]
    parts = {SELECT: lines[:selected], POLARITY: lines[selected:]}
    outs = {run.rows(name, row_set): part for row_set, part in parts.items() if part}
    for out, part in outs.items():
        write_jsonl_atomic(out, part)
    return tuple(outs)
