"""Readers of the two corpora of conversations, from their official text files or from Parquet.

EmpatheticDialogues gives one row a conversation (its situation), DailyDialog one row an utterance.
A row's group is its conversation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from emoloom.corpora.lines import (
    BadLineError,
    check_id_and_text,
    check_line,
    read_lines,
    rejected,
    shown,
)
from emoloom.corpora.reading import Item, Seen
from emoloom.errors import UserError
from emoloom.records import Answer, LabelSpace, Row

EMPATHETIC = "empathetic-dialogues"
"""Registry name of EmpatheticDialogues."""

DAILY = "daily-dialog"
"""Registry name of DailyDialog."""

EMPATHETIC_COLUMNS = (
    "conv_id",
    "utterance_idx",
    "context",
    "prompt",
    "speaker_idx",
    "utterance",
    "selfeval",
    "tags",
)
"""Of the official files, in this order."""

DAILY_LABELS = ("neutral", "anger", "disgust", "fear", "joy", "sadness", "surprise")
"""What the digits 0 to 6 of DailyDialog mean, in the names of `ekman7`."""

END_OF_TURN = "__eou__"
"""Stands after every utterance of DailyDialog."""

_Fields = tuple[str, str, str]
"""Conversation, emotion, situation."""

_Record = TypeVar("_Record", str, Mapping[str, Any])


def empathetic_items(path: Path, split: str, space: LabelSpace) -> Iterator[Item]:
    """Read one official file of EmpatheticDialogues (Rashkin et al. 2019).

    Each line is cut at its first seven commas, as its authors do: there is no quoting, a comma of
    the text stands as `_comma_`, and what follows the seventh comma is not used. The emotion is
    the situation's, so a conversation is one row; its further utterances go on with it.

    Args:
        path: `train.csv`, `valid.csv` or `test.csv`.
        split: Written into the rows; the file does not say it.
        space: `empathetic32`.

    Raises:
        UserError: the file cannot be read as UTF-8 text, or has another header.
    """
    lines = read_lines(path)
    _, header = next(lines)
    if tuple(header.split(",")[: len(EMPATHETIC_COLUMNS)]) != EMPATHETIC_COLUMNS:
        raise UserError(
            f"{path} has not the columns of EmpatheticDialogues",
            got=shown(header, 80),
            allowed=",".join(EMPATHETIC_COLUMNS),
            do="give the official file",
        )
    yield from _situations(lines, _cut_line, split, space)


def empathetic_records(
    records: Iterable[tuple[int, Mapping[str, Any]]], split: str, space: LabelSpace
) -> Iterator[Item]:
    """The same from records with the columns of the official files, as the hub's copy has them."""
    return _situations(records, _from_record, split, space)


def _cut_line(line: str) -> _Fields:
    check_line(line)
    fields = line.split(",", len(EMPATHETIC_COLUMNS) - 1)
    if len(fields) < len(EMPATHETIC_COLUMNS):
        columns = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
        raise BadLineError(columns, f"at least {len(EMPATHETIC_COLUMNS)}, between commas")
    return fields[0], fields[2], fields[3]


def _from_record(record: Mapping[str, Any]) -> _Fields:
    key, emotion, situation = (record.get(name) for name in ("conv_id", "context", "prompt"))
    if not (isinstance(key, str) and isinstance(emotion, str) and isinstance(situation, str)):
        raise BadLineError("no text in conv_id, context or prompt", "text in each")
    return key, emotion, situation


def _situations(
    records: Iterable[tuple[int, _Record]],
    cut: Callable[[_Record], _Fields],
    split: str,
    space: LabelSpace,
) -> Iterator[Item]:
    seen = Seen()
    last: _Fields | None = None
    for number, record in records:
        try:
            fields = cut(record)
            if fields == last or not _is_new(fields, last, seen):
                yield Item(split, None)
                continue
            last = fields
            yield Item(split, _situation_row(fields, split, space))
        except BadLineError as error:
            text = record if isinstance(record, str) else shown(dict(record), 80)
            yield Item(split, rejected(EMPATHETIC, number, error, text))


