"""The leaderboard: every entry, the verdict, and their three texts.

No time, rate or count of forwards stands here: on the same answers every byte is the same.
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emoloom.contract.schema import CONTRACT_VERSION
from emoloom.metrics.scoring import METRICS
from emoloom.metrics.signature import Signature
from emoloom.records import LabelSpace, Row
from emoloom.screening.entries import Entry, Estimate, ScoredCandidate, ScoredEntry, score_entries
from emoloom.screening.ranking import RankingRule
from emoloom.screening.standing import (
    TIE_DECIMALS,
    Comparison,
    RankedScores,
    Standing,
    compare,
    stand,
)
from emoloom.screening.verdict import verdict_text

__all__ = [
    "Entry",
    "Leaderboard",
    "ScoredCandidate",
    "build_leaderboard",
    "to_csv",
    "to_json",
    "to_markdown",
    "verdict_text",
]

_DECIMALS = 6
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_MARKUP = re.compile(r"[\\`*\[\]|]")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All of it, before it becomes text."""

    run: str
    """Name of the run."""
    label_space: str
    """Name of the label space in force."""
    signature: str
    """Every setting that can change a number."""
    rule: RankingRule
    """What ranks."""
    standing: Standing
    """The ranked candidates and the best set."""
    floors: tuple[Comparison, ...]
    """The leader against each floor, as a Holm family of its own."""
    verdict: str
    """One sentence."""
    entries: tuple[Entry, ...]
    """Ranked candidates by rank, then floors by score, then shown, then failed or not done."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order, floats unrounded."""
        return {
            "contract_version": CONTRACT_VERSION,
            "run": self.run,
            "label_space": self.label_space,
            "signature": self.signature,
            "rank_by": self.rule.rank_by(),
            "verdict": {
                "text": self.verdict,
                "leader": None if self.standing.tied else self.standing.leader,
                "tied": list(self.standing.tied),
                "best_set": list(self.standing.best_set),
                "seeds": 1,
                "p_best": dict(self.standing.p_best),
                "comparisons": [c.to_dict() for c in self.standing.comparisons],
                "floor_comparisons": [c.to_dict() for c in self.floors],
            },
            "entries": [entry.to_dict() for entry in self.entries],
        }


def build_leaderboard(
    candidates: Sequence[ScoredCandidate],
    rows: Sequence[Row],
    space: LabelSpace,
    rule: RankingRule,
    *,
    run_name: str,
    signature: Signature,
) -> Leaderboard:
    """Score, compare and rank.

    Args:
        candidates: Candidates, floors and shown models, in any order.
        rows: The rows that rank.
        space: The label space in force.
        rule: Fixed before training, by `ranking.ranking_rule`.
        run_name: Name of the run.
        signature: The run's settings; `rule.signature_pairs()` gives the rule's part.

    Raises:
        UserError: As `entries.score_entries`.
    """
    scored = score_entries(candidates, rows, space, rule)
    comparable = {e.source.name: e for e in scored if e.complete and e.score is not None}
    ranked = RankedScores(
        {name: round(e.score or 0.0, TIE_DECIMALS) for name, e in comparable.items()},
        {name: e.score_draws for name, e in comparable.items()},
        len(rows),
    )
    names = [name for name, e in comparable.items() if e.source.kind == "candidate"]
    floors = [name for name, e in comparable.items() if e.source.kind == "floor"]
    floors.sort(key=lambda name: (-ranked.scores[name], name))
    standing = stand(ranked, names, rule)
    against = () if standing.leader is None else compare(ranked, standing.leader, floors, rule)
    entries = [
        Entry(e, standing.ranks.get(e.source.name), _floors_above(e, floors, ranked.scores))
        for e in scored
    ]
    return Leaderboard(
        run=run_name,
        label_space=space.name,
        signature=signature.format(),
        rule=rule,
        standing=standing,
        floors=against,
        verdict=verdict_text(scored, standing, against, rule),
        entries=tuple(sorted(entries, key=_place)),
    )


def to_json(board: Leaderboard) -> str:
    """JSON in UTF-8, floats rounded to 6 decimals, null where undefined, keys in fixed order."""
    return (
        json.dumps(_rounded(board.to_dict()), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    )


def to_csv(board: Leaderboard) -> str:
    """One line for each entry; each score has its interval in `_low` and `_high`.

    A text cell that a spreadsheet would take for a formula is given a leading apostrophe; a
    carriage return becomes a newline.
    """
    lines = [_csv_cells(entry) for entry in board.entries]
    columns = list(lines[0]) if lines else ["name"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(line[column]) for column in columns] for line in lines)
    return text.getvalue()


