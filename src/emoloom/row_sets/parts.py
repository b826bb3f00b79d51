"""One item of a row set in the config: where its rows come from, opened as a stream."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import RowsConfig
from emoloom.corpora.guess import guess_mapping, is_row_file
from emoloom.corpora.labels import load_space
from emoloom.corpora.naming import Naming
from emoloom.corpora.own_rows import ReadAs, own_items
from emoloom.corpora.readers import row_items
from emoloom.corpora.reading import Item
from emoloom.corpora.registry import Opened, get_corpus, open_corpus
from emoloom.errors import UserError
from emoloom.records import LabelSpace
from emoloom.row_sets.names import HUB, corpus_name, part_name
from emoloom.sources.hub_data import HubCopy, fetch_data_set


@dataclass(frozen=True, slots=True)
class OpenPart:
    """The records of one split of a part."""

    items: Iterator[Item]
    """Those of other splits, where they stand in the same file, too."""
    opened: Opened
    """Its files."""
    origin: str
    """What the manifest calls it: registry name, `hf:org/name@commit`, or a file's source name."""
    guessed: MappingConfig | None = None
    """The mapping, where the config gives none for a file."""
    read_as: ReadAs = field(default_factory=ReadAs)
    """What of a user's file is read as something else, counted while it is read."""


def label_space_of(part: RowsConfig) -> str | None:
    """Name or file of the part's own label space.

    None where it has no labels, and for a user's file that says none, whose labels are held against
    the space in force.
    """
    return part.label_space if part.file is not None else get_corpus(corpus_name(part)).label_space


def open_part(
    part: RowsConfig, split: str, space: LabelSpace | None, naming: Naming | None = None
) -> OpenPart:
    """Open one split of a part; errors of its text come while it is read.

    Args:
        part: The item of the config.
        split: `train`, `dev` or `test`.
        space: What the labels of a user's file must be of, unless the part says another; None takes
            any.
        naming: How the rows of a user's file are called, from `SourceNames`; after the file when
            None.

    Raises:
        UserError: the corpus is unknown, or its files cannot be had.
    """
    if part.file is not None:
        own = space if part.label_space is None else load_space(part.label_space)
        return _open_file(part, split, own, naming or Naming(part_name(part)))
    name = str(part.corpus)
    if not name.startswith(HUB):
        opened = open_corpus(name, split, part.path)
        return OpenPart(opened.items, opened, name)
    if part.path is not None:
        raise UserError(f"{name} is fetched and takes no path", do="drop the path")
    corpus = corpus_name(part)  # before anything is fetched: it must be one that is known
    copy: HubCopy = fetch_data_set(name)
    opened = open_corpus(corpus, split, copy.folder)
    return OpenPart(opened.items, opened, copy.origin)


def _open_file(part: RowsConfig, split: str, space: LabelSpace | None, naming: Naming) -> OpenPart:
    path, mapping = cast(Path, part.file), part.mapping
    opened = Opened(iter(()), (path,), {})
    if mapping is None and space is not None and is_row_file(path):
        return OpenPart(row_items(path, space, naming=naming), opened, naming.source)
    guessed = guess_mapping(path, space) if mapping is None else None
    read_as = ReadAs()
    whole = mapping or cast(MappingConfig, guessed)
    items = own_items(path, whole, split, space, read_as, naming)
    return OpenPart(items, opened, naming.source, guessed, read_as)


def has_splits(part: RowsConfig, space: LabelSpace | None) -> bool:
    """Whether a part tells splits apart; a user's file may not, and is one set as a whole.

    Raises:
        UserError: its files cannot be had.
    """
    if part.file is None:
        return True
    mapping = part.mapping or open_part(part, "test", space).guessed
    return mapping is None or bool(mapping.split or mapping.split_shares)
