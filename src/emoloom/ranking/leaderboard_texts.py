"""The leaderboard as three texts: JSON for machines, CSV for sheets, Markdown for people."""

import csv
import io
import json
import re
from typing import Any

from emoloom.metrics.scoring import METRICS
from emoloom.metrics.teacher_forced import FORCED_KEYS
from emoloom.ranking.ablation import BASE, PARTS
from emoloom.ranking.entries import Entry, Estimate, ScoredEntry
from emoloom.ranking.leaderboard import Leaderboard

_DECIMALS = 6
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_MARKUP = re.compile(r"[\\`*\[\]|]")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


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
    lines = [_csv_cells(entry) | _csv_test(entry, board) for entry in board.entries]
    columns = list(lines[0]) if lines else ["name"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(line[column]) for column in columns] for line in lines)
    return text.getvalue()


def to_markdown(board: Leaderboard) -> str:
    """Verdict, rule and a table of the main scores, for people; markup in names is escaped."""
    heads = ["Rank", "Name", "Kind", "Model", "Recipe", "Score", *_test_head(board)]
    heads += ["ParseOK", "Macro-F1"]
    heads += ["Micro-F1", "1-RMSE", "Skill", "Polarity", *_forced_head(board), "Rows", "Note"]
    table = [
        heads,
        ["---"] * len(heads),
        *(_markdown_cells(entry, board) for entry in board.entries),
    ]
    lines = [
        f"# Leaderboard of {_escape(board.run)}",
        "",
        _escape(board.verdict),
        "",
        *(line for note in board.notes for line in (f"Note: {_escape(note)}.", "")),
        _escape(board.rule.note),
        "Macro-F1 to polarity are strict; "
        f"intervals are {board.rule.settings.bootstrap.level:.0%}. "
        "Polarity is the share of texts whose answer turns over with the text; it never ranks.",
        *_test_line(board),
        *_forced_line(board),
        "",
        *(f"| {' | '.join(cells)} |" for cells in table),
        "",
        *_markdown_ablations(board),
        f"Signature: {_escape(board.signature)}",
    ]
    return "\n".join(lines) + "\n"


def _csv_cells(entry: Entry) -> dict[str, Any]:
    record = entry.to_dict()
    cells = {key: record[key] for key in ("rank", "name", "kind", "model", "recipe", "status")}
    cells |= {"reason": record["reason"], "n": record["n"]}
    cells["below_floors"] = "; ".join(record["below_floors"])
    cells["below_probe"] = entry.below_probe
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
    return cells | _csv_polarity(entry) | _csv_forced(entry)


def _csv_test(entry: Entry, board: Leaderboard) -> dict[str, Any]:
    """Scores on `test`, of those that answered it; no column where there is no such set."""
    if board.finals is None:
        return {}
    found = _on_test(entry, board)
    cells: dict[str, Any] = {"test_n": None if found is None else found.scores.n}
    for key in ("score", "parse_ok", "strict.macro_f1", "strict.skill"):
        estimate = Estimate(None, None) if found is None else found.estimates[key]
        cells |= _csv_estimate(f"test_{key.replace('.', '_')}", estimate)
    return cells


def _on_test(entry: Entry, board: Leaderboard) -> ScoredEntry | None:
    found = None if board.finals is None else board.finals.entry(entry.scored.source.name)
    return found if found is not None and found.complete else None


def _csv_forced(entry: Entry) -> dict[str, float | None]:
    one = entry.scored.forced
    return {key: None if one is None else getattr(one, key) for key in FORCED_KEYS}


def _csv_polarity(entry: Entry) -> dict[str, float | None]:
    """Strict consistency, and of how many pairs."""
    found = entry.scored.polarity
    pairs = None if found is None else found.strict.n
    return _csv_estimate("polarity", _consistency(entry)) | {"polarity_pairs": pairs}


