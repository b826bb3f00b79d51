"""The leaderboard as the page shows it: entries in their groups, bars on one scale, comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.metrics.teacher_forced import FORCED_KEYS
from emoloom.report.charts import Domain, Measure, domain, measure
from emoloom.report.formats import NOTHING, cell, finite, flatten, number
from emoloom.report.inputs import Record, listed, mapping

_GROUPS = (
    ("candidate", "Candidates", ""),
    ("floor", "Floors", "what a method that generates nothing reaches on the same rows"),
    ("shown", "Shown", "not ranked"),
    ("training", "Single trainings", "a candidate above is their mean; they do not rank"),
)
"""Kinds of entries in the order of the table: kind, heading, what the heading means."""

Pair = tuple[str, str]
"""A value and its interval, as text."""

_MAIN = (
    *("macro_f1", "micro_f1", "skill", "one_minus_rmse"),
    *(f"{metric}_{axis}" for metric in ("pearson", "ccc") for axis in "vad"),
)
"""Metrics that have a place of their own."""


@dataclass(frozen=True, slots=True)
class PolarityShares:
    """Shares of polarity pairs, each in [0, 1]."""

    pairs: int | None
    """Pairs counted."""
    consistency: Measure
    """Valence and labels both turn over."""
    valence: Measure
    """The valence turns over."""
    labels: Measure
    """The polarity of the labels turns over."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the leaderboard, with every part present."""

    name: str
    """Name of the entry and of its folder."""
    kind: str
    """`candidate`, `floor`, `shown`, or `training`: one of several trainings of a candidate."""
    model: str
    """What the model is; may be empty."""
    recipe: str
    """How it was trained; may be empty."""
    scored: bool
    """Whether it has scores."""
    failed: bool
    """Whether it was tried and failed."""
    why: str
    """Status and reason, where it has none."""
    rank: int | None
    """Place among the ranked candidates, from 1."""
    below: tuple[str, ...]
    """Floors that it does not beat."""
    below_probe: bool
    """Whether the frozen probe of its own model scores higher."""
    trainings: tuple[str, ...]
    """Names of the trainings that it is the mean of; empty where it is one."""
    score: Measure
    """The score that ranks, in [0, 1]."""
    n: int | None
    """Rows scored."""
    n_vad: int | None
    """Parsed rows whose VAD is compared."""
    n_rated: tuple[int | None, ...]
    """Of these, those with v, with a, with d: the n of `pearson_*`."""
    parse_ok: Measure
    """Share of rows whose output parsed, in [0, 1]."""
    reasons: Mapping[str, int]
    """Parse failures by reason."""
    strict: Mapping[str, Measure]
    """Main metrics over all rows, failed parses counted as wrong."""
    parsed: Mapping[str, Measure]
    """The same over parsed rows."""
    polarity: Mapping[str, PolarityShares]
    """Polarity consistency by view, `strict` and `parsed`; without values where not asked."""
    forced: Mapping[str, float | None]
    """Teacher-forced losses and a constant's by name; None each for what was not decoded."""
    every: Mapping[str, tuple[Pair, Pair]]
    """Metric -> strict and parsed, each as (value, interval) in text."""


@dataclass(frozen=True, slots=True)
class Family:
    """One Holm family of comparisons."""

    rows: Sequence[Record]
    """One object for each comparison."""
    domain: Domain
    """The scale that their bars share."""


def entries(leaderboard: Record) -> list[Entry]:
    """The entries of a leaderboard: ranked ones first, then as the file has them."""
    made = [_entry(raw) for raw in listed(leaderboard.get("entries"))]
    return sorted(made, key=lambda e: (e.rank is None, e.rank or 0))


def board_view(leaderboard: Record, made: Sequence[Entry]) -> Record:
    """Groups of entries, the scale of their bars, the comparisons and how the rank is made."""
    verdict = mapping(leaderboard.get("verdict"))
    best = verdict.get("best_set")
    scored = [entry for entry in made if entry.scored]
    known = {kind for kind, _, _ in _GROUPS}
    groups = [
        (
            head,
            means,
            [e for e in scored if e.kind == kind or (kind == "shown" and e.kind not in known)],
        )
        for kind, head, means in _GROUPS
    ]
    return {
        "groups": [group for group in groups if group[2]],
        "unscored": [entry for entry in made if not entry.scored],
        "scored": scored,
        "forced": any(v is not None for entry in scored for v in entry.forced.values()),
        "every": _every(scored),
        "domain": domain(entry.score for entry in scored),
        "leader": str(verdict.get("leader") or ""),
        "tied": _names(verdict.get("tied")),
        "leader_score": _leader_score(scored, verdict.get("leader")),
        "best_set": _names(best),
        "constant": _constant(scored),
        "rank_by": _rank_by(mapping(leaderboard.get("rank_by"))),
        "floor_family": _floor_family(mapping(verdict.get("floor_family"))),
        "families": [
            ("Against the other candidates", comparisons(verdict, "comparisons")),
            ("Against the floors", comparisons(verdict, "floor_comparisons")),
        ],
        "leader_p_best": finite(mapping(verdict.get("p_best")).get(str(verdict.get("leader")))),
        "signature": _text(leaderboard.get("signature")),
        "contract": str(leaderboard.get("contract_version") or ""),
    }


