"""Layouts that users' files have: index columns, ids beside names, lists, classes, workbooks."""

import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.check import check_data
from emoloom.corpora.check_text import describe
from emoloom.corpora.guess import guess_mapping
from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import check_file
from emoloom.corpora.own_rows import ReadAs, own_items
from emoloom.corpora.reading import ReadResult, collect
from emoloom.errors import UserError
from tiny_screen import call

SPACE = load_space("goemotions28")
BARE = load_space("empathetic32")
assert "neutral" not in BARE.labels


def write(folder: Path, text: str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, space=SPACE, read_as: ReadAs | None = None, **mapping) -> ReadResult:
    settings = MappingConfig.model_validate({"text": "text", "labels": "labels", **mapping})
    return collect(own_items(path, settings, "train", space, read_as))


# An index column


@pytest.mark.parametrize("header", [",text,labels", '"","text","labels"', "Unnamed: 0,text,labels"])
def test_an_index_column_is_read_and_means_nothing(tmp_path, header):
    path = write(tmp_path, f"{header}\n0,so glad,joy\n0,so sad,sadness\n")
    guess = guess_mapping(path, SPACE)
    assert (guess.text, guess.labels, guess.id) == ("text", "labels", None)
    assert [row.id for row in read(path).rows] == ["mine/2", "mine/3"]
    assert check_data(path).rows == 2


@pytest.mark.parametrize("header", [",text,", "text,,labels", ",", ""])
def test_no_other_column_may_go_without_a_name(tmp_path, header):
    with pytest.raises(UserError, match=r"no line of column names.*but the first one's, an index"):
        check_data(write(tmp_path, f"{header}\na,b,joy\n"))


# Lists and ids


@pytest.mark.parametrize("cell", ["['joy', 'love']", '[""joy"", ""love""]', "['joy' 'love']"])
def test_a_printed_list_is_a_list(tmp_path, cell):
    path = write(tmp_path, f'text,labels\nso glad,"{cell}"\n')
    assert [row.answer.labels for row in read(path).rows] == [("joy", "love")]
    assert dict(check_data(path).labels) == {"joy": 1, "love": 1}


@pytest.mark.parametrize("cell", ["[9, 25]", "[0 2]", "[27]"])
@pytest.mark.parametrize("labels", ["goemotions28", None])
def test_ids_are_refused_alike_by_data_check_and_check(tmp_path, monkeypatch, cell, labels):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, f'text,labels\nso glad,"{cell}"\n')
    said = f"labels = '{cell}', a list of numbers; allowed: the names of"
    options = [] if labels is None else ["--labels", labels]
    called = call("data", "check", path, *options)
    assert (called.code, said in called.err) == (2, True), called.err
    part = {"file": str(path), "mapping": {"text": "text", "labels": "labels"}}
    data = {"train": [part], "select": [{"file": str(path)}]}
    config = {"name": "ids", "data": data, "models": ["random:tiny@1"]}
    write(tmp_path, json.dumps(config), "ids.yaml")
    for command in (("check", "ids.yaml"), ("screen", "ids.yaml", "--out", tmp_path / "run")):
        called = call(*command)
        assert (called.code, called.err.count(said)) == (2, 2), called.err


HALF_EMPTY = {
    "[3]": ", a list of numbers; allowed: names of labels; do: write the names of the labels",
    "['happy']": "; allowed: the names of ekman7; do: give a label space that has these",
    "[{'id': 3}]": "; allowed: the names of ekman7; do: give a label space that has these",
}
"""Cell of a half of the records, where the other half are `[]` -> what is said."""


@pytest.mark.parametrize("cell", HALF_EMPTY)
def test_empty_lists_alone_are_no_set_of_neutral(tmp_path, monkeypatch, cell):
    """They are `neutral` beside labels that can be read, and all that is left where none can."""
    monkeypatch.chdir(tmp_path)
    lines = "".join(f'glad {n},"{cell}"\nodd {n},[]\n' for n in range(4))
    write(tmp_path, f"text,labels\n{lines}", "ids.csv")
    write(tmp_path, "text,labels\nso sad,sadness\n", "dev.csv")
    said = "ids.csv: none of its 4 labelled records can be read, and the 4 others are annotated "
    part = {"file": "ids.csv"}
    frozen = part | {"mapping": {"text": "text", "labels": "labels"}}
    commands = [("data", "check", "ids.csv", "--labels", "ekman7")]
    commands += [("data", "check", "ids.csv")] if cell == "[3]" else []
    for name, train in (("guessed", part), ("frozen", frozen)):
        data = {"train": [train], "select": [{"file": "dev.csv"}]}
        config = {"name": "ids", "labels": "ekman7", "data": data, "models": ["random:tiny@1"]}
        write(tmp_path, json.dumps(config), f"{name}.yaml")
        commands += [("check", f"{name}.yaml"), ("data", "build", f"{name}.yaml", "--out", "rows")]
    for command in commands:
        called = call(*command)
        assert called.code == 2, called
        assert said in called.err
        assert HALF_EMPTY[cell] in called.err


