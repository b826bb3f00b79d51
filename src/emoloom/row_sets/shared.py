"""The rows shared by all candidates: drawn once, and read back from the run folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from emoloom import __version__
from emoloom.config_sections import DataConfig
from emoloom.corpora.readers import read_rows
from emoloom.records import VAD, LabelSpace, RatedVAD, Row, fill_vad
from emoloom.row_sets.build import FILES, Drawing, write_row_sets
from emoloom.row_sets.cross_spaces import (
    CROSS,
    CrossSpace,
    read_cross_rows,
    read_cross_spaces,
)
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.losses import loss_notes
from emoloom.row_sets.told import count_lines
from emoloom.runs.directory import RunDirectory, Stage, fingerprint, sha256_file
from emoloom.runs.work import Advance, Outcome, Work
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.mean_vad import MIDPOINT, mean_vad


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
    cross: tuple[Row, ...] = ()
    """Rows of corpora never trained on, each labelled in the space of its corpus."""
    cross_spaces: Mapping[str, CrossSpace] = field(default_factory=dict)
    """Corpus of `cross` -> its space."""
    test: tuple[Row, ...] = ()
    """Rows that the best set answers once, after all that ranks; none where there are none."""
    told: tuple[str, ...] = ()
    """What became of the records, in words."""
    notes: tuple[str, ...] = ()
    """What was lost that bears on the verdict."""

    @property
    def asked(self) -> dict[str, tuple[Row, ...]]:
        """What is answered, by row set, in that order."""
        sets = {"select": self.select, "polarity": self.polarity, CROSS: self.cross}
        return {**sets, TEST: self.test}

    @property
    def all_asked(self) -> tuple[Row, ...]:
        """The rows of all these sets, one after the other."""
        return tuple(chain.from_iterable(self.asked.values()))


def row_set_work(run: RunDirectory, drawing: Drawing, space: LabelSpace, lexicon: Lexicon) -> Work:
    """Draw the row sets and write them under `data/`."""
    data, seed, held_out = drawing.data, drawing.seed, drawing.held_out
    folder = run.root / "data"

    def make(advance: Advance) -> Outcome:
        told = write_row_sets(folder, drawing, space, lexicon)
        advance(2)
        counts = {name: found["all"] for name, found in told["sets"].items()}
        beside = {CROSS: data.cross, TEST: data.test}
        files = (*FILES, *(f"{name}.jsonl" for name, parts in beside.items() if parts))
        return Outcome(
            tuple(folder / name for name in files), {**counts, "rejected": told["rejected"]}
        )

    settings = data_settings(data)
    inputs = [settings, drawing.sources, seed, space.labels, lexicon.sha256, __version__]
    inputs += [[row.text for row in held_out]]
    stage = Stage(run.root, "data", fingerprint(inputs))
    return Work(stage, "-", 2, "row sets", make, budgeted=False)


def data_settings(data: DataConfig) -> dict[str, Any]:
    """The settings as JSON values, without the sets that are off.

    Runs from before there were any go on.
    """
    settings = data.as_written()
    return {k: v for k, v in settings.items() if k not in (CROSS, TEST) or v}


def read_row_sets(folder: Path, space: LabelSpace) -> SharedRows:
    """What `row_set_work` wrote."""
    scale = json.loads((folder / "scale.json").read_text(encoding="utf-8"))
    counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
    spaces = read_cross_spaces(counts, space)
    tested = TEST in counts["sets"]
    sets = ["train", "select", *([CROSS] if spaces else ()), *([TEST] if tested else ())]
    return SharedRows(
        train=read_back(folder / "train.jsonl", space),
        select=read_back(folder / "select.jsonl", space),
        scale=AffineMap(tuple(scale["slope"]), tuple(scale["intercept"])),
        warnings=(*counts["warnings"], *counts["notices"]),
        hashes={name: sha256_file(folder / f"{name}.jsonl") for name in sets},
        cross=read_cross_rows(folder / "cross.jsonl", spaces) if spaces else (),
        cross_spaces=spaces,
        test=read_back(folder / "test.jsonl", space) if tested else (),
        told=tuple(count_lines(counts)),
        notes=loss_notes(counts["losses"]),
    )


def read_back(path: Path, space: LabelSpace) -> tuple[Row, ...]:
    """Rows that we wrote: were one of them turned away now, it would be lost in silence."""
    read = read_rows(path, space)
    assert not read.rejected, f"{path}: {read.rejected[0]}"
    return read.rows


def mean_human_vad(rows: Sequence[Row]) -> RatedVAD | None:
    """Mean of the human VAD of rows, the reference of `skill`, each dimension by itself.

    A dimension that people rated in none of them is None, and so is the mean where all are.
    """
    return mean_vad(row.human_vad for row in rows)


def untrained_vad(rows: Sequence[Row]) -> VAD:
    """What a sequence writes, untrained, where its row has no VAD: the human mean, or 0.5."""
    return fill_vad(mean_human_vad(rows), MIDPOINT)