def to_markdown(board: Leaderboard) -> str:
    """Verdict, rule and a table of the main scores, for people; markup in names is escaped."""
    heads = ["Rank", "Name", "Kind", "Model", "Recipe", "Score", "ParseOK", "Macro-F1"]
    heads += ["Micro-F1", "1-RMSE", "Skill", "Rows", "Note"]
    table = [heads, ["---"] * len(heads), *(_markdown_cells(entry) for entry in board.entries)]
    lines = [
        f"# Leaderboard of {_escape(board.run)}",
        "",
        _escape(board.verdict),
        "",
        _escape(board.rule.note),
        f"Macro-F1 to skill are strict; intervals are {board.rule.settings.bootstrap.level:.0%}.",
        "",
        *(f"| {' | '.join(cells)} |" for cells in table),
        "",
        f"Signature: {_escape(board.signature)}",
    ]
    return "\n".join(lines) + "\n"


def _floors_above(
    entry: ScoredEntry, floors: Sequence[str], scores: Mapping[str, float]
) -> tuple[str, ...]:
    """Only what is scored on the same rows can be compared."""
    name = entry.source.name
    if entry.source.kind == "floor" or name not in scores:
        return ()
    return tuple(floor for floor in floors if scores[floor] > scores[name])


def _place(entry: Entry) -> tuple[int, float, str]:
    """Group, then rank or falling score, then name."""
    source, score = entry.scored.source, entry.scored.score
    falling = 0.0 if score is None else -score
    if source.status != "scored":
        return (4, 0.0, source.name)
    if entry.rank is not None:
        return (0, float(entry.rank), source.name)
    group = {"floor": 1, "shown": 2, "candidate": 3}[source.kind]
    return (group, falling, source.name)


def _csv_cells(entry: Entry) -> dict[str, Any]:
    record = entry.to_dict()
    cells = {key: record[key] for key in ("rank", "name", "kind", "model", "recipe", "status")}
    cells |= {"reason": record["reason"], "n": record["n"]}
    cells["below_floors"] = "; ".join(record["below_floors"])
    cells["reasons"] = "; ".join(f"{key}={count}" for key, count in record["reasons"].items())
    for key in ("score", "parse_ok"):
        cells |= _csv_estimate(key, entry.scored.estimates[key])
    for block in ("strict", "parsed"):
        for key, value in record[block].items():
            if key in METRICS:
                full = f"{block}.{key}"
                cells |= _csv_estimate(full.replace(".", "_"), entry.scored.estimates[full])
            else:
                cells[f"{block}_{key}"] = "; ".join(value) if isinstance(value, list) else value
    return cells


def _csv_estimate(key: str, estimate: Estimate) -> dict[str, float | None]:
    low, high = estimate.interval or (None, None)
    return {key: estimate.value, f"{key}_low": low, f"{key}_high": high}


def _csv_cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # The writer leaves a lone carriage return unquoted, and readers take it for a line end.
        text = f"'{value}" if value.startswith(_FORMULA) else value
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return repr(_rounded(value))


def _markdown_cells(entry: Entry) -> list[str]:
    source, estimates = entry.scored.source, entry.scored.estimates
    notes = [f"below {', '.join(entry.below_floors)}"] if entry.below_floors else []
    if source.status != "scored":
        notes.append(source.status.replace("_", " "))
    if source.reason:
        notes.append(source.reason)
    strict = ("macro_f1", "micro_f1", "one_minus_rmse", "skill")
    return [
        "-" if entry.rank is None else str(entry.rank),
        *(_escape(text) for text in (source.name, source.kind, source.model, source.recipe)),
        _markdown_estimate(estimates["score"], with_interval=True),
        _markdown_estimate(estimates["parse_ok"]),
        *(_markdown_estimate(estimates[f"strict.{key}"]) for key in strict),
        str(entry.scored.scores.n),
        _escape("; ".join(notes)),
    ]


def _markdown_estimate(estimate: Estimate, *, with_interval: bool = False) -> str:
    if estimate.value is None:
        return "-"
    value = f"{_rounded(estimate.value):.3f}"
    if not with_interval or estimate.interval is None:
        return value
    return f"{value} ({estimate.interval[0]:.3f} to {estimate.interval[1]:.3f})"


def _escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    plain = _BLANK.sub(" ", text)
    shown = _MARKUP.sub(lambda found: f"\\{found.group()}", plain)
    return "".join(_HTML.get(character, character) for character in shown)


def _rounded(value: Any) -> Any:
    """The same with floats rounded; adding 0 turns -0.0 into 0.0."""
    if isinstance(value, float):
        return round(value, _DECIMALS) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value