def _consistency(entry: Entry) -> Estimate:
    found = entry.scored.polarity
    if found is None:
        return Estimate(None, None)
    return Estimate(found.strict.values["consistency"], found.strict.intervals["consistency"])


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


def _test_head(board: Leaderboard) -> list[str]:
    return [] if board.finals is None else ["Test"]


def _test_line(board: Leaderboard) -> list[str]:
    if board.finals is None:
        return []
    return [
        f"Score is of the rows that rank; Test is the same score on {board.finals.n_rows} rows "
        "that chose nobody, answered once by the best set and the floors: quote that one."
    ]


def _test_cell(entry: Entry, board: Leaderboard) -> list[str]:
    if board.finals is None:
        return []
    found = _on_test(entry, board)
    estimate = Estimate(None, None) if found is None else found.estimates["score"]
    return [_markdown_estimate(estimate, with_interval=True)]


def _forced_head(board: Leaderboard) -> list[str]:
    known = any(entry.scored.forced is not None for entry in board.entries)
    return ["Label NLL", "E abs(v - t)"] if known else []


def _forced_line(board: Leaderboard) -> list[str]:
    if not _forced_head(board):
        return []
    return [
        "Label NLL (nats) and E abs(v - t) are read off the gold answers, nothing decoded, with "
        "those of a constant in brackets; lower is better, and neither ranks."
    ]


def _forced_cells(entry: Entry) -> list[str]:
    one = entry.scored.forced
    if one is None:
        return ["-", "-"]
    pairs = (
        (one.label_nll, one.constant_label_nll),
        (one.vad_distance, one.constant_vad_distance),
    )
    return [
        "-" if value is None or constant is None else f"{value:.3f} ({constant:.3f})"
        for value, constant in pairs
    ]


def _markdown_cells(entry: Entry, board: Leaderboard) -> list[str]:
    source, estimates = entry.scored.source, entry.scored.estimates
    notes = [f"below {', '.join(entry.below_floors)}"] if entry.below_floors else []
    if entry.below_probe:
        notes.append("below its frozen probe")
    if source.status != "scored" and not source.reason.startswith(source.status):
        notes.append(source.status.replace("_", " "))
    if source.reason:
        notes.append(source.reason)
    strict = ("macro_f1", "micro_f1", "one_minus_rmse", "skill")
    return [
        "-" if entry.rank is None else str(entry.rank),
        *(_escape(text) for text in (source.name, source.kind, source.model, source.recipe)),
        _markdown_estimate(estimates["score"], with_interval=True),
        *_test_cell(entry, board),
        _markdown_estimate(estimates["parse_ok"]),
        *(_markdown_estimate(estimates[f"strict.{key}"]) for key in strict),
        _markdown_estimate(_consistency(entry)),
        *(_forced_cells(entry) if _forced_head(board) else ()),
        str(entry.scored.scores.n),
        _escape("; ".join(notes)),
    ]


def _markdown_ablations(board: Leaderboard) -> list[str]:
    """The recipes against plain fine-tuning; no line where there is nothing to compare."""
    if not board.ablations:
        return []
    heads = ["Model", "Recipe", "Score", "Labels", "Skill", "Polarity", "Rows", "Pairs"]
    table = [heads, ["---"] * len(heads)]
    for one in board.ablations:
        differences = [_markdown_difference(one.differences[part]) for part in PARTS]
        names = [_escape(one.model), _escape(one.recipe)]
        table.append([*names, *differences, str(one.n), str(one.pairs)])
    return [
        f"What each recipe changes: its scores less those of {BASE} of the same model, paired on "
        "the same rows. An interval that contains 0 shows no separable change on these rows.",
        "",
        *(f"| {' | '.join(cells)} |" for cells in table),
        "",
    ]


def _markdown_difference(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    value = f"{_rounded(estimate.value):+.3f}"
    if estimate.interval is None:
        return value
    low, high = (_rounded(end) for end in estimate.interval)
    return f"{value} ({low:+.3f} to {high:+.3f})"


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
