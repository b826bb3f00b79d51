"""Rankings of the same answers with other weights, as `emoloom rank` leaves them in rankings/."""

from collections.abc import Mapping
from dataclasses import dataclass

from emoloom.report.charts import Measure, measure
from emoloom.report.formats import finite
from emoloom.report.inputs import Record, listed, mapping

FILES, PLACES = 12, 8
"""At most so many rankings are shown, and so many places of each."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """One file of rankings/."""

    file: str
    """Its name."""
    labels: float | None
    """Weight of the labels."""
    vad: float | None
    """Weight of the VAD skill."""
    verdict: str
    """In words; may be empty."""
    earlier: bool
    """Whether it ranks scores of an earlier call of the run, which went on since."""
    places: tuple[tuple[int | None, str, Measure], ...]
    """(rank, name, score) of the candidates, best first."""


def rankings_view(found: Mapping[str, Record], manifest: Record) -> tuple[Ranking, ...]:
    """The rankings that name any candidate, by file name.

    Args:
        found: rankings by file name.
        manifest: of the run.
    """
    earlier = mapping(mapping(manifest.get("predicate")).get("earlier_rankings"))
    made = [_ranking(n, record, f"rankings/{n}" in earlier) for n, record in found.items()]
    return tuple(one for one in made if one.places)[:FILES]


def _ranking(file: str, record: Record, earlier: bool) -> Ranking:
    ranking = mapping(record.get("ranking"))
    weights, verdict = mapping(record.get("weights")), mapping(ranking.get("verdict")).get("text")
    places = [
        (finite(raw.get("rank")), str(raw["name"]), measure(raw.get("score")))
        for raw in listed(ranking.get("entries"))
        if "name" in raw and finite(raw.get("rank")) is not None
    ]
    places.sort(key=lambda one: (one[0] or 0.0, one[1]))
    return Ranking(
        file=file,
        labels=finite(weights.get("labels")),
        vad=finite(weights.get("vad")),
        earlier=earlier,
        verdict=verdict if isinstance(verdict, str) else "",
        places=tuple((int(rank or 0), name, score) for rank, name, score in places[:PLACES]),
    )
