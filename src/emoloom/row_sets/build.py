"""The row sets of a screen, built from streams: one record in memory at a time.

read `test`, `select`, `cross`, the test splits, then train -> map labels -> take out of select what
stands in `test`, and out of train what stands elsewhere -> draw -> fit the scale of weak VAD ->
supervise weakly -> write. What is kept of a row in memory is some numbers; the rows themselves wait
in temporary files beside the outputs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, get_args

from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.near_duplicates import NEAR_DUPLICATE
from emoloom.corpora.overlap import OtherSets, Twin
from emoloom.corpora.own_rows import ReadAs
from emoloom.corpora.reading import Seen
from emoloom.corpora.rows import row_line, row_of_line
from emoloom.draws import DrawName, generator
from emoloom.errors import UserError
from emoloom.records import VAD, LabelSpace, Rejected, Row
from emoloom.row_sets.cross_spaces import CROSS, CrossCount
from emoloom.row_sets.held_out import TEST, HeldOut
from emoloom.row_sets.lexicon_fit import fit_scale, is_human, supervise, warnings
from emoloom.row_sets.losses import Losses, loss_warnings
from emoloom.row_sets.names import SPLITS, SourceNames, split_of
from emoloom.row_sets.part_facts import guessed_mappings, notices
from emoloom.row_sets.parts import open_part
from emoloom.row_sets.pools import (
    Order,
    PartMaps,
    draw_order,
    hold_out_tests,
    rare_label_warning,
)
from emoloom.row_sets.spool import Conflicts, Drawn, Spool
from emoloom.row_sets.told import newly, other_rows, twins_in_words
from emoloom.runs.directory import dumps, write_json_atomic, write_parts_atomic
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import Found, WeakReader

FILES = ("train.jsonl", "select.jsonl", "rejected.jsonl", "scale.json", "counts.json")
"""What is written, and `cross.jsonl` and `test.jsonl` where the config has such rows."""

_DRAWS: Mapping[str, DrawName] = {
    "train": "train-rows",
    "select": "select-rows",
    CROSS: "cross-rows",
    TEST: "test-rows",
}
"""Row set -> the name of its draw."""

MAX_SCALE_ROWS = 50_000
"""Human-rated train rows that the scale is fitted on, at most: the first ones drawn (ours)."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the row sets are drawn from, and how."""

    data: DataConfig
    """Which corpora, and how many rows."""
    sources: Mapping[str, Mapping[str, str]]
    """Hashes of their files, from `part_facts.source_hashes`."""
    seed: int
    """Of the draws."""
    held_out: tuple[Row, ...] = ()
    """Rows of no set here, whose texts and groups must not stand in train."""


def write_row_sets(
    folder: Path, drawing: Drawing, space: LabelSpace, lexicon: Lexicon
) -> dict[str, Any]:
    """Draw the row sets and write their lines, those rejected, the scale, and the counts.

    Args:
        folder: Where the files of `FILES` go.
        drawing: Which rows, and how many.
        space: The label space in force.
        lexicon: For cues and weak VAD.

    Returns:
        What counts.json holds.

    Raises:
        UserError: a corpus cannot be read, has another label space, or has too few rows.
    """
    data = drawing.data
    with ExitStack() as stack:
        build = _Build(folder, drawing, space, lexicon, stack)
        test = [build.held(TEST, part, index) for index, part in enumerate(data.test)]
        select = [build.held("select", part, index) for index, part in enumerate(data.select)]
        cross = [build.held(CROSS, part, index) for index, part in enumerate(data.cross)]
        build.hold_out()
        train = [build.train(part, index) for index, part in enumerate(data.train)]
        _check_left(train, build)
        human = chain.from_iterable(part.human() for part in train)
        scale = fit_scale(islice(human, MAX_SCALE_ROWS), lexicon)
        write_parts_atomic(folder / "train.jsonl", build.supervised(train, scale))
        write_parts_atomic(folder / "select.jsonl", build.asked(select))
        if cross:
            write_parts_atomic(folder / "cross.jsonl", build.probed(cross))
        if test:
            write_parts_atomic(folder / "test.jsonl", build.fresh(test))
        write_parts_atomic(folder / "rejected.jsonl", build.turned_away())
        counts = build.counts()
    write_json_atomic(folder / "scale.json", asdict(scale))
    write_json_atomic(folder / "counts.json", counts)
    return counts


