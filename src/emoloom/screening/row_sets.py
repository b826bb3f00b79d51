"""The rows shared by all candidates: drawn once, kept apart, weakly supervised where needed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emoloom import __version__
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.readers import ReadResult, read_rows
from emoloom.corpora.registry import get_corpus, read_corpus
from emoloom.corpora.splits import Overlap, conflicting_duplicates, draw, positives, remove_overlap
from emoloom.errors import UserError
from emoloom.records import VAD, LabelSpace, Rejected, Row
from emoloom.runs.directory import (
    RunDirectory,
    Stage,
    fingerprint,
    sha256_file,
    write_json_atomic,
    write_jsonl_atomic,
)
from emoloom.runs.work import Advance, Outcome, Work
from emoloom.screening.lexicon_fit import fit_scale, hit_rate, is_human, warnings
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import AffineMap, rationale, weak_vad

VAD_DECIMALS = 4
"""Decimals of weak VAD in the row files; answers write two."""


@dataclass(frozen=True, slots=True)
class RowSets:
    """What was drawn, before it is written."""

    train: tuple[Row, ...]
    """Rows trained on: labels with weak VAD, or human VAD, or both."""
    select: tuple[Row, ...]
    """Rows that rank: as annotated by people, never weakly supervised."""
    rejected: tuple[Rejected, ...]
    """Lines that could not become rows."""
    scale: AffineMap
    """From weak to human VAD, fitted on the human-rated rows of `train`."""
    counts: dict[str, Any]
    """In, out, removed and rejected; positives; the lexicon's hit rate; warnings."""


@dataclass(frozen=True, slots=True)
class SharedRows:
    """The rows as they stand in the run folder: what every candidate and floor is given."""

    train: tuple[Row, ...]
    """Rows trained on."""
    select: tuple[Row, ...]
    """Rows that rank."""
    scale: AffineMap
    """From weak to human VAD."""
    warnings: tuple[str, ...]
    """For the user."""
    hashes: dict[str, str]
    """sha256 of each row file."""
    polarity: tuple[Row, ...] = ()
    """Polarity pairs, two rows each; none where they are switched off."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One corpus of a row set, read but not drawn from."""

    settings: RowsConfig
    read: ReadResult


