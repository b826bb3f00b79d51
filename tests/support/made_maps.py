"""Label spaces and maps made by hypothesis."""

import json
from pathlib import Path
from types import MappingProxyType

from hypothesis import strategies as st

from emoloom.corpora.label_maps import LabelMap
from emoloom.records import LabelSpace

ONE = LabelSpace("one", tuple("abcdef"))
TWO = LabelSpace("two", tuple("pqrs"))
THREE = LabelSpace("three", tuple("xyz"))
FOUR = LabelSpace("four", tuple("mn"))


@st.composite
def maps(draw: st.DrawFn, source: LabelSpace, target: LabelSpace) -> LabelMap:
    """Any map from one space to the other; every label that is lost has a reason."""
    targets, reasons = {}, {}
    for label in source.labels:
        chosen = draw(st.sets(st.sampled_from(target.labels), max_size=2))
        targets[label] = tuple(name for name in target.labels if name in chosen)
        if not chosen or draw(st.booleans()):
            reasons[label] = draw(st.sampled_from(["no such feeling", "é: why not"]))
    return LabelMap(source, target, MappingProxyType(targets), MappingProxyType(reasons), "0" * 64)


def write_map(path: Path, source: str, target: str, labels: object, **more: object) -> Path:
    """A map file with these entries."""
    record = {"from": source, "to": target, "labels": labels, **more}
    path.write_text(json.dumps(record), encoding="utf-8")
    return path
