"""A run folder as typed, frozen records: for notebooks and scripts. Reads files; loads no torch.

Nothing in a run folder is trusted: what is missing or damaged becomes a note or None.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from emoloom.contract.parse import parse_output
from emoloom.corpora.readers import read_rows
from emoloom.errors import UserError
from emoloom.metrics.teacher_forced import FORCED_KEYS
from emoloom.notebook import escaped, table
from emoloom.records import LabelSpace, ParseFailure, Prediction, Row
from emoloom.report.formats import finite
from emoloom.report.inputs import Candidate, Record, RunInputs, listed, mapping, read_run
from emoloom.runs.record import check_format


@dataclass(frozen=True, slots=True)
class Score:
    """A value and its bootstrap interval; None where undefined."""

    value: float | None
    """The score on the rows themselves."""
    low: float | None
    """Lower end of the interval, 95% unless the run's signature says otherwise."""
    high: float | None
    """Upper end."""


@dataclass(frozen=True, slots=True)
class FreshScore:
    """Scores on the row set `test`, answered once, after all that ranks: the ones to quote."""

    rows: int
    """Rows of the set."""
    score: Score
    """By the rule that ranks."""
    parse_ok: Score
    """Share of outputs that parse, in [0, 1]."""
    strict: Mapping[str, Score]
    """Scores where a failed parse counts as wrong, by name (`macro_f1`, `skill`, ...)."""


@dataclass(frozen=True, slots=True)
class LeaderboardEntry:
    """One line of the leaderboard."""

    name: str
    """Unique within the run."""
    kind: str
    """`candidate` is ranked, `floor` is what candidates must beat, `shown` is never ranked."""
    model: str
    """What the model is."""
    recipe: str
    """How it was trained."""
    status: str
    """`scored`, `failed`, `not_done`, or `dropped` at a rung."""
    reason: str
    """Why it is not scored; may be empty."""
    rank: int | None
    """From 1; None unless ranked."""
    rows: int
    """Rows that it answered."""
    score: Score
    """What ranks: of the leader too good, as these rows chose it."""
    parse_ok: Score
    """Share of outputs that parse, in [0, 1]."""
    strict: Mapping[str, Score]
    """Scores where a failed parse counts as wrong, by name (`macro_f1`, `skill`, ...)."""
    parsed: Mapping[str, Score]
    """The same over parsed rows."""
    below_floors: tuple[str, ...]
    """Floors with a higher score."""
    below_probe: str
    """The frozen probe of its own model, where that scores higher; else empty."""
    teacher_forced: Mapping[str, float]
    """Losses of the gold answers and a constant's, by name (`label_nll`, `constant_label_nll`,
    `vad_distance`, `constant_vad_distance`); empty for what was not decoded."""
    reasons: Mapping[str, int]
    """Failed parses by reason."""
    test: FreshScore | None = None
    """On rows that chose nobody: of the best set and the floors, where the run has such rows."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run says in the end."""

    text: str
    """One sentence."""
    leader: str | None
    """The best candidate; None where several tie exactly, or none was ranked."""
    best_set: tuple[str, ...]
    """Candidates that cannot be told apart from the leader."""
    notes: tuple[str, ...]
    """What else bears on it: labels that were lost whole, many rejected records."""
    indicative: bool
    """True where the rows are too few for a ranking to be relied on."""


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """A row that ranked, and what a candidate said."""

    row: Row
    """Text and gold answer."""
    output: str
    """The raw output."""
    answer: Prediction | ParseFailure
    """The output, parsed."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder that was read by `load_run`."""

    folder: Path
    """Where it is."""
    name: str
    """Name of the run."""
    status: str
    """`done`, `running`, `stopped_by_budget`, `interrupted` or `failed`."""
    label_space: LabelSpace
    """Labels in force."""
    verdict: Verdict
    """What the run says in the end."""
    entries: tuple[LeaderboardEntry, ...]
    """Ranked candidates by rank, then floors by score, then shown, then what failed."""
    notes: tuple[str, ...]
    """What is missing or damaged, one sentence each."""
    outputs: Mapping[str, Mapping[str, str]] = field(repr=False)
    """Raw outputs: name of an entry -> row id -> output."""
    test_outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """The same of the rows `test`; empty where the run has none."""

    @property
    def candidates(self) -> tuple[LeaderboardEntry, ...]:
        """The entries that may be ranked."""
        return tuple(entry for entry in self.entries if entry.kind == "candidate")

    def entry(self, name: str) -> LeaderboardEntry:
        """The entry of that name.

        Raises:
            UserError: there is none.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        names = ", ".join(entry.name for entry in self.entries)
        raise UserError("no such entry in this run", got=repr(name)[:100], allowed=names or "none")

    def rows(
        self, name: str, row_set: Literal["select", "test"] = "select"
    ) -> tuple[AnsweredRow, ...]:
        """The rows of a set that an entry answered, in the order of that set.

        Args:
            name: of the entry.
            row_set: `select`, which ranks, or `test`, which chose nobody.

        Raises:
            UserError: there is no such entry, or the rows cannot be read.
        """
        answers = self.outputs if row_set == "select" else self.test_outputs
        if not (outputs := answers.get(self.entry(name).name, {})):
            return ()
        read = read_rows(self.folder / "data" / f"{row_set}.jsonl", self.label_space).rows
        return tuple(
            AnsweredRow(row, outputs[row.id], parse_output(outputs[row.id], self.label_space))
            for row in read
            if row.id in outputs
        )

    def to_pandas(self) -> Any:
        """The entries as a pandas DataFrame, one line each, intervals in `_low` and `_high`.

        Raises:
            UserError: pandas is not installed; it is no dependency of emoloom.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise UserError(
                "pandas is not installed", do="install pandas, or read `entries`"
            ) from error
        return DataFrame([_flat(entry) for entry in self.entries])

    def _repr_html_(self) -> str:
        heads = ("rank", "name", "kind", "model", "status", "score", "ParseOK")
        lines = [
            (e.rank, *(getattr(e, key) for key in heads[1:5]), e.score.value, e.parse_ok.value)
            for e in self.entries
        ]
        caption = f"{self.name} ({self.status})"
        return f"{table(heads, lines, caption)}<p>{escaped(self.verdict.text)}</p>"


