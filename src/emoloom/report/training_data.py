"""Facts on what some recipes were trained on: the flips, and the quality of the verifier."""

from collections.abc import Mapping
from dataclasses import dataclass

from emoloom.report.formats import field, finite
from emoloom.report.inputs import Record, listed

_MEANS = {
    "no_labels": "the row has no labels",
    "no_mirror": "one of its labels has no mirror",
    "both_sides": "it has a label and its mirror",
    "too_long": "too long to rewrite",
    "idiom": "it has a phrase that would not follow, or is marked as sarcasm",
    "no_polar_word": "no word that can be turned over",
    "gate": "the lexicon's valence does not cross 0.5",
    "mixed": "a strong word of the old polarity is left",
    "against_labels": "the text's valence contradicts its labels",
    "stand_in_select": "the flip is a row that ranks",
}
"""Why a row is not flipped, in the order of the tests; the last is done when all are made."""


@dataclass(frozen=True, slots=True)
class Flips:
    """Training rows with their polarity turned over."""

    rows_in: int
    """Rows tried."""
    flipped: int
    """Flips that were trained on beside the rows."""
    dropped: tuple[tuple[str, str, int], ...]
    """(reason, what it means, rows) of every reason that was met."""


@dataclass(frozen=True, slots=True)
class Atom:
    """How well the verifier tells one atom on texts that it was not fitted on."""

    name: str
    """The appraisal atom."""
    source: str
    """What it was fitted on and is measured against."""
    auroc: float | None
    """AUROC on held-out texts."""
    r: float | None
    """Pearson's r on held-out texts."""
    fitted: int | None
    """Texts fitted on."""
    held_out: int | None
    """Texts measured on."""


def flips_view(objects: Mapping[str, Record]) -> Flips | None:
    """What data/flips.json says; None without it."""
    found = objects["data/flips.json"]
    rows_in, flipped = _count(found.get("rows_in")), _count(found.get("flipped"))
    if rows_in is None or flipped is None:
        return None
    reasons = [key for key in found if key not in {"rows_in", "flipped"}]
    known = [key for key in _MEANS if key in reasons]
    dropped = [
        (field(key), _MEANS.get(key, ""), count)
        for key in dict.fromkeys([*known, *reasons])
        if (count := _count(found[key]))
    ]
    return Flips(rows_in, flipped, tuple(dropped))


def verifier_view(objects: Mapping[str, Record]) -> tuple[Atom, ...]:
    """The atoms of data/verifier.json; empty without it."""
    return tuple(
        Atom(
            name=field(raw.get("atom")),
            source=str(raw.get("source") or ""),
            auroc=finite(raw.get("auroc")),
            r=finite(raw.get("r")),
            fitted=_count(raw.get("fitted_rows")),
            held_out=_count(raw.get("held_out_rows")),
        )
        for raw in listed(objects["data/verifier.json"].get("atoms"))
        if "atom" in raw
    )


def _count(value: object) -> int | None:
    got = finite(value)
    return None if got is None else int(got)