@pytest.mark.parametrize("last", ["joy", "['joy']"])
def test_empty_lists_beside_labels_are_neutral(tmp_path, last):
    path = write(tmp_path, f'text,labels\na b,[]\nc d,[3]\ne f,"{last}"\n')
    found = check_data(path, load_space("ekman7"))
    assert (dict(found.labels), found.rejected) == ({"joy": 1, "neutral": 1}, 1)


def test_ids_that_a_label_space_has_as_names_are_names(tmp_path):
    space = load_space(str(write(tmp_path, '{"name": "s", "labels": ["0", "1", "2"]}', "s.json")))
    path = write(tmp_path, 'text,labels\nso glad,"[2, 0]"\n')
    assert [row.answer.labels for row in read(path, space).rows] == [("0", "2")]


def test_a_bracket_left_over_is_no_label_of_any_space(tmp_path):
    path = write(tmp_path, "text,labels\nso glad,[9\nso glad,27]\nso odd,Zorn\n")
    found = check_data(path)
    assert (dict(found.labels), found.rejected) == ({"Zorn": 1}, 2)


@pytest.mark.parametrize(
    ("columns", "values", "labels"),
    [
        ("label,emotion", "1,joy", "emotion"),
        ("label,label_text", "1,joy", "label_text"),
        ("label,emotion", "joy,1", "label"),
        ("label,emotion", "Zorn,joy", "label"),
        ("label,emotion", "1,Zorn", "label"),
        ("label,emotion", "[1],joy", "emotion"),
    ],
)
def test_names_are_guessed_before_ids(tmp_path, columns, values, labels):
    path = write(tmp_path, f"text,{columns}\nso glad,{values}\n")
    assert guess_mapping(path, None).labels == labels


def test_names_are_guessed_before_numbers_of_json(tmp_path):
    path = write(tmp_path, '{"text": "so glad", "label": 1, "emotion": "joy"}\n', "mine.jsonl")
    assert guess_mapping(path, None).labels == "emotion"


# Annotated, none


@pytest.mark.parametrize("cell", ["[]", '"[]"', "null", '""'])
def test_an_empty_list_is_none_and_nothing_is_not_annotated(tmp_path, cell):
    line = f'{{"text": "at nine", "labels": {cell}, "v": 1, "a": 0, "d": 0}}\n'
    path = write(tmp_path, line, "mine.jsonl")
    rated = {"valence": "v", "arousal": "a", "dominance": "d"}
    read_as = ReadAs()
    (row,) = read(path, read_as=read_as, **rated).rows
    annotated = "[]" in cell
    assert row.answer.labels == (("neutral",) if annotated else None)
    assert (read_as.neutral, row.answer.vad is not None) == (annotated, True)
    bare = read(path, BARE, **rated)
    assert (len(bare.rows), len(bare.rejected)) == ((0, 1) if annotated else (1, 0))
    if annotated:
        assert "an annotated row without any; allowed: at least one of empathetic32; with" in (
            bare.rejected[0].reason
        )


def test_what_is_read_as_something_else_is_counted_and_said(tmp_path):
    lines = [
        '{"text": "at nine", "labels": []}',
        '{"text": "at ten", "labels": "[]"}',
        '{"text": "so glad", "labels": ["Joy", "love"]}',
        '{"text": "so sad", "labels": "SADNESS"}',
    ]
    path = write(tmp_path, "\n".join(lines) + "\n", "mine.jsonl")
    found = check_data(path)
    assert found.to_dict()["read_as"] == {"neutral": 2, "other_case": 2}
    said = "\n".join(describe(path, found))
    assert "rows annotated with no label, read as 'neutral': 2" in said
    assert "labels in another case, read as the label space has them: 2" in said


# Parquet


def parquet(folder: Path, columns: dict, features: object = None) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    table = pa.table(columns)
    if features is not None:
        info = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": info})
    pq.write_table(table, folder / "mine.parquet")
    return folder / "mine.parquet"


