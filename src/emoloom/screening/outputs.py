"""Files of raw outputs in a run: written row set by row set, read back as answers."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from emoloom.contract.parse import parse_output
from emoloom.records import LabelSpace, Output, ParseFailure, Prediction
from emoloom.row_sets.shared import SharedRows
from emoloom.runs.directory import RunDirectory, read_complete_lines, write_jsonl_atomic

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
    """Outputs on `rows.all_asked`, those of each set to its file; returns the files."""
    lines = iter([{"id": one.id, "output": one.output} for one in outputs])
    outs = {run.rows(name, row_set): asked for row_set, asked in rows.asked.items() if asked}
    for out, asked in outs.items():
        write_jsonl_atomic(out, list(islice(lines, len(asked))))
    return tuple(outs)
