from pathlib import Path

import pytest

from emoloom.supervision.lexicon import load_lexicon
from official_files import emobank_file, goemotions_folder


@pytest.fixture(scope="session")
def lexicon():
    return load_lexicon()


@pytest.fixture
def official(tmp_path) -> tuple[Path, Path]:
    return goemotions_folder(tmp_path / "goemotions"), emobank_file(tmp_path / "emobank")
