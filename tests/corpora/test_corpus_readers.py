"""Readers of official files: every line becomes a row or a rejection with its reason."""

import csv
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import normalise_text, read_lines, text_group
from emoloom.corpora.readers import ReadResult, read_emobank, read_goemotions
from emoloom.errors import UserError
from emoloom.records import VAD

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
SPACE = load_space("goemotions28")


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "data.tsv"
    path.write_bytes(data)
    return path


def goemotions(tmp_path: Path, data: bytes) -> ReadResult:
    return read_goemotions(write(tmp_path, data), "train", space=SPACE)


def emobank(tmp_path: Path, *lines: str, split: str = "train") -> ReadResult:
    text = "\n".join(("id,split,V,A,D,text", *lines)) + "\n"
    return read_emobank(write(tmp_path, text.encode()), split)


def test_goemotions_rows(tmp_path):
    # Commas are text, and so is a quote inside. Indices in any order; the space's order comes out.
    result = goemotions(tmp_path, b'He said "hi, you\t27,8,1\tabc\r\n A  b! \t25\tdef')
    first, second = result.rows
    assert first.id == "goemotions/abc"
    assert first.text == 'He said "hi, you'
    assert first.answer.labels == ("amusement", "desire", "neutral")
    assert (first.answer.vad, first.vad_source, first.answer.rationale) == (None, None, "")
    assert (first.source, first.split) == ("goemotions", "train")
    assert second.text == " A  b! "
    assert second.group == text_group("a B")
    assert result.lines_in == 2


def test_goemotions_is_quoted_as_csv(tmp_path):
    data = b'"""Oh no"" he said"\t27\ta\n"one\ttwo\nthree"\t0\tb\n"all of it"\t0\tc\n'
    texts = [row.text for row in goemotions(tmp_path, data).rows]
    assert texts == ['"Oh no" he said', "one\ttwo\nthree", "all of it"]


def test_a_broken_quote_of_goemotions_is_rejected_with_its_lines(tmp_path):
    result = goemotions(tmp_path, b'fine\t0\tok\n"so" sad\t0\ta\n"so sad\t0\tb\nfine\t0\tok2\n')
    assert [row.id for row in result.rows] == ["goemotions/ok"]
    assert [bad.line for bad in result.rejected] == [2, 3]
    assert "lines 3 to 4 that are no CSV record" in result.rejected[1].reason


@pytest.mark.parametrize(
    ("line", "got", "allowed"),
    [
        ("text\t1", "2 columns", "3"),
        ("text\t1\tx\ty", "4 columns", "3"),
        ("text\t28\tx", "label index '28'", "0 to 27"),
        ("text\t-1\tx", "label index '-1'", "0 to 27"),
        ("text\t\tx", "label index ''", "0 to 27"),
        ("text\t1,\tx", "label index ''", "0 to 27"),
        ("text\t١\tx", "label index", "0 to 27"),
        ("text\t1,1\tx", "twice", "each index once"),
        ("text\t" + "9" * 5000 + "\tx", "label index", "0 to 27"),
        (" \t1\tx", "an empty text", "some text"),
        ("text\t1\t", "the id ''", "not empty"),
        ("text\t1\tok", "the id 'goemotions/ok' again", "each id once"),
        ("te\0xt\t1\tx", "a NUL", "text"),
        ("", "an empty line", "3"),
    ],
)
def test_goemotions_rejections_say_got_and_allowed(tmp_path, line, got, allowed):
    result = goemotions(tmp_path, f"fine\t0\tok\n{line}\nfine too\t1\tok2\n".encode())
    (bad,) = result.rejected
    assert (bad.line, bad.source) == (2, "goemotions")
    assert got in bad.reason
    assert f"allowed: {allowed}" in bad.reason or allowed in bad.reason.split("allowed: ")[1]
    assert len(bad.excerpt) <= 80
    assert "\0" not in bad.excerpt
    assert [row.id for row in result.rows] == ["goemotions/ok", "goemotions/ok2"]
    assert result.lines_in == 3


