"""Whether quotes of a TSV are quoting or text: told from the file, or asked for."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.check import check_data
from emoloom.corpora.check_text import describe
from emoloom.corpora.guess import guess_mapping
from emoloom.corpora.labels import load_space
from emoloom.corpora.own_rows import own_items
from emoloom.corpora.quoting import are_quoted
from emoloom.corpora.reading import collect
from emoloom.errors import UserError
from tiny_screen import assert_user_error, call

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
HEAD = "text\tlabel\n"
LABELS = "joy", "anger", "sadness"


def write(folder: Path, text: str, name: str = "mine.tsv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


QUOTED = {
    "doubled inside": HEAD + '"She said ""never again"" and left"\tanger\nfine\tjoy\n',
    "a line end": HEAD + '"I am so\nglad today"\tjoy\nfine\tjoy\n',
    "a line end, text last": 'label\ttext\njoy\t"I am so\nglad today"\nsadness\tno\n',
    "an empty line inside": HEAD + '"I am\n\nglad"\tjoy\n',
    "a tab": HEAD + '"so\tglad"\tjoy\nfine\tjoy\n',
    "every field": '"text"\t"label"\n"so glad"\t"joy"\n',
    "some fields": HEAD + '"so glad, I am"\tjoy\nfine\tjoy\n',
    "carriage returns": 'text\tlabel\r\n"I am so\r\nglad"\tjoy\r\n',
    "a byte-order mark": '\ufeff"text"\tlabel\nso glad\tjoy\n',
    "far down": HEAD + "fine\tjoy\n" * 200_000 + '"I am so\nglad"\tjoy\n',
}

RAW = {
    "no quote": HEAD + "fine\tjoy\n",
    "inside alone": HEAD + 'she said "no" to me\tjoy\n',
    "never closed": HEAD + '"so glad\tjoy\nso "sad"\tsadness\n',
    "closed too soon": HEAD + '"so" glad\tjoy\nfine\tjoy\n',
    "whole texts beside quotes inside": HEAD + '"Be yourself."\tjoy\nhe said "no"\tanger\n',
    # As CSV three of these rows would be one, without a word.
    "rows that quoting would swallow": HEAD
    + '"so glad\tjoy\nfine\tanger\nso great"\tjoy\na "word"\tjoy\n',
}

UNCLEAR = {
    "rows, or one record": HEAD + 'fine\tjoy\n"so glad\tjoy\nfine\tanger\nso great"\tjoy\n',
    "half a record, and no CSV": HEAD + '"so" glad\tjoy\n"I am so\nglad today"\tjoy\n',
    "doubled inside, and no CSV": HEAD + '"so" glad\tjoy\n"I ""am"" so"\tjoy\n',
    "hidden by a quote never closed": HEAD + '"so glad\tjoy\n"I am so\nglad today"\tjoy\n',
    "every field but one": '"text"\t"label"\n"so glad"\t"joy"\n"he "hi" there"\t"joy"\n',
}


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED)
def test_what_a_writer_of_csv_leaves_is_quoting(tmp_path, text):
    path = write(tmp_path, text)
    assert are_quoted(path, "\t")
    assert guess_mapping(path, None).quotes is True


@pytest.mark.parametrize("text", RAW.values(), ids=RAW)
def test_what_no_writer_of_csv_leaves_is_text(tmp_path, text):
    path = write(tmp_path, text)
    assert not are_quoted(path, "\t")
    assert guess_mapping(path, None).quotes is None
    found = check_data(path)
    assert found.rows == found.records == text.count("\n") - 1, "every line is a row"


@pytest.mark.parametrize("text", UNCLEAR.values(), ids=UNCLEAR)
def test_what_could_be_both_is_asked_for_everywhere(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, text)
    part = {"file": str(path), "mapping": {"text": "text", "labels": "label"}}
    for name, mapping in (("guessed", {}), ("told", part)):
        item = {"file": str(path), **mapping}
        config = {
            "name": name,
            "data": {"train": [item], "select": [item]},
            "models": ["random:tiny@1"],
            "labels": "ekman7",
        }
        write(tmp_path, json.dumps(config), f"{name}.yaml")
    wanted = "cannot be told whether double quotes", "`quotes: true` or `quotes: false`", "line 3"
    assert_user_error(call("data", "check", path), *wanted)
    for name in ("guessed", "told"):
        assert_user_error(call("check", f"{name}.yaml"), "data.train.0", *wanted)
        assert_user_error(call("screen", f"{name}.yaml", "--out", tmp_path / "run"), *wanted)
    assert not (tmp_path / "run").exists()


def test_the_setting_is_obeyed(tmp_path):
    path = write(tmp_path, UNCLEAR["doubled inside, and no CSV"])
    rows = {}
    for quotes in (True, False):
        mapping = MappingConfig(text="text", labels="label", quotes=quotes)
        result = collect(own_items(path, mapping, "train", load_space("ekman7")))
        rows[quotes] = [row.text for row in result.rows]
    assert rows == {True: ['I "am" so'], False: ['"so" glad', '"I ""am"" so"']}


def test_quoting_that_was_told_is_said(tmp_path):
    path = write(tmp_path, QUOTED["a line end"])
    said = "\n".join(describe(path, check_data(path)))
    assert "quotes: true" in said
    assert "its fields stand in double quotes, as CSV writes them, and are read so" in said


_TEXTS = st.text(st.sampled_from('ab" \t\n'), min_size=1, max_size=8).filter(str.strip)


@settings(deadline=None)
@given(st.lists(st.tuples(_TEXTS, st.sampled_from(LABELS)), min_size=1, max_size=6))
def test_whatever_the_csv_module_writes_is_read_whole_or_refused(tmp_path_factory, rows):
    stream = io.StringIO()
    csv.writer(stream, delimiter="\t", lineterminator="\n").writerows([("text", "label"), *rows])
    path = write(tmp_path_factory.mktemp("any"), stream.getvalue())
    mapping = MappingConfig(text="text", labels="label")
    if any("\t" in text and "\n" in text for text, _ in rows):
        # Such a text can be cut into rows that are as sound.
        try:
            are_quoted(path, "\t")
        except UserError:
            return
    result = collect(own_items(path, mapping, "train", load_space("ekman7")))
    assert [(row.text, row.answer.labels) for row in result.rows] == [(t, (x,)) for t, x in rows]


def test_the_real_files_of_tabs():
    folder = SHARED / "goemotions"
    if not folder.exists():
        pytest.skip("../shared/data is absent: real TSV files cannot be looked at")
    assert all(are_quoted(folder / f"{split}.tsv", "\t") for split in ("train", "dev", "test"))
    assert not are_quoted(SHARED / "nrc_vad/NRC-VAD-Lexicon.txt", "\t")
