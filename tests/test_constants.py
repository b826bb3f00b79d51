"""A constant that several rooms share stands in one place: else its copies part unseen."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import emoloom

CHANCE = {
    "FORMAT": "each kind of file counts its own changes",
    "CHUNK": "bytes read at once, of files and of the network",
    "DECIMALS": "of weights of rated texts, and of what a table shows",
    "FOLDS": "of the frozen probe and of the training rows' atoms",
    "NAMED": "names in the verdict's clauses, and in that of the test rows",
    "STRENGTHS": "of regressions on an encoder's vectors, and on a candidate's: measured apart",
    "ASCII_WORDS": "each of another pattern of a word",
    "MANIFEST": "of a run, and of an export",
    "HTML": "beside it each text escapes other characters",
    "MARKS": "of the forms that a corpus has, and of those that are answered",
}
"""Constants of one name and one value that are not the same thing, and why."""


def constants(path: Path) -> Iterator[tuple[str, str]]:
    """(Name without underscores, value) of all in upper case that hold a number or some text."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if len(names) != 1 or not isinstance(names[0], ast.Name) or value is None:
            continue
        name = names[0].id.strip("_")
        if name.isupper() and any(isinstance(part, ast.Constant) for part in ast.walk(value)):
            yield name, ast.unparse(value)


def test_no_constant_stands_twice():
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in sorted(Path(emoloom.__file__).parent.rglob("*.py")):
        for constant in constants(path):
            places[constant].append(path.name)
    assert len(places) > 300
    twice = {name: where for (name, _), where in places.items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if name not in CHANCE} == {}
    assert set(CHANCE) - set(twice) == set(), "no longer there"
