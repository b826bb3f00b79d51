"""The two parts of each score, from which the page ranks again with other weights.

The rule is `ranking`'s: weight_labels x the labels' part + weight_vad x max(skill, 0),
the weights scaled to a sum of 1. The parts stand in scores.json, so the browser only adds them up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.report.board import Entry
from emoloom.report.formats import finite
from emoloom.report.inputs import Record, RunInputs, listed, mapping

TOLERANCE = 2e-6
"""leaderboard.json has six decimals: parts and score may differ by so much."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What one score is made of."""

    labels: float | None
    """The labels' part, in [0, 1]; None where undefined."""
    skill: float | None
    """Strict VAD skill, at most 1; below 0 it counts as 0."""

    def score(self, labels: float, vad: float) -> float | None:
        """The weighted sum; None where a part with a weight is undefined."""
        if (labels and self.labels is None) or (vad and self.skill is None):
            return None
        return labels * (self.labels or 0.0) + vad * max(self.skill or 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Reweigh:
    """Whether and from what the page may rank again."""

    labels: float
    """Weight of the labels in this run, in [0, 1]."""
    vad: float
    """Weight of the VAD skill in this run, in [0, 1]."""
    parts: Mapping[str, tuple[Parts, ...]]
    """By name, one for each training that an entry is the mean of; empty where the page may not."""
    why: str
    """Why the page cannot rank again; empty where it can, or where there is nothing to rank."""


def reweigh_view(inputs: RunInputs, entries: Sequence[Entry]) -> Reweigh:
    """The parts of every scored entry, checked against the scores of the leaderboard."""
    rank_by = mapping(inputs.objects["leaderboard.json"].get("rank_by"))
    weights = mapping(rank_by.get("weights"))
    labels, vad = finite(weights.get("labels")) or 0.0, finite(weights.get("vad")) or 0.0
    scored = [entry for entry in entries if entry.scored]
    if not any(entry.kind == "candidate" for entry in scored):
        return Reweigh(labels, vad, {}, "")
    if labels <= 0 or vad <= 0 or not rank_by.get("labels_metric"):
        return Reweigh(labels, vad, {}, "Only one part ranks in this run.")
    alone = {entry.name: _parts(inputs, entry, rank_by) for entry in scored if not entry.trainings}
    parts = {
        entry.name: tuple(alone[name] for name in entry.trainings or [entry.name] if name in alone)
        for entry in scored
    }
    for entry in scored:
        made, said = mean_score(parts[entry.name], labels, vad), entry.score.value
        if (made is None) != (said is None) or abs((made or 0.0) - (said or 0.0)) > TOLERANCE:
            why = f"The parts of {entry.name} do not add up to its score in leaderboard.json."
            return Reweigh(labels, vad, {}, why)
    return Reweigh(labels, vad, parts, "")


def mean_score(parts: Sequence[Parts], labels: float, vad: float) -> float | None:
    """The mean score over trainings; None where there is none, or one is undefined."""
    scores = [one.score(labels, vad) for one in parts]
    known = [score for score in scores if score is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(scores) else None


def _parts(inputs: RunInputs, entry: Entry, rank_by: Record) -> Parts:
    """From the entry's scores.json where it is there, which is not rounded."""
    candidate = inputs.candidates.get(entry.name)
    scores = mapping(candidate.scores) if candidate else {}
    strict = mapping(scores.get("strict"))
    skill = _value(strict.get("skill"), entry.strict["skill"].value)
    return Parts(_macro_f1(scores, rank_by.get("labels")), skill)


def _value(measure: object, otherwise: float | None) -> float | None:
    found = finite(mapping(measure).get("value"))
    return otherwise if found is None else found


def _macro_f1(scores: Record, labels: object) -> float | None:
    """Mean F1 over the labels that rank and have a gold row, as `classification.macro_f1`."""
    ranking = set(map(str, labels)) if isinstance(labels, list) else set()
    f1s = [
        f1
        for one in listed(scores.get("per_label"))
        if str(one.get("label")) in ranking and (f1 := finite(one.get("f1"))) is not None
    ]
    return math.fsum(f1s) / len(f1s) if f1s else None
