"""Write the reference pages of the docs from the code, or check that they are up to date.

`python scripts/make_reference.py` writes docs/reference/*.md and docs/decisions/index.md;
`--check` writes nothing and fails where a page is not what would be written.
"""

import argparse
import sys
from pathlib import Path

from reference_of_code import cli_page, python_page
from reference_of_settings import (
    config_page,
    contract_page,
    decisions_page,
    names_page,
    recipes_page,
    run_folder_page,
)

ROOT = Path(__file__).resolve().parents[1]

MADE = "<!-- Made by scripts/make_reference.py. Do not edit. -->\n\n"


def pages(docs: Path) -> dict[str, str]:
    """Every generated page, by its path below `docs`.

    Args:
        docs: the docs folder; the titles of the decisions are read from it.
    """
    made = {
        "reference/cli.md": cli_page(),
        "reference/config.md": config_page(),
        "reference/contract.md": contract_page(),
        "reference/recipes.md": recipes_page(),
        "reference/run-folder.md": run_folder_page(),
        "reference/names.md": names_page(),
        "decisions/index.md": decisions_page(docs / "decisions"),
    }
    if python := python_page():
        made["reference/python.md"] = python
    return {path: MADE + text.rstrip() + "\n" for path, text in made.items()}


def stale(docs: Path) -> list[str]:
    """Paths of the pages that are missing or are not what would be written."""
    return [path for path, text in pages(docs).items() if _read(docs / path) != text]


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description="Write the reference pages from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is stale")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="docs folder")
    given = parser.parse_args()
    old = stale(given.docs)
    if given.check:
        for path in old:
            print(f"{path} is stale: run python scripts/make_reference.py", file=sys.stderr)
        return 1 if old else 0
    made = pages(given.docs)
    for path in old:
        (given.docs / path).parent.mkdir(parents=True, exist_ok=True)
        (given.docs / path).write_text(made[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
