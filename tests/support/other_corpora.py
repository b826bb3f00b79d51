"""The corpora that do not ship, from ../shared/data beside the checkout; tests skip without."""

from pathlib import Path

import pytest

from emoloom.corpora.registry import read_corpus
from emoloom.records import Row

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"

_FOLDERS = {
    "goemotions": "goemotions",
    "empathetic-dialogues": "empathetic_dialogues",
    "daily-dialog": "dailydialog",
}


def official_rows(corpus: str, split: str) -> tuple[Row, ...]:
    """Rows of one split of a corpus's official files."""
    folder = SHARED / _FOLDERS[corpus]
    if not folder.exists():
        pytest.skip(f"../shared/data is absent: {corpus} cannot be read")
    return read_corpus(corpus, split, folder).rows