def _entry(raw: Record) -> Entry:
    status = str(raw.get("status") or "")
    strict, parsed = mapping(raw.get("strict")), mapping(raw.get("parsed"))
    below = raw.get("below_floors")
    return Entry(
        name=str(raw.get("name") or "(no name)"),
        kind="training" if raw.get("pooled") else str(raw.get("kind") or ""),
        model=_known(raw.get("model")),
        recipe="" if raw.get("recipe") == raw.get("kind") else _known(raw.get("recipe")),
        scored=status == "scored",
        failed=status == "failed",
        why=": ".join(t for t in (status.replace("_", " "), str(raw.get("reason") or "")) if t),
        rank=_whole(raw.get("rank")),
        below=tuple(_names(below)),
        below_probe=bool(raw.get("below_probe")),
        trainings=tuple(_names(raw.get("trainings"))),
        score=measure(raw.get("score")),
        n=_whole(raw.get("n")),
        n_vad=_whole(parsed.get("n_vad_rows")),
        n_rated=tuple(
            _whole(parsed.get(f"n_vad_rows_{axis}", parsed.get("n_vad_rows"))) for axis in "vad"
        ),
        parse_ok=measure(raw.get("parse_ok")),
        reasons=_counts(raw.get("reasons")),
        strict={key: measure(strict.get(key)) for key in _MAIN},
        parsed={key: measure(parsed.get(key)) for key in _MAIN},
        polarity={view: _shares(raw.get("polarity"), view) for view in ("strict", "parsed")},
        forced={key: finite(mapping(raw.get("teacher_forced")).get(key)) for key in FORCED_KEYS},
        every={
            key: (_metric(strict.get(key)), _metric(parsed.get(key)))
            for key in dict.fromkeys([*strict, *parsed])
        },
    )


def _shares(polarity: object, view: str) -> PolarityShares:
    block = mapping(mapping(polarity).get(view))

    def share(key: str) -> Measure:
        return measure(block.get(key), block.get(f"{key}_interval"))

    pairs = _whole(block.get("n"))
    return PolarityShares(pairs, share("consistency"), share("valence"), share("labels"))


def _known(value: object) -> str:
    """A name, or nothing where the leaderboard has a dash for none."""
    return "" if value is None or value == "-" else str(value)


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def _whole(value: object) -> int | None:
    got = finite(value)
    return None if got is None else int(got)


def _counts(value: object) -> dict[str, int]:
    found = {str(k): finite(v) for k, v in mapping(value).items()}
    return {key: int(count) for key, count in found.items() if count is not None}


def _metric(value: object) -> Pair:
    """Any metric as text: a number and its interval, or a list of names."""
    if isinstance(value, int) and not isinstance(value, bool):
        return cell(value), ""
    if isinstance(value, list):
        return ", ".join(text for _, text in flatten(value)), ""
    one = measure(value)
    interval = "" if one.low is None else f"[{number(one.low)}, {number(one.high)}]"
    return number(one.value), interval


def _every(scored: Sequence[Entry]) -> list[tuple[str, list[tuple[Pair, Pair]]]]:
    """(metric, one cell per entry) of every metric that any entry has."""
    nothing = ((NOTHING, ""), (NOTHING, ""))
    keys = dict.fromkeys(key for entry in scored for key in entry.every)
    return [(key, [entry.every.get(key, nothing) for entry in scored]) for key in keys]


def _text(value: object) -> str:
    """A signature, whether a string or an object."""
    if isinstance(value, dict | list):
        return "; ".join(f"{path}: {text}" if path else text for path, text in flatten(value))
    return str(value or "")


def _leader_score(scored: Sequence[Entry], leader: object) -> float | None:
    return next((entry.score.value for entry in scored if entry.name == leader), None)


def _constant(scored: Sequence[Entry]) -> float | None:
    """1-RMSE of the constant floor: the floor whose name says `constant` or `majority`."""
    for entry in scored:
        name = entry.name.lower()
        if entry.kind == "floor" and ("constant" in name or "majority" in name):
            return entry.strict["one_minus_rmse"].value
    return None


def _rank_by(raw: Record) -> Record:
    weights, labels = mapping(raw.get("weights")), raw.get("labels")
    return {
        "labels_metric": str(raw.get("labels_metric") or ""),
        "labels": _names(labels),
        "weight_labels": finite(weights.get("labels")),
        "weight_vad": finite(weights.get("vad")),
    }


def _floor_family(raw: Record) -> str:
    """How p of the floors was adjusted, in words; empty where the folder does not say."""
    tests = _whole(raw.get("tests"))
    ways = {"max-t": "by step-down max-T over the shared draws", "holm": "by Holm's method"}
    way = ways.get(str(raw.get("method")))
    return (
        f"{way}, over all {tests:,} comparisons of a candidate with a floor"
        if tests and way
        else ""
    )


def comparisons(verdict: Record, family: str) -> Family:
    """A family of paired differences, leader less other, with P(best) where it is known."""
    chances = mapping(verdict.get("p_best"))
    compared = listed(verdict.get(family))
    differences = [measure(raw.get("difference"), raw.get("interval")) for raw in compared]
    rows = [
        {
            "name": str(raw.get("name") or "(no name)"),
            "difference": difference,
            "p": finite(raw.get("p")),
            "p_adjusted": finite(raw.get("p_adjusted")),
            "separable": raw.get("separable"),
            "rows": None if raw.get("separable") else finite(raw.get("rows_to_separate")),
            "p_best": finite(chances.get(str(raw.get("name")))),
            "tone": _tone(difference, raw.get("separable")),
        }
        for raw, difference in zip(compared, differences, strict=True)
    ]
    return Family(rows, domain(differences))


def _tone(difference: Measure, separable: object) -> str:
    """How the bar of a difference is drawn: not separable is grey, separably below is red."""
    if separable is not True or difference.value is None:
        return "grey"
    return "below" if difference.value < 0 else ""
