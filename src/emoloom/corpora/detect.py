"""What a file or folder is: a corpus that the registry knows, dataset rows, or a user's table."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.corpus import Corpus
from emoloom.corpora.dialogues import (
    DAILY,
    EMPATHETIC,
    EMPATHETIC_COLUMNS,
    END_OF_TURN,
    daily_items,
    empathetic_items,
)
from emoloom.corpora.guess import best_space, guess_mapping, guess_space, is_row_file
from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import check_file, read_lines
from emoloom.corpora.official import guessed_split, hub_files, lies_beside_emotions
from emoloom.corpora.own_rows import ReadAs, own_items
from emoloom.corpora.parquet import parquet_columns
from emoloom.corpora.readers import EMOBANK_COLUMNS, emobank_items, goemotions_items, row_items
from emoloom.corpora.reading import SPLITS, Item
from emoloom.corpora.registry import get_corpus, open_corpus
from emoloom.corpora.tables import format_of
from emoloom.errors import UserError
from emoloom.records import LabelSpace


@dataclass(frozen=True, slots=True)
class Detected:
    """A file or folder, about to be read."""

    kind: str
    """What it is, in words."""
    items: Iterator[Item]
    """Its records, of all splits."""
    paths: tuple[Path, ...]
    """The files they are in."""
    corpus: Corpus | None
    """The corpus that it is, if the registry knows it."""
    space: LabelSpace | None
    """The space that its labels are held against; None takes them as they are."""
    mapping: MappingConfig | None = None
    """What was guessed of a user's file."""
    read_as: ReadAs = field(default_factory=ReadAs)
    """What of it is read as something else, counted while it is read."""


def detect(path: Path, space: LabelSpace | None = None) -> Detected:
    """Find out what a file or folder is, and open it.

    Args:
        path: A file of any kind that emoloom reads, or a folder of a corpus.
        space: What the labels of a user's file are held against; guessed when None.

    Raises:
        UserError: it is nothing that can be read.
    """
    if path.is_dir():
        return _folder(path)
    check_file(path)
    kind = format_of(path)
    if kind == "parquet":
        return _table(path, space)
    return _known_text(path) or (_rows(path, space) if is_row_file(path) else _table(path, space))


def _known_text(path: Path) -> Detected | None:
    """A text file of a corpus that the registry knows."""
    _, first = next(read_lines(path))
    if tuple(first.split(",")[: len(EMPATHETIC_COLUMNS)]) == EMPATHETIC_COLUMNS:
        own = load_space("empathetic32")
        return _official(path, EMPATHETIC, empathetic_items(path, _split(path), own))
    if sorted(first.split(",")) == sorted(EMOBANK_COLUMNS):
        return _official(path, "emobank", emobank_items(path))
    if END_OF_TURN in first:
        return _daily(path)
    if first.count("\t") == 2 and lies_beside_emotions(path.parent):
        own = load_space("goemotions28")
        return _official(path, "goemotions", goemotions_items(path, _split(path), space=own))
    return None


def _official(path: Path, name: str, items: Iterator[Item], *more: Path) -> Detected:
    corpus = get_corpus(name)
    own = None if corpus.label_space is None else load_space(corpus.label_space)
    return Detected(f"{corpus.title}, official layout", items, (path, *more), corpus, own)


def _split(path: Path) -> str:
    return guessed_split(path) or "train"


def _daily(path: Path) -> Detected:
    emotions = path.with_name(path.name.replace("dialogues_", "dialogues_emotion_"))
    if emotions == path or not emotions.is_file():
        raise UserError(
            f"{path} holds dialogues, and their emotions are not beside it",
            allowed="dialogues_<split>.txt with dialogues_emotion_<split>.txt in the same folder",
            do="give the official folder",
        )
    return _official(path, DAILY, daily_items(path, emotions, _split(path)), emotions)


def _folder(path: Path) -> Detected:
    name = _corpus_in(path)
    if name is None:
        raise UserError(
            f"{path} is a folder in which no corpus is recognised",
            allowed="the official folder of a corpus, or a copy of the hub's Parquet files",
            do="give the file itself",
        )
    corpus = get_corpus(name)
    own = None if corpus.label_space is None else load_space(corpus.label_space)
    opened = [open_corpus(name, split, path) for split in SPLITS]
    if name == "emobank":  # one file holds all splits
        opened = opened[:1]
    else:
        opened = [one for one in opened if one.paths and one.paths[-1].is_file()]
    layout = "copy of the hub's Parquet files" if _is_hub_copy(path) else "official layout"
    return Detected(
        f"{corpus.title}, {layout}",
        chain.from_iterable(one.items for one in opened),
        tuple(dict.fromkeys(file for one in opened for file in one.paths)),
        corpus,
        own,
    )


def _is_hub_copy(path: Path) -> bool:
    return any(hub_files(path, split) for split in SPLITS)


def _corpus_in(path: Path) -> str | None:
    """Registry name of the corpus whose layout a folder has."""
    if lies_beside_emotions(path):
        return "goemotions"
    if (path / "emobank.csv").is_file():
        return "emobank"
    if any(path.glob("dialogues_emotion_*.txt")) or any(path.glob("*/dialogues_emotion_*.txt")):
        return DAILY
    for file in (path / "valid.csv", path / "train.csv", path / "test.csv"):
        if file.is_file() and next(read_lines(file))[1].startswith(EMPATHETIC_COLUMNS[0]):
            return EMPATHETIC
    copies = [file for split in SPLITS for file in hub_files(path, split)]
    columns = set(parquet_columns(copies[0])) if copies else set()
    for name, wanted in (
        (EMPATHETIC, {"conv_id", "context", "prompt"}),
        (DAILY, {"dialog", "emotion"}),
        ("goemotions", {"text", "labels", "id"}),
    ):
        if wanted <= columns:
            return name
    return None


def _rows(path: Path, space: LabelSpace | None) -> Detected:
    found = space or best_space(path)
    return Detected("dataset rows, JSON Lines", row_items(path, found), (path,), None, found)


def _table(path: Path, space: LabelSpace | None) -> Detected:
    mapping = guess_mapping(path, space)
    found = space or guess_space(path, mapping)
    kind = {"jsonl": "JSON Lines", "csv": "CSV", "tsv": "TSV", "parquet": "Parquet"}
    read_as = ReadAs()
    items = own_items(path, mapping, _split(path), found, read_as)
    words = f"{kind[str(mapping.format)]} of your own"
    return Detected(words, items, (path,), None, found, mapping, read_as)
