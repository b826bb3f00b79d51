from pathlib import Path

import pytest

from asked_rows import row
from emoloom.screening.row_sets import SharedRows
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.weak_vad import AffineMap
from official_files import emobank_file, goemotions_folder


@pytest.fixture(scope="session")
def lexicon():
    return load_lexicon()


@pytest.fixture
def official(tmp_path) -> tuple[Path, Path]:
    return goemotions_folder(tmp_path / "goemotions"), emobank_file(tmp_path / "emobank")


@pytest.fixture
def rows() -> SharedRows:
    return SharedRows(
        train=tuple(row(n) for n in range(6)),
        select=tuple(row(n) for n in range(10, 14)),
        scale=AffineMap.identity(),
        warnings=(),
        hashes={"train": "ht", "select": "hs"},
    )
