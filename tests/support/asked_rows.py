"""Rows for screening steps that train and decode nothing, and a certificate for them."""

from pathlib import Path

from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.labels import load_space
from emoloom.models.certificate import Certificate, Check
from emoloom.records import VAD, Answer, Row
from emoloom.screening.row_sets import RowSets, build_row_sets

SPACE = load_space("goemotions28")
CERTIFICATE = Certificate("packed", "exact", 300, 0.01, 512, (Check("causality", True, 0.0, 1.0),))


def row(number: int, source: str = "a") -> Row:
    """A row with labels and human VAD."""
    answer = Answer(("joy",), VAD(0.5, 0.4, 0.3), "")
    return Row(f"{source}/{number}", f"text {number}", answer, source, "dev", "human", f"g{number}")


def part(corpus: str, rows: int | None = None, path: Path | None = None) -> RowsConfig:
    """One corpus of a row set."""
    return RowsConfig(corpus=corpus, rows=rows, path=path)


def sets_of(lexicon, train, select, seed: int = 1) -> RowSets:
    """Row sets of parts."""
    return build_row_sets(DataConfig(train=train, select=select), SPACE, lexicon, seed)