class _Build:
    """The row sets under way, and what is counted of them."""

    def __init__(
        self,
        folder: Path,
        drawing: Drawing,
        space: LabelSpace,
        lexicon: Lexicon,
        stack: ExitStack,
    ) -> None:
        self.drawing, self.space, self.lexicon = drawing, space, lexicon
        self._weak = WeakReader(lexicon)
        self._folder, self._stack = folder, stack
        self._bad = {split: self._spool() for split in dict.fromkeys(SPLITS.values())}
        self._names = SourceNames(drawing.data)
        self._maps = PartMaps(drawing.data, space, self._names)
        self._losses, self._unplaced = Losses(), set[tuple[str, int]]()
        threshold = NEAR_DUPLICATE if drawing.data.near_duplicates else None
        self._others, self._pairs = (OtherSets(threshold=threshold) for _ in range(2))
        self.tested = HeldOut(drawing.data, threshold)
        self._untested: list[str] = []
        self._read_as: dict[str, ReadAs] = {}
        self._ids, self._conflicts = Seen(), Conflicts()
        self._cross = CrossCount()
        counted = ("train", "select", TEST) if drawing.data.test else ("train", "select")
        self._sources: dict[str, Counter[str]] = {name: Counter() for name in counted}
        self._positives: dict[str, Counter[str]] = {name: Counter() for name in counted}
        self._because: Counter[str] = Counter()
        self._draws: list[dict[str, Any]] = []
        self._rows_read = self._hits = self._tokens = 0
        self.overlap = self.held_out = 0

    def _spool(self) -> Spool:
        return self._stack.enter_context(Spool(self._folder))

    def held(self, name: str, part: RowsConfig, index: int) -> Drawn:
        """Every row of a part of `select`, `cross` or `test` is remembered, drawn or not."""
        rows, left = self._spool(), self.tested.passing(name, self._rows(name, part))
        for row in self._others.passing(name, left):
            rows.add(row_line(row))
        if name == "select" and not len(rows) and self.tested.removed:
            raise self.tested.none_left(self._names.of(part))
        return Drawn(rows, self._order(name, part, len(rows), index))

    def hold_out(self) -> None:
        """Test splits and the rows held out beside: train is held against them too."""
        data, names = self.drawing.data, self._names
        self._untested = hold_out_tests(data, self.space, self._others, names)
        self._pairs.add("polarity pairs", self.drawing.held_out)

    def train(self, part: RowsConfig, index: int) -> Drawn:
        """Rows of a part of `train` that stand nowhere else."""
        rows, before, pairs = self._spool(), self._others.removed(), self.held_out
        for row, twin in self._pairs.sift(self._apart(self._rows("train", part))):
            if twin is None:
                rows.add(row_line(row), is_human(row))
            else:
                self.held_out += 1
        removed = twins_in_words(newly(self._others.removed(), before), self.held_out - pairs)
        return Drawn(rows, self._order("train", part, len(rows), index, removed))

    def removed(self) -> dict[str, dict[Twin, int]]:
        """Rows that left train, by the set that has their twin."""
        return self._others.removed()

    def _apart(self, train: Iterable[Row]) -> Iterator[Row]:
        """Rows that stand in no other set."""
        for row, twin in self._others.sift(train):
            if twin is None:
                yield row
            else:
                self.overlap += 1
                self._because[twin] += 1

    def _order(self, name: str, part: RowsConfig, n: int, index: int, removed: str = "") -> Order:
        """Which of `n` rows are drawn; what the draw was is kept for counts.json."""
        seed = (self.drawing.seed, _DRAWS[name], index)
        source = self._names.of(part)
        order = draw_order(part, n, generator(*seed), f"data.{name}.{index}: {source}", removed)
        drawn = {"set": name, "corpus": source, "of": n, "drawn": len(order)}
        self._draws.append({**drawn, "seed": list(seed)})
        return order

    def _rows(self, name: str, part: RowsConfig) -> Iterator[Row]:
        """A part of a row set, labels mapped; what cannot be read is turned away."""
        return self._maps.mapped(part, name, self._read(name, part))

    def _read(self, name: str, part: RowsConfig) -> Iterator[Row]:
        split, source = split_of(name, part), self._names.of(part)
        opened = open_part(part, split, self.space, self._names.naming(part))
        self._read_as[opened.origin] = opened.read_as
        for found, record in opened.items:
            if record is None or found not in (None, split):
                continue
            if not self.tested.wanted(name, part, record):
                continue
            if isinstance(record, Row):
                self._rows_read += 1
                self._losses.row(source, name, record)
                yield record
            elif found is not None or self._is_first(source, record):
                self._rows_read += 1
                self._losses.rejected(source, name, record)
                self._bad[split].add(dumps(asdict(record)).encode("utf-8") + b"\n")

    def _is_first(self, source: str, record: Rejected) -> bool:
        """Whether a record of no known split is new: every set that reads its file meets it."""
        place = (source, record.line)
        new = place not in self._unplaced
        self._unplaced.add(place)
        return new

    def supervised(self, train: Iterable[Drawn], scale: AffineMap) -> Iterator[bytes]:
        """Lines of `train`: cue words, and weak VAD where nobody rated a row, or a dimension."""
        for line in chain.from_iterable(part.lines() for part in train):
            row = row_of_line(line)
            found = self._weak.find(row.text)
            self._count("train", row, found)
            self._conflicts.add(row)
            rated = isinstance(row.answer.vad, VAD)
            weak = None if rated else self._weak.vad(found)
            yield row_line(supervise(row, found.cues(), weak, scale))

    def asked(self, select: Iterable[Drawn]) -> Iterator[bytes]:
        """Lines of `select`, as people annotated them."""
        for line in chain.from_iterable(part.lines() for part in select):
            row = row_of_line(line)
            self._count("select", row, self._weak.find(row.text))
            yield line

    def probed(self, cross: Iterable[Drawn]) -> Iterator[bytes]:
        """Lines of `cross`, as people annotated them, each corpus in its space."""
        for part, way, drawn in zip(self.drawing.data.cross, self._maps.cross, cross, strict=True):
            if not len(drawn.order):
                what = f"no cross row of {self._names.of(part)} is left"
                raise UserError(what, do="take it out")
            for line in drawn.lines():
                row = row_of_line(line)
                self._check_new(row)
                self._cross.add(row, way)
                yield line

    def fresh(self, test: Iterable[Drawn]) -> Iterator[bytes]:
        """Lines of `test`, as people annotated them."""
        for part, drawn in zip(self.drawing.data.test, test, strict=True):
            if not len(drawn.order):
                what = f"no test row of {self._names.of(part)} is left"
                raise UserError(what, do="take it out")
            for line in drawn.lines():
                row = row_of_line(line)
                self._check_new(row)
                self._tally(TEST, row)
                yield line

    def _check_new(self, row: Row) -> None:
        if not self._ids.add(row.id):
            raise UserError(
                "a row stands twice in the screen",
                got=row.id,
                do="name each corpus once in a row set, and never both a corpus and its sample",
            )

    def _count(self, name: str, row: Row, found: Found) -> None:
        self._check_new(row)
        self._tally(name, row)
        self._hits += found.hits
        self._tokens += len(found.tokens)

    def _tally(self, name: str, row: Row) -> None:
        self._sources[name][row.source] += 1
        self._positives[name].update(row.answer.labels or ())

    def turned_away(self) -> Iterator[bytes]:
        """Lines of `rejected`, train's first."""
        return chain.from_iterable(bad.lines() for bad in self._bad.values())

    def counts(self) -> dict[str, Any]:
        """What counts.json holds."""
        known = self._hits / max(1, self._tokens)
        cross = self._cross.counts()
        sources = self._sources | ({CROSS: self._cross.sources()} if cross else {})
        sets = {name: _of_set(found) for name, found in sources.items()}
        self._maps.tell(self._losses)
        losses = self._losses.to_list()
        return {
            "sets": sets,
            "lines_read": self._rows_read,
            "rejected": sum(map(len, self._bad.values())),
            "lost_in_label_maps": self._maps.lost(),
            "label_maps": self._maps.counts(),
            "removed_from_train": self.overlap,
            "removed_from_train_because": {twin: self._because[twin] for twin in get_args(Twin)},
            "removed_from_train_as_twins_in": self._others.removed(),
            "removed_from_train_as_polarity_pairs": self.held_out,
            **self.tested.counts(),
            "stood_in_train": {name: asdict(one) for name, one in self._others.found().items()},
            "conflicting_duplicates_in_train": self._conflicts.count(),
            "draws": self._draws,
            "lexicon_hit_rate": round(known, 4),
            **{f"{name}_positives": self._positives_of(name) for name in sorted(self._positives)},
            **({CROSS: cross} if cross else {}),
            "losses": losses,
            "warnings": [
                *loss_warnings(losses, self.space),
                *warnings(known, self.lexicon),
                *self._untested,
                *self._maps.warnings(),
                *self._cross.warnings(),
                *rare_label_warning("select", self._positives_of("select")),
                *rare_label_warning("train", self._positives_of("train")),
            ],
            "read_as": {name: asdict(one) for name, one in self._read_as.items() if one.words()},
            "notices": [
                *notices(self.drawing.data, self.space),
                *(f"{name}: {said}" for name, one in self._read_as.items() for said in one.words()),
            ],
            "guessed_mappings": guessed_mappings(self.drawing.data, self.space),
        }

    def _positives_of(self, name: str) -> dict[str, int]:
        return {label: self._positives[name][label] for label in self.space.labels}


def _check_left(train: Iterable[Drawn], build: _Build) -> None:
    if any(len(part.order) for part in train):
        return
    twins = build.removed()
    reasons = [twin for because in twins.values() for twin in because]
    other = other_rows(reasons, shared_groups=build.drawing.data.shared_groups)
    removed = build.overlap + build.held_out
    raise UserError(
        "no train row is left",
        got=f"{removed:,} rows, all removed ({twins_in_words(twins, build.held_out)})"
        if removed
        else "none",
        do=f"give train rows of {other}"
        if removed
        else "give train rows whose labels have a counterpart",
    )


def _of_set(found: Mapping[str, int]) -> dict[str, int]:
    return {**{source: found[source] for source in sorted(found)}, "all": sum(found.values())}
