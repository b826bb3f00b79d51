"""What is wrong with the parts of a config, found before any row is drawn."""

from collections import Counter
from collections.abc import Iterator

from emoloom.config import Config
from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import DataConfig, HeldOutRowsConfig, RowsConfig
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.errors import UserError
from emoloom.records import LabelSpace, Row
from emoloom.row_sets.cross_spaces import CROSS, check_cross
from emoloom.row_sets.held_out import TEST, check_test
from emoloom.row_sets.names import check_names, part_name, parts_of, source_of
from emoloom.row_sets.parts import has_splits, open_part
from emoloom.row_sets.pools import check_label_maps
from emoloom.sources.catalog import list_models

_SHARES = {("train", "select"): "[80, 20, 0]", ("select", CROSS): "[0, 80, 20]"}
"""What to paste where two row sets have one file."""


def known_names() -> frozenset[str]:
    """What stands for a label space or a model in a config, whatever file lies beside it."""
    models = list_models()
    return frozenset(
        (*known_spaces(), *(one.name for one in models), *(one.source for one in models))
    )


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
    found, rejected, first = Counter[str](), 0, ""
    opened = open_part(part, split, space)
    for of, record in opened.items:
        if isinstance(record, Row):
            found[of or split] += 1
        elif record is not None and of in (None, split):
            rejected += 1
            first = first or f"line {record.line}: {record.reason}"
    if found[split] >= (part.rows or 1):
        return
    unread = f"; {rejected} lines cannot be read, {first}" if rejected else ""
    name = part_name(part)
    if not found[split] and found:
        raise _no_such_split(name, split, found, part.mapping or opened.guessed, unread)
    if rejected and not found:
        many = "its 1 record" if rejected == 1 else f"its {rejected} records"
        raise UserError(
            f"{name}: none of {many} can be read", got=first, do="mend the file, or its `mapping`"
        )
    raise UserError(
        f"{name} has too few rows in its {split} split",
        got=f"rows: {part.rows}" if part.rows else "none",
        allowed=f"at most {found[split]}{unread}",
        do="ask for fewer rows, or give more data",
    )


def _no_such_split(
    name: str, split: str, found: Counter[str], mapping: MappingConfig | None, unread: str
) -> UserError:
    there = ", ".join(f"{of} {found[of]:,}" for of in ("train", "dev", "test") if found[of])
    column = mapping.split if mapping else None
    do = "give `split_shares` without a 0 there"
    if mapping is None or column:
        where = "this part" if column is None else f"`split: {column}`"
        do = f"give another file, or `split_shares` in place of {where}"
    return UserError(
        f"{name} has no row in its {split} split",
        got=f"{there}{unread}",
        allowed=f"a file with {split} rows",
        do=do,
    )


def check_parts(data: DataConfig, space: LabelSpace) -> list[str]:
    """Faults of the parts taken together, each with its path."""
    return [
        *check_names(data),
        *_check_shared(data, space),
        *check_label_maps(data, space),
        *check_cross(data, space),
        *check_test(data, space),
    ]


def _check_shared(data: DataConfig, space: LabelSpace) -> Iterator[str]:
    """A file in two places must say which of its rows are for which set, in one way."""
    first: dict[str, tuple[str, int, RowsConfig]] = {}
    for row_set, index, part in parts_of(data):
        if part.file is None:
            continue
        before, place, other = first.setdefault(source_of(part), (row_set, index, part))
        if other is part or TEST in (before, row_set) or {before, row_set} == {"train", CROSS}:
            continue  # refused with words of their own
        at, there = f"data.{row_set}.{index}", f"data.{before}.{place}"
        what = f"{at}: {part.written('file')} is in {there} too"
        if before == row_set:
            yield f"{what}; do: name each file once in a row set"
        elif not (has_splits(part, space) and has_splits(other, space)):
            shares = _SHARES[before, row_set]
            freeze = ", which `emoloom data check` guesses" if part.mapping is None else ""
            yield (
                f"{what}, and nothing says which of its rows are for which; do: add "
                f"`split_shares: {shares}` to the `mapping` of both{freeze}, or give another file"
            )
        elif _split_by(part) != _split_by(other):
            yield f"{what}, and is split in another way there; do: give both the same `mapping`"


def _split_by(part: RowsConfig) -> object:
    return part.mapping and (part.mapping.split, part.mapping.split_shares, part.mapping.group)
