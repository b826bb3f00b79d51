"""F1 of each label against the best floor's, from the candidates' scores.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.report.board import Entry
from emoloom.report.formats import finite, visible
from emoloom.report.inputs import Record, RunInputs, listed, mapping

LABELS = 60
"""At most this many labels are drawn, those with the most gold rows first."""

HEAD, LINE = 64, 24
"""Heights in pixels: of the plot's axes, and of one label's line."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label's strict scores of one entry; None where undefined."""

    support: int
    """Gold rows."""
    precision: float | None
    """None where the label was never predicted."""
    recall: float | None
    """None where the label has no gold row."""
    f1: float | None
    """None where the label has no gold row."""


@dataclass(frozen=True, slots=True)
class Labels:
    """F1 by label against the floors."""

    labels: tuple[str, ...]
    """Labels with a gold row, most rows first; the first LABELS of them."""
    entries: Mapping[str, Mapping[str, LabelScore]]
    """Candidate or shown entry -> label -> scores."""
    support: Mapping[str, int]
    """Label -> gold rows, the most that any entry was scored on."""
    floors: Mapping[str, tuple[str, float]]
    """Label -> the floor with the highest F1, and that F1."""
    n_floors: int
    """Floors with scores by label."""
    ranking: frozenset[str]
    """Labels that the ranking score goes over."""
    left_out: int
    """Labels with a gold row that are not drawn."""
    why: str
    """Why there is no plot; empty where there is one."""

    @property
    def height(self) -> int:
        """Height of the plot in pixels."""
        return HEAD + LINE * len(self.labels)


def label_scores(inputs: RunInputs, entries: Sequence[Entry]) -> Labels:
    """Scores by label of every candidate, and the best floor of each label."""
    kinds = {e.name: e.kind for e in entries} or {
        name: str(mapping(c.scores).get("kind") or "") for name, c in inputs.candidates.items()
    }
    found = {
        name: scores
        for name in kinds
        if name in inputs.candidates and (scores := _by_label(inputs.candidates[name].scores))
    }
    models = {name: scores for name, scores in found.items() if kinds[name] != "floor"}
    floors = {name: scores for name, scores in found.items() if kinds[name] == "floor"}
    support: dict[str, int] = {}
    for scores in models.values():
        for label, one in scores.items():
            support[label] = max(support.get(label, 0), one.support)
    order = sorted((label for label in support if support[label]), key=lambda x: -support[x])
    why = "" if models else "No scores by label are recorded in the candidates' scores.json."
    rank_by = mapping(inputs.objects["leaderboard.json"].get("rank_by")).get("labels")
    return Labels(
        labels=tuple(order[:LABELS]),
        entries=models,
        support=support,
        floors={label: best for label in order if (best := _best_floor(floors, label))},
        n_floors=len(floors),
        ranking=frozenset(map(str, rank_by if isinstance(rank_by, list) else [])),
        left_out=len(order[LABELS:]),
        why=why if order or not models else "No label has a gold row in this row set.",
    )


def _by_label(scores: Record | None) -> dict[str, LabelScore]:
    """Label -> scores of one scores.json; what is not a share in [0, 1] counts as undefined."""
    made = {}
    for raw in listed(mapping(scores).get("per_label")):
        support = finite(raw.get("support"))
        if "label" in raw and support is not None and support >= 0:
            shares = (_share(raw.get(key)) for key in ("precision", "recall", "f1"))
            made[str(raw["label"])] = LabelScore(int(support), *shares)
    return made


def _share(value: object) -> float | None:
    got = finite(value)
    return got if got is not None and 0 <= got <= 1 else None


def _best_floor(
    floors: Mapping[str, Mapping[str, LabelScore]], label: str
) -> tuple[str, float] | None:
    known = [(name, s[label].f1) for name, s in floors.items() if label in s]
    return max(((n, f1) for n, f1 in known if f1 is not None), key=lambda x: x[1], default=None)


def labels_payload(labels: Labels) -> Record:
    """What the script draws: per entry [support, precision, recall, F1] of each label."""
    floors = [labels.floors.get(label) for label in labels.labels]
    return {
        "labels": [visible(label) for label in labels.labels],
        "ranks": [label in labels.ranking for label in labels.labels],
        "floors": [None if best is None else [visible(best[0]), best[1]] for best in floors],
        "entries": [
            {"name": visible(name), "scores": [_row(scores.get(label)) for label in labels.labels]}
            for name, scores in labels.entries.items()
        ],
    }


def _row(score: LabelScore | None) -> list[float | None] | None:
    """[support, precision, recall, F1] of one label."""
    return None if score is None else [score.support, score.precision, score.recall, score.f1]
