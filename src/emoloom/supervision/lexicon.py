"""Valence-arousal-dominance lexicons: the one that ships, and those a user has."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from emoloom.corpora.lines import BadLineError, check_line, read_lines, rejected, shown
from emoloom.errors import UserError
from emoloom.records import VAD, Rejected
from emoloom.runs.directory import sha256_file
from emoloom.supervision.tokens import LEXICON_DATA, tokenise

SHIPPED = LEXICON_DATA / "glasgow-actdata.tsv"
"""The lexicon that ships: Glasgow Norms, filled up with actdata."""

MAX_REJECTED_SHARE = 0.01
"""A file of which more lines than this cannot be used is refused (ours)."""

_SHIPPED_LICENCE = "CC BY 4.0 (Glasgow Norms), CC0 1.0 (actdata)"
_USER_LICENCE = "not stated (a user's file)"
_NAMES: Mapping[str, str] = {
    "word": "term",
    "term": "term",
    "valence": "v",
    "arousal": "a",
    "dominance": "d",
    "v": "v",
    "a": "a",
    "d": "d",
    "v.mean.sum": "v",
    "a.mean.sum": "a",
    "d.mean.sum": "d",
}
_ALLOWED = (
    "term, valence, arousal, dominance, by tabs or commas, from 0 to 1 or from -1 to 1 (NRC VAD, "
    "ours), or CSV with Word, V.Mean.Sum, A.Mean.Sum, D.Mean.Sum from 1 to 9 (Warriner)"
)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """VAD of words and short phrases."""

    name: str
    """`glasgow-actdata`, or the file's name."""
    sha256: str
    """Hash of the file, in hexadecimal."""
    licence: str
    """Of the shipped lexicon; a user's file says none."""
    entries: Mapping[str, VAD]
    """Term (its tokens as `tokenise` gives them, one space between) -> VAD in [0, 1]."""
    centre: VAD
    """Mean over the entries, each counted once (ours)."""
    max_words: int
    """Tokens of the longest term."""
    rejected: tuple[Rejected, ...] = ()
    """Lines that were not used, and why."""
    starts: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """First token of every phrase -> tokens of the longest that begins so; no single words."""

    def __post_init__(self) -> None:
        starts: dict[str, int] = {}
        for term in self.entries:
            if " " in term:
                first, tokens = term[: term.index(" ")], term.count(" ") + 1
                starts[first] = max(tokens, starts.get(first, 0))
        object.__setattr__(self, "starts", starts)


class _Line(NamedTuple):
    number: int
    text: str
    term: str
    values: tuple[float, float, float]


class _Layout(NamedTuple):
    comma: bool
    header: bool
    term: int
    vad: tuple[int, int, int]
    one_to_nine: bool


def load_lexicon(path: Path | None = None) -> Lexicon:
    """Load the lexicon that ships, or a user's file.

    Formats: NRC VAD v1 (0..1, with a header or without), NRC VAD v2 (-1..1), Warriner et al. 2013
    (1..9), and that of the shipped file. A tab-separated file is on the scale -1..1 if more than
    `MAX_REJECTED_SHARE` of its lines hold a negative value, else on 0..1 (ours). Of terms that are
    the same in lower case the one written so wins, else the first; the other counts as rejected.

    Raises:
        UserError: the file cannot be read, has another format, holds no entry, or more than
            `MAX_REJECTED_SHARE` of its lines cannot be used (the first is named).
    """
    return _shipped() if path is None else _load(path, path.name, _USER_LICENCE)


@cache
def _shipped() -> Lexicon:
    return _load(SHIPPED, SHIPPED.stem, _SHIPPED_LICENCE)


def _load(path: Path, name: str, licence: str) -> Lexicon:
    bad: list[Rejected] = []
    layout, lines = _parse(path, bad)
    entries = _entries(path.name, _rescaled(path.name, lines, layout, bad), bad)
    bad.sort(key=lambda line: line.line)
    if bad and len(bad) > MAX_REJECTED_SHARE * (len(bad) + len(entries)):
        total = len(bad) + len(entries)
        raise UserError(
            f"{path} has too many lines that cannot be used: {len(bad)} of {total}",
            got=f"line {bad[0].line}: {bad[0].reason}",
            allowed=_ALLOWED,
            do="mend or remove these lines",
        )
    if not entries:
        raise UserError(f"{path} holds no entry", allowed=_ALLOWED)
    return Lexicon(
        name=name,
        sha256=sha256_file(path),
        licence=licence,
        entries=entries,
        centre=_mean(entries.values()),
        max_words=max(term.count(" ") + 1 for term in entries),
        rejected=tuple(bad),
    )


