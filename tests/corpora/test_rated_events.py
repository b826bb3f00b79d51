"""Readers of crowd-enVENT and ISEAR: every record is used, counted, or rejected with a reason."""

import csv
from pathlib import Path

import numpy as np
import pytest

from emoloom.corpora.crowd_envent import read_crowd_envent
from emoloom.corpora.isear import read_isear
from emoloom.corpora.near_duplicates import near_duplicate_groups
from emoloom.corpora.rated_events import RatingsRead
from emoloom.errors import UserError
from rated_files import ENVENT_ITEMS, ISEAR_HEADER, envent_folder, isear_file, table

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
COLUMNS = ["emotion", "text_id", "hidden_emo_text", *ENVENT_ITEMS]
SOUND = ["joy", "7", "I felt ... when I won", 5, 3, 1, 2]


def envent(tmp_path: Path, *rows: list[object], readers: tuple[list[object], ...] = ()):
    text = table([COLUMNS, *rows])
    (tmp_path / "enVent_gen_Data.csv").write_text(text, encoding="utf-8")
    if readers:
        read = table([["text_id", *ENVENT_ITEMS], *readers])
        (tmp_path / "enVent_val_Data.csv").write_text(read, encoding="utf-8")
    return read_crowd_envent(tmp_path)


def isear(tmp_path: Path, *records: str) -> RatingsRead:
    path = tmp_path / "isear.csv"
    path.write_text("\n".join((ISEAR_HEADER, *records)) + "\n", encoding="utf-8")
    return read_isear(path)


def test_crowd_envent_rows(tmp_path):
    read = envent(
        tmp_path,
        SOUND,
        ["fear", "8", 'He said "run", and\nI ran', 1, 1, 1, 1],
        readers=(["7", 3, 3, 3, 3], ["7", 1, 3, 5, 5]),
    )
    first, second = read.rows
    assert read.atoms == ("goal_attainment", "controllability", "certainty")
    assert (first.id, first.text) == ("crowd-envent/7", "I felt when I won")
    assert first.own == (1.0, 0.5, 0.125)
    assert first.pooled == pytest.approx(((1 + 0.5 + 0) / 3, 0.5, (0.125 + 0.5 + 1) / 3), abs=1e-15)
    assert second.text == 'He said "run", and I ran'
    assert second.own == second.pooled == (0.0, 0.0, 0.0)
    assert (read.records_in, read.readings, read.rejected) == (4, 2, ())
    assert [file.name for file in read.files] == ["enVent_gen_Data.csv", "enVent_val_Data.csv"]
    # What else was said: 22 ratings (those in the file not 0), then 13 emotions.
    assert len(first.related) == 35
    assert sum(first.related[22:]) == 1
    assert first.related[22:].index(1.0) == 5


def test_the_official_texts_are_cp1252(tmp_path):
    path = envent_folder(tmp_path / "made", rows=4) / "enVent_gen_Data.csv"
    quote = "I didn’t feel"
    path.write_bytes(path.read_bytes().replace(b"I felt", quote.encode("cp1252")))
    as_cp1252 = read_crowd_envent(path).rows
    path.write_text(path.read_text(encoding="cp1252"), encoding="utf-8-sig")
    assert read_crowd_envent(path).rows == as_cp1252
    assert read_crowd_envent(path).rows[0].text.startswith("I didn’t feel when Anna")


@pytest.mark.parametrize(
    ("row", "got", "allowed"),
    [
        (["joy", "8", "text", 0, 3, 3, 3], "goal_support = '0'", "1 to 5"),
        (["joy", "8", "text", 3, 6, 3, 3], "self_control = '6'", "1 to 5"),
        (["joy", "8", "text", 3, 3, "", 3], "predict_event = ''", "1 to 5"),
        (["joy", "8", "text", 3, 3, 3, "3.5"], "predict_conseq = '3.5'", "1 to 5"),
        (["joy", "8", "text", 3, 3, 3, "٣"], "predict_conseq", "1 to 5"),
        (["joy", "8", "... .....", 3, 3, 3, 3], "the text ''", "at least one word"),
        (["joy", " ", "text", 3, 3, 3, 3], "no text_id", "an id"),
        (["joy", "7", "text", 3, 3, 3, 3], "the id '7' again", "each id once"),
        (["joy", "8", "text", 3, 3, 3], "6 columns", "7"),
        ([], "0 columns", "7"),
    ],
)
def test_bad_records_of_crowd_envent(tmp_path, row, got, allowed):
    read = envent(tmp_path, SOUND, row, ["joy", "9", "sound", 1, 2, 3, 4])
    assert [one.id for one in read.rows] == ["crowd-envent/7", "crowd-envent/9"]
    (bad,) = read.rejected
    assert (bad.source, bad.line) == ("enVent_gen_Data.csv", 3)
    assert got in bad.reason
    assert allowed in bad.reason
    assert read.records_in == 3


def test_a_reading_of_no_text_or_off_the_scale_is_rejected(tmp_path):
    read = envent(tmp_path, SOUND, readers=(["99", 3, 3, 3, 3], ["7", 9, 3, 3, 3], ["7"]))
    assert read.rows[0].pooled == read.rows[0].own
    assert (read.records_in, read.readings) == (4, 0)
    assert [bad.line for bad in read.rejected] == [2, 3, 4]
    assert "text_id '99'" in read.rejected[0].reason
    assert {bad.source for bad in read.rejected} == {"enVent_val_Data.csv"}


