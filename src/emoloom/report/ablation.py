"""What each recipe changes, as the page shows it: differences of the leaderboard on one scale."""

from dataclasses import dataclass

from emoloom.report.charts import Domain, Measure, domain, measure
from emoloom.report.formats import finite
from emoloom.report.inputs import Record, listed

PARTS = (
    ("score", "Score"),
    ("labels", "Labels"),
    ("vad", "VAD skill"),
    ("polarity", "Polarity"),
)
"""What is compared, and its heading."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference and how its bar is drawn."""

    of: Measure
    """Recipe less plain fine-tuning."""
    tone: str
    """`grey` where the interval contains 0 or is not known, `below` where the recipe is worse."""


@dataclass(frozen=True, slots=True)
class Change:
    """One recipe of one model."""

    model: str
    """Name of the model."""
    recipe: str
    """The recipe."""
    base: str
    """Name of the candidate that it is compared with."""
    n: int | None
    """Rows that both answered."""
    pairs: int | None
    """Polarity pairs that both answered."""
    differences: tuple[Difference, ...]
    """One for each of the parts shown, in their order."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """All recipes that are compared with plain fine-tuning."""

    changes: tuple[Change, ...]
    """In the order of the file; empty where there is nothing to show."""
    headings: tuple[str, ...]
    """Of the parts that any recipe has a difference in."""
    domain: Domain
    """The scale that all bars share."""


def ablation_view(leaderboard: Record) -> Ablation:
    """The differences that leaderboard.json has; a part that none has is left out."""
    found = [raw for raw in listed(leaderboard.get("ablations")) if "recipe" in raw]
    measures = {key: [measure(raw.get(key)) for raw in found] for key, _ in PARTS}
    shown = [(k, head) for k, head in PARTS if any(m.value is not None for m in measures[k])]
    changes = [
        Change(
            model=str(raw.get("model") or "(no name)"),
            recipe=str(raw.get("recipe")),
            base=str(raw.get("base") or ""),
            n=_count(raw.get("n")),
            pairs=_count(raw.get("pairs")),
            differences=tuple(_difference(measures[key][index]) for key, _ in shown),
        )
        for index, raw in enumerate(found)
    ]
    return Ablation(
        changes=tuple(changes) if shown else (),
        headings=tuple(head for _, head in shown),
        domain=domain(one for key, _ in shown for one in measures[key]),
    )


def _difference(of: Measure) -> Difference:
    if of.low is None or of.high is None or of.low <= 0 <= of.high:
        return Difference(of, "grey")
    return Difference(of, "below" if of.high < 0 else "")


def _count(value: object) -> int | None:
    got = finite(value)
    return None if got is None else int(got)
