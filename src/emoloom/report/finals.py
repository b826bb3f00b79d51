"""The best set on rows that chose nobody: scores, and the leader against the floors there."""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.report.board import Entry, Family, comparisons, entries
from emoloom.report.formats import finite, number
from emoloom.report.inputs import Record, mapping


@dataclass(frozen=True, slots=True)
class FinalsView:
    """What leaderboard.json says of `test`."""

    rows: int | None
    """Rows of the set; None where the run has none."""
    entries: tuple[Entry, ...]
    """The best set, then floors by score; those without scores are not done."""
    against: Family
    """It against each floor."""
    compared: str
    """Whom the floors are compared with: the leader, of tied ones the first by name."""

    @property
    def said(self) -> str:
        """Its score and interval, for the head; empty where there is none."""
        found = next((one for one in self.entries if one.name == self.compared), None)
        if found is None:
            return ""
        if found.score.value is None:
            return "not done" if not found.scored else "not defined"
        score = found.score
        ends = "" if score.low is None else f" [{number(score.low)}, {number(score.high)}]"
        return f"{number(score.value)}{ends} on {self.rows or 0:,} rows"


def finals_view(leaderboard: Record) -> FinalsView:
    """The block `test` of leaderboard.json."""
    block = mapping(leaderboard.get("test"))
    rows = finite(block.get("rows"))
    return FinalsView(
        rows=None if rows is None else int(rows),
        entries=tuple(one for one in entries(block) if one.kind != "training"),
        against=comparisons(block, "floor_comparisons"),
        compared=str(block.get("compared") or ""),
    )


def scores_on_test(view: FinalsView, shown: Sequence[Entry]) -> dict[str, Entry]:
    """Name -> its line on `test`, of the entries that the page shows."""
    found = {one.name: one for one in view.entries if one.scored}
    return {entry.name: found[entry.name] for entry in shown if entry.name in found}
