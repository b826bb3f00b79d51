"""Where each corpus's files lie: the official layout, or a copy of the hub's Parquet files."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

from emoloom.corpora.corpus import Reader
from emoloom.corpora.dialogues import (
    daily_items,
    daily_records,
    empathetic_items,
    empathetic_records,
)
from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import BadLineError, check_id_and_text, read_lines, rejected, shown
from emoloom.corpora.own_rows import SPLIT_NAMES
from emoloom.corpora.parquet import parquet_records
from emoloom.corpora.readers import emobank_items, goemotions_items, row_items
from emoloom.corpora.reading import Item, Seen, check_new, make_row
from emoloom.errors import UserError
from emoloom.records import Answer, LabelSpace, Row

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"
"""The embedded samples."""

GOEMOTIONS_NEEDS = "a folder with train.tsv, dev.tsv, test.tsv and emotions.txt"
EMOBANK_NEEDS = "emobank.csv, or the folder that holds it"
EMPATHETIC_NEEDS = "the folder with train.csv, valid.csv and test.csv"
DAILY_NEEDS = "the folder with train/, validation/ and test/, dialogues_<split>.txt in each"

_MOST_BYTES_OF_LIST = 10_000

_Records = Iterator[tuple[int, Mapping[str, Any]]]
_Read = tuple[Iterator[Item], tuple[Path, ...]]


def read_goemotions_folder(path: Path, split: str) -> _Read:
    """GoEmotions: the official folder, or the hub's copy (`simplified`)."""
    space = load_space("goemotions28")
    names, rows = emotions_file(path), path / f"{split}.tsv"
    if path.is_dir() and not names.exists() and (files := hub_files(path, split)):
        columns = ("text", "labels", "id")
        return _goemotions_records(_records(files, columns), split, space), files
    if not path.is_dir():
        raise UserError(f"{path} is no folder", allowed=GOEMOTIONS_NEEDS)
    if not names.exists():
        raise UserError(
            f"there is no file {names}",
            allowed=GOEMOTIONS_NEEDS,
            do="put the official list of labels there; `labels.txt` is read too",
        )
    _check_emotions(names, space)
    return goemotions_items(rows, split, space=space), (names, rows)


def read_emobank_path(path: Path, _split: str) -> _Read:
    """EmoBank: one official file for all splits."""
    file = path / "emobank.csv" if path.is_dir() else path
    return emobank_items(file), (file,)


def read_empathetic_folder(path: Path, split: str) -> _Read:
    """EmpatheticDialogues: the official folder, or the hub's copy."""
    space = load_space("empathetic32")
    file = path / f"{'valid' if split == 'dev' else split}.csv"
    if path.is_dir() and not file.exists() and (files := hub_files(path, split)):
        columns = ("conv_id", "context", "prompt")
        return empathetic_records(_records(files, columns), split, space), files
    if not path.is_dir():
        raise UserError(f"{path} is no folder", allowed=EMPATHETIC_NEEDS)
    return empathetic_items(file, split, space), (file,)


def read_daily_folder(path: Path, split: str) -> _Read:
    """DailyDialog: the official folder, or the hub's copy."""
    name = "validation" if split == "dev" else split
    folder = path / name if (path / name).is_dir() else path
    texts, emotions = (folder / f"dialogues_{kind}{name}.txt" for kind in ("", "emotion_"))
    if path.is_dir() and not texts.exists() and (files := hub_files(path, split)):
        return daily_records(_records(files, ("dialog", "emotion")), split), files
    if not path.is_dir():
        raise UserError(f"{path} is no folder", allowed=DAILY_NEEDS)
    return daily_items(texts, emotions, split), (texts, emotions)


def sample_reader(folder: str) -> Reader:
    """Of one embedded sample."""

    def read(samples: Path, split: str) -> _Read:
        file = samples / folder / f"{split}.jsonl"
        return row_items(file, load_space("goemotions28")), (file,)

    return read


