"""The cross-corpus probe of a screen: scores of answers to corpora that nobody was trained on."""

from collections.abc import Mapping

from emoloom.errors import UserError
from emoloom.metrics.cross_corpus import CROSS_NUMBERS, CrossScores, score_cross
from emoloom.metrics.resampling import Bootstrap
from emoloom.metrics.row_table import HUMAN_VAD, VadScoring
from emoloom.records import LabelSpace
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.shared import SharedRows, mean_human_vad
from emoloom.runs.directory import RunDirectory
from emoloom.screening.outputs import read_answers

_SHORT = 8
"""Hex digits of a map's hash in a signature; the whole hash stands in counts.json."""


def cross_scores(
    run: RunDirectory, name: str, rows: SharedRows, space: LabelSpace, bootstrap: Bootstrap
) -> dict[str, CrossScores]:
    """Scores of a candidate or floor that answered every cross row, by corpus.

    Args:
        run: the folder, with its file of answers.
        name: whose answers.
        rows: gold rows with their spaces; skill compares with the mean human VAD of train.
        space: in force, in which the answers are written.
        bootstrap: settings of the intervals.

    Raises:
        UserError: a row has no output.
    """
    answers, ids = read_answers(run, name, space, CROSS)
    said = dict(zip(ids, answers, strict=True))
    missing = [row.id for row in rows.cross if row.id not in said]
    if missing:
        raise UserError(
            "cross rows without an output",
            got=f"{len(missing)} ids, first {missing[0]!r}",
            allowed="an output for every row",
        )
    vad = VadScoring(mean_human_vad(rows.train), HUMAN_VAD)
    found = {}
    for corpus, way in rows.cross_spaces.items():
        gold = [row for row in rows.cross if row.source == corpus]
        read = [way.read(said[row.id]) for row in gold]
        found[corpus] = score_cross(read, gold, way.space, vad, bootstrap)
    return found


def cross_numbers(scored: Mapping[str, CrossScores]) -> list[str]:
    """Keys of all numbers of the probe, corpus by corpus."""
    return [f"{CROSS}.{corpus}.{key}" for corpus in scored for key in CROSS_NUMBERS]


def cross_signature(rows: SharedRows) -> list[tuple[str, str]]:
    """For the run's signature: the rows, and each corpus's space and map; empty without any."""
    if not rows.cross:
        return []
    spaces = []
    for corpus, way in rows.cross_spaces.items():
        mapped = way.answers_map
        by = "" if mapped is None else f"@{mapped.sha256[:_SHORT]}"
        spaces.append(f"{corpus}={way.space.name}{by}")
    return [
        (CROSS, f"{len(rows.cross)}@{rows.hashes[CROSS][:8]}"),
        ("cross_spaces", ",".join(spaces)),
    ]
