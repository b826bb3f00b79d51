"""Corpora never trained on: in which label space the answers to each are scored.

Where a map leads from the space in force to the corpus's own labels, gold stays as it is and
answers are mapped; else, where one leads the other way, gold is mapped.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.label_map_files import find_map, maps_from
from emoloom.corpora.label_maps import LabelMap
from emoloom.corpora.labels import load_space
from emoloom.corpora.mapped_rows import map_answer
from emoloom.corpora.readers import read_rows
from emoloom.errors import UserError
from emoloom.records import LabelSpace, ParseFailure, Prediction, Row
from emoloom.row_sets.names import corpus_name, part_name
from emoloom.row_sets.parts import label_space_of

CROSS = "cross"
"""Name of the row set, of its stage, and of the files of rows."""

SAMPLE = "-sample"
"""Ends the name of a corpus's shipped sample."""


@dataclass(frozen=True, slots=True)
class CrossSpace:
    """How answers in the space in force meet the gold rows of one corpus."""

    space: LabelSpace
    """Of the gold rows as they are written, and of the scores."""
    answers_map: LabelMap | None = None
    """From the space in force to `space`; None where they are one."""
    gold_map: LabelMap | None = None
    """From the corpus's own labels to the space in force, where gold is mapped."""

    def read(self, answer: Prediction | ParseFailure) -> Prediction | ParseFailure:
        """The answer in the space of the gold rows; it may predict no label there."""
        if self.answers_map is None or isinstance(answer, ParseFailure):
            return answer
        return map_answer(answer, self.answers_map)

    def warning(self, corpus: str) -> list[str]:
        """What a map of answers cannot say; what one of gold rows loses is counted of the rows."""
        if self.answers_map is None:
            return []
        mapped, said = self.answers_map, []
        if mapped.lost:
            said.append(f"the answers {', '.join(mapped.lost)} count as no label")
        if mapped.unreached:
            said.append(f"no answer means {', '.join(mapped.unreached)}")
        way = f"{mapped.source.name} to {mapped.target.name}"
        return [f"{corpus} (cross): scored from {way}, where {'; '.join(said)}"] if said else []

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of counts.json: all that scoring needs, without the files."""
        found: dict[str, Any] = {
            "label_space": {"name": self.space.name, "labels": list(self.space.labels)},
            "mapped": "answers" if self.answers_map else "gold" if self.gold_map else None,
        }
        if self.answers_map is not None:
            targets = {label: list(to) for label, to in self.answers_map.targets.items()}
            found["answers_map"] = {"sha256": self.answers_map.sha256, "targets": targets}
        return found


def cross_space(part: RowsConfig, space: LabelSpace) -> CrossSpace:
    """How a part of `data.cross` is scored where `space` is in force.

    Raises:
        UserError: no map leads either way, or the user's cannot be used.
    """
    name = label_space_of(part)
    own = space if name is None else load_space(name)
    if own == space:
        return CrossSpace(space)
    path = part.label_map
    if path is not None:
        if maps_from(path) == space.name:
            return CrossSpace(own, find_map(space, own, path))
        return CrossSpace(space, gold_map=find_map(own, space, path))
    try:
        return CrossSpace(own, find_map(space, own))
    except UserError:
        pass
    try:
        return CrossSpace(space, gold_map=find_map(own, space))
    except UserError as error:
        raise UserError(
            f"{part_name(part)} cannot be scored: no label map leads from {space.name} to its "
            "labels, nor back",
            got=own.name,
            allowed=f"{space.name}, or a label space that a map leads to or from",
            do="give a `label_map` of your own (`emoloom labels map --help`)",
        ) from error


def check_cross(data: DataConfig, space: LabelSpace) -> list[str]:
    """Faults of `data.cross`, each with its path.

    A part must not be trained on, nor stand twice, and there must be a way to score it.
    """
    trained, seen = {part_identity(part) for part in data.train}, set[object]()
    faults = []
    for index, part in enumerate(data.cross):
        try:
            _check_apart(part, trained, seen)
            cross_space(part, space)
        except UserError as error:
            faults.append(f"data.cross.{index}: {error}")
        seen.add(part_identity(part))
    return faults


def _check_apart(part: RowsConfig, trained: set[object], seen: set[object]) -> None:
    """The probe is of what no model was trained on, each corpus once.

    Raises:
        UserError: the part is in train, or in cross already.
    """
    if part_identity(part) in trained:
        raise UserError(
            f"{part_name(part)} is trained on, so it says nothing of other corpora",
            got="the same corpus or file in data.train",
            allowed="corpora and files that are not in data.train",
            do="take it out of data.cross or of data.train",
        )
    if part_identity(part) in seen:
        raise UserError(
            f"{part_name(part)} stands twice in data.cross",
            allowed="each corpus and file once",
            do="take one of the two out",
        )


def part_identity(part: RowsConfig) -> object:
    """What a part reads: a corpus is the same in every layout, and so is its sample."""
    if part.file is not None:
        return part.file.resolve()
    return corpus_name(part).removesuffix(SAMPLE)


@dataclass(slots=True)
class _Counted:
    """One corpus under way."""

    way: CrossSpace
    rows: int = 0
    positives: Counter[str] = field(default_factory=Counter)


class CrossCount:
    """What is counted of the rows drawn, corpus by corpus."""

    def __init__(self) -> None:
        self._found: dict[str, _Counted] = {}

    def add(self, row: Row, way: CrossSpace) -> None:
        """Take a row into account.

        Raises:
            UserError: rows of its corpus were scored in another space: no one score is theirs.
        """
        one = self._found.setdefault(row.source, _Counted(way))
        if one.way is not way and one.way != way:
            raise UserError(
                f"rows of {row.source} come from two parts of data.cross with other labels",
                got=f"{one.way.space.name} and {way.space.name}",
                allowed="one label space, mapped in one way, for each corpus",
                do="give rows of two files two names (`source` of a row, `name` of a file)",
            )
        one.rows += 1
        one.positives.update(row.answer.labels or ())

    def sources(self) -> dict[str, int]:
        """Corpus -> rows."""
        return {source: one.rows for source, one in self._found.items()}

    def counts(self) -> dict[str, Any]:
        """For counts.json: each corpus with its rows, label space, map and positives."""
        return {
            source: {
                "rows": one.rows,
                **one.way.to_dict(),
                "positives": {label: one.positives[label] for label in one.way.space.labels},
            }
            for source, one in self._found.items()
        }

    def warnings(self) -> list[str]:
        """What maps of answers cannot say, for the user."""
        return [text for source, one in self._found.items() for text in one.way.warning(source)]


def read_cross_spaces(counts: Mapping[str, Any], space: LabelSpace) -> dict[str, CrossSpace]:
    """What `CrossCount.counts` wrote, by corpus; none where counts.json has no `cross`.

    Args:
        counts: of the whole counts.json.
        space: in force.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: it is another's.
    """
    found = {}
    for corpus, one in counts.get(CROSS, {}).items():
        given = one["label_space"]
        own = LabelSpace(str(given["name"]), tuple(map(str, given["labels"])))
        mapped = one.get("answers_map")
        found[str(corpus)] = CrossSpace(own, mapped and _read_map(mapped, space, own))
    return found


def _read_map(given: Mapping[str, Any], source: LabelSpace, target: LabelSpace) -> LabelMap:
    targets = {label: tuple(map(str, given["targets"][label])) for label in source.labels}
    none = MappingProxyType[str, str]({})
    return LabelMap(source, target, MappingProxyType(targets), none, str(given["sha256"]))


def read_cross_rows(path: Path, spaces: Mapping[str, CrossSpace]) -> tuple[Row, ...]:
    """Gold rows of several label spaces, each read in that of its corpus.

    Raises:
        UserError: a line is no row, or of no corpus or label that the spaces have.
    """
    labels = dict.fromkeys(label for one in spaces.values() for label in one.space.labels)
    read = read_rows(path, LabelSpace(CROSS, tuple(labels)))
    if read.rejected:
        first = read.rejected[0]
        raise UserError(
            f"{path.parent.name}/{path.name} has lines that are no rows of a run",
            got=f"line {first.line}: {first.reason}",
        )
    return tuple(_in_order(row, spaces) for row in read.rows)


def _in_order(row: Row, spaces: Mapping[str, CrossSpace]) -> Row:
    """The row, its labels in the order of its own space."""
    given = row.answer.labels
    known = spaces[row.source].space.labels if row.source in spaces else None
    if known is None or not set(given or ()) <= set(known):
        raise UserError(
            f"the cross row {row.id!r} is of no corpus or label that counts.json names",
            got=f"{row.source}, {', '.join(given or ())}",
        )
    labels = given and tuple(label for label in known if label in given)
    return replace(row, answer=replace(row.answer, labels=labels))