def test_only_a_line_feed_ends_a_line(tmp_path):
    text = "one\u2028two\x85three\x0bfour"
    (row,) = goemotions(tmp_path, f"{text}\t0\tok\n".encode()).rows
    assert row.text == text


def test_a_byte_order_mark_is_dropped(tmp_path):
    (row,) = goemotions(tmp_path, b"\xef\xbb\xbfhi\t0\tok\n").rows
    assert row.text == "hi"


@pytest.mark.parametrize("read", ["goemotions", "emobank"])
def test_files_that_cannot_be_read_are_user_errors(tmp_path, read):
    def reader(path: Path) -> ReadResult:
        if read == "emobank":
            return read_emobank(path, "train")
        return read_goemotions(path, "train", space=SPACE)

    cases = {
        "there is no file": tmp_path / "none.tsv",
        "is a folder": tmp_path,
        "is empty": write(tmp_path, b"\xef\xbb\xbf"),
    }
    for message, path in cases.items():
        with pytest.raises(UserError, match=message) as error:
            reader(path)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="not UTF-8; got: byte 0xff on line 2"):
        reader(write(tmp_path, b"id,split,V,A,D,text\n\xff\n"))


def test_lines_are_streamed(tmp_path):
    lines = read_lines(write(tmp_path, b"one\ntwo\n\xff\n"))
    assert next(lines) == (1, "one")
    assert next(lines) == (2, "two")
    with pytest.raises(UserError, match="line 3"):
        next(lines)


def test_emobank_rows_and_the_scale(tmp_path):
    result = emobank(
        tmp_path,
        'a_1_2,train,3.44,1,5,"Say ""hi"", you"',
        "a_3_4,dev,3,3,3,other split",
    )
    (row,) = result.rows
    assert row.answer.vad == VAD(0.61, 0.0, 1.0)
    assert row.answer.labels is None
    assert row.vad_source == "human"
    assert (row.id, row.text, row.split) == ("emobank/a_1_2", 'Say "hi", you', "train")
    assert row.group == text_group("say hi you")
    assert (result.lines_in, result.other_split) == (1, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x,train,0.9,3,3,t", "V = '0.9'; allowed: 1 to 5"),
        ("x,train,3,5.01,3,t", "A = '5.01'; allowed: 1 to 5"),
        ("x,train,3,3,nan,t", "D = 'nan'; allowed: 1 to 5"),
        ("x,train,3,3,,t", "D = ''; allowed: a number"),
        ("x,train,3,3,t", "5 columns"),
        ("x,valid,3,3,3,t", "the split 'valid'; allowed: train, dev, test"),
        ("x,train,3,3,3, ", "an empty text"),
        ("x,train,3,3,3,t\0t", "a NUL"),
        ("ok,train,3,3,3,t", "the id 'emobank/ok' again"),
        ("", "an empty line"),
        ('x,train,3,3,3,"t"t', "lines 3 to 3 that are no CSV record"),
    ],
)
def test_emobank_rejections(tmp_path, line, reason):
    result = emobank(tmp_path, "ok,train,3,3,3,fine", line, "ok2,train,3,3,3,fine too")
    (bad,) = result.rejected
    assert reason in bad.reason
    assert bad.line == 3
    assert [row.id for row in result.rows] == ["emobank/ok", "emobank/ok2"]
    assert result.lines_in == 3


def test_a_bad_rating_of_another_split_is_that_splits_concern(tmp_path):
    lines = ("a,train,3,3,3,t", "b,dev,9,3,3,t")
    assert emobank(tmp_path, *lines).rejected == ()
    assert emobank(tmp_path, *lines).other_split == 1
    assert len(emobank(tmp_path, *lines, split="dev").rejected) == 1


def test_an_id_twice_across_splits_is_rejected(tmp_path):
    result = emobank(tmp_path, "a,dev,3,3,3,t", "a,train,3,3,3,u")
    assert "again" in result.rejected[0].reason


