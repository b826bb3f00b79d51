"""One item of a row set in the config: where its rows come from, opened as a stream."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from emoloom.config import Config
from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import DataConfig, HeldOutRowsConfig, RowsConfig
from emoloom.corpora.guess import guess_mapping, is_row_file, mapping_in_words
from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import check_file
from emoloom.corpora.own_rows import ReadAs, own_items
from emoloom.corpora.readers import row_items
from emoloom.corpora.reading import FileRead, Item
from emoloom.corpora.registry import Opened, corpus_on_hub, get_corpus, open_corpus
from emoloom.corpora.tables import quotes_are_told
from emoloom.errors import UserError
from emoloom.records import LabelSpace, Row
from emoloom.runs.directory import sha256_file
from emoloom.sources.hub_data import HubCopy, fetch_data_set, parse_data_set

HUB = "hf:"
"""How a copy on the hub is named."""

NOT_STATED = "not stated (a user's file)"
"""Licence of a file whose owner says none."""


@dataclass(frozen=True, slots=True)
class OpenPart:
    """The records of one split of a part."""

    items: Iterator[Item]
    """Those of other splits, where they stand in the same file, too."""
    opened: Opened
    """Its files."""
    origin: str
    """Registry name, `hf:org/name@commit`, or the file's name: what the manifest calls it."""
    guessed: MappingConfig | None = None
    """The mapping, where the config gives none for a file."""
    read_as: ReadAs = field(default_factory=ReadAs)
    """What of a user's file is read as something else, counted while it is read."""


def part_name(part: RowsConfig) -> str:
    """`source` of the part's rows: the corpus's registry name, or the file's without its ending.

    Raises:
        UserError: the corpus is unknown.
    """
    if part.file is not None:
        return part.file.stem
    name = str(part.corpus)
    return corpus_on_hub(parse_data_set(name)[0]).name if name.startswith(HUB) else name


def part_licence(part: RowsConfig) -> str:
    """Licence of its rows."""
    if part.file is not None:
        return part.licence or NOT_STATED
    return get_corpus(part_name(part)).licence


def part_names(data: DataConfig) -> tuple[str, ...]:
    """Every part's name, each once."""
    return tuple(dict.fromkeys(part_name(part) for part, _ in _all_parts(data)))


def label_space_of(part: RowsConfig) -> str | None:
    """Name or file of the part's own label space.

    None where it has no labels, and for a user's file that says none, whose labels are held against
    the space in force.
    """
    return part.label_space if part.file is not None else get_corpus(part_name(part)).label_space


def open_part(part: RowsConfig, split: str, space: LabelSpace | None) -> OpenPart:
    """Open one split of a part; errors of its text come while it is read.

    Args:
        part: The item of the config.
        split: `train`, `dev` or `test`.
        space: What the labels of a user's file must be of, unless the part says another; None takes
            any.

    Raises:
        UserError: the corpus is unknown, or its files cannot be had.
    """
    if part.file is not None:
        own = space if part.label_space is None else load_space(part.label_space)
        return _open_file(part.file, part.mapping, split, own)
    name = str(part.corpus)
    if not name.startswith(HUB):
        opened = open_corpus(name, split, part.path)
        return OpenPart(opened.items, opened, name)
    if part.path is not None:
        raise UserError(f"{name} is fetched and takes no path", do="drop the path")
    corpus = part_name(part)  # before anything is fetched: it must be one that is known
    copy: HubCopy = fetch_data_set(name)
    opened = open_corpus(corpus, split, copy.folder)
    return OpenPart(opened.items, opened, copy.origin)


def _open_file(
    path: Path, mapping: MappingConfig | None, split: str, space: LabelSpace | None
) -> OpenPart:
    opened = Opened(iter(()), (path,), {})
    if mapping is None and space is not None and is_row_file(path):
        return OpenPart(row_items(path, space), opened, path.name)
    guessed = guess_mapping(path, space) if mapping is None else None
    read_as = ReadAs()
    items = own_items(path, mapping or cast(MappingConfig, guessed), split, space, read_as)
    return OpenPart(items, opened, path.name, guessed, read_as)


def part_files(part: RowsConfig, split: str) -> tuple[str, tuple[FileRead, ...]]:
    """(what the manifest calls the part, its files with their hashes). No text is read.

    Raises:
        UserError: the corpus is unknown, or a file cannot be read.
    """
    if part.file is not None:
        check_file(part.file)
        return part.file.name, (FileRead(part.file.name, sha256_file(part.file), None),)
    found = open_part(part, split, None)
    return found.origin, found.opened.files()


