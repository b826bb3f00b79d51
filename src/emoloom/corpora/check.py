"""What `emoloom data check` says of a file: one pass, one record in memory at a time."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.corpus import Corpus
from emoloom.corpora.detect import Detected, detect
from emoloom.corpora.other_texts import other_texts
from emoloom.corpora.own_rows import ReadAs
from emoloom.corpora.reading import FileRead, Item
from emoloom.errors import UserError
from emoloom.records import DIMENSIONS, LabelSpace, Rejected, Row
from emoloom.runs.directory import sha256_file

MAX_NAMES = 200
"""Different labels, or reasons, told apart; further ones are counted together."""

OTHERS = "(others)"

# A quotation; an apostrophe within a word neither begins nor ends one. Where cut, `…` ends it.
_QUOTED = r"""(?<!\w)'(?:(?:[^'\\]|\\.|'(?=\w))*'(?!\w)|[^…]*…)|"(?:[^"\\]|\\.)*["…]"""
_VALUE = re.compile(rf"{_QUOTED}|-?\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records were turned away."""

    text: str
    """The reason, with `…` where values stood."""
    count: int
    """So many records."""
    line: int
    """The first one's line."""
    example: str
    """The first one's own reason."""


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What a file or folder holds. Records in = rows + rejected."""

    kind: str
    """What it is, in words."""
    files: tuple[FileRead, ...]
    """Its files with their hashes."""
    corpus: Corpus | None
    """The corpus that it is, if the registry knows it."""
    space: LabelSpace | None
    """The space that labels were held against."""
    mapping: MappingConfig | None
    """What was guessed of a user's file."""
    other_texts: tuple[str, ...]
    """Columns that look like texts too, which the guess leaves out."""
    records: int
    """Records that should be rows."""
    rows: int
    """Records that are."""
    continued: int
    """Further lines of records already counted: utterances of a conversation after its first."""
    groups: int
    """Runs of rows of one group: conversations, where there are any."""
    rated: int
    """Rows with VAD, of any dimension."""
    rated_in: Mapping[str, int]
    """Rows with valence, with arousal, with dominance."""
    splits: Mapping[str, int]
    """Rows by split."""
    labels: Mapping[str, int]
    """Rows by label."""
    reasons: tuple[Reason, ...]
    """Of the rejected, the commonest first."""
    read_as: ReadAs
    """What is read as something else than a user's file says."""
    lost: Mapping[str, int]
    """Label of which no record became a row -> records: the space does not fit where any is."""

    @property
    def rejected(self) -> int:
        """Records that are no rows."""
        return self.records - self.rows

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of it."""
        return {
            "kind": self.kind,
            "corpus": self.corpus.name if self.corpus else None,
            "licence": self.corpus.licence if self.corpus else None,
            "files": [
                {"name": file.name, "sha256": file.sha256, "known": file.known}
                for file in self.files
            ],
            "label_space": self.space.name if self.space else None,
            "mapping": mapping_settings(self.mapping) if self.mapping else None,
            "other_texts": list(self.other_texts),
            "records": self.records,
            "rows": self.rows,
            "rejected": self.rejected,
            "continued": self.continued,
            "rated": self.rated,
            "rated_in": dict(self.rated_in),
            "splits": dict(self.splits),
            "labels": dict(self.labels),
            "read_as": asdict(self.read_as),
            "labels_lost": dict(self.lost),
            "reasons": [
                {"reason": one.text, "count": one.count, "line": one.line, "example": one.example}
                for one in self.reasons
            ],
        }


def check_data(path: Path, space: LabelSpace | None = None) -> FileCheck:
    """Read a file, or the folder of a corpus, and count what is in it.

    Args:
        path: Any file that emoloom reads.
        space: What the labels of a user's file are held against; guessed when None.

    Raises:
        UserError: nothing in it can be read.
    """
    found = detect(path, space)
    tally = _Tally()
    tally.take(found.items)
    if not tally.rows:
        raise _nothing(path, found, tally)
    return FileCheck(
        kind=found.kind,
        files=_hashed(found),
        corpus=found.corpus,
        space=found.space,
        mapping=found.mapping,
        other_texts=other_texts(path, found.mapping) if found.mapping else (),
        records=tally.rows + tally.rejected,
        rows=tally.rows,
        continued=tally.continued,
        groups=tally.groups,
        rated=tally.rated,
        rated_in={name: tally.rated_in[name] for name in DIMENSIONS.values()},
        splits={
            name: tally.splits[name] for name in ("train", "dev", "test") if tally.splits[name]
        },
        labels=_in_order(tally.labels, found.space),
        reasons=tally.in_order(),
        read_as=found.read_as,
        lost=tally.lost_whole(),
    )


def mapping_settings(mapping: MappingConfig) -> dict[str, Any]:
    """What a mapping says that is not so by default, and all that was looked at to guess it."""
    settings = mapping.model_dump(mode="json", exclude_none=True)
    if mapping.labels is None:
        del settings["label_separator"]
    if not mapping.rated:
        del settings["vad_scale"]
    return settings


def mapping_yaml(path: Path, mapping: MappingConfig) -> str:
    """An item of `data.train` or `data.select` that freezes a guess."""
    item = [{"file": str(path), "mapping": mapping_settings(mapping)}]
    return yaml.safe_dump(item, sort_keys=False, allow_unicode=True, default_flow_style=False)


def mapping_line(mapping: MappingConfig) -> str:
    """`mapping: {text: comment, labels: emotion}`, to paste into a part of a config."""
    flow = {"mapping": mapping_settings(mapping)}
    line = yaml.safe_dump(
        flow, sort_keys=False, allow_unicode=True, default_flow_style=True, width=float("inf")
    )
    return str(line).strip().removeprefix("{").removesuffix("}")


@dataclass(slots=True)
class _Tally:
    """Counts of a stream of records."""

    rows: int = 0
    rejected: int = 0
    continued: int = 0
    groups: int = 0
    rated: int = 0
    rated_in: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, tuple[int, Rejected]] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)

    def take(self, items: Iterable[Item]) -> None:
        last = ""
        for _, record in items:
            if record is None:
                self.continued += 1
            elif isinstance(record, Row):
                self.rows += 1
                self._rated(record)
                self.groups += record.group != last
                last = record.group
                self.splits[record.split] += 1
                for label in record.answer.labels or ():
                    known = label in self.labels or len(self.labels) < MAX_NAMES
                    self.labels[label if known else OTHERS] += 1
            else:
                self._turned_away(record)

    def _rated(self, row: Row) -> None:
        vad = row.answer.vad
        if vad is not None:
            self.rated += 1
            pairs = zip(DIMENSIONS.values(), vad.as_tuple(), strict=True)
            self.rated_in.update(name for name, value in pairs if value is not None)

    def _turned_away(self, record: Rejected) -> None:
        self.rejected += 1
        for label in record.labels:
            known = label in self.lost or len(self.lost) < MAX_NAMES
            self.lost[label if known else OTHERS] += 1
        key = _VALUE.sub("…", record.reason)
        if key not in self.reasons and len(self.reasons) >= MAX_NAMES:
            key = OTHERS
        count, first = self.reasons.get(key, (0, record))
        self.reasons[key] = (count + 1, first)

    def lost_whole(self) -> dict[str, int]:
        """Labels of which no record became a row, in whatever case they are written."""
        kept, found = {label.casefold() for label in self.labels}, dict[str, int]()
        names: dict[str, str] = {}
        for label, count in self.lost.items():
            name = names.setdefault(label.casefold(), label)
            if name.casefold() not in kept:
                found[name] = found.get(name, 0) + count
        return found

    def in_order(self) -> tuple[Reason, ...]:
        found = [
            Reason(text, count, first.line, first.reason)
            for text, (count, first) in self.reasons.items()
        ]
        return tuple(sorted(found, key=lambda reason: -reason.count))


def _nothing(path: Path, found: Detected, tally: _Tally) -> UserError:
    reasons = tally.in_order()
    records = "1 record" if tally.rejected == 1 else f"{tally.rejected} records"
    if not reasons:
        return UserError(f"{path} holds no record", got=found.kind, do="check the file")
    return UserError(
        f"{path}: none of its {records} can be read ({found.kind})",
        got=f"line {reasons[0].line}: {reasons[0].example}",
        do="mend the file, or its `mapping`",
    )


def _hashed(found: Detected) -> tuple[FileRead, ...]:
    known = found.corpus.sha256 if found.corpus else {}
    files = []
    for path in found.paths:
        digest = sha256_file(path)
        listed = known.get(path.name)
        files.append(FileRead(path.name, digest, None if listed is None else digest == listed))
    return tuple(files)


def _in_order(labels: Mapping[str, int], space: LabelSpace | None) -> dict[str, int]:
    """In the order of the space; without one, the commonest first."""
    names = sorted(labels, key=lambda label: -labels[label])
    if space is not None:
        names = [label for label in space.labels if label in labels]
    return {name: labels[name] for name in names}
