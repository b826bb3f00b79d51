import pytest

from asked_rows import row
from emoloom.row_sets.shared import SharedRows
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon


@pytest.fixture(scope="session")
def lexicon():
    return load_lexicon()


@pytest.fixture
def rows() -> SharedRows:
    return SharedRows(
        train=tuple(row(n) for n in range(6)),
        select=tuple(row(n) for n in range(10, 14)),
        scale=AffineMap.identity(),
        warnings=(),
        hashes={"train": "ht", "select": "hs"},
    )