class PartChecks:
    """Checks of a config's parts. `labels` stands before `data`, so the space is known by then."""

    def __init__(self) -> None:
        self._space: LabelSpace | None = load_space(Config.model_fields["labels"].default)

    def labels(self, name: str) -> None:
        """Remember the label space.

        Raises:
            UserError: it cannot be loaded.
        """
        self._space = None
        self._space = load_space(name)

    def opens(self, part: RowsConfig) -> None:
        """As `open_part`: names and files, no text."""
        open_part(part, "train", self._space)

    def opens_test(self, part: RowsConfig) -> None:
        """As `opens`, of the test split, or of the dev split that gives a share."""
        open_part(part, test_split(part), self._space)

    def train(self, part: RowsConfig) -> None:
        """As `count_rows`."""
        count_rows(part, "train", self._space)

    def select(self, part: RowsConfig) -> None:
        """As `count_rows`."""
        count_rows(part, "dev", self._space)

    def cross(self, part: RowsConfig) -> None:
        """As `count_rows`."""
        count_rows(part, "test", self._space)

    def test(self, part: HeldOutRowsConfig) -> None:
        """As `count_rows`; of a share of dev it is only known that there is a dev split."""
        if part.dev_share is not None:
            count_rows(part.model_copy(update={"rows": None}), "dev", self._space)
            return
        try:
            count_rows(part, "test", self._space)
        except UserError as error:
            try:
                count_rows(part, "dev", self._space)
            except UserError:
                raise error from None  # nor can dev give a share
            raise UserError(f"{error}, or take a `dev_share` of its dev split") from error


def count_rows(part: RowsConfig, split: str, space: LabelSpace | None = None) -> None:
    """See that a row set can be drawn from a part: one pass, one record in memory at a time.

    Raises:
        UserError: the corpus is unknown, its files cannot be read, or it has too few rows.
    """
    rows = rejected = 0
    first = ""
    for found, record in open_part(part, split, space).items:
        if found not in (None, split) or record is None:
            continue
        if isinstance(record, Row):
            rows += 1
        else:
            rejected += 1
            first = first or f"line {record.line}: {record.reason}"
    if rows < (part.rows or 1):
        unread = f"; {rejected} lines cannot be read, {first}" if rejected else ""
        raise UserError(
            f"{part_name(part)} has too few rows in its {split} split",
            got=f"rows: {part.rows}" if part.rows else "none",
            allowed=f"at most {rows}{unread}",
            do="ask for fewer rows, or give more data",
        )


def has_splits(part: RowsConfig, space: LabelSpace | None) -> bool:
    """Whether a part tells splits apart; a user's file may not, and is one set as a whole.

    Raises:
        UserError: its files cannot be had.
    """
    mapping = part.mapping or open_part(part, "test", space).guessed
    return mapping is None or bool(mapping.split or mapping.split_shares)


def test_split(part: RowsConfig) -> str:
    """The split of a part of `cross` or `test`: dev where that gives a share."""
    share = part.dev_share if isinstance(part, HeldOutRowsConfig) else None
    return "test" if share is None else "dev"


def _all_parts(data: DataConfig) -> list[tuple[RowsConfig, str]]:
    sets = ((data.train, "train"), (data.select, "dev"), (data.cross, "test"))
    found = [(part, split) for parts, split in sets for part in parts]
    return [*found, *((part, test_split(part)) for part in data.test)]


def source_hashes(data: DataConfig) -> dict[str, dict[str, str]]:
    """sha256 of every file that the row sets are made from, by corpus, hub copy or file.

    Test splits are among them, where there are any, since their texts are kept out of train; and
    what a user gives to read the labels with.
    """
    hashes: dict[str, dict[str, str]] = {}
    for part, split in _all_parts(data):
        origin, files = part_files(part, split)
        found = hashes.setdefault(origin, {})
        found.update({file.name: file.sha256 for file in (*files, *_test_files(part))})
        for path in (part.label_map, part.label_space):
            if path is not None and Path(path).is_file():
                found[Path(path).name] = sha256_file(Path(path))
    return hashes


def _test_files(part: RowsConfig) -> tuple[FileRead, ...]:
    try:
        return part_files(part, "test")[1]
    except (UserError, OSError):
        # Warned of where the rows are read.
        return ()


def data_licences(data: DataConfig) -> list[dict[str, str]]:
    """For run.json: each part's licence."""
    parts = {part_name(part): part for part, _ in _all_parts(data)}
    return [{"what": name, "licence": part_licence(part)} for name, part in parts.items()]


def notices(data: DataConfig, space: LabelSpace) -> list[str]:
    """What a user should know of the files: another hash than the known one, a guessed mapping."""
    said = []
    for part, split in _all_parts(data):
        if part.file is not None:
            guessed = open_part(part, split, space).guessed
            if guessed is not None:
                columns = mapping_in_words(guessed)
                said.append(
                    f"the columns of {part.file.name} are guessed: {columns}; freeze them with "
                    f"`emoloom data check {part.file.name}`"
                )
            elif part.mapping is not None and quotes_are_told(part.file, part.mapping):
                said.append(
                    f"fields of {part.file.name} stand in double quotes, as CSV writes them, and "
                    "are read so; freeze it with `quotes: true` in its `mapping`"
                )
            continue
        for file in part_files(part, split)[1]:
            if file.known is False:
                known = get_corpus(part_name(part)).known_as
                said.append(
                    f"{file.name} of {part_name(part)} is not {known}: sha256 {file.sha256}"
                )
    return list(dict.fromkeys(said))


def guessed_mappings(data: DataConfig, space: LabelSpace) -> dict[str, Any]:
    """Mappings in force that the config does not give, by file name."""
    found = {}
    for part, split in _all_parts(data):
        if part.file is not None and part.mapping is None:
            guessed = open_part(part, split, space).guessed
            if guessed is not None:
                found[part.file.name] = guessed.model_dump(mode="json", exclude_defaults=True)
    return found
