"""Candidates against their own model's frozen probe, which never ranks and beats nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.ranking.entries import ScoredEntry
from emoloom.ranking.standing import TIE_DECIMALS
from emoloom.recipes import FROZEN_PROBE, PROBE_SUFFIX


@dataclass(frozen=True, slots=True)
class BelowProbe:
    """A candidate whose score is less than that of its model's frozen probe."""

    name: str
    """The candidate."""
    score: float
    """Its ranking score."""
    probe: str
    """The probe."""
    probe_score: float
    """The probe's ranking score, on the same rows."""


def below_probes(entries: Sequence[ScoredEntry]) -> list[BelowProbe]:
    """Each ranked candidate below its own probe, in the order given.

    `<model>.<recipe>` is told by `<model>.probe`. Whether the two are separable is not said: it is
    a hint that the training stopped short, and no rank.
    """
    found = {e.source.name: e for e in entries if e.complete and e.score is not None}
    made = []
    for name, entry in found.items():
        probe = name.removesuffix(f".{entry.source.recipe}") + PROBE_SUFFIX
        ranks = entry.source.kind == "candidate" and not entry.source.pooled
        if ranks and probe in found and found[probe].source.recipe == FROZEN_PROBE:
            score, other = (round(found[n].score or 0.0, TIE_DECIMALS) for n in (name, probe))
            made += [BelowProbe(name, score, probe, other)] if score < other else []
    return made
