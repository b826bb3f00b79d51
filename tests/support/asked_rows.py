"""Rows for screening steps that train and decode nothing, and a certificate for them."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.labels import load_space
from emoloom.models.certificate import Certificate, Check
from emoloom.records import VAD, Answer, LabelSpace, Rejected, Row
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.row_sets.shared import read_row_sets
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon

SPACE = load_space("goemotions28")
CERTIFICATE = Certificate("packed", "exact", 300, 0.01, 512, (Check("causality", True, 0.0, 1.0),))


@dataclass(frozen=True)
class RowSets:
    """What was written, read back."""

    train: tuple[Row, ...]
    select: tuple[Row, ...]
    rejected: tuple[Rejected, ...]
    scale: AffineMap
    counts: dict[str, Any]


def row(number: int, source: str = "a") -> Row:
    """A row with labels and human VAD."""
    answer = Answer(("joy",), VAD(0.5, 0.4, 0.3), "")
    return Row(f"{source}/{number}", f"text {number}", answer, source, "dev", "human", f"g{number}")


def part(corpus: str, rows: int | None = None, path: Path | None = None) -> RowsConfig:
    """One corpus of a row set."""
    return RowsConfig(corpus=corpus, rows=rows, path=path)


def build_row_sets(
    data: DataConfig,
    space: LabelSpace,
    lexicon: Lexicon,
    seed: int,
    held_out: Sequence[Row] = (),
) -> RowSets:
    """Row sets in memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = write_row_sets(folder, Drawing(data, {}, seed, tuple(held_out)), space, lexicon)
        assert counts == json.loads((folder / "counts.json").read_text(encoding="utf-8"))
        lines = (folder / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
        read = read_row_sets(folder, space)
    bad = tuple(Rejected(**json.loads(line)) for line in lines)
    return RowSets(read.train, read.select, bad, read.scale, counts)


def sets_of(lexicon, train, select, seed: int = 1) -> RowSets:
    """Row sets of parts."""
    return build_row_sets(DataConfig(train=train, select=select), SPACE, lexicon, seed)
