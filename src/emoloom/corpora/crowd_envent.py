"""Reader of crowd-enVENT: events told by people who rated them, and what readers made of them."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emoloom.corpora.lines import BadLineError, rejected, shown
from emoloom.corpora.rated_events import (
    RatedText,
    RatingsRead,
    at_least_one,
    check_columns,
    check_new,
    check_text,
    file_read,
    rating_value,
    read_either,
    related_values,
)
from emoloom.records import Rejected

TEXTS = "enVent_gen_Data.csv"
"""Texts and their writers' ratings."""

READERS = "enVent_val_Data.csv"
"""Readers' ratings of some of the texts; may be missing."""

ATOMS = ("goal_attainment", "controllability", "certainty")
"""What it has ratings of."""

EMOTIONS = (
    "anger",
    "boredom",
    "disgust",
    "fear",
    "guilt",
    "joy",
    "no-emotion",
    "pride",
    "relief",
    "sadness",
    "shame",
    "surprise",
    "trust",
)
"""In the order of the last values of `RatedText.related`."""

_ITEMS = (("goal_support",), ("self_control",), ("predict_event", "predict_conseq"))
_COLUMNS = ("text_id", *(item for items in _ITEMS for item in items))
_RELATED = (
    "intensity",
    "suddenness",
    "familiarity",
    "predict_event",
    "pleasantness",
    "unpleasantness",
    "goal_relevance",
    "chance_responsblt",
    "self_responsblt",
    "other_responsblt",
    "predict_conseq",
    "goal_support",
    "urgency",
    "self_control",
    "other_control",
    "chance_control",
    "accept_conseq",
    "standards",
    "social_norms",
    "attention",
    "not_consider",
    "effort",
)
# The emotion word of a text is masked by dots; they are not the writer's.
_MASK = re.compile(r"\.{2,}")


def read_crowd_envent(path: Path) -> RatingsRead:
    """Read crowd-enVENT (Troiano, Oberlaender and Klinger 2023), ratings 1..5.

    Goal attainment is `goal_support`, controllability `self_control`, certainty the mean of
    `predict_event` and `predict_conseq` (ours); the text is `hidden_emo_text`. The validation
    file holds no texts: its ratings join those of the text they name, so no text stands twice.

    Args:
        path: The folder of the two official files (that with readers' ratings may be missing),
            or `enVent_gen_Data.csv` alone. UTF-8, or cp1252 as the official file of texts is.

    Raises:
        UserError: a file cannot be read or lacks a column, or no record can be used.
    """
    texts, readers = path, None
    if path.is_dir():
        texts, readers = path / TEXTS, path / READERS
        readers = readers if readers.exists() else None
    bad: list[Rejected] = []
    own = _texts(texts, bad)
    count = len(own) + len(bad)
    readings: dict[str, list[tuple[float, ...]]] = {}
    if readers is not None:
        before = len(bad)
        readings = _readings(readers, own, bad)
        count += sum(map(len, readings.values())) + len(bad) - before
    rows = [
        replace(row, pooled=_mean([row.own, *readings.get(key, [])])) for key, row in own.items()
    ]
    return RatingsRead(
        atoms=ATOMS,
        rows=at_least_one(rows, texts, bad),
        readings=sum(map(len, readings.values())),
        not_applicable=0,
        rejected=tuple(bad),
        records_in=count,
        files=tuple(file_read(file) for file in (texts, readers) if file is not None),
    )


def _mean(ratings: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(column) / len(ratings) for column in zip(*ratings, strict=True))


def _csv_records(
    path: Path, needed: Sequence[str]
) -> Iterator[tuple[int, dict[str, str] | BadLineError]]:
    """Yield (number of its first line, fields by column or what is wrong with the record)."""
    reader = csv.reader(io.StringIO(read_either(path), newline=""), strict=True)
    names: list[str] = []
    while True:
        first = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            got = f"lines {first} to {reader.line_num} that are no CSV record ({error})"
            yield first, BadLineError(got, "quotes in pairs")
            continue
        if not names:
            check_columns(path, fields, needed)
            names = fields
        elif len(fields) != len(names):
            yield first, BadLineError(f"{len(fields)} columns", str(len(names)))
        else:
            yield first, dict(zip(names, fields, strict=True))


def _texts(path: Path, bad: list[Rejected]) -> dict[str, RatedText]:
    """Text id -> the text with its writer's ratings alone."""
    found: dict[str, RatedText] = {}
    for number, record in _csv_records(path, (*_COLUMNS, "hidden_emo_text")):
        try:
            key, ratings = _ratings(record)
            assert isinstance(record, dict)
            text = " ".join(_MASK.sub(" ", record["hidden_emo_text"]).split())
            check_text(text)
            check_new(key, found)
        except BadLineError as error:
            bad.append(rejected(path.name, number, error, _excerpt(record)))
        else:
            related = related_values(record, _RELATED, 5.0, ("emotion", EMOTIONS))
            found[key] = RatedText(f"crowd-envent/{key}", text, ratings, ratings, related)
    return found


def _readings(
    path: Path, texts: Mapping[str, object], bad: list[Rejected]
) -> dict[str, list[tuple[float, ...]]]:
    """Id -> the ratings of each of its readers."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for number, record in _csv_records(path, _COLUMNS):
        try:
            key, ratings = _ratings(record)
            if key not in texts:
                raise BadLineError(f"text_id {shown(key)}", "that of a text that was read")
        except BadLineError as error:
            bad.append(rejected(path.name, number, error, _excerpt(record)))
        else:
            found.setdefault(key, []).append(ratings)
    return found


def _ratings(record: dict[str, str] | BadLineError) -> tuple[str, tuple[float, ...]]:
    """(text id, one value for each atom)."""
    if isinstance(record, BadLineError):
        raise record
    if not record["text_id"].strip():
        raise BadLineError("no text_id", "an id")
    return record["text_id"], tuple(
        sum(rating_value(item, record[item], "12345") for item in items) / len(items)
        for items in _ITEMS
    )


def _excerpt(record: dict[str, str] | BadLineError) -> str:
    return "" if isinstance(record, BadLineError) else ",".join(record.values())
