"""The leaderboard at a glance, for the first screen: name, score, interval, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.report.board import Entry
from emoloom.report.charts import Domain, domain
from emoloom.report.inputs import Record, mapping

CANDIDATES, FLOORS = 7, 3
"""At most so many of each are shown; the whole table follows below."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What the first screen shows of the leaderboard."""

    candidates: tuple[Entry, ...]
    """The best, by rank."""
    floors: tuple[Entry, ...]
    """The best, by score."""
    more: int
    """Scored candidates and floors that are not shown here."""
    domain: Domain
    """The scale that all bars share."""


def glance_view(entries: Sequence[Entry]) -> Glance:
    """The best candidates and floors that have a score."""
    known = [entry for entry in entries if entry.scored and entry.score.value is not None]
    candidates = [entry for entry in known if entry.kind == "candidate"]
    floors = [entry for entry in known if entry.kind == "floor"]
    floors.sort(key=lambda entry: -(entry.score.value or 0.0))
    shown = (tuple(candidates[:CANDIDATES]), tuple(floors[:FLOORS]))
    return Glance(
        candidates=shown[0],
        floors=shown[1],
        more=len(candidates) + len(floors) - len(shown[0]) - len(shown[1]),
        domain=domain(entry.score for one in shown for entry in one),
    )


def standing(leaderboard: Record) -> dict[str, str]:
    """Name -> what it is in the verdict: `leader`, `tied` or `best set`."""
    verdict = mapping(leaderboard.get("verdict"))
    found: dict[str, str] = {}
    for key, said in (("best_set", "best set"), ("tied", "tied")):
        names = verdict.get(key)
        found |= {str(name): said for name in names} if isinstance(names, list) else {}
    return found | ({str(verdict["leader"]): "leader"} if verdict.get("leader") else {})
