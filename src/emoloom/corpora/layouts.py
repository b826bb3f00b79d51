"""Layouts of tables that no mapping can say: what they are, and what to do first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MARKS = {";": "semicolons", "|": "bars", "\t": "tabs", ",": "commas"}
_FLAGS = frozenset({"0", "1", "0.0", "1.0", "true", "false"})
_MOST_FLAGS = 40
_LONG_NAME = 40
_READ = {
    "csv": "pandas.read_csv({})",
    "tsv": "pandas.read_csv({}, sep='\\t')",
    "jsonl": "pandas.read_json({}, lines=True)",
    "parquet": "pandas.read_parquet({})",
}
"""Format -> how pandas reads it."""

OTHER = "OTHER"
"""Stands for the path of a file that is not known here."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A table of which not all is told that a row needs."""

    path: Path
    """The file."""
    kind: str
    """Its format."""
    columns: Sequence[str]
    """Its columns."""
    sample: Sequence[Mapping[str, Any]]
    """Its first records."""
    roles: Mapping[str, str]
    """Role in a mapping -> column, as far as guessed."""

    @property
    def free(self) -> list[str]:
        """Columns that have no role."""
        return [name for name in self.columns if name and name not in self.roles.values()]

    def read(self, path: str | None = None) -> str:
        """How pandas reads it, or a file of the same format."""
        return _READ[self.kind].format(repr(str(self.path) if path is None else path))


def advice(layout: Layout) -> str:
    """What to do with a table in which no texts or labels are found."""
    columns = layout.columns
    if len(columns) == 1:
        for mark, name in _MARKS.items():
            if mark in columns[0]:
                return f"write it with commas or tabs: fields seem to be parted by {name}"
    if any(len(name) > _LONG_NAME or name.isdecimal() for name in columns) or (
        len(columns) == 1 and " " in columns[0]
    ):
        return "put a line of column names first: the first line seems to be a record"
    flags = [name for name in layout.free if _holds_flags(layout.sample, name)]
    if flags and "text" in layout.roles:
        return _one_column(layout, flags)
    return _mapping_or_join(layout)


def _one_column(layout: Layout, flags: Sequence[str]) -> str:
    """How to write the names of columns of flags into a column of labels."""
    what = "1 column holds" if len(flags) == 1 else f"{len(flags)} columns hold"
    named = ", ".join(flags[:3]) + (", ..." if len(flags) > 3 else "")
    chosen = str(list(flags)) if len(flags) <= _MOST_FLAGS else "[...]"
    out = str(layout.path.with_name(f"{layout.path.stem}-labels.jsonl"))
    code = (
        f"import pandas; d = {layout.read()}; c = {chosen}; "
        "d['labels'] = [[k for k in c if r[k] == 1] for r in d[c].to_dict('records')]; "
        f"d.drop(columns=c).to_json({out!r}, orient='records', lines=True)"
    )
    return (
        f"write the names of a row's labels into one column (`joy,love`): {what} 0 and 1, or true "
        f"and false, alone ({named}), which seem to be a label each. In Python, with the columns "
        f"in `c` that are labels: `{code}`"
    )


def _mapping_or_join(layout: Layout) -> str:
    """A column of another name is named in a mapping; one of another file is joined first."""
    has, lacks = ("texts", "labels") if "text" in layout.roles else ("labels", "texts")
    key = layout.roles.get("id") or layout.roles.get("group")
    both = f"pandas.concat([{layout.read()}, {layout.read(OTHER)}], axis=1)"
    how = "row by row"
    if key:
        how = f"by {key!r}"
        both = f"{layout.read()}.merge({layout.read(OTHER)}, on={key!r})"
    joined = str(layout.path.with_name(f"{layout.path.stem}-joined.csv"))
    join = f"join the two {how}: `import pandas; {both}.to_csv({joined!r}, index=False)`"
    if not {"text", "labels"} & layout.roles.keys():
        return f"name the columns in `mapping`; where another file has the texts or labels, {join}"
    if not layout.free:
        return f"the file has {has} and no other column; where another file has its {lacks}, {join}"
    role = "text" if lacks == "texts" else "labels"
    return (
        f"name the columns in `mapping`, {role} too (`{role}: {layout.free[0]}`); where another "
        f"file has the {lacks}, {join}"
    )


def _holds_flags(sample: Sequence[Mapping[str, Any]], column: str) -> bool:
    given = (record.get(column) for record in sample)
    values = {str(value).strip().casefold() for value in given if value is not None} - {""}
    return bool(values) and values <= _FLAGS
