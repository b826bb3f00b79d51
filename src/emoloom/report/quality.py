"""Score against decoding time: points, floors, and the Pareto front. No score is computed here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from emoloom.report.board import Entry
from emoloom.report.charts import Domain, Measure, domain
from emoloom.report.formats import finite, visible
from emoloom.report.inputs import Record, mapping


@dataclass(frozen=True, slots=True)
class TimedPoint:
    """One model in the plot of score against time."""

    name: str
    """Name of the entry."""
    kind: str
    """`candidate`, or `shown`: not ranked."""
    seconds: float
    """Decoding time of a row, in seconds."""
    score: Measure
    """The score that ranks."""
    n: int | None
    """Rows scored."""
    front: bool
    """Whether it is a candidate that no other candidate matches or beats in score and time."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Score against time."""

    points: tuple[TimedPoint, ...]
    """Models with a score and a time, in the order of the leaderboard."""
    floors: tuple[tuple[str, Measure], ...]
    """Floors and their scores; their time is about zero."""
    domain: Domain
    """Range of the scores."""
    untimed: tuple[str, ...]
    """Models with a score whose decoding time is not known."""
    why: str
    """Why there is no plot; empty where there is one."""


def score_against_time(entries: Sequence[Entry], costs: Record) -> Quality:
    """Models with a score and a decoding time, the Pareto front among the candidates, floors."""
    decode = mapping(costs.get("decode"))
    models = [e for e in entries if e.scored and e.kind != "floor" and e.score.value is not None]
    timed = [(e, _seconds_per_row(decode.get(e.name))) for e in models]
    known = [(e, seconds) for e, seconds in timed if seconds is not None]
    front = _front([(e, s) for e, s in known if _kind(e) == "candidate"])
    points = tuple(
        TimedPoint(e.name, _kind(e), seconds, e.score, e.n, e.name in front) for e, seconds in known
    )
    floors = [(e.name, e.score) for e in entries if e.kind == "floor" and e.score.value is not None]
    why = "" if points else "No decoding time is recorded in costs.json."
    return Quality(
        points=points,
        floors=tuple(floors),
        domain=domain([*(p.score for p in points), *(score for _, score in floors)]),
        untimed=tuple(e.name for e, seconds in timed if seconds is None),
        why=why if models else "No model has a score in this folder.",
    )


def _kind(entry: Entry) -> str:
    return "candidate" if entry.kind == "candidate" else "shown"


def _seconds_per_row(cost: object) -> float | None:
    rows, seconds = (finite(mapping(cost).get(key)) for key in ("rows", "seconds"))
    if rows is None or seconds is None or rows < 1 or seconds <= 0:
        return None
    return seconds / rows


def _front(known: Sequence[tuple[Entry, float]]) -> set[str]:
    """Names that no other one matches in both score and time and beats in one of them."""

    def beaten(score: float, seconds: float) -> bool:
        return any(
            (s, -t) != (score, -seconds) and s >= score and t <= seconds
            for s, t in ((e.score.value or 0.0, t) for e, t in known)
        )

    return {e.name for e, seconds in known if not beaten(e.score.value or 0.0, seconds)}


def quality_payload(quality: Quality) -> Record:
    """What the script draws: points, floors, and the range of the scores."""
    return {
        "points": [
            {"name": visible(p.name), "kind": p.kind, "seconds": p.seconds, "n": p.n}
            | {"front": p.front, **asdict(p.score)}
            for p in quality.points
        ],
        "floors": [{"name": visible(name), **asdict(score)} for name, score in quality.floors],
        "domain": [quality.domain.low, quality.domain.high],
    }