def test_isear_rows(tmp_path):
    read = isear(
        tmp_path,
        "1|1|3|3|2|anger|0001|When he  lied á and left.|1|",
        "1|1|1|1|2|joy|0002|My ánimo á",
        "was high.|1|",
        '2|1|1|2|2|guilt|0003|I said \\no\\" á|and "left"."|1|',
        "2|1|2|0|2|fear|0004|It was dark.|1|",
    )
    assert read.atoms == ("fairness",)
    assert [(row.id, row.text, row.own) for row in read.rows] == [
        ("isear/0001", "When he lied and left.", (0.0,)),
        ("isear/0002", "My ánimo was high.", (1.0,)),
        ("isear/0003", 'I said "no" and "left".', (0.5,)),
    ]
    assert (read.records_in, read.not_applicable, read.rejected) == (4, 1, ())
    assert all(row.own == row.pooled for row in read.rows)


@pytest.mark.parametrize(
    ("record", "got", "allowed"),
    [
        ("1|1|3|4|2|anger|0002|text|1|", "FAIR = '4'", "1 to 3"),
        ("1|1|3|-1|2|anger|0002|text|1|", "FAIR = '-1'", "1 to 3"),
        ("1|1|3||2|anger|0002|text|1|", "FAIR = ''", "1 to 3"),
        ("1|1|3|1|2|anger|0001|text|1|", "isear/0001' again", "each id once"),
        ("1|1|3|1|2|anger||text|1|", "MYKEY = ''", "letters and digits"),
        ("1|1|3|1|2|anger|0002| ... |1|", "the text '...'", "at least one word"),
        ("1|1|3|1|2|anger|0002|[ No response.]|1|", "No response", "one event in words"),
        ("1|1|3|1|2", "5 columns", "at least 10"),
    ],
)
def test_bad_records_of_isear(tmp_path, record, got, allowed):
    sound = "1|1|3|3|2|anger|0001|text|1|"
    read = isear(tmp_path, sound, record, "1|1|3|3|2|anger|0009|more text|1|")
    assert [row.id for row in read.rows] == ["isear/0001", "isear/0009"]
    (bad,) = read.rejected
    assert bad.line == 3
    assert got in bad.reason
    assert allowed in bad.reason


WRONG = (
    (b"", "is empty"),
    (b"emotion,text_id\njoy,1\n", "is not the official file"),
    ("emotion|text\nü\n".encode("utf-16"), "NUL byte"),
    (b"text,\x81\x8d\n", "neither UTF-8 nor cp1252"),
)


@pytest.mark.parametrize("read", [read_crowd_envent, read_isear])
@pytest.mark.parametrize(("data", "said"), WRONG)
def test_a_wrong_file_is_one_clear_error(tmp_path, read, data, said):
    path = tmp_path / "given.csv"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said):
        read(path)


@pytest.mark.parametrize("read", [read_crowd_envent, read_isear])
def test_a_folder_without_the_file_says_which_is_missing(tmp_path, read):
    with pytest.raises(UserError, match=r"there is no file .*(enVent_gen_Data|isear)\.csv"):
        read(tmp_path)


def test_a_file_without_a_usable_record(tmp_path):
    with pytest.raises(UserError, match=r"holds no text with ratings; got: line 2: .*FAIR = '9'"):
        isear(tmp_path, "1|1|3|9|2|anger|0002|text|1|")
    with pytest.raises(UserError, match="a header alone"):
        isear(tmp_path)


def test_made_files_count_right(tmp_path):
    read = read_crowd_envent(envent_folder(tmp_path / "envent", rows=40, readers=2))
    assert (len(read.rows), read.readings, read.records_in) == (40, 20, 60)
    read = read_isear(isear_file(tmp_path / "isear.csv", rows=24))
    assert (len(read.rows), read.not_applicable, read.records_in) == (22, 2, 24)


def test_official_crowd_envent():
    if not (SHARED / "crowd_envent").exists():
        pytest.skip("../shared/data is absent: the official crowd-enVENT cannot be read")
    read = read_crowd_envent(SHARED / "crowd_envent")
    assert (len(read.rows), read.readings, read.rejected) == (6600, 6000, ())
    assert sum(row.pooled != row.own for row in read.rows) <= 1200
    with (SHARED / "crowd_envent/enVent_gen_Data.csv").open(encoding="cp1252", newline="") as file:
        records = list(csv.DictReader(file))
    for row, record in zip(read.rows, records, strict=True):
        goal, control, *certain = (int(record[item]) for item in ENVENT_ITEMS)
        assert row.own == ((goal - 1) / 4, (control - 1) / 4, (sum(certain) - 2) / 8)
        assert row.id == f"crowd-envent/{record['text_id']}"
    assert {len(row.related) for row in read.rows} == {35}
    assert all(sum(row.related[22:]) == 1 for row in read.rows)
    assert not any(".." in row.text for row in read.rows)
    assert len(set(near_duplicate_groups([row.text for row in read.rows]))) == 6473


def test_official_isear():
    if not (SHARED / "isear").exists():
        pytest.skip("../shared/data is absent: the official ISEAR cannot be read")
    read = read_isear(SHARED / "isear")
    assert (len(read.rows), read.not_applicable, len(read.rejected)) == (5736, 1859, 71)
    assert read.records_in == 7666
    assert all("one event in words" in bad.reason for bad in read.rejected)
    assert not any("\\" in row.text or "|" in row.text or " á " in row.text for row in read.rows)
    # Joy is fair, anger is not: FAIR is turned round.
    fair = {
        name: np.mean([row.own[0] for row in read.rows if row.related[place]])
        for place, name in ((11, "joy"), (13, "anger"))
    }
    assert fair["joy"] > 0.9 > 0.3 > fair["anger"]