def hub_files(folder: Path, split: str) -> tuple[Path, ...]:
    """Parquet files of a split in a copy of a hub repository, in the order of their names.

    The split is told by the file's name (`simplified/validation-00000-of-00001.parquet`) or by its
    folder's (`default/validation/0000.parquet`); GoEmotions' unsplit `raw` files are left out.
    """
    found = []
    for path in sorted(folder.rglob("*.parquet")):
        inside = path.relative_to(folder)
        words = (inside.stem.split("-")[0], inside.parent.name)
        named = (SPLIT_NAMES.get(word) for word in words)
        if next((name for name in named if name), None) == split and "raw" not in inside.parts:
            found.append(path)
    return tuple(found)


def _records(files: Sequence[Path], columns: Sequence[str]) -> _Records:
    """Records of all files, numbered through."""
    parts = (parquet_records(file, columns) for file in files)
    return zip(count(1), (record for _, record in chain.from_iterable(parts)), strict=False)


def _goemotions_records(records: _Records, split: str, space: LabelSpace) -> Iterator[Item]:
    seen = Seen()
    for number, record in records:
        try:
            row = _goemotions_record(record, split, space)
            check_new(row.id, seen)
        except BadLineError as error:
            yield Item(split, rejected("goemotions", number, error, shown(record, 80)))
        else:
            yield Item(split, row)


def _goemotions_record(record: Mapping[str, Any], split: str, space: LabelSpace) -> Row:
    text, key, indices = record.get("text"), record.get("id"), record.get("labels")
    if not isinstance(text, str) or not isinstance(key, str):
        raise BadLineError("no text in text or id", "text in both")
    check_id_and_text(key, text)
    known = range(len(space.labels))
    numbers = indices if isinstance(indices, list) else []
    if not numbers or any(type(n) is not int or n not in known for n in numbers):
        raise BadLineError(f"labels = {shown(indices)}", f"a list of 0 to {len(space.labels) - 1}")
    if len(set(numbers)) < len(numbers):
        raise BadLineError(f"labels = {shown(indices)}", "each index once")
    labels = tuple(space.labels[n] for n in sorted(numbers))
    return make_row(f"goemotions/{key}", text, Answer(labels, None, ""), "goemotions", split)


def emotions_file(folder: Path) -> Path:
    """The list of GoEmotions' labels: `emotions.txt`, or `labels.txt` where that alone is there."""
    official, other = folder / "emotions.txt", folder / "labels.txt"
    return other if other.is_file() and not official.exists() else official


def lies_beside_emotions(folder: Path) -> bool:
    """Whether a folder tells by its list of labels that its files are GoEmotions'.

    A file called `emotions.txt` does; one called `labels.txt`, which may be anybody's, must be the
    official list.
    """
    names = emotions_file(folder)
    if names.name == "emotions.txt":
        return names.is_file()
    try:
        with names.open("rb") as stream:
            listed = stream.read(_MOST_BYTES_OF_LIST).decode("utf-8", "replace").split()
    except OSError:
        return False
    return tuple(listed) == load_space("goemotions28").labels


def _check_emotions(path: Path, space: LabelSpace) -> None:
    """The files' label indices count in the list: another order is another meaning."""
    listed = tuple(line.strip() for _, line in read_lines(path) if line.strip())
    if listed != space.labels:
        differing = next(
            (pair for pair in zip(listed, space.labels, strict=False) if pair[0] != pair[1]),
            (f"{len(listed)} names", f"{len(space.labels)} names"),
        )
        raise UserError(
            f"{path} is not the official list",
            got=shown(differing[0]),
            allowed=differing[1],
            do="give the official files; rows of another label space go in as JSON Lines",
        )


def guessed_split(path: Path) -> str | None:
    """The split that a file's name tells: `valid.csv`, `dialogues_emotion_test.txt`."""
    words = path.stem.casefold().replace("-", "_").split("_")
    return next((SPLIT_NAMES[word] for word in reversed(words) if word in SPLIT_NAMES), None)
