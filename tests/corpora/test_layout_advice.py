"""What is advised for a table that cannot be read makes one that can: the code is run."""

import re
from pathlib import Path
from typing import Any

import pytest

from emoloom.corpora.check import check_data
from emoloom.corpora.labels import load_space
from emoloom.corpora.layouts import OTHER
from emoloom.errors import UserError

pandas = pytest.importorskip("pandas")

TEXTS = ["so glad of it", "so angry at him", "nothing much at all"]
FLAGS = {"joy": [True, False, False], "anger": [False, True, False]}


def written(table: Any, path: Path) -> Path:
    """A table in the format that the name says."""
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow")
        table.to_parquet(path)
    elif path.suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def advised(path: Path) -> str:
    with pytest.raises(UserError, match="no column of ") as raised:
        check_data(path)
    (code,) = re.findall(r"`(import pandas; .*)`", raised.value.do)
    return str(code)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("as_type", [bool, int, float])
def test_a_column_for_each_label_becomes_a_column_of_labels(tmp_path, kind, as_type):
    flags = {name: list(map(as_type, values)) for name, values in FLAGS.items()}
    table = pandas.DataFrame({"id": [1, 2, 3], "text": TEXTS, **flags})
    path = written(table, tmp_path / f"it's flags.{kind}")
    exec(advised(path), {})
    found = check_data(tmp_path / "it's flags-labels.jsonl", load_space("ekman7"))
    assert dict(found.labels) == {"anger": 1, "joy": 1, "neutral": 1}
    assert (found.rows, found.rejected) == (3, 0)


@pytest.mark.parametrize("column", ["joy", "is joy"])
def test_one_column_of_flags_is_one_label(tmp_path, column):
    table = pandas.DataFrame({"text": TEXTS, column: FLAGS["joy"]})
    with pytest.raises(UserError, match=r"1 column holds 0 and 1, or true and false, alone \("):
        check_data(written(table, tmp_path / "a.csv"))


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("keyed", [True, False])
def test_texts_and_labels_of_two_files_are_joined(tmp_path, kind, keyed):
    key = {"id": ["a", "b", "c"]} if keyed else {}
    labels = ["joy", "anger", "neutral"]
    order = [2, 0, 1] if keyed else [0, 1, 2]
    halves = [
        pandas.DataFrame({**key, "text": TEXTS}),
        pandas.DataFrame({**key, "label": labels}).iloc[order].reset_index(drop=True),
    ]
    paths = [written(one, tmp_path / f"{n}.{kind}") for n, one in enumerate(halves)]
    for path, other in zip(paths, reversed(paths), strict=True):
        exec(advised(path).replace(repr(OTHER), repr(str(other))), {})
        joined = tmp_path / f"{path.stem}-joined.csv"
        assert check_data(joined, load_space("ekman7")).rows == 3
        table = pandas.read_csv(joined)
        assert dict(zip(table["text"], table["label"], strict=True)) == dict(
            zip(TEXTS, labels, strict=True)
        )
