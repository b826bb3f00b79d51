"""CSV and TSV as they arrive, the column of texts, and what each stream is taken for."""

import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.errors import UserError
from emoloom.prediction.inputs import MOST_BYTES, BadLine, Item, Text, ready_lines
from emoloom.prediction.separated import separated_records
from emoloom.prediction.texts_in import Reading, read_files, read_items


def read(data: bytes, form="auto", column=None, name="stdin") -> tuple[list[Item], list[str]]:
    said: list[str] = []
    lines = ready_lines(io.BytesIO(data))
    path = None if name == "stdin" else Path(name)
    return list(read_items(lines, Reading(form, column, said.append), path)), said


def table(rows, **how) -> bytes:
    out = io.StringIO()
    csv.writer(out, **how).writerows(rows)
    return out.getvalue().encode()


FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(FIELDS, min_size=2, max_size=3), max_size=6),
    waits=st.sets(st.integers(0, 30)),
)
def test_records_are_those_of_the_csv_module_whatever_the_waits(rows, waits):
    data = table(rows, lineterminator="\n")

    def lines():
        for number, line in enumerate(data.split(b"\n")[:-1]):
            if number in waits:
                yield None
            yield line

    found = separated_records(lines(), delimiter=",", quotes=True)
    assert [one for one in found if one is not None] == rows


def test_tabs_and_no_quotes_in_tsv():
    found, said = read(b'id\ttext\n7\t"a, b\n8\t"c"\n', name="x.TSV")
    assert found == [Text("7", '"a, b'), Text("8", '"c"')]
    assert said == [
        "x.TSV: TSV (not quoted) with a header, texts from column 'text', ids from column 'id'"
        " (--format says otherwise)"
    ]


def test_quotes_of_a_tsv_are_told_from_the_file_as_of_a_corpus(tmp_path):
    path, said = tmp_path / "x.tsv", []
    path.write_bytes(table([["text", "n"], ['she said "no"', "1"], ["a\tb", "2"]], delimiter="\t"))
    found = list(read_files([path], Reading("auto", None, said.append)))
    assert [one.text for one in found if one] == ['she said "no"', "a\tb"]
    assert "TSV (quoted)" in said[0]
    path.write_text('text\tn\n"no\t1\nfine\t2\n', encoding="utf-8")
    found = list(read_files([path], Reading()))
    assert [one.text for one in found if one] == ['"no', "fine"]
    path.write_bytes(b'text\tn\n"caf\xe9"\t1\nfine\t2\n')
    bad, good = (one for one in read_files([path], Reading()) if one)
    assert (bad.error, good.text) == ("not UTF-8: byte 0xe9", "fine")


def test_ids_are_the_column_or_the_records_numbers():
    data = table([["id", "text"], ["a", "one\ntwo"], ["", "x"], ["b" * 1001, "x"], ["c", ""]])
    found, said = read(data, "csv")
    assert found[0] == Text("a", "one\ntwo")
    assert [one.id for one in found] == ["a", "stdin:2", "stdin:3", "c"]
    assert all(isinstance(one, BadLine) for one in found[1:])
    assert said == ["stdin: CSV with a header, texts from column 'text', ids from column 'id'"]
    found, said = read(b"\xef\xbb\xbf text ,more\r\none,1\r\n\r\ntwo\r\nthree,3\r\n", "csv")
    assert [one.id for one in found] == [1, 2, 3, 4]
    assert found[0] == Text(1, "one")
    assert [one.error for one in found[1:3]] == [
        "an empty line",
        "1 columns; allowed: 2, as in the header",
    ]
    assert said[0].endswith("ids the numbers of its records")


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (b'"a" b,1', "no CSV record"),
        (b'"' + b"x" * 140_000 + b'",1', "no CSV record: field larger"),
        (b"x" * (MOST_BYTES + 1) + b",1", "no CSV record: a record of over"),
        (b'"caf\xe9\nau lait",1', "not UTF-8: byte 0xe9"),
        (b",1", "`text` is empty"),
        ("\u200b ,1".encode(), "`text` is empty"),
        (b"1,2,3", "3 columns; allowed: 2"),
    ],
)
def test_a_bad_record_is_an_error_and_the_last_one_is_read(bad, error):
    found, _ = read(b"text,n\nfirst,0\n" + bad + b"\nlast,2\n", "csv")
    assert found[0] == Text(1, "first")
    assert isinstance(found[1], BadLine)
    assert found[1].error.startswith(error)
    assert found[-1].text == "last"
    assert all(isinstance(one, BadLine) for one in found[1:-1])


def test_a_quote_that_is_never_closed_is_an_error():
    found, _ = read(b'text,n\na,1\n"b,2\nc,3\n', "csv")
    assert found[0] == Text(1, "a")
    assert found[1:] == [BadLine(2, "no CSV record, over 2 lines: unexpected end of data")]


