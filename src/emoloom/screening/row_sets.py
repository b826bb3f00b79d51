"""The rows shared by all candidates: drawn once, and read back from the run folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emoloom import __version__
from emoloom.corpora.readers import read_rows
from emoloom.records import VAD, LabelSpace, Row
from emoloom.runs.directory import RunDirectory, Stage, fingerprint, sha256_file
from emoloom.runs.work import Advance, Outcome, Work
from emoloom.screening.lexicon_fit import is_human
from emoloom.screening.row_build import FILES, Drawing, write_row_sets
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import AffineMap


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


def row_set_work(run: RunDirectory, drawing: Drawing, space: LabelSpace, lexicon: Lexicon) -> Work:
    """Draw the row sets and write them under `data/`."""
    data, seed, held_out = drawing.data, drawing.seed, drawing.held_out
    folder = run.root / "data"

    def make(advance: Advance) -> Outcome:
        told = write_row_sets(folder, drawing, space, lexicon)
        advance(2)
        counts = {name: told["sets"][name]["all"] for name in ("train", "select")}
        return Outcome(
            tuple(folder / name for name in FILES), {**counts, "rejected": told["rejected"]}
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
        warnings=(*counts["warnings"], *counts["notices"]),
        hashes={name: sha256_file(folder / f"{name}.jsonl") for name in ("train", "select")},
    )


def read_back(path: Path, space: LabelSpace) -> tuple[Row, ...]:
    """Rows that we wrote: were one of them turned away now, it would be lost in silence."""
    read = read_rows(path, space)
    assert not read.rejected, f"{path}: {read.rejected[0]}"
    return read.rows


def mean_human_vad(rows: Sequence[Row]) -> VAD | None:
    """Mean of the human-rated VAD of rows, the reference of `skill`; None where there is none."""
    rated = [row.answer.vad.as_tuple() for row in rows if row.answer.vad and is_human(row)]
    if not rated:
        return None
    v, a, d = np.mean(np.array(rated), axis=0).tolist()
    return VAD(v, a, d)
