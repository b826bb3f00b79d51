"""Labels of a file that a label space has not: what is nearest, and the files that keep them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emoloom.corpora.labels import is_label
from emoloom.corpora.nearest_label import nearest_label
from emoloom.records import LabelSpace

MOST_MAPPED = 60
"""Of more labels no map is drawn up: that is no column of labels, or no space for it."""


def lost_lines(
    path: Path, space: LabelSpace, kept: Mapping[str, int], lost: Mapping[str, int]
) -> Iterator[str]:
    """What is lost, line by line, and two files to write that keep it.

    Args:
        path: The file.
        space: That its labels are held against.
        kept: Its labels that are of the space -> rows.
        lost: Its labels of which no row is left -> records.
    """
    some = "a label of the file, which is" if len(lost) == 1 else f"{len(lost)} labels, which are"
    yield f"{space.name} does NOT fit: it lacks {some} lost whole"
    for label, count in sorted(lost.items(), key=lambda item: -item[1]):
        near = nearest_label(label, space)
        yield f"    {count:>9,}  {label} (nearest label: {near or 'none'})"
    named = [label for label in (*kept, *lost) if is_label(label)]
    if len(named) > MOST_MAPPED:
        return
    files = map_files(path, space, named)
    yield "to keep what it means, look through these two files, write them beside your config,"
    label_space, label_map = files
    yield f"and add to the part: label_space: {label_space}, label_map: {label_map}"
    for name, record in files.items():
        yield f"  {name}:"
        yield f"    {json.dumps(record, ensure_ascii=False)}"


def map_files(path: Path, space: LabelSpace, labels: list[str]) -> dict[str, dict[str, Any]]:
    """File name -> content: a label space of the file's own, and a map from it to the space."""
    own = "".join(char if char.isalnum() else "-" for char in path.stem).strip("-") or "own"
    name = f"{own}-labels"
    targets = {label: _entry(label, space) for label in labels}
    return {
        f"{name}.json": {"name": name, "labels": labels},
        f"{own}-to-{space.name}.json": {"from": name, "to": space.name, "labels": targets},
    }


def _entry(label: str, space: LabelSpace) -> dict[str, Any]:
    known = {one.casefold(): one for one in space.labels}
    target = known.get(label.casefold()) or nearest_label(label, space)
    if target is None:
        return {"to": [], "why": f"no label of {space.name} is near"}
    return {"to": [target]}
