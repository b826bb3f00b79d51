"""The reference pages are what scripts/make_reference.py would write, and say what is there."""

import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))

import make_reference  # noqa: E402
from cross_files import cross_parts  # noqa: E402
from emoloom.config import Config  # noqa: E402
from emoloom.errors import ExitCode  # noqa: E402
from emoloom.recipes import RECIPES  # noqa: E402
from final_files import TEST  # noqa: E402
from markdown_text import code, table  # noqa: E402
from reference_of_code import _docstring  # noqa: E402
from run_folder_files import RUN_FILES  # noqa: E402
from tiny_screen import SETTINGS, call, run_screen, tree, write_config  # noqa: E402


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return make_reference.pages(ROOT / "docs")


def test_the_pages_in_the_repository_are_up_to_date() -> None:
    stale = make_reference.stale(ROOT / "docs")
    assert stale == [], f"run python scripts/make_reference.py: {', '.join(stale)} would change"


def test_a_changed_or_missing_page_is_stale_and_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs)
    (docs / "reference/cli.md").write_text("changed", encoding="utf-8")
    (docs / "reference/config.md").unlink()
    monkeypatch.setattr(sys, "argv", ["make_reference.py", "--check", "--docs", str(docs)])
    assert make_reference.main() == 1
    assert "reference/cli.md is stale" in capsys.readouterr().err
    assert not (docs / "reference/config.md").exists()
    monkeypatch.setattr(sys, "argv", ["make_reference.py", "--docs", str(docs)])
    assert make_reference.main() == 0
    assert make_reference.stale(docs) == []


def test_every_command_option_and_exit_code_has_its_line(pages: dict[str, str]) -> None:
    text = pages["reference/cli.md"]
    for name in ("screen", "check", "report", "decode", "models check", "data list"):
        assert f"\n## emoloom {name}\n" in text
    assert "--decoder" in text and "[default: verified]" in text
    assert "1<=x<=1024" in text
    assert re.search(r"^\| `CONFIG` \|.*required", text, re.MULTILINE)
    assert re.search(r"^\| `--out DIR` \|", text, re.MULTILINE)
    assert [int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(ExitCode)


def test_every_setting_has_its_line(pages: dict[str, str]) -> None:
    text = pages["reference/config.md"]
    sections = re.split(r"\n## ", text)
    top = next(section for section in sections if section.startswith("top level"))
    for key in Config.model_fields:
        assert f"| `{key}` |" in top, key
    training = next(section for section in sections if section.startswith("training\n"))
    assert "| `learning_rate` | number, above 0, below 1 | `0.001` |" in training
    assert "| `dtype` | `float32`, `bfloat16` | `float32` |" in training
    assert "| `rows` | integer, at least 1 |  |" in text
    assert "data.train[], data.select[], data.cross[]" in text


def test_every_recipe_has_its_line(pages: dict[str, str]) -> None:
    for name in (*RECIPES, "zero-shot"):
        assert f"\n| `{name}` |" in pages["reference/recipes.md"]


def described(folder: Path) -> tuple[set[str], set[str]]:
    """Patterns of the page that files of the folder match, and files that match none."""
    patterns = {
        file.path: re.compile(re.sub(r"<\w+>", "[^/]+", re.escape(file.path))) for file in RUN_FILES
    }
    files = [name for name in tree(folder) if not Path(name).name.startswith(".")]
    found = {path for path, form in patterns.items() if any(map(form.fullmatch, files))}
    return found, {f for f in files if not any(form.fullmatch(f) for form in patterns.values())}


def test_every_file_of_a_real_run_is_described(finished_run) -> None:
    found, undescribed = described(finished_run.folder)
    assert undescribed == set(), "scripts/run_folder_files.py has no line for these"
    assert {file.path for file in RUN_FILES if not file.when} <= found


@pytest.mark.usefixtures("own_cache")
def test_every_file_of_a_run_with_every_part_is_described(tmp_path: Path) -> None:
    config = write_config(
        tmp_path / "rungs.yaml",
        data={**SETTINGS["data"], "cross": cross_parts(tmp_path), "test": TEST},
        models=[{"source": f"random:tiny@{n}", "name": f"m{n}"} for n in (1, 2, 3, 4)],
        recipes=["full-recipe"],
        halving={"rungs": 2, "keep": 0.25, "cap": 0.25, "rows": 4},
        trials={"learning_rates": [1e-3, 3e-3]},
        frozen_probe={"rows": 12},
        decoding={"max_new_tokens": 12, "dtype": "bfloat16"},
    )
    folder = tmp_path / "run"
    assert run_screen(config, folder).code == 0
    assert call("rank", folder, "--weights", "labels=0.7,vad=0.3").code == 0
    found, undescribed = described(folder)
    assert undescribed == set(), "scripts/run_folder_files.py has no line for these"
    unseen = {file.path for file in RUN_FILES} - found
    assert all("/training/" in path for path in unseen), unseen


def test_every_decision_is_listed(pages: dict[str, str]) -> None:
    for path in (ROOT / "docs/decisions").glob("0*.md"):
        assert f"]({path.name})" in pages["decisions/index.md"]


def test_a_bar_does_not_end_a_cell() -> None:
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"
    assert code("F|SRC") == "<code>F&#124;SRC</code>"


def test_a_docstring_becomes_lists() -> None:
    text = "What it does.\n\nArgs:\n    one: first,\n        goes on.\n    two: second."
    assert (
        _docstring(text)
        == "What it does.\n\n**Args**\n\n- `one`: first, goes on.\n- `two`: second."
    )
