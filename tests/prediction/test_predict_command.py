"""`emoloom predict`: on any model source, in this process and as a process of its own."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emoloom.sources.model_files import get_model, parse_source
from tiny_screen import Called, assert_user_error, call

pytestmark = pytest.mark.usefixtures("own_cache")

ASKED = {"id", "error", "output"}
MAIN = "from emoloom.cli import main; main()"
SOURCE = ("random:tiny@1", "--max-new-tokens", 4)


def predict(*arguments: object, stdin: bytes = b"") -> Called:
    called = call("predict", *SOURCE, *arguments, stdin=stdin)
    assert called.code == 0, called.err
    return called


def test_a_plain_source_is_asked_zero_shot_and_says_what_it_is():
    called = predict(stdin=b"I love it\n\nthree")
    lines = [json.loads(line) for line in called.out.splitlines()]
    assert [line["id"] for line in lines] == [1, 2, 3]
    assert [set(line) - {"cut"} for line in lines] == [ASKED, {"id", "error"}, ASKED]
    assert "stdin: plain texts, one a line (--format says otherwise)" in called.err
    assert "random" in called.err
    assert "no export of emoloom: asked zero-shot, goemotions28" in called.err
    assert "3 lines: 0 answered, 2 outputs no answer, 1 lines not read; 0 texts cut" in called.err


def test_the_answers_are_those_of_decode(tmp_path):
    rows = [{"id": f"r{n}", "text": text} for n, text in enumerate(["I love it", "no", "a b c"])]
    source, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    called = predict(source)
    decode = ("decode", "--model", "random:tiny@1", "--max-new-tokens", 4)
    assert call(*decode, "--input", source, "--output", out).code == 0
    wanted = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    found = [json.loads(line) for line in called.out.splitlines()]
    assert [(one["id"], one["output"]) for one in found] == [
        (one["id"], one["output"]) for one in wanted
    ]


def test_labels_may_be_chosen_and_both_decoders_agree():
    called = predict("--labels", "ekman7", stdin=b"I love it\nno\n")
    assert "ekman7" in called.err
    canonical = predict("--labels", "ekman7", "--decoder", "canonical", stdin=b"I love it\nno\n")
    assert canonical.out == called.out


def test_bad_lines_are_answered_and_the_rest_goes_on():
    data = b'{"id": "a", "text": "x"}\n{"id": "b"}\n{\n{"id": "c", "text": "y"}\n\xff\n'
    lines = [json.loads(line) for line in predict(stdin=data).out.splitlines()]
    assert [line["id"] for line in lines] == ["a", "b", "stdin:3", "c", "stdin:5"]
    assert [sorted(line) for line in lines if "output" not in line] == [["error", "id"]] * 3


def test_a_table_is_answered_by_its_column_and_ids(tmp_path):
    table = tmp_path / "few.csv"
    table.write_text('id,message,emotions\nx-1,"I love it, really",joy\nx-2,,joy\n', "utf-8")
    called = predict(table)
    lines = [json.loads(line) for line in called.out.splitlines()]
    assert [(line["id"], set(line)) for line in lines] == [
        ("x-1", ASKED),
        ("x-2", {"id", "error"}),
    ]
    assert "few.csv: CSV with a header, texts from column 'message'" in called.err
    as_text = predict("--format", "text", stdin=b"I love it, really\n")
    assert json.loads(as_text.out)["output"] == lines[0]["output"]
    named = predict("--column", "emotions", table)
    assert [json.loads(line)["id"] for line in named.out.splitlines()] == ["x-1", "x-2"]
    assert "texts from column 'emotions'" in named.err
    wrong = call("predict", *SOURCE, "--column", "body", table)
    assert_user_error(wrong, "few.csv has no column 'body'", "id, message, emotions")
    assert "zero-shot" not in wrong.err  # said before the model is loaded


@pytest.mark.parametrize(
    ("data", "first", "of_column"),
    [
        (b'{"id": "a", "body": "x"}\n{"id": "b"}\n', "first: no key `text`", True),
        (b'{"id": "a", "text": " ", "body": "x"}\n', "first: `text` is empty", True),
        (b"\n \n", "first: an empty line", False),
        (b"\xff\n", "first: not UTF-8", False),
        (b'{\n"text": "x"\n}\n', "first: no JSON", False),
        (b"", "no line or record at all", False),
    ],
)
def test_where_nothing_can_be_answered_the_code_is_2(data, first, of_column):
    called = call("predict", *SOURCE, stdin=data)
    assert called.code == 2
    said = called.err.splitlines()[-1]
    assert said.startswith(f"error: no line holds a text to answer; got: {first}")
    assert ("--column" in said) == of_column  # plain texts have none
    assert "--format" in said
    lines = called.out.splitlines()
    assert len(lines) == len(data.splitlines())
    assert all(set(json.loads(line)) == {"id", "error"} for line in lines)
    body = call("predict", *SOURCE, "--column", "body", stdin=data)
    assert (body.code == 0) == (b"body" in data)


@pytest.mark.parametrize("data", [b"", b"id,text\n"])
def test_a_file_without_a_record_is_no_success(tmp_path, data):
    path = tmp_path / "none.csv"
    path.write_bytes(data)
    called = call("predict", *SOURCE, path)
    assert (called.code, called.out) == (2, "")
    assert "none.csv: " in called.err
    assert "error: no line holds a text to answer; got: no line or record at all" in called.err


def test_a_text_that_is_cut_is_flagged():
    lines = predict(stdin=b"word " * 700 + b"\nshort\n").out.splitlines()
    assert ["cut" in json.loads(line) for line in lines] == [True, False]


def test_what_cannot_be_used_is_said_before_a_text_is_read(tmp_path):
    assert_user_error(call("predict", "no-such-model"), "No such model")
    assert_user_error(call("predict", *SOURCE, tmp_path / "none.txt"), "cannot read texts from")
    assert_user_error(call("predict", *SOURCE, "--labels", "ekman8"), "unknown label space")
    (tmp_path / "emoloom.json").write_text("{", encoding="utf-8")
    assert_user_error(call("predict", tmp_path), "emoloom.json is no JSON", "emoloom export")


@pytest.fixture
def process(own_cache: Path):
    get_model(parse_source("random:tiny@1"))  # so that the process need not
    started = subprocess.Popen(
        [sys.executable, "-c", MAIN, "predict", *map(str, SOURCE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "EMOLOOM_CACHE": str(own_cache), "OMP_NUM_THREADS": "1"},
        bufsize=0,
    )
    yield started
    if started.poll() is None:
        started.kill()
    started.wait()
    for stream in (started.stdin, started.stdout, started.stderr):
        stream.close()


def read_line(process: subprocess.Popen, seconds: float = 120) -> dict:
    """One line of the process's output, within some seconds."""
    end, line = time.monotonic() + seconds, b""
    while not line.endswith(b"\n"):
        left = end - time.monotonic()
        assert left > 0, "no answer in time"
        if select.select([process.stdout], [], [], left)[0]:
            block = os.read(process.stdout.fileno(), 1)
            assert block, process.stderr.read()
            line += block
    return json.loads(line)


def test_answers_flow_while_stdin_is_open_and_ctrl_c_ends_with_130(process):
    for number in (1, 2):
        process.stdin.write(f"text {number}\n".encode())
        assert read_line(process)["id"] == number
    process.stdin.write(b"not a whole li")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    said = process.stderr.read().decode()
    assert "interrupted; 2 lines" in said
    assert "Traceback" not in said
    assert "Fatal" not in said


def test_a_reader_who_has_seen_enough_ends_it_quietly(process):
    process.stdin.write(b"one\n")
    assert read_line(process)["id"] == 1
    process.stdout.close()
    process.stdin.write(b"two\n")
    assert process.wait(timeout=60) == 0
    said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "Broken" not in said