def _parse(path: Path, bad: list[Rejected]) -> tuple[_Layout, list[_Line]]:
    """All lines with a term and three finite numbers, on the file's own scale."""
    numbered = read_lines(path)
    first_number, first = next(numbered)
    layout = _layout(path, first)
    source: Iterable[tuple[int, str]] = numbered
    if not layout.header:
        source = _chain((first_number, first), numbered)
    lines: list[_Line] = []
    for number, text in source:
        try:
            check_line(text)
            lines.append(_read_line(number, text, layout))
        except BadLineError as error:
            bad.append(rejected(path.name, number, error, text))
    return layout, lines


def _chain(first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from rest


def _fields(text: str, comma: bool) -> list[str]:
    if not comma:
        return [field.strip() for field in text.split("\t")]
    try:
        return [field.strip() for field in next(csv.reader([text], strict=True))]
    except csv.Error as error:
        raise BadLineError(f"no CSV record ({error})", "quotes in pairs") from None


def _layout(path: Path, first: str) -> _Layout:
    """Columns and scale, from the first line."""
    comma = "\t" not in first
    try:
        fields = _fields(first, comma)
    except BadLineError:
        fields = []
    roles = [_NAMES.get(field.casefold(), "") for field in fields]
    if all(roles.count(role) == 1 for role in ("term", "v", "a", "d")):
        vad = (roles.index("v"), roles.index("a"), roles.index("d"))
        return _Layout(comma, True, roles.index("term"), vad, ".mean." in first.casefold())
    if len(fields) == 4 and all(_number(field) is not None for field in fields[1:]):
        return _Layout(comma, False, 0, (1, 2, 3), False)
    raise UserError(f"{path} is no lexicon", got=shown(first, 80), allowed=_ALLOWED)


def _number(field: str) -> float | None:
    try:
        value = float(field)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read_line(number: int, text: str, layout: _Layout) -> _Line:
    fields = _fields(text, layout.comma)
    needed = max(layout.term, *layout.vad) + 1
    if len(fields) < needed:
        raise BadLineError(f"{len(fields)} columns", f"at least {needed}")
    values = [_number(fields[i]) for i in layout.vad]
    if None in values:
        wrong = next(fields[i] for i in layout.vad if _number(fields[i]) is None)
        raise BadLineError(shown(wrong), "a number")
    v, a, d = (value for value in values if value is not None)
    return _Line(number, text, fields[layout.term], (v, a, d))


def _rescaled(
    name: str, lines: Sequence[_Line], layout: _Layout, bad: list[Rejected]
) -> list[_Line]:
    """The lines on [0, 1]; those outside the file's scale are rejected."""
    negative = sum(min(line.values) < 0 for line in lines)
    low, high = (0.0, 1.0)
    if layout.one_to_nine:
        low, high = (1.0, 9.0)
    elif negative > MAX_REJECTED_SHARE * len(lines):
        low, high = (-1.0, 1.0)
    inside: list[_Line] = []
    for line in lines:
        if low <= min(line.values) and max(line.values) <= high:
            v, a, d = ((value - low) / (high - low) for value in line.values)
            inside.append(line._replace(values=(v, a, d)))
        else:
            error = BadLineError(f"values {line.values}", f"{low:g} to {high:g}")
            bad.append(rejected(name, line.number, error, line.text))
    return inside


def _entries(name: str, lines: Sequence[_Line], bad: list[Rejected]) -> dict[str, VAD]:
    """Term -> VAD, each term once."""
    kept: dict[str, _Line] = {}
    for line in lines:
        key = " ".join(tokenise(line.term))
        if not key:
            error = BadLineError(f"the term {shown(line.term)}", "at least one word")
            bad.append(rejected(name, line.number, error, line.text))
            continue
        other = kept.get(key)
        wins = other is None or (line.term == key and other.term != key)
        if other is not None:
            loser = other if wins else line
            error = BadLineError(f"the term {shown(loser.term)} twice", "each term once")
            bad.append(rejected(name, loser.number, error, loser.text))
        if wins:
            kept[key] = line
    return {key: VAD(*line.values) for key, line in kept.items()}


def _mean(values: Iterable[VAD]) -> VAD:
    rows = [value.as_tuple() for value in values]
    v, a, d = (math.fsum(column) / len(rows) for column in zip(*rows, strict=True))
    return VAD(v, a, d)
