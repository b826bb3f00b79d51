"""Files of raw outputs in a run: written row set by row set, read back as answers.

Beside them the losses of the gold answers, read back as scores. Nothing here needs torch.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from emoloom.contract.parse import parse_output
from emoloom.metrics.teacher_forced import ForcedScores, forced_scores
from emoloom.records import LabelSpace, Output, ParseFailure, Prediction
from emoloom.row_sets.shared import SharedRows, mean_human_vad
from emoloom.runs.directory import RunDirectory, read_complete_lines, write_jsonl_atomic

SELECT = "select"

FORCED = "forced.jsonl"
"""In a candidate's folder: `id`, `label_nll`, `vad_distance` of each row of `select`."""


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


def read_forced(
    run: RunDirectory, name: str, rows: SharedRows, space: LabelSpace
) -> ForcedScores | None:
    """Scores of a candidate's file; None where it has none, as floors and probes."""
    path = run.candidate(name) / FORCED
    if not path.is_file():
        return None
    lines, mean = read_complete_lines(path), mean_human_vad(rows.train)
    return forced_scores(lines, rows.select, rows.train, space, mean)
