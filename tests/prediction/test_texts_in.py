import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from emoloom.errors import UserError
from emoloom.prediction.inputs import MOST_BYTES, BadLine, Item, Text, ready_lines
from emoloom.prediction.texts_in import Reading, read_files, read_items

EMPTY = "an empty line"
FILES = Reading()


def items(data: bytes, form: str = "auto") -> list[Item]:
    return list(read_items(ready_lines(io.BytesIO(data)), Reading(form)))


class Pipe:
    """A pipe whose writing end the test holds."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe()
        self.stream = os.fdopen(reading, "rb", buffering=0)
        self.lines: Iterator[bytes | None] = ready_lines(self.stream)

    def close(self) -> None:
        self.stream.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_lines_come_while_the_pipe_is_open_and_none_before_each_wait(pipe):
    assert next(pipe.lines) is None
    os.write(pipe.writing, b"one\ntwo\nthr")
    assert [next(pipe.lines) for _ in range(3)] == [b"one", b"two", None]
    os.write(pipe.writing, b"ee\n")
    assert [next(pipe.lines) for _ in range(2)] == [b"three", None]
    os.write(pipe.writing, b"last")
    os.close(pipe.writing)
    assert list(pipe.lines) == [b"last"]


def test_a_line_over_two_blocks_is_one_line(pipe):
    long = b"x" * 70_000
    os.write(pipe.writing, long[:65_536])
    assert next(pipe.lines) is None
    os.write(pipe.writing, long[65_536:] + b"\r\n\n")
    os.close(pipe.writing)
    assert list(pipe.lines) == [long, b""]


def test_an_endless_line_is_not_held():
    (bad, good) = items(b"x" * (3 * MOST_BYTES) + b"\nfine\n")
    assert bad == BadLine(1, f"a line of over {MOST_BYTES} bytes")
    assert good == Text(2, "fine")
    (line,) = ready_lines(io.BytesIO(b"y" * (3 * MOST_BYTES)))
    assert len(line) == MOST_BYTES + 2
    for length, fits in ((MOST_BYTES, True), (MOST_BYTES + 1, False)):
        for end in (b"", b"\n", b"\r\n", b"\rmore\n"):
            (item,) = items(b"z" * length + end)
            assert isinstance(item, Text) == (fits and end != b"\rmore\n")


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"", []),
        (b"\n", [EMPTY]),
        (b"\n\n\ta\n", [EMPTY, EMPTY, "\ta"]),
        (b"a\n\nb\n \t\r\n", ["a", EMPTY, "b", EMPTY]),
        ("\ufeff\n\u200b\u00a0\n\u2028\n\x00\x1b\n".encode(), [EMPTY] * 4),
        ("\U0001fae9\n\u2764\ufe0f\n".encode(), ["\U0001fae9", "\u2764\ufe0f"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        ("a\u2028b\x0cc\x85\n".encode(), ["a\u2028b\x0cc\x85"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        (b"nul \x00 inside", ["nul \x00 inside"]),
    ],
)
def test_lines_in_are_texts_out_and_numbered_from_1(data, texts):
    assert items(data) == [
        BadLine(number, text) if text is EMPTY else Text(number, text)
        for number, text in enumerate(texts, start=1)
    ]


def test_json_lines_keep_their_ids_and_a_bad_line_says_why():
    rows: list[object] = [
        {"id": "a", "text": "one", "more": 1},
        {"id": 7, "text": "two"},
        {"text": "three"},
        {"id": "b", "text": 5},
        {"id": "c"},
        {"id": True, "text": "x"},
        {"id": None, "text": "x"},
        {"id": [1], "text": "x"},
        {"id": "d", "text": "\ud800"},
        {"id": "\ud800", "text": "x"},
        {"id": 1 << 70, "text": "x"},
        {"id": "e", "text": None},
        {"id": "f", "text": ""},
        {"id": "g", "text": " \n\u200b"},
        {"id": "", "text": "x"},
        "no object",
    ]
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows) + b"\n{\n" + b"[" * 100_000
    found = items(data)
    assert found[:3] == [Text("a", "one"), Text(7, "two"), Text("stdin:3", "three")]
    assert all(isinstance(one, BadLine) for one in found[3:])
    assert [one.id for one in found[3:]] == [
        *("b", "c", "stdin:6", "stdin:7", "stdin:8", "d", "stdin:10", "stdin:11", "e", "f", "g"),
        *(f"stdin:{number}" for number in range(15, 20)),
    ]
    assert [one.error for one in found[3:5]] == ["`text` is no text but 5", "no key `text`"]
    assert "lone surrogate" in found[8].error
    assert [one.error for one in found[11:14]] == [
        "`text` is null",
        "`text` is empty",
        "`text` is empty",
    ]
    assert all("`id`" in found[at].error for at in (5, 6, 7, 9, 10, 14))
    assert "no JSON object" in found[15].error
    assert found[16].error == EMPTY
    assert all("no JSON:" in one.error for one in found[17:])
    (twice,) = items(b'{"text": "a", "text": "b"}')
    assert "the key 'text' twice" in twice.error


@pytest.mark.parametrize(
    ("data", "form", "first"),
    [
        (b'\n{"text": "a"}', "auto", BadLine(1, EMPTY)),
        (b'{"text": "a"}', "text", Text(1, '{"text": "a"}')),
        (b"plain", "jsonl", BadLine(1, "no JSON")),
        (b'plain\n{"text": "a"}', "auto", Text(1, "plain")),
        (b"{sigh} what a day\nplain", "auto", Text(1, "{sigh} what a day")),
        (b"[deleted]\nplain", "auto", Text(1, "[deleted]")),
        (b'{"text": "cut off', "auto", BadLine(1, "no JSON")),
        (b'{\n  "text": "a"\n}', "auto", BadLine(1, "no JSON")),
        (b'["a", "b"]', "auto", BadLine(1, "no object")),
    ],
)
def test_the_form_is_that_of_the_first_line_with_anything_in_it(data, form, first):
    found = items(data, form)
    assert type(found[0]) is type(first)
    assert found[0].id == first.id
    if form == "auto" and data.startswith(b"\n"):
        assert found[1] == Text(2, "a")
    if data.startswith(b"plain\n"):
        assert found[1] == Text(2, '{"text": "a"}')


@pytest.mark.parametrize("own", [1, 2, "2"])
def test_a_number_is_never_the_id_of_another_record(own):
    """Whichever comes first: the record without an id, or that whose id is the number."""
    first = json.dumps({"id": own, "text": "own"}).encode() + b"\n"
    without = b'{"text": "a"}\n'
    assert items(first + without) == [Text(own, "own"), Text("stdin:2", "a")]
    answered = items(without + without + first + without)
    assert answered[:2] == [Text(1, "a"), Text(2, "a")]
    assert answered[2] == BadLine(
        "stdin:3",
        f"the `id` {own!r} is the number of a record before, which has none; allowed: an id in "
        "every record, or in none",
    )
    assert answered[3] == Text("stdin:4", "a")


@pytest.mark.parametrize("own", [3, "x", "02", "-1", "\u00b2", "9" * 1000])
def test_an_id_that_is_no_number_given_before_is_kept(own):
    record = json.dumps({"id": own, "text": "own"}).encode()
    found = items(b'\n{"text": "a"}\n' + record)
    assert found == [BadLine(1, EMPTY), Text(2, "a"), Text(own, "own")]


def test_an_empty_stream_or_file_is_said(tmp_path):
    said: list[str] = []
    reading = Reading(say=said.append)
    assert list(read_items(ready_lines(io.BytesIO(b"")), reading)) == []
    (tmp_path / "a.txt").write_bytes(b"")
    (tmp_path / "b.txt").write_bytes(b"a\n")
    found = [one for one in read_files([tmp_path / "a.txt", tmp_path / "b.txt"], reading) if one]
    assert [one.text for one in found] == ["a"]
    assert said[:2] == [f"{name}: empty, no line in it" for name in ("stdin", tmp_path / "a.txt")]


def test_bytes_that_are_no_utf_8_spoil_one_line_alone():
    assert items(b"a\nb\xffd\nc") == [
        Text(1, "a"),
        BadLine(2, "not UTF-8: byte 0xff"),
        Text(3, "c"),
    ]


def test_lines_of_several_files_are_told_apart(tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.jsonl"
    one.write_text("a\nb\n", encoding="utf-8")
    two.write_text('{"id": "own", "text": "c"}\n{"text": "d"}\n', encoding="utf-8")
    read = [item for item in read_files([one, two], FILES) if item is not None]
    assert read == [
        Text(f"{one}:1", "a"),
        Text(f"{one}:2", "b"),
        Text("own", "c"),
        Text(f"{two}:2", "d"),
    ]
    assert list(read_files([one], FILES)) == [Text(1, "a"), Text(2, "b")]


@pytest.mark.parametrize("name", ["none.txt", "."])
def test_a_file_that_cannot_be_read_is_named_at_once(tmp_path, name):
    there = tmp_path / "there.txt"
    there.write_text("a\n", encoding="utf-8")
    with pytest.raises(UserError, match="cannot read texts from"):
        read_files([there, Path(tmp_path / name)], FILES)
