"""The row set `test`: answered once, by the best set and the floors, after all that ranks.

Its rows are of test splits. What has none gives a declared share of its dev split, by a hash of the
row's group, which no other set then sees. Whatever stands in `test` leaves `select` before any
draw, as it leaves `train`.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, get_args

from emoloom.config_sections import DataConfig, HeldOutRowsConfig, RowsConfig
from emoloom.corpora.lines import text_group
from emoloom.corpora.overlap import OtherSets, Twin
from emoloom.corpora.reading import Seen
from emoloom.errors import UserError
from emoloom.records import LabelSpace, Rejected, Row
from emoloom.row_sets.cross_spaces import part_identity
from emoloom.row_sets.names import part_name
from emoloom.row_sets.parts import has_splits
from emoloom.row_sets.told import for_test_in_words, other_rows

TEST = "test"
"""Name of the row set, of its stage, and of the files of rows."""

KEPT = "kept_for_test"
"""Why a row is not in `select`: it is of the share of dev that is `test`."""


def is_kept(row: Row, share: int) -> bool:
    """Whether a row of dev is of the `share` per cent of groups that are `test` (ours).

    A function of the group alone, and of other bits than those by which `split_shares` divides a
    file: else a share of its dev rows would be all of them, or none.
    """
    group = row.group or text_group(row.text)
    digest = hashlib.sha256(f"{TEST}\n{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100 < share


class HeldOut:
    """What `test` takes out of `select`, and what is counted of that."""

    def __init__(self, data: DataConfig, threshold: float | None) -> None:
        """Begin without rows.

        Args:
            data: the row sets.
            threshold: of near duplicates, as `OtherSets` has it.
        """
        self._any, self._shared_groups = bool(data.test), data.shared_groups
        self._read_again = {part_identity(part) for part in data.select}
        self._rows, self._kept = OtherSets(threshold=threshold), Seen()
        self._because: Counter[str] = Counter()

    def wanted(self, name: str, part: RowsConfig, record: Row | Rejected) -> bool:
        """Whether a record is of this row set, where `test` and `select` share a split.

        Args:
            name: the row set that is read.
            part: of the config.
            record: of the split, before its labels are mapped.
        """
        share = part.dev_share if isinstance(part, HeldOutRowsConfig) else None
        if share is not None:
            if isinstance(record, Rejected):
                return part_identity(part) not in self._read_again  # else it is told of there
            if is_kept(record, share):
                self._kept.add(record.id)
                return True
            return False
        if name == "select" and isinstance(record, Row) and record.id in self._kept:
            self._because[KEPT] += 1
            return False
        return True

    def passing(self, name: str, rows: Iterable[Row]) -> Iterator[Row]:
        """Rows on their way into a set: those of `test` are remembered, `select` is cleared."""
        if name == TEST:
            yield from self._rows.passing(TEST, rows)
        elif name == "select" and self._any:
            for row, twin in self._rows.sift(rows):
                if twin is None:
                    yield row
                else:
                    self._because[twin] += 1
        else:
            yield from rows

    @property
    def removed(self) -> int:
        """Rows that left `select`, the share of dev among them."""
        return self._because.total()

    def none_left(self, source: str) -> UserError:
        """What to say where all select rows of a source have left."""
        other = other_rows(self._because, shared_groups=self._shared_groups)
        return UserError(
            f"no select row of {source} is left",
            got=f"{self.removed:,} rows, all removed ({for_test_in_words(self._because)})",
            do=f"give `select` and `test` rows of {other}; where one file is both, set `dev_share`",
        )

    def counts(self) -> dict[str, Any]:
        """For counts.json; nothing where there is no `test`."""
        if not self._any:
            return {}
        because = {reason: self._because[reason] for reason in (KEPT, *get_args(Twin))}
        return {
            "removed_from_select": self.removed,
            "removed_from_select_because": because,
        }


def check_test(data: DataConfig, space: LabelSpace) -> list[str]:
    """Faults of `data.test`, each with its path.

    A corpus or file stands in it once, and not in `data.cross` too: its rows would stand twice. A
    file without splits is one set as a whole, unless it gives a `dev_share`.
    """
    faults, seen = list[str](), set[object]()
    for index, part in enumerate(data.test):
        try:
            _check_apart(part, data, seen, space)
        except UserError as error:
            faults.append(f"data.test.{index}: {error}")
        seen.add(part_identity(part))
    return faults


def _check_apart(
    part: HeldOutRowsConfig, data: DataConfig, seen: Collection[object], space: LabelSpace
) -> None:
    """See that the rows of a part are of no other set.

    Raises:
        UserError: they are.
    """
    identity = part_identity(part)
    sets = {"data.cross": data.cross, "data.train": data.train, "data.select": data.select}
    where = {name for name, parts in sets.items() if identity in map(part_identity, parts)}
    if identity in seen or "data.cross" in where:
        first = "data.test" if identity in seen else "data.cross"
        raise UserError(
            f"{part_name(part)} stands in {first} already",
            allowed="each corpus and file once in data.test, and not in data.cross too",
            do="take one of the two out",
        )
    if where and part.dev_share is None and not has_splits(part, space):
        raise UserError(
            f"{part_name(part)} states no splits, so the whole of it is test rows, and of "
            f"{' and '.join(sorted(where))} too",
            allowed="a column of splits, `split_shares`, or a `dev_share`",
            do="set `dev_share`, or `split_shares` in the file's `mapping` wherever it stands",
        )
