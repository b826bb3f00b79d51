"""Pools: what row sets are drawn from, in one label space, and with no text on two sides."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.label_map_files import find_map
from emoloom.corpora.label_maps import LabelMap
from emoloom.corpora.labels import load_space
from emoloom.corpora.mapped_rows import MapAccount, map_stream
from emoloom.corpora.overlap import OtherSets
from emoloom.errors import UserError
from emoloom.records import LabelSpace, Row
from emoloom.row_sets.cross_spaces import CROSS, cross_space
from emoloom.row_sets.losses import Losses
from emoloom.row_sets.names import SourceNames, part_name
from emoloom.row_sets.parts import has_splits, label_space_of, open_part

MIN_POSITIVES = 20
"""A label with fewer positive rows than this is warned of: it can hardly be learned or scored."""

_RAREST_SHOWN = 6

Order = range | NDArray[np.int64]
"""Indices of rows."""


def label_map_of(part: RowsConfig, space: LabelSpace) -> LabelMap | None:
    """The map from a part's labels to the space in force; None where there is none to do.

    Raises:
        UserError: no map leads there, or the user's cannot be used.
    """
    name = label_space_of(part)
    if name is None:
        return None
    own = load_space(name)
    if own == space:
        return None
    try:
        return find_map(own, space, part.label_map)
    except UserError as error:
        if part.label_map is not None:
            raise
        raise UserError(
            f"{part_name(part)} has other labels than the screen, and no map leads there",
            got=own.name,
            allowed=space.name,
            do=f"set `labels: {own.name}`, or give a `label_map` of your own",
        ) from error


def check_label_maps(data: DataConfig, space: LabelSpace) -> list[str]:
    """Faults of the label maps that a config needs, each with its path."""
    faults: list[str] = []
    sets = (("train", data.train), ("select", data.select), ("test", data.test))
    for name, parts in sets:
        for index, part in enumerate(parts):
            try:
                label_map_of(part, space)
            except UserError as error:
                faults.append(f"data.{name}.{index}: {error}")
    return faults


class PartMaps:
    """The label map of every part that needs one, and what it cost."""

    def __init__(self, data: DataConfig, space: LabelSpace, names: SourceNames) -> None:
        """Find every map.

        Raises:
            UserError: no map leads to the space, or the user's cannot be used.
        """
        self._space, self._names = space, names
        self._accounts: list[tuple[str, str, MapAccount]] = []
        for part in (*data.train, *data.select, *data.test):
            label_map_of(part, space)
        self.cross = tuple(cross_space(part, space) for part in data.cross)
        """How each part of `data.cross` is scored."""

    def mapped(self, part: RowsConfig, name: str, rows: Iterable[Row]) -> Iterator[Row]:
        """The part's rows in the space in force; `name` is the row set's."""
        if name == CROSS:
            found = cross_space(part, self._space).gold_map
        else:
            found = label_map_of(part, self._space)
        if found is None:
            return iter(rows)
        account = MapAccount(found)
        self._accounts.append((name, self._names.of(part), account))
        return map_stream(rows, account)

    def tell(self, losses: Losses) -> None:
        """What the maps dropped, to whoever counts what is lost."""
        for _, source, account in self._accounts:
            losses.dropped(source, account.dropped_labels)

    def lost(self) -> int:
        """Rows dropped by all maps together."""
        return sum(account.lost for _, _, account in self._accounts)

    def counts(self) -> list[dict[str, object]]:
        """For counts.json: the account of each part that was mapped."""
        return [{"set": s, "corpus": corpus, **one.counts()} for s, corpus, one in self._accounts]

    def warnings(self) -> list[str]:
        """What the maps lost, for the user."""
        return [
            text
            for name, corpus, account in self._accounts
            for text in account.warning(f"{corpus} ({name})")
        ]


def hold_out_tests(
    data: DataConfig, space: LabelSpace, others: OtherSets, names: SourceNames
) -> list[str]:
    """Hold train against the test split of every part; a warning for each that cannot be read.

    A user's file that states no splits has no test split: the whole of it is the set it is named
    in. Where there is a set `test` these are another, as not all of their rows may be in it.
    """
    name = "test_splits" if data.test else "test"
    warnings: list[str] = []
    seen: list[RowsConfig] = []
    for part in (*data.train, *data.select):
        source = part.model_copy(update={"rows": None})
        if source in seen:
            continue
        seen.append(source)
        try:
            others.add(name, _test_rows(part, space, names))
        except UserError as error:
            warnings.append(
                f"{names.of(part)}: its test split cannot be read ({error.what}), so its texts "
                "may stand in train"
            )
    return warnings


def _test_rows(part: RowsConfig, space: LabelSpace, names: SourceNames) -> Iterator[Row]:
    if not has_splits(part, space):
        return
    for split, record in open_part(part, "test", space, names.naming(part)).items:
        if split == "test" and isinstance(record, Row):
            yield record


def rare_label_warning(name: str, counts: Mapping[str, int]) -> list[str]:
    """A warning of labels with fewer than `MIN_POSITIVES` positive rows, if there are any.

    Args:
        name: Of the row set.
        counts: Label -> positive rows. Rows without any label call for no warning.
    """
    rare = sorted((n, label) for label, n in counts.items() if n < MIN_POSITIVES)
    if not rare or not any(counts.values()):
        return []
    shown = ", ".join(f"{label} {n}" for n, label in rare[:_RAREST_SHOWN])
    more = f" and {len(rare) - _RAREST_SHOWN} more" if len(rare) > _RAREST_SHOWN else ""
    return [
        f"{len(rare)} of {len(counts)} labels have fewer than {MIN_POSITIVES} positive rows in "
        f"{name}: {shown}{more}"
    ]


def draw_order(
    part: RowsConfig, n: int, chance: np.random.Generator, what: str, removed: str = ""
) -> Order:
    """Which of `n` rows are drawn, in natural proportions: as `splits.draw`, but of indices alone.

    Args:
        part: The part.
        n: Rows that are there.
        chance: Draws them.
        what: The part, for messages.
        removed: Why rows left the part and are not there any more, with counts.

    Raises:
        UserError: the part asks for more rows.
    """
    if part.rows is None:
        return range(n)
    if part.rows > n:
        gone = f"; removed from train: {removed}"
        raise UserError(
            f"{what}: cannot draw that many rows",
            got=str(part.rows),
            allowed=f"at most {n}, the rows there are{gone if removed else ''}",
            do="ask for fewer rows or give more data",
        )
    return chance.permutation(n)[: part.rows]
