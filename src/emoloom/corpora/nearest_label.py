"""The label of a space that another label most likely means: a hint for people, never a mapping."""

import difflib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from emoloom.records import LabelSpace

_SYNONYMS = Path(__file__).resolve().parents[1] / "data" / "label_synonyms.json"
_ALIKE = 0.75
"""Least similarity of two spellings (`difflib`, ours): `jooy` is joy, `calm` is no label."""


def nearest_label(label: str, space: LabelSpace) -> str | None:
    """A label of the space that means about the same, or is spelled nearly so; None without one."""
    known = {name.casefold(): name for name in space.labels}
    said = label.strip().casefold()
    for word in _synonyms().get(said, ()):
        if word in known:
            return known[word]
    near = difflib.get_close_matches(said, known, n=1, cutoff=_ALIKE)
    return known[near[0]] if near else None


@cache
def _synonyms() -> Mapping[str, tuple[str, ...]]:
    """Label in lower case -> labels that it may mean, the surest first."""
    record = json.loads(_SYNONYMS.read_text(encoding="utf-8"))
    return {label: tuple(words) for label, words in record["labels"].items()}