def test_a_field_without_end_is_not_held():
    found, _ = read(b'text,n\n"' + b"x\n" * 200_000, "csv")
    assert all(isinstance(one, BadLine) for one in found)
    assert found[0].error == (
        "no CSV record, over 65537 lines: field larger than field limit (131072)"
    )


@pytest.mark.parametrize(
    ("data", "name", "texts"),
    [
        (b"id,text\n1,a\n", "stdin", ["a"]),
        (b"label\tTweet\nx\ta\n", "stdin", ["a"]),
        (b'"id","comment"\n1,a\n', "notes.txt", ["a"]),
        (b"text\na\n", "stdin", ["text", "a"]),
        (b"Well, text me\na\n", "stdin", ["Well, text me", "a"]),
        (b"love,hate\na\n", "stdin", ["love,hate", "a"]),
        (b"text,text\na\n", "stdin", ["text,text", "a"]),
        (b"text\na\n", "x.csv", ["a"]),
        (b"text\tn\na,b\t1\n", "x.csv", ["a,b"]),
        (b'{"text": "a"}\n', "x.ndjson", ["a"]),
        (b'{"text": "a"}\n', "x.txt", ["a"]),
        (b"{ \n", "x.log", []),
    ],
)
def test_what_a_stream_is_taken_for(data, name, texts):
    found, said = read(data, name=name)
    assert [one.text for one in found if isinstance(one, Text)] == texts
    assert len(said) == 1
    assert said[0].startswith(f"{name}: ")
    assert said[0].endswith("(--format says otherwise)")


def test_a_column_of_another_name_is_guessed_as_data_check_does_or_named():
    data = table(
        [["n", "said", "who"], *[[f"{n}", f"a long sentence {n}", "Ann"] for n in range(3)]]
    )
    found, said = read(data, "csv")
    assert found == [Text(n + 1, f"a long sentence {n}") for n in range(3)]
    assert "texts from column 'said'" in said[0]
    found, said = read(data, "csv", "who")
    assert found == [Text(n, "Ann") for n in (1, 2, 3)]
    assert read(data, column="who")[0] == found  # the named column tells a header
    assert read(b'{"said": "x"}\n{"text": "y"}', column="said")[0] == [
        Text(1, "x"),
        BadLine(2, "no key `said`"),
    ]


def test_columns_like_the_guessed_one_are_named():
    turns = [[f"{n}", f"you came at last {n}", f"and then we sang again {n}"] for n in range(3)]
    found, said = read(table([["id", "turn1", "turn2"], *turns]), "csv")
    assert found[0] == Text("0", "and then we sang again 0")
    assert said[0].startswith("stdin: texts are read from 'turn2' alone; left out, though like ")
    assert said[0].endswith("texts: 'turn1'; --column names another")
    assert len(read(table([["id", "turn1", "turn2"], *turns]), "csv", "turn1")[1]) == 1


@pytest.mark.parametrize(
    ("data", "form", "column", "message"),
    [
        (b"a,b\n1,2\n", "csv", None, "no column that looks like texts; got: 'a, b'"),
        (b"a,b\n1,2\n", "csv", "c", "no column 'c'"),
        (b"text,text\n1,2\n", "csv", None, "more than one column 'text'"),
        (b'"a\n', "csv", None, "no line of column names"),
        (b"plain\n", "text", "c", "plain texts have no column 'c'"),
        (b"plain\n", "auto", "c", "plain texts have no column 'c'"),
    ],
)
def test_a_column_that_is_not_there_is_said(data, form, column, message):
    with pytest.raises(UserError, match=message):
        read(data, form, column)


def test_a_column_that_is_not_there_is_said_of_every_file_at_once(tmp_path):
    for name, text in (("one.csv", "text,n\na,1\n"), ("two.csv", "n,m\n1,2\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    said: list[str] = []
    with pytest.raises(UserError, match=r"two\.csv has no column"):
        read_files([tmp_path / "one.csv", tmp_path / "two.csv"], Reading("auto", None, said.append))
    assert said == []


@pytest.mark.parametrize("name", ["text", "remark"])
def test_a_record_comes_while_the_pipe_is_open(name):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream:
        items = read_items(ready_lines(stream), Reading("csv"))
        assert next(items) is None
        os.write(writing, f"n,{name}\n".encode())
        assert next(items) is None
        os.write(writing, b'1,a sentence to read\n2,"half a')
        assert next(items) == Text(1, "a sentence to read")
        assert next(items) is None  # so that the first is answered
        os.write(writing, b' record"\n')
        assert next(items) == Text(2, "half a record")
        assert next(items) is None
        os.close(writing)
        assert list(items) == []