NAMED = {"names": ["sadness", "joy", "love"], "_type": "ClassLabel"}


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": NAMED, "length": -1, "_type": "Sequence"},
        {"feature": NAMED, "_type": "List"},
        [NAMED],
    ],
)
def test_class_numbers_have_their_names_in_the_file(tmp_path, feature):
    texts = ["so glad", "so sad", "at nine"]
    one = parquet(tmp_path, {"text": texts, "labels": [1, 0, -1]}, {"labels": NAMED})
    result = read(one)
    assert [row.answer.labels for row in result.rows] == [("joy",), ("sadness",)]
    assert "neither a label nor VAD" in result.rejected[0].reason, "-1 is a label that is missing"
    many = parquet(tmp_path, {"text": texts, "labels": [[1, 2], [0], []]}, {"labels": feature})
    assert guess_mapping(many, None).labels == "labels"
    found = [row.answer.labels for row in read(many).rows]
    assert found == [("joy", "love"), ("sadness",), ("neutral",)]


@pytest.mark.parametrize(
    "features",
    [None, [], {"labels": None}, {"labels": {"names": [1], "_type": "ClassLabel"}}, {"x": NAMED}],
)
def test_class_numbers_without_names_are_refused(tmp_path, features):
    path = parquet(tmp_path, {"text": ["so glad"], "labels": [1]}, features)
    assert "labels = 1; allowed: names" in read(path).rejected[0].reason


def test_a_class_number_beyond_the_names_is_refused(tmp_path):
    path = parquet(tmp_path, {"text": ["so glad"], "labels": [3]}, {"labels": NAMED})
    assert "labels = 3" in read(path).rejected[0].reason


def test_decimals_are_numbers(tmp_path):
    rating = [Decimal("3.1"), None]
    path = parquet(
        tmp_path,
        {
            "id": [Decimal(7), Decimal(8)],
            "text": ["so glad", "so sad"],
            **{"v": rating, "a": rating, "d": [Decimal("3.25"), None]},
        },
    )
    guess = guess_mapping(path, None)
    assert guess.vad_scale == (1.0, 5.0)
    result = collect(own_items(path, guess, "train", None))
    (row,) = result.rows
    assert (row.id, row.answer.vad.v, row.answer.vad.d) == ("mine/7", 0.525, 0.5625)
    assert "neither a label nor VAD" in result.rejected[0].reason


# What is no table


def test_a_workbook_is_no_archive(tmp_path):
    for name, member, said in (
        ("mine.xlsx", "xl/workbook.xml", "is an Excel workbook; allowed: a text file; do: save"),
        ("mine.csv", "xl/workbook.bin", "is an Excel workbook"),
        ("mine.zip", "mine.csv", "is an archive; got: zip"),
    ):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a", "x" * 100_000)
            archive.writestr(member, "x")
            archive.writestr("b", "x" * 10_000)
        with pytest.raises(UserError, match=said):
            check_file(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "mine.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(UserError, match="is an OpenDocument spreadsheet"):
        check_file(tmp_path / "mine.ods")
    (tmp_path / "mine.xls").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 600)
    with pytest.raises(UserError, match=r"Excel workbook or another file of old Office.*as CSV"):
        check_data(tmp_path / "mine.xls")


@pytest.mark.parametrize(
    ("text", "do"),
    [
        ("id|text|label\n1|so glad|joy\n", "commas or tabs: fields seem to be parted by bars"),
        ("text;label\nso glad;joy\n", "fields seem to be parted by semicolons"),
        (
            "text,anger,joy,love\nso glad of it,0,1,0\n",
            "into one column (`joy,love`): 3 columns hold 0 and 1, or true and false, alone "
            "(anger, joy, love), which seem to be a label each",
        ),
        ("so very glad of it,17,a\nso sad,25,b\n", "put a line of column names first"),
        ("so very glad\nso very sad\n", "put a line of column names first"),
        ("text,x\nso glad of it,y\n", "name the columns in `mapping`, labels too (`labels: x`)"),
        ("label,x\njoy,y\n", "name the columns in `mapping`, text too (`text: x`)"),
        ("u,x\na,y\n", "name the columns in `mapping`; where another file has the texts or "),
        ("text\nso glad of it\n", "has texts and no other column; where another file has its lab"),
        ("id,label\n1,joy\n", "has labels and no other column; where another file has its texts, "),
    ],
)
def test_what_to_do_with_a_layout_that_no_mapping_says(tmp_path, text, do):
    with pytest.raises(UserError) as raised:
        check_data(write(tmp_path, text))
    assert do in raised.value.do


def test_a_csv_that_is_parted_by_tabs_is_a_tsv(tmp_path):
    path = write(tmp_path, "text\tlabel\nso glad, I\tjoy\n")
    assert guess_mapping(path, None).format == "tsv"
    assert check_data(path).rows == 1


def test_no_split_is_claimed_where_none_is_stated(tmp_path):
    path = write(tmp_path, "text,label\nso glad,joy\n")
    assert "by split: none stated; a row set that names the file takes all of it" in describe(
        path, check_data(path)
    )
    path = write(tmp_path, "text,label,split\nso glad,joy,valid\n")
    assert "by split: dev 1" in describe(path, check_data(path))