def read_part(settings: RowsConfig, split: str) -> ReadResult:
    """Every row of one corpus that a row set may draw from.

    Raises:
        UserError: the corpus is unknown, its files cannot be read, or it has too few rows.
    """
    read = read_corpus(settings.corpus, split, settings.path)
    if len(read.rows) < (settings.rows or 1):
        raise UserError(
            f"{settings.corpus} has too few rows in its {split} split",
            got=f"rows: {settings.rows}" if settings.rows else "none",
            allowed=f"at most {len(read.rows)}"
            + (f"; {len(read.rejected)} lines cannot be read" if read.rejected else ""),
            do="ask for fewer rows, or give more data",
        )
    return read


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the row sets are drawn from, and how."""

    data: DataConfig
    """Which corpora, and how many rows."""
    sources: Mapping[str, Mapping[str, str]]
    """Hashes of their files, from `facts.source_hashes`."""
    seed: int
    """Of the draws."""
    held_out: tuple[Row, ...] = ()
    """Rows of no set here, whose texts and groups must not stand in train."""


def row_set_work(run: RunDirectory, drawing: Drawing, space: LabelSpace, lexicon: Lexicon) -> Work:
    """Draw the row sets and write them under `data/`."""
    data, seed, held_out = drawing.data, drawing.seed, drawing.held_out
    folder = run.root / "data"
    names = ("train.jsonl", "select.jsonl", "rejected.jsonl", "scale.json", "counts.json")

    def make(advance: Advance) -> Outcome:
        sets = build_row_sets(data, space, lexicon, seed, held_out)
        write_jsonl_atomic(folder / "train.jsonl", [row.to_dict() for row in sets.train])
        write_jsonl_atomic(folder / "select.jsonl", [row.to_dict() for row in sets.select])
        write_jsonl_atomic(folder / "rejected.jsonl", [asdict(line) for line in sets.rejected])
        write_json_atomic(folder / "scale.json", asdict(sets.scale))
        write_json_atomic(folder / "counts.json", sets.counts)
        advance(2)
        counts = {"train": len(sets.train), "select": len(sets.select)}
        return Outcome(
            tuple(folder / name for name in names), {**counts, "rejected": len(sets.rejected)}
        )

    settings = data.model_dump(mode="json")
    inputs = [settings, drawing.sources, seed, space.labels, lexicon.sha256, __version__]
    inputs += [[row.text for row in held_out]]
    stage = Stage(run.root, "data", fingerprint(inputs))
    return Work(stage, "-", 2, "row sets", make, budgeted=False)


def read_row_sets(folder: Path, space: LabelSpace) -> SharedRows:
    """What `row_set_work` wrote."""
    scale = json.loads((folder / "scale.json").read_text(encoding="utf-8"))
    counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
    return SharedRows(
        train=read_back(folder / "train.jsonl", space),
        select=read_back(folder / "select.jsonl", space),
        scale=AffineMap(tuple(scale["slope"]), tuple(scale["intercept"])),
        warnings=tuple(counts["warnings"]),
        hashes={name: sha256_file(folder / f"{name}.jsonl") for name in ("train", "select")},
    )


def read_back(path: Path, space: LabelSpace) -> tuple[Row, ...]:
    """Rows that we wrote: were one of them turned away now, it would be lost in silence."""
    read = read_rows(path, space)
    assert not read.rejected, f"{path}: {read.rejected[0]}"
    return read.rows


def build_row_sets(
    data: DataConfig,
    space: LabelSpace,
    lexicon: Lexicon,
    seed: int,
    held_out: Sequence[Row] = (),
) -> RowSets:
    """Read, remove overlap from train, draw, and supervise weakly.

    Args:
        data: Which corpora, and how many rows.
        space: The label space in force.
        lexicon: For cues and weak VAD.
        seed: Of the draws.
        held_out: Rows of no set here, whose texts and groups must not stand in train.

    Raises:
        UserError: a corpus cannot be read, has another label space, or has too few rows.
    """
    train_parts = [_read(settings, "train", space) for settings in data.train]
    select_parts = [_read(settings, "dev", space) for settings in data.select]
    pools = [part.read.rows for part in select_parts]
    overlaps = [remove_overlap(part.read.rows, *pools) for part in train_parts]
    apart = [remove_overlap(overlap.kept, held_out) for overlap in overlaps]
    drawn = [
        _draw(part.settings, overlap.kept, (seed, 0, index))
        for index, (part, overlap) in enumerate(zip(train_parts, apart, strict=True))
    ]
    select = tuple(
        row
        for index, part in enumerate(select_parts)
        for row in _draw(part.settings, part.read.rows, (seed, 1, index))
    )
    raw_train = tuple(row for rows in drawn for row in rows)
    if not raw_train:
        raise UserError(
            "no train row is left",
            got=f"{_removed(overlaps) + _removed(apart)} rows, all in "
            + ("`select` or the polarity pairs too" if _removed(apart) else "`select` too"),
            do="give train rows of other texts",
        )
    _check_ids([*raw_train, *select])
    scale = fit_scale(raw_train, lexicon)
    train = tuple(supervise(row, lexicon, scale) for row in raw_train)
    known = hit_rate([*train, *select], lexicon)
    return RowSets(
        train=train,
        select=select,
        rejected=tuple(
            line for part in (*train_parts, *select_parts) for line in part.read.rejected
        ),
        scale=scale,
        counts={
            "sets": {"train": _counts(train), "select": _counts(select)},
            "lines_read": sum(part.read.lines_in for part in (*train_parts, *select_parts)),
            "rejected": sum(len(part.read.rejected) for part in (*train_parts, *select_parts)),
            "removed_from_train": _removed(overlaps),
            "removed_from_train_as_polarity_pairs": _removed(apart),
            "conflicting_duplicates_in_train": conflicting_duplicates(train),
            "lexicon_hit_rate": round(known, 4),
            "select_positives": positives(select, space),
            "warnings": warnings(known, lexicon),
        },
    )


def supervise(row: Row, lexicon: Lexicon, scale: AffineMap) -> Row:
    """A train row with cue words, and with weak VAD where nobody rated it.

    Weak VAD is brought to the human scale, so that all training targets share one.
    """
    weak = weak_vad(row.text, lexicon, row.answer.labels)
    answer = replace(row.answer, rationale=rationale(weak.cues))
    if answer.vad is not None:
        return replace(row, answer=answer)
    scaled = scale.apply(weak.vad)
    rounded = VAD(*(round(value, VAD_DECIMALS) for value in scaled.as_tuple()))
    return replace(row, answer=replace(answer, vad=rounded), vad_source="weak")


def mean_human_vad(rows: Sequence[Row]) -> VAD | None:
    """Mean of the human-rated VAD of rows, the reference of `skill`; None where there is none."""
    rated = [row.answer.vad.as_tuple() for row in rows if row.answer.vad and is_human(row)]
    if not rated:
        return None
    v, a, d = np.mean(np.array(rated), axis=0).tolist()
    return VAD(v, a, d)


def _read(settings: RowsConfig, split: str, space: LabelSpace) -> _Part:
    corpus = get_corpus(settings.corpus)
    if corpus.label_space not in (None, space.name):
        raise UserError(
            f"{corpus.name} has other labels than the screen",
            got=str(corpus.label_space),
            allowed=space.name,
            do=f"set `labels: {corpus.label_space}`",
        )
    return _Part(settings, read_part(settings, split))


def _draw(settings: RowsConfig, rows: Sequence[Row], seed: tuple[int, ...]) -> tuple[Row, ...]:
    if settings.rows is None:
        return tuple(rows)
    try:
        return draw(rows, settings.rows, np.random.default_rng(seed))
    except UserError as error:
        raise UserError(f"{settings.corpus}: {error}") from error


def _check_ids(rows: Sequence[Row]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise UserError(
                "a row stands twice in the screen",
                got=row.id,
                do="name each corpus once in a row set, and never both a corpus and its sample",
            )
        seen.add(row.id)


def _removed(overlaps: Sequence[Overlap]) -> int:
    return sum(len(overlap.removed) for overlap in overlaps)


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    names = sorted({row.source for row in rows})
    counts = {name: sum(row.source == name for row in rows) for name in names}
    return {**counts, "all": len(rows)}
