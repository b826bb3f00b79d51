import json
import os
import stat
from pathlib import Path

import pytest

from emoloom.runs.directory import (
    RunDirectory,
    append_json_line,
    dumps,
    fingerprint,
    read_complete_lines,
    sha256_file,
    write_bytes_atomic,
    write_folder_atomic,
    write_json_atomic,
    write_jsonl_atomic,
    write_text_atomic,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Files that appear whole or not at all


def test_the_bytes_written_are_the_bytes_read(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    write_bytes_atomic(path, b"one")
    write_bytes_atomic(path, b"\x00\xff two")
    assert path.read_bytes() == b"\x00\xff two"
    assert names(path.parent) == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_text_is_utf_8_and_line_ends_stay(tmp_path):
    write_text_atomic(tmp_path / "t", "naïve\r\n\u2028end")
    assert (tmp_path / "t").read_bytes() == "naïve\r\n\u2028end".encode()


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, step, error
):
    path = tmp_path / "file"
    write_bytes_atomic(path, b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(type(error)):
        write_bytes_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("fsync"), sync(handle)))
    monkeypatch.setattr(
        Path, "replace", lambda path, target: (order.append("replace"), replace(path, target))
    )
    write_bytes_atomic(tmp_path / "file", b"x")
    assert order == ["fsync", "replace"]


def test_values_that_are_no_json_leave_the_old_file(tmp_path):
    path = tmp_path / "file.json"
    write_json_atomic(path, {"a": 1})
    for value in (float("nan"), float("inf"), {"a": object()}, {"text": "\ud800"}):
        with pytest.raises((ValueError, TypeError)):
            write_json_atomic(path, value)
        with pytest.raises((ValueError, TypeError)):
            write_jsonl_atomic(path, [1, value])
    assert path.read_text(encoding="utf-8") == '{\n  "a": 1\n}\n'
    assert names(tmp_path) == ["file.json"]


def test_json_has_the_same_bytes_for_the_same_value():
    value = {"b": 1, "a": [0.1, None, "é\u2028"]}
    assert dumps(value) == '{"b":1,"a":[0.1,null,"é\u2028"]}'
    assert json.loads(dumps(value, indent=2)) == value


def test_a_folder_appears_whole_and_replaces_an_older_one(tmp_path):
    target = tmp_path / "checkpoint"

    def fill_with(name):
        return lambda folder: (folder / name).write_text(name, encoding="utf-8")

    write_folder_atomic(target, fill_with("a"))
    write_folder_atomic(target, fill_with("b"))
    assert names(target) == ["b"]

    def fail(folder):
        (folder / "half").write_text("x", encoding="utf-8")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_folder_atomic(target, fail)
    assert names(target) == ["b"]
    assert names(tmp_path) == ["checkpoint"]


def test_a_folder_takes_the_place_of_a_file(tmp_path):
    (tmp_path / "checkpoint").write_text("in the way", encoding="utf-8")
    write_folder_atomic(tmp_path / "checkpoint", lambda folder: (folder / "a").touch())
    assert names(tmp_path / "checkpoint") == ["a"]


# Lines


def test_appended_lines_are_read_back_in_order(tmp_path):
    path = tmp_path / "deep" / "lines.jsonl"
    assert read_complete_lines(path) == []
    values = [{"id": "é\u2028\n"}, [1, 2], "text", None]
    for value in values:
        append_json_line(path, value)
    assert read_complete_lines(path) == values
    assert path.read_bytes().count(b"\n") == len(values)


def test_a_last_line_cut_at_any_byte_is_left_out_and_spoils_no_other(tmp_path):
    path = tmp_path / "lines.jsonl"
    append_json_line(path, {"id": 1})
    whole = path.read_bytes()
    line = dumps({"id": "zwei é"}).encode("utf-8") + b"\n"
    for cut in range(len(line)):
        path.write_bytes(whole + line[:cut])
        assert read_complete_lines(path) == [{"id": 1}]
        append_json_line(path, {"id": 3})
        assert read_complete_lines(path) == [{"id": 1}, {"id": 3}]


def test_a_file_with_nothing_but_a_cut_line(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"id": ')
    assert read_complete_lines(path) == []
    append_json_line(path, 5)
    assert path.read_bytes() == b"5\n"


def test_a_damaged_line_inside_is_never_passed_over_in_silence(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"1\n{\n2\n")
    with pytest.raises(ValueError, match="Expecting"):
        read_complete_lines(path)


def test_an_appended_line_is_on_the_disk(tmp_path, monkeypatch):
    sizes = []
    sync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (sizes.append(os.fstat(handle).st_size), sync(handle))
    )
    append_json_line(tmp_path / "lines.jsonl", {"id": 1})
    assert sizes == [len(b'{"id":1}\n')]


def test_events_are_lines_without_times(tmp_path):
    run = RunDirectory(tmp_path)
    run.event("started")
    run.event("failed", candidate="a", message="why")
    assert read_complete_lines(tmp_path / "events.jsonl") == [
        {"event": "started"},
        {"event": "failed", "candidate": "a", "message": "why"},
    ]


# Hashes


def test_hash_of_a_file_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "abc") == wanted


def test_a_fingerprint_sees_values_and_types_but_no_order_of_keys():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    different = [{"a": 1}, {"a": 1.5}, {"a": "1"}, {"a": None}, {"b": 1}, [["a", 1]], {"a": [1]}]
    assert len({fingerprint(value) for value in different}) == len(different)
    assert fingerprint([1, 2]) != fingerprint([2, 1])
    with pytest.raises(ValueError, match="JSON compliant"):
        fingerprint(float("nan"))