def load_run(folder: str | Path) -> Run:
    """Read a run folder, finished or not.

    Args:
        folder: as `emoloom screen` wrote it.

    Raises:
        UserError: it is no run folder, or of a newer emoloom.
    """
    path = Path(folder)
    if not (path / "run.json").is_file():
        raise UserError(
            "there is no run to load",
            got=str(path),
            allowed="a folder written by `emoloom screen`",
            do="check the path",
        )
    check_format(path)
    inputs = read_run(path)
    record, board = inputs.objects["run.json"], inputs.objects["leaderboard.json"]
    listed_entries = [e for e in listed(board.get("entries")) if isinstance(e.get("name"), str)]
    tested = {one.get("name"): one for one in listed(mapping(board.get("test")).get("entries"))}
    return Run(
        folder=path,
        name=str(record.get("name") or path.resolve().name),
        status=str(record.get("status") or "unknown"),
        label_space=_space(record),
        verdict=_verdict(board),
        entries=tuple(_entry(one, tested.get(one["name"], {})) for one in listed_entries),
        notes=inputs.notes,
        outputs=_outputs(inputs),
        test_outputs={name: one.tested for name, one in inputs.candidates.items() if one.tested},
    )


def _outputs(inputs: RunInputs) -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Candidate] = inputs.candidates
    return {name: one.outputs for name, one in found.items() if one.has_rows}


def _space(record: Record) -> LabelSpace:
    given = mapping(record.get("label_space"))
    labels = given.get("labels")
    names = tuple(map(str, labels)) if isinstance(labels, list) else ()
    return LabelSpace(str(given.get("name") or "unknown"), names)


def _verdict(board: Record) -> Verdict:
    given = mapping(board.get("verdict"))
    leader = given.get("leader")
    return Verdict(
        text=str(given.get("text") or ""),
        leader=leader if isinstance(leader, str) else None,
        best_set=_names(given.get("best_set")),
        notes=_names(given.get("notes")),
        indicative=mapping(board.get("rank_by")).get("indicative") is not False,
    )


def _entry(record: Record, tested: Record) -> LeaderboardEntry:
    rank, rows = record.get("rank"), record.get("n")
    return LeaderboardEntry(
        **{key: str(record.get(key) or "") for key in _TEXTS},
        rank=rank if type(rank) is int else None,
        rows=rows if type(rows) is int else 0,
        score=_score(record.get("score")),
        parse_ok=_score(record.get("parse_ok")),
        strict=_block(record.get("strict")),
        parsed=_block(record.get("parsed")),
        below_floors=_names(record.get("below_floors")),
        below_probe=str(record.get("below_probe") or ""),
        teacher_forced={
            key: value
            for key in FORCED_KEYS
            if (value := finite(mapping(record.get("teacher_forced")).get(key))) is not None
        },
        reasons={
            name: count
            for name, count in mapping(record.get("reasons")).items()
            if type(count) is int
        },
        test=_test(tested),
    )


def _test(record: Record) -> FreshScore | None:
    """None where it did not answer, or not all."""
    rows = record.get("n")
    if record.get("status") != "scored" or type(rows) is not int:
        return None
    score, parse_ok = _score(record.get("score")), _score(record.get("parse_ok"))
    return FreshScore(rows, score, parse_ok, _block(record.get("strict")))


_TEXTS = ("name", "kind", "model", "recipe", "status", "reason")


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _score(value: object) -> Score:
    record = mapping(value)
    ends = record.get("interval")
    low, high = ends if isinstance(ends, list) and len(ends) == 2 else (None, None)
    return Score(finite(record.get("value")), finite(low), finite(high))


def _block(value: object) -> dict[str, Score]:
    """Scores alone: a block also holds counts and names of labels."""
    return {key: _score(one) for key, one in mapping(value).items() if isinstance(one, dict)}


def _flat(entry: LeaderboardEntry) -> dict[str, Any]:
    line: dict[str, Any] = {key: getattr(entry, key) for key in ("rank", *_TEXTS, "rows")}
    named = {"score": entry.score, "parse_ok": entry.parse_ok}
    named |= {f"strict_{key}": one for key, one in entry.strict.items()}
    named |= {f"parsed_{key}": one for key, one in entry.parsed.items()}
    for key, one in named.items():
        line |= {key: one.value, f"{key}_low": one.low, f"{key}_high": one.high}
    if entry.test is not None:
        found = entry.test
        named = {"test_score": found.score, "test_parse_ok": found.parse_ok}
        named |= {f"test_strict_{key}": one for key, one in found.strict.items()}
        line["test_rows"] = found.rows
        for key, one in named.items():
            line |= {key: one.value, f"{key}_low": one.low, f"{key}_high": one.high}
    line |= dict.fromkeys(FORCED_KEYS) | dict(entry.teacher_forced)
    line["below_floors"] = ", ".join(entry.below_floors)
    line["below_probe"] = entry.below_probe
    line["reasons"] = json.dumps(dict(entry.reasons))
    return line
