"""What the rows of each part are called: one source, one name, whatever its file is called.

A function of the config alone: of its names and of its paths as they are written.
"""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import PurePath

from emoloom.config_sections import DataConfig, HeldOutRowsConfig, RowsConfig
from emoloom.corpora.lines import MAX_NAME_CHARS, shown
from emoloom.corpora.naming import Naming
from emoloom.corpora.registry import corpus_on_hub, list_corpora
from emoloom.sources.hub_data import parse_data_set

HUB = "hf:"
"""How a copy on the hub is named."""

SPLITS = {"train": "train", "select": "dev", "cross": "test", "test": "test"}
"""Row set -> the split that it is drawn from; `test` may take a share of dev."""


def parts_of(data: DataConfig) -> Iterator[tuple[str, int, RowsConfig]]:
    """(row set, place in it, part) of all parts, row set by row set."""
    for row_set in SPLITS:
        for index, part in enumerate(getattr(data, row_set)):
            yield row_set, index, part


def split_of(row_set: str, part: RowsConfig) -> str:
    """The split that a part of a row set is drawn from: dev where that gives a share."""
    share = part.dev_share if isinstance(part, HeldOutRowsConfig) else None
    return SPLITS[row_set] if share is None else "dev"


def corpus_name(part: RowsConfig) -> str:
    """Registry name of a part that is a corpus.

    Raises:
        UserError: the corpus is unknown.
    """
    name = str(part.corpus)
    return corpus_on_hub(parse_data_set(name)[0]).name if name.startswith(HUB) else name


def part_name(part: RowsConfig) -> str:
    """A part as messages of it alone name it; `SourceNames` tells parts apart.

    Raises:
        UserError: the corpus is unknown.
    """
    return corpus_name(part) if part.file is None else part.name or part.file.stem


class SourceNames:
    """The name of every part: its `source`, and the beginning of the ids and groups of its rows.

    That is `name`, where a part of the same file has one; for a corpus its registry name; else the
    file's name without its ending, with as many folders before it as tell it from the other files
    of the config (`train/data`, `dev/data`) and from every corpus of the registry.
    """

    def __init__(self, data: DataConfig) -> None:
        """Name every part.

        Raises:
            UserError: a corpus is unknown.
        """
        self._shared = data.shared_groups
        self._names: dict[str, str] = {}
        written: dict[str, str] = {}
        for _, _, part in parts_of(data):
            source = source_of(part)
            if part.file is None:
                self._names[source] = corpus_name(part)
            elif part.name is not None:
                self._names.setdefault(source, part.name)
            else:
                written.setdefault(source, part.written("file"))
        for source in self._names:
            written.pop(source, None)
        self._names |= _told_apart(written, {*self._names.values(), *list_corpora()})

    def of(self, part: RowsConfig) -> str:
        """The name of a part of the config."""
        return self._names[source_of(part)]

    def naming(self, part: RowsConfig) -> Naming:
        """The same for what reads it."""
        return Naming(self.of(part), self._shared)


def source_of(part: RowsConfig) -> str:
    """Two parts of one file, or of one corpus, are one source."""
    if part.file is not None:
        return f"file:{os.path.normpath(part.file.absolute())}"
    return f"corpus:{corpus_name(part)}"


def check_names(data: DataConfig) -> list[str]:
    """Faults of names, each with its path: one name is of one source, and one source has one."""
    faults, first, owner = [], dict[str, tuple[str, str]](), dict[str, tuple[str, str]]()
    names = SourceNames(data)
    for row_set, index, part in parts_of(data):
        at, source, name = f"data.{row_set}.{index}", source_of(part), names.of(part)
        if part.name is not None:
            given, where = first.setdefault(source, (part.name, at))
            if given != part.name:
                faults.append(
                    f"{at}.name: {part.written('file')} is named {given} in {where}; "
                    "do: give one file one name"
                )
                continue
        if not name.isprintable() or len(name) > MAX_NAME_CHARS // 2:
            faults.append(f"{at}: rows cannot be named {shown(name)}; do: give the file a `name`")
        if part.file is not None and name in list_corpora():
            faults.append(f"{at}.name: {name} is a corpus; do: give the file another `name`")
        holder, where = owner.setdefault(name, (source, at))
        if holder != source:
            faults.append(
                f"{at}: {name} is the name of {where} too; do: give each file a `name` of its own"
            )
    return faults


def _told_apart(written: dict[str, str], taken: set[str]) -> dict[str, str]:
    """Source -> the shortest name that is nobody else's, without the ending if that will do."""
    paths = {source: _steps(text) for source, text in written.items()}
    deepest = max(map(len, paths.values()), default=0)
    found: dict[str, str] = {}
    for ending in (False, True):
        for steps in range(1, deepest + 1):
            names = {
                source: _name(path, steps, ending)
                for source, path in paths.items()
                if source not in found
            }
            counts = Counter(names.values())
            here = taken | set(found.values())
            free = {name for name, number in counts.items() if number == 1} - here
            found |= {source: name for source, name in names.items() if name in free}
    for source, path in paths.items():
        if source not in found:  # a file called as a corpus or another's `name` is, ending and all
            here = taken | set(found.values())
            others = (f"{_name(path, deepest, True)}~{number}" for number in count(2))
            found[source] = next(name for name in others if name not in here)
    return found


def _steps(text: str) -> tuple[str, ...]:
    path = PurePath(os.path.normpath(text))
    return tuple(part for part in path.parts if part != path.anchor)


def _name(path: tuple[str, ...], steps: int, ending: bool) -> str:
    *folders, file = path[-steps:]
    return "/".join([*folders, file if ending else PurePath(file).stem])
