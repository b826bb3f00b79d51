"""The theory table: which appraisal atoms a label stands for, each cell with its source.

A source backs the side of 0.5 on which a cell lies; how far from it (0.1, 0.3, 0.5, 0.7, 0.9) is
ours. Cells that no paper is claimed for say so: `ours`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emoloom.corpora.lines import check_file, shown
from emoloom.errors import UserError
from emoloom.records import ATOMS, LabelSpace
from emoloom.runs.directory import sha256_file

_FOLDER = Path(__file__).resolve().parents[1] / "data" / "theory"
_KEYS = ("space", "atoms", "sources", "profiles")
_DO = "see src/emoloom/data/theory/goemotions28.json for one that is right"


@dataclass(frozen=True, slots=True)
class TheoryTable:
    """Label -> atom profile of one label space."""

    space: str
    """Name of the label space."""
    profiles: Mapping[str, tuple[float, ...]]
    """For every label, in the order of the space: four values in [0, 1], as `ATOMS` has them."""
    cell_sources: Mapping[str, tuple[str, ...]]
    """Where each of them is from: keys of `sources`."""
    sources: Mapping[str, str]
    """Short name -> the reference in full."""
    sha256: str
    """Hash of the file."""

    def target(self, labels: Sequence[str]) -> tuple[float, ...]:
        """Mean profile of a row's labels (at least one), in the order of `ATOMS`."""
        assert labels
        rows = [self.profiles[label] for label in labels]
        return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def known_tables() -> tuple[str, ...]:
    """Names of the label spaces for which a table ships, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def load_theory_table(space: LabelSpace, path: Path | None = None) -> TheoryTable:
    """Load the table that ships for a space, or a user's.

    Args:
        space: The label space; the table must have its labels, all of them and no other.
        path: A JSON file `{"space", "atoms", "sources", "profiles"}`; `profiles` has for each label
            four pairs `[value, source]`.

    Raises:
        UserError: no table ships for the space, the file cannot be read, or it is not a table of
            this space, complete and in range.
    """
    if path is None:
        if space.name not in known_tables():
            raise UserError(
                f"no theory table ships for the label space {space.name}",
                allowed=", ".join(known_tables()),
                do="give a table of your own",
            )
        path = _FOLDER / f"{space.name}.json"
    record = _read(path)
    if record["space"] != space.name:
        raise UserError(
            f"{path} is the theory table of another label space",
            got=shown(record["space"]),
            allowed=space.name,
            do="give the table of the space in force",
        )
    sources = _sources(path, record["sources"])
    cells = _cells(path, record["profiles"], space, sources)
    return TheoryTable(
        space=space.name,
        profiles=MappingProxyType({k: tuple(v for v, _ in c) for k, c in cells.items()}),
        cell_sources=MappingProxyType({k: tuple(s for _, s in c) for k, c in cells.items()}),
        sources=MappingProxyType(sources),
        sha256=sha256_file(path),
    )


def _read(path: Path) -> dict[str, Any]:
    check_file(path)
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is no JSON file", got=shown(str(error), 80), allowed="UTF-8, one JSON object"
        ) from None
    if not isinstance(record, dict) or sorted(record) != sorted(_KEYS):
        got = ", ".join(map(str, record)) if isinstance(record, dict) else type(record).__name__
        raise UserError(
            f"{path} is no theory table", got=got, allowed=f"an object with {_KEYS}", do=_DO
        )
    if record["atoms"] != list(ATOMS):
        raise UserError(
            f"{path} has other atoms", got=shown(record["atoms"], 80), allowed=str(list(ATOMS))
        )
    return record


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    again = [key for key in keys if keys.count(key) > 1]
    if again:
        raise ValueError(f"the key {again[0]} stands twice")
    return dict(pairs)


def _sources(path: Path, value: Any) -> dict[str, str]:
    fine = isinstance(value, dict) and all(isinstance(v, str) and v for v in value.values())
    if not fine:
        raise UserError(
            f"{path} has no sources", got=shown(value), allowed="short name -> reference", do=_DO
        )
    return dict(value)


def _cells(
    path: Path, value: Any, space: LabelSpace, sources: Mapping[str, str]
) -> dict[str, tuple[tuple[float, str], ...]]:
    """Label -> four (value, source), in the order of the space."""
    given = value if isinstance(value, dict) else {}
    missing = [label for label in space.labels if label not in given]
    extra = [label for label in given if label not in space.labels]
    if missing or extra:
        got = f"no profile of {missing[0]}" if missing else f"the label {shown(extra[0])}"
        raise UserError(
            f"{path} does not have the labels of {space.name}",
            got=got,
            allowed="every label of the space, and no other",
            do=_DO,
        )
    found: dict[str, tuple[tuple[float, str], ...]] = {}
    for label in space.labels:
        cells = given[label]
        if not isinstance(cells, list) or len(cells) != len(ATOMS):
            cells = [None]
        wrong = [cell for cell in cells if not _is_cell(cell, sources)]
        if wrong:
            raise UserError(
                f"{path} has a bad profile of {label}",
                got=shown(given[label] if wrong == [None] else wrong[0], 60),
                allowed=f"{len(ATOMS)} pairs [value from 0 to 1, one of {', '.join(sources)}]",
                do=_DO,
            )
        found[label] = tuple((float(number), source) for number, source in cells)
    return found


def _is_cell(cell: Any, sources: Mapping[str, str]) -> bool:
    if not isinstance(cell, list) or len(cell) != 2:
        return False
    number, source = cell
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and 0 <= number <= 1 and isinstance(source, str) and source in sources
