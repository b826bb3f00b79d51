"""What is recorded of the parts of a config: hashes of their files, licences, guessed mappings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.check import mapping_line
from emoloom.corpora.guess import mapping_in_words
from emoloom.corpora.lines import check_file
from emoloom.corpora.other_texts import CHOOSE, in_words, other_texts
from emoloom.corpora.reading import FileRead
from emoloom.corpora.registry import get_corpus
from emoloom.corpora.tables import quotes_are_told
from emoloom.errors import UserError
from emoloom.records import LabelSpace
from emoloom.row_sets.names import SourceNames, corpus_name, parts_of, split_of
from emoloom.row_sets.parts import open_part
from emoloom.runs.directory import sha256_file

NOT_STATED = "not stated (a user's file)"
"""Licence of a file whose owner says none."""


def part_licence(part: RowsConfig) -> str:
    """Licence of its rows."""
    if part.file is not None:
        return part.licence or NOT_STATED
    return get_corpus(corpus_name(part)).licence


def source_hashes(data: DataConfig) -> dict[str, dict[str, str]]:
    """sha256 of every file that the row sets are made from, by source name or hub copy.

    Test splits are among them, where there are any, since their texts are kept out of train; and
    what a user gives to read the labels with.
    """
    hashes: dict[str, dict[str, str]] = {}
    names = SourceNames(data)
    for row_set, _, part in parts_of(data):
        origin, files = _part_files(part, split_of(row_set, part), names)
        found = hashes.setdefault(origin, {})
        for file in (*files, *_test_files(part, names)):
            _add(found, file.name, part.written("path"), file.sha256)
        for setting in ("label_map", "label_space"):
            path = getattr(part, setting)
            if path is not None and Path(path).is_file():
                _add(found, Path(path).name, part.written(setting), sha256_file(Path(path)))
    return hashes


def _add(found: dict[str, str], name: str, written: str, sha256: str) -> None:
    """Under the file's name; where another file has it, with the path as the config writes it."""
    if found.setdefault(name, sha256) != sha256:
        found[written if Path(written).name == name else f"{written}/{name}"] = sha256


def _part_files(
    part: RowsConfig, split: str, names: SourceNames
) -> tuple[str, tuple[FileRead, ...]]:
    """(what the manifest calls the part, its files with their hashes). No text is read.

    Raises:
        UserError: the corpus is unknown, or a file cannot be read.
    """
    if part.file is not None:
        check_file(part.file)
        return names.of(part), (FileRead(part.file.name, sha256_file(part.file), None),)
    found = open_part(part, split, None)
    return found.origin, found.opened.files()


def _test_files(part: RowsConfig, names: SourceNames) -> tuple[FileRead, ...]:
    try:
        return _part_files(part, "test", names)[1]
    except (UserError, OSError):
        # Warned of where the rows are read.
        return ()


def data_licences(data: DataConfig) -> list[dict[str, str]]:
    """For run.json: each source's licence."""
    names = SourceNames(data)
    parts = {names.of(part): part for _, _, part in parts_of(data)}
    return [{"what": name, "licence": part_licence(part)} for name, part in parts.items()]


def notices(data: DataConfig, space: LabelSpace) -> list[str]:
    """What a user should know of the files: another hash than the known one, a guessed mapping."""
    said = []
    names = SourceNames(data)
    for row_set, _, part in parts_of(data):
        split = split_of(row_set, part)
        if part.file is not None:
            guessed = open_part(part, split, space).guessed
            if guessed is not None:
                said += _of_guess(part, guessed)
            elif part.mapping is not None and quotes_are_told(part.file, part.mapping):
                said.append(
                    f"fields of {part.written('file')} stand in double quotes, as CSV writes them, "
                    "and are read so; freeze it with `quotes: true` in its `mapping`"
                )
            continue
        for file in _part_files(part, split, names)[1]:
            if file.known is False:
                known = get_corpus(corpus_name(part)).known_as
                said.append(
                    f"{file.name} of {corpus_name(part)} is not {known}: sha256 {file.sha256}"
                )
    return list(dict.fromkeys(said))


def _of_guess(part: RowsConfig, mapping: MappingConfig) -> list[str]:
    """No command: that would need a path from the shell's folder, which is another each time."""
    written, settings = part.written("file"), mapping_line(mapping)
    said = [
        f"the columns of {written} are guessed: {mapping_in_words(mapping)}; freeze them in its "
        f"part: `{settings}`"
    ]
    left_out = in_words(mapping.text, other_texts(cast(Path, part.file), mapping))
    return [*said, f"{written}: {left_out}; {CHOOSE}"] if left_out else said


def guessed_mappings(data: DataConfig, space: LabelSpace) -> Mapping[str, Any]:
    """Mappings in force that the config does not give, by source name."""
    found, names = {}, SourceNames(data)
    for row_set, _, part in parts_of(data):
        if part.file is not None and part.mapping is None:
            guessed = open_part(part, split_of(row_set, part), space).guessed
            if guessed is not None:
                settings = guessed.model_dump(mode="json", exclude_defaults=True)
                found[names.of(part)] = settings
    return found
