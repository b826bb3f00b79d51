"""Who answers `test`: the best set of the rows that rank, and the floors."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from emoloom.ranking.entries import ScoredCandidate
from emoloom.records import LabelSpace, Row
from emoloom.row_sets.held_out import TEST
from emoloom.runs.directory import RunDirectory
from emoloom.screening.outputs import read_answers


def finalists(
    entries: Iterable[ScoredCandidate], best_set: Collection[str]
) -> list[ScoredCandidate]:
    """The best set, every training of one that is pooled, and the floors; all that are scored."""
    best = set(best_set)
    return [
        entry
        for entry in entries
        if entry.status == "scored"
        if entry.kind == "floor"
        or (entry.kind == "candidate" and (entry.pooled or entry.name) in best)
    ]


def final_answers(
    run: RunDirectory, chosen: Sequence[ScoredCandidate], rows: Sequence[Row], space: LabelSpace
) -> list[ScoredCandidate]:
    """The same entries with their answers to `test`, as they lie in the folder.

    One whose file is missing, or lacks rows, is not done.
    """
    return [_answered(run, entry, {row.id for row in rows}, space) for entry in chosen]


def _answered(
    run: RunDirectory, entry: ScoredCandidate, wanted: Collection[str], space: LabelSpace
) -> ScoredCandidate:
    plain = replace(entry, polarity=None, cross={}, forced=None)
    if run.rows(entry.name, TEST).is_file():
        answers, ids = read_answers(run, entry.name, space, TEST)
        if set(ids) >= set(wanted):
            return replace(plain, answers=answers, row_ids=ids)
    return replace(plain, status="not_done", reason="", answers=None, row_ids=())


def answered_before(
    run: RunDirectory, entries: Iterable[ScoredCandidate], best_set: Collection[str]
) -> list[str]:
    """Candidates with answers to `test` that are not of the best set.

    They were of that of an earlier call, before more candidates were done.
    """
    now = {entry.name for entry in finalists(entries, best_set)}
    return sorted(
        entry.name
        for entry in entries
        if entry.name not in now and run.rows(entry.name, TEST).is_file()
    )
