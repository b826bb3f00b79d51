"""Reader of ISEAR: events told in a questionnaire, with how unfair they were."""

import re
from collections.abc import Iterator, Sequence
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

FILE = "isear.csv"
"""The official file."""

ATOMS = ("fairness",)
"""What it has ratings of."""

EMOTIONS = ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt")
"""In the order of the last values of `RatedText.related`."""

_COLUMNS = ("FAIR", "MYKEY", "SIT")
_RELATED = ("INTS", "EXPC", "PLEA", "PLAN", "FAIR", "CAUS", "COPING", "MORL", "SELF", "RELA", "CON")
_START = re.compile(r"\d+\|\d+\|\d+\|")
# What was a line end on the questionnaires stands in the file as a lone letter.
_LINE_END = re.compile(r"(?<!\w)á(?!\w)")


def read_isear(path: Path) -> RatingsRead:
    """Read ISEAR (Scherer and Wallbott 1994): `|` between fields, no quoting.

    `FAIR` is how UNfair the event was: 1 not, 2 a little, 3 very become fairness 1, 0.5, 0; 0 (not
    applicable) is left out. Records broken over several lines are joined, and so are texts that
    hold a `|`. A text in brackets is no event of the writer's ("no response", "same as in anger",
    what happens in general): rejected.

    Args:
        path: `isear.csv`, or the folder that holds it; UTF-8 or cp1252.

    Raises:
        UserError: the file cannot be read or lacks a column, or no record can be used.
    """
    file = path / FILE if path.is_dir() else path
    records = _records(file)
    names = next(records)[1].split("|")
    check_columns(file, names, _COLUMNS)
    rows: dict[str, RatedText] = {}
    bad: list[Rejected] = []
    count = skipped = 0
    for number, record in records:
        count += 1
        try:
            row = _row(record, names)
            if row is None:
                skipped += 1
                continue
            check_new(row.id, rows)
        except BadLineError as error:
            bad.append(rejected(file.name, number, error, record))
        else:
            rows[row.id] = row
    found = at_least_one(list(rows.values()), file, bad)
    return RatingsRead(ATOMS, found, 0, skipped, tuple(bad), count, (file_read(file),))


def _records(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number of its first line, the record): first the header, then the others."""
    lines = read_either(path).removesuffix("\n").split("\n")
    yield 1, lines[0].removesuffix("\r")
    width = lines[0].count("|")
    first, record = 0, ""
    for number, line in enumerate(lines[1:], start=2):
        plain = line.removesuffix("\r")
        goes_on = record.count("|") < width and not _START.match(plain)
        if first and goes_on:
            record = f"{record} {plain}"
            continue
        if first:
            yield first, record
        first, record = number, plain
    if first:
        yield first, record


def _row(record: str, names: Sequence[str]) -> RatedText | None:
    """The row, or None where fairness does not apply."""
    fields = record.split("|")
    extra = len(fields) - len(names)
    if extra < 0:
        raise BadLineError(f"{len(fields)} columns", f"at least {len(names)}")
    at = names.index("SIT")
    # A text may hold the separator; nothing else does.
    fields[at : at + extra + 1] = [" ".join(fields[at : at + extra + 1])]
    values = dict(zip(names, fields, strict=True))
    if values["FAIR"] == "0":
        return None
    unfairness = rating_value("FAIR", values["FAIR"], "123")
    if not values["MYKEY"].isalnum():
        raise BadLineError(f"MYKEY = {shown(values['MYKEY'])}", "letters and digits")
    text = _plain(values["SIT"])
    if text.startswith("[") and text.rstrip(" .").endswith("]"):
        raise BadLineError(f"the text {shown(text)}", "one event in words")
    fairness = (1.0 - unfairness,)
    related = related_values(values, _RELATED, 5.0, ("Field1", EMOTIONS))
    return RatedText(f"isear/{values['MYKEY']}", check_text(text), fairness, fairness, related)


def _plain(field: str) -> str:
    """The text without marks of line ends, its quotations in plain double quotes.

    They stand in the file with a backslash before the first word and after the last; a text with
    one has a double quote at its end too.
    """
    text = " ".join(_LINE_END.sub(" ", field).split())
    if "\\" not in text:
        return text
    text = text.replace('\\"', '"').replace("\\", '"')
    return text.removesuffix('"').rstrip() if text.count('"') % 2 else text
