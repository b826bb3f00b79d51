import io
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from emoloom.engines.progress import PlainProgress
from emoloom.pipeline import Screened, screen

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class FewRows:
    """The demo with few rows, finished. Shared: never write into it."""

    config: Path
    run: Path
    screened: Screened
    progress: str


@pytest.fixture(scope="session")
def few_rows(tmp_path_factory: pytest.TempPathFactory) -> FewRows:
    config = yaml.safe_load((ROOT / "configs" / "demo.yaml").read_text(encoding="utf-8"))
    for part, rows in zip(config["data"]["train"], (32, 16), strict=True):
        part["rows"] = rows
    for part in config["data"]["select"]:
        part["rows"] = 4
    del config["data"]["test"]  # so few rows need share no label with those that rank
    config["recipes"] = ["sft", "sft+focus", "zero-shot"]
    config["zero_shot"] = {"rows": 1}
    config["polarity"]["pairs"] = 4
    config["decoding"] = {"max_new_tokens": 64, "audit_rows": 1}
    base = tmp_path_factory.mktemp("few")
    path = base / "few.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    progress = io.StringIO()
    screened = screen(path, base / "run", PlainProgress(progress))
    return FewRows(path, base / "run", screened, progress.getvalue())
