"""Files of raw outputs in a run: written row set by row set, read back as answers."""

from collections.abc import Sequence
from pathlib import Path

from emoloom.contract.parse import parse_output
from emoloom.records import LabelSpace, Output, ParseFailure, Prediction
from emoloom.runs.directory import RunDirectory, read_complete_lines, write_jsonl_atomic
from emoloom.screening.polarity_set import POLARITY
from emoloom.screening.row_sets import SharedRows

SELECT = "select"


def read_answers(
    run: RunDirectory, name: str, space: LabelSpace, row_set: str = SELECT
) -> tuple[tuple[Prediction | ParseFailure, ...], tuple[str, ...]]:
    """Parsed answers of a candidate or floor on a row set, and the ids of their rows."""
    lines = read_complete_lines(run.rows(name, row_set))
    answers = tuple(parse_output(line["output"], space) for line in lines)
    return answers, tuple(line["id"] for line in lines)


def write_parts(
    run: RunDirectory, name: str, rows: SharedRows, outputs: Sequence[Output]
) -> tuple[Path, ...]:
    """Outputs on `select`, then on the polarity pairs, each to its file; returns the files."""
    lines = [{"id": one.id, "output": one.output} for one in outputs]
    parts = {SELECT: lines[: len(rows.select)], POLARITY: lines[len(rows.select) :]}
    outs = {run.rows(name, row_set): part for row_set, part in parts.items() if part}
    for out, part in outs.items():
        write_jsonl_atomic(out, part)
    return tuple(outs)