def test_a_quote_never_closed_is_rejected_with_all_the_lines_it_swallowed(tmp_path):
    result = emobank(tmp_path, "a,train,3,3,3,t", 'b,train,3,3,3,"t', "c,train,3,3,3,t")
    assert "lines 3 to 4" in result.rejected[0].reason
    assert (len(result.rows), result.lines_in) == (1, 2)


def test_a_text_may_hold_a_line_end(tmp_path):
    result = emobank(tmp_path, 'a,train,3,3,3,"one\ntwo"', "b,train,x,3,3,t")
    assert result.rows[0].text == "one\ntwo"
    assert result.rejected[0].line == 4


def test_emobank_columns_are_checked(tmp_path):
    with pytest.raises(UserError, match=r"columns of emobank\.csv"):
        read_emobank(write(tmp_path, b"id,V,A,D,text\n"), "train")


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b"PK\x03\x04")
@example(b"BZh91AY&SY")
def test_counts_in_are_counts_out_whatever_the_bytes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "data"
    path.write_bytes(data)
    try:
        data.removeprefix(b"\xef\xbb\xbf").decode()
        # Archives, though all of their first bytes are text.
        refused = data.startswith((b"PK\x03\x04", b"BZh91AY&SY"))
    except UnicodeDecodeError:
        refused = True
    if refused:
        with pytest.raises(UserError):
            read_goemotions(path, "train", space=SPACE)
        return
    if not data.removeprefix(b"\xef\xbb\xbf"):
        return
    result = read_goemotions(path, "train", space=SPACE)
    lines = data.removeprefix(b"\xef\xbb\xbf").count(b"\n") + (not data.endswith(b"\n"))
    count = len(result.rows) + len(result.rejected)
    assert count == lines or (count < lines and b'"' in data)


def test_normalised_texts():
    assert normalise_text("  It's  GREAT!!\n") == normalise_text("it’s great")
    assert normalise_text(":^( ") == ":^("
    assert normalise_text(" ") == ""
    assert text_group("A b") == text_group("a, B.") != text_group("a c")


def test_official_goemotions_texts_are_those_of_the_csv_module():
    folder = SHARED / "goemotions"
    if not folder.exists():
        pytest.skip("../shared/data is absent: the official GoEmotions files cannot be compared")
    for split, quoted in (("train", 1097), ("dev", 137), ("test", 149)):
        path = folder / f"{split}.tsv"
        with path.open(encoding="utf-8", newline="") as stream:
            texts = [fields[0] for fields in csv.reader(stream, delimiter="\t")]
        assert [row.text for row in read_goemotions(path, split, space=SPACE).rows] == texts
        assert sum(line.startswith('"') for _, line in read_lines(path)) == quoted


def test_official_goemotions_counts():
    folder = SHARED / "goemotions"
    if not folder.exists():
        pytest.skip("../shared/data is absent: the official GoEmotions files cannot be counted")
    rows = {
        split: read_goemotions(folder / f"{split}.tsv", split, space=SPACE)
        for split in ("train", "dev", "test")
    }
    assert {s: len(r.rows) for s, r in rows.items()} == {"train": 43410, "dev": 5426, "test": 5427}
    assert not any(result.rejected for result in rows.values())
    train = {normalise_text(row.text) for row in rows["train"].rows}
    # The overlap that DESIGN names.
    overlap = {s: sum(normalise_text(r.text) in train for r in rows[s].rows) for s in rows}
    assert (overlap["dev"], overlap["test"]) == (113, 109)
    both = sum(
        "neutral" in r.answer.labels and len(r.answer.labels) > 1 for r in rows["train"].rows
    )
    assert both == 1396


def test_official_emobank_counts():
    file = SHARED / "emobank/emobank.csv"
    if not file.exists():
        pytest.skip("../shared/data is absent: the official EmoBank file cannot be counted")
    for split, count in (("train", 8062), ("dev", 1000), ("test", 1000)):
        result = read_emobank(file, split)
        assert (len(result.rows), len(result.rejected)) == (count, 0)
        assert result.other_split == 10062 - count