def _is_new(fields: _Fields, last: _Fields | None, seen: Seen) -> bool:
    """Whether a conversation begins here; one that changes its emotion is turned away."""
    if last is not None and fields[0] == last[0]:
        got = f"another emotion or situation of {shown(fields[0])}"
        raise BadLineError(got, "one of each in a conversation")
    return seen.add(fields[0])


def _situation_row(fields: _Fields, split: str, space: LabelSpace) -> Row:
    key, emotion, situation = fields
    text = situation.replace("_comma_", ",")
    check_id_and_text(key, text)
    if emotion not in space.labels:
        raise BadLineError(f"the emotion {shown(emotion)}", f"the names of {space.name}")
    name = f"{EMPATHETIC}/{key}"
    return Row(name, text, Answer((emotion,), None, ""), EMPATHETIC, split, None, name)


def daily_items(texts: Path, emotions: Path, split: str) -> Iterator[Item]:
    """Read one split of DailyDialog (Li et al. 2017): a row for each utterance.

    Args:
        texts: `dialogues_<split>.txt`, one dialogue a line.
        emotions: `dialogues_emotion_<split>.txt`, a digit for each utterance.
        split: Written into rows and ids; the file does not say it.

    Yields:
        Rows, ids `daily-dialog/<split>-<dialogue>-<turn>` counted from 1. A dialogue whose
        emotions do not fit its utterances is one rejection.

    Raises:
        UserError: a file cannot be read as UTF-8 text.
    """
    pairs = zip_longest(read_lines(texts), read_lines(emotions))
    for number, (text, digits) in enumerate(pairs, start=1):
        line = "" if text is None else text[1]
        try:
            check_line(line)
            turns = line.split(END_OF_TURN)
            if turns.pop().strip():
                raise BadLineError(f"a last turn without {END_OF_TURN}", "one after every turn")
            marks = ("" if digits is None else digits[1]).split()
            yield from _turns(turns, [_emotion(mark) for mark in marks], split, number)
        except BadLineError as error:
            yield Item(split, rejected(DAILY, number, error, line))


def daily_records(records: Iterable[tuple[int, Mapping[str, Any]]], split: str) -> Iterator[Item]:
    """The same from records with lists `dialog` and `emotion`, as the hub's copy has them."""
    for number, record in records:
        turns, marks = record.get("dialog"), record.get("emotion")
        try:
            if not isinstance(turns, list) or not isinstance(marks, list):
                raise BadLineError("no lists in dialog and emotion", "a list in each")
            if not all(isinstance(turn, str) for turn in turns):
                raise BadLineError("a turn that is no text", "text")
            yield from _turns(turns, [_emotion(str(mark)) for mark in marks], split, number)
        except BadLineError as error:
            yield Item(split, rejected(DAILY, number, error, shown(turns, 80)))


def _emotion(mark: str) -> str:
    if mark not in "0123456" or len(mark) != 1:
        raise BadLineError(f"the emotion {shown(mark)}", "0 to 6")
    return DAILY_LABELS[int(mark)]


def _turns(
    turns: Sequence[str], emotions: Sequence[str], split: str, number: int
) -> Iterator[Item]:
    if len(turns) != len(emotions):
        raise BadLineError(f"{len(turns)} turns, {len(emotions)} emotions", "one for each turn")
    group = f"{DAILY}/{split}-{number}"
    before = ""
    for turn, (utterance, emotion) in enumerate(zip(turns, emotions, strict=True), start=1):
        key, now = f"{group}-{turn}", utterance.strip()
        text = with_turn_before(now, before)
        before = now
        try:
            check_id_and_text(key, now)
        except BadLineError as error:
            yield Item(split, rejected(DAILY, number, error, f"turn {turn}: {utterance}"))
        else:
            answer = Answer((emotion,), None, "")
            yield Item(split, Row(key, text, answer, DAILY, split, None, group))


def with_turn_before(utterance: str, before: str) -> str:
    """The text of a row: the turn before it quoted as in mail, on a line of its own (ours)."""
    return f"> {before}\n{utterance}" if before else utterance
