"""Files that are no lines of texts, though some of their lines could be read as such."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from emoloom.errors import UserError
from emoloom.prediction.inputs import Text, ready_lines
from emoloom.prediction.texts_in import Reading, read_files, read_items

RECORDS = [{"text": "so glad"}, {"text": "so sad"}]


def zipped(member: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(member, "so glad\nso sad\n")
    return held.getvalue()


BINARY = {
    "UTF-16": "so glad\nso sad\n".encode("utf-16"),
    "Parquet": b"PAR1\x15\x04so glad\nso sad\nPAR1",
    "old Office": bytes.fromhex("d0cf11e0a1b11ae1") + b"\nso glad\n",
    "zip": zipped("texts.txt"),
    "gzip": b"\x1f\x8b\nso glad\n",
    "PDF": b"%PDF-1.7\nso glad\n",
}


@pytest.mark.parametrize("kind", BINARY)
@pytest.mark.parametrize("name", ["few.txt", "few.csv", "few"])
def test_a_file_that_is_no_text_is_refused_before_a_model_is_loaded(tmp_path, kind, name):
    path = tmp_path / name
    path.write_bytes(BINARY[kind])
    with pytest.raises(UserError, match=kind) as raised:
        read_files([path], Reading())
    assert str(path) in str(raised.value)
    assert raised.value.do


def test_so_is_such_a_stream():
    for kind, data in BINARY.items():
        with pytest.raises(UserError, match=rf"^stdin holds no lines of UTF-8 text; got: .*{kind}"):
            list(read_items(ready_lines(io.BytesIO(data)), Reading()))


def test_a_workbook_is_to_be_saved_as_csv(tmp_path):
    path = tmp_path / "few.xlsx"
    path.write_bytes(zipped("xl/workbook.xml"))
    with pytest.raises(UserError, match=r"is an Excel workbook; .* save the sheet as CSV UTF-8"):
        read_files([path], Reading())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (json.dumps(RECORDS), "one JSON list"),
        (json.dumps(RECORDS, indent=1), "one JSON list"),
        ("[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n", "one JSON list"),
        (json.dumps(RECORDS[0], indent=1), "one JSON object over many lines"),
        (json.dumps({"data": RECORDS}, indent=1), "one JSON object that holds a list in 'data'"),
        ("".join(map(json.dumps, RECORDS)), "several JSON objects that are not one a line"),
    ],
)
def test_json_that_is_not_in_lines_is_told_the_command_that_mends_it(tmp_path, text, what):
    path = tmp_path / "few.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as raised:
        read_files([path], Reading())
    assert str(raised.value).startswith(f"{path} is {what}; allowed: JSON Lines")
    assert f"< {path} > {path}l" in raised.value.do


@pytest.mark.parametrize(
    "text",
    ['{"text": "so glad"}\n', '{\n{"text": "so glad"}\n', '[1]\n{"text": "so glad"}\n'],
)
def test_a_bad_line_is_no_reason_to_refuse_the_others(tmp_path: Path, text):
    path = tmp_path / "few.jsonl"
    path.write_text(text, encoding="utf-8")
    assert [one.text for one in read_files([path], Reading()) if isinstance(one, Text)] == [
        "so glad"
    ]
