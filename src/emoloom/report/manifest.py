"""The manifest: which files it binds, to what they were made from."""

from dataclasses import dataclass

from emoloom.report.formats import flatten
from emoloom.report.inputs import Record, listed, mapping
from emoloom.runs.provenance import PAGE

_ELSEWHERE = frozenset(
    {"config", "config_given", "packages", "machine", "label_space", "models", "data", "inputs"}
    | {"answers", "entries"}
)
"""Parts of the predicate that other sections show, or that are long."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What manifest.json says."""

    statement: str
    """Type of the statement."""
    predicate: str
    """Type of the predicate."""
    files: tuple[tuple[str, str], ...]
    """(file, sha256) of every file that is bound, but this page."""
    made_from: tuple[tuple[str, str], ...]
    """(what, value) of the predicate, without what other sections show."""


def manifest_view(found: Record) -> Manifest | None:
    """The manifest for people; None without one."""
    subjects = listed(found.get("subject"))
    files = tuple(
        (str(one.get("name") or "–"), str(mapping(one.get("digest")).get("sha256") or "–"))
        for one in subjects
        if one.get("name") != PAGE  # what a manifest says of this page cannot stand in it
    )
    made_from = {k: v for k, v in mapping(found.get("predicate")).items() if k not in _ELSEWHERE}
    if not files and not made_from:
        return None
    return Manifest(
        statement=str(found.get("_type") or ""),
        predicate=str(found.get("predicateType") or ""),
        files=files,
        made_from=tuple(flatten(made_from)) if made_from else (),
    )
