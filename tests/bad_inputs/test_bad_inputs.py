"""Every bad input: one clear line, the right exit code, no noise, nothing half-written."""

import ctypes
import logging
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bad_case import Case, Sound
from data_forms import DataCase
from make_cases import all_cases, arguments, environment

from tiny_screen import Called, call

# Data files have a test of their own: most are read, in part.
CASES = {case.name: case for case in all_cases() if not isinstance(case, DataCase)}

# What may stand before the message: news of the work so far.
NEWS = re.compile(
    r"(Fetching|Converting|continuing the run in|warning:|forecast:|rows:|removed from train:) .+"
    r"|(\w|-)+ [\w.-]+: .+|[\w.-]+\.sft: .+"
)
FAULTS = re.compile(r"error: .+ has (1 fault|\d+ faults):(\n  .+)+\nmend each line and .+\n")

HOLD = """
import fcntl, sys, time
with open(sys.argv[1], "a") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Iterator[Sound]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        made = Sound(tmp_path_factory.mktemp("sound"))
        assert made.run.is_dir()
        yield made


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, sound: Sound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    case = CASES[name]
    case.make(tmp_path, sound)
    if "PIP_NO_INDEX" in dict(case.env):
        for key in [key for key in os.environ if key.startswith("PIP_")]:
            monkeypatch.delenv(key)
    for key, value in environment(case, tmp_path).items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    with holding(tmp_path, case.locked), without_rights(case, tmp_path), silence():
        called = call(*arguments(case, tmp_path))
    assert called.code == case.code, called
    said = called.err if case.code else called.err + called.out
    assert [part for part in case.parts if part not in said] == [], said
    if case.code:
        assert_one_message(called)
        assert_nothing_left(case, tmp_path, before)
    else:
        assert "error" not in called.err
    if case.after is not None:
        case.after(tmp_path, sound)


def test_the_set_is_large_and_names_are_distinct():
    names = [case.name for case in all_cases()]
    assert len(set(names)) == len(names) > len(CASES) >= 40
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_the_script_writes_every_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In part: what needs no model is enough to see that the list and the files agree."""
    import bad_configs
    import bad_data
    import bad_rows
    import make_cases

    rooms = (bad_configs, bad_data, bad_rows)
    monkeypatch.setattr(make_cases, "ROOMS", rooms)
    monkeypatch.setattr(sys, "argv", ["make_cases.py", str(tmp_path / "out")])
    monkeypatch.setenv("EMOLOOM_CACHE", "restored afterwards")
    assert make_cases.main() == 0
    folders = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    assert folders == {case.name for room in rooms for case in room.CASES}
    assert (tmp_path / "out/config-nan/c.yaml").is_file()
    assert make_cases.main() == 2, "never into a folder that is there"


@pytest.mark.parametrize(
    "name", ["weights-of-another-shape", "gguf-offset-wraps", "config-alias-bomb"]
)
def test_as_a_process_of_its_own(name: str, sound: Sound, tmp_path: Path):
    """The same without pytest around it: nothing else reaches the terminal."""
    case = CASES[name]
    case.make(tmp_path, sound)
    done = subprocess.run(
        [sys.executable, "-c", "from emoloom.cli import main; main()", *arguments(case, tmp_path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "EMOLOOM_CACHE": str(tmp_path / "cache")},
        check=False,
    )
    assert done.returncode == case.code
    assert_one_message(Called(done.returncode, done.stdout, done.stderr))


def assert_one_message(called: Called) -> None:
    """Nothing on stdout; on stderr one message at the end, and no more than news before it."""
    assert called.out == ""
    news, mark, message = called.err.partition("error: ")
    assert mark, called.err
    assert all(NEWS.fullmatch(line) for line in news.splitlines()), called.err
    whole = mark + message
    if FAULTS.fullmatch(whole):
        return
    assert re.fullmatch(r"error: [^\n]+\n", whole), called.err
    assert "; do: " in whole or "; allowed: " in whole, called.err
    assert "Traceback" not in whole


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file and link below a folder."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            status = path.lstat()
            found[path.relative_to(folder).as_posix()] = (status.st_size, status.st_mtime_ns)
    return found


def assert_nothing_left(case: Case, folder: Path, before: dict[str, tuple[int, int]]) -> None:
    """No file was made, changed or lost, but where the case says so; and no work half done."""
    after = files(folder)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {name for name in changed if name.partition("/")[0] not in case.leaves} == set()
    assert [path for path in folder.rglob("*") if path.name.startswith(".partial")] == []
    assert [name for name in after if re.search(r"/\.[^/]+\.[a-z0-9_]{8}$", name)] == []


@contextmanager
def holding(folder: Path, locked: str) -> Iterator[None]:
    """Another process holds a lock on this file."""
    if not locked:
        yield
        return
    command = [sys.executable, "-c", HOLD, str(folder / locked)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            yield
        finally:
            other.kill()


@contextmanager
def silence() -> Iterator[None]:
    """Fail where a library warns or logs: outside tests that would reach the terminal."""
    noise: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            noise.append(record.getMessage())

    listener = Listener(logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub", "peft")]
    for logger in loggers:
        logger.addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.resetwarnings()
            for quiet in (DeprecationWarning, PendingDeprecationWarning, ImportWarning):
                warnings.simplefilter("ignore", quiet)
            warnings.simplefilter("ignore", ResourceWarning)
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(listener)
    assert [str(one.message) for one in caught] + noise == []


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Rights(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


@contextmanager
def without_rights(case: Case, folder: Path) -> Iterator[None]:
    """Give up, for a while, the rights by which root writes and reads what is closed to it.

    They are CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of Linux, bits 1 and 2.
    """
    if not case.weak:
        yield
        return
    try:
        if os.geteuid() != 0:
            yield
            return
        if sys.platform != "linux":
            pytest.skip("root cannot give up rights on this system")
        libc = ctypes.CDLL(None)
        header, rights = _Header(0x20080522, 0), (_Rights * 2)()
        if libc.capget(ctypes.byref(header), rights) != 0:
            pytest.skip("this system does not let root give up rights")
        had = rights[0].effective
        rights[0].effective = had & ~0b110
        assert libc.capset(ctypes.byref(header), rights) == 0
        try:
            yield
        finally:
            rights[0].effective = had
            assert libc.capset(ctypes.byref(header), rights) == 0
    finally:
        for path in [path for path in folder.rglob("*") if not path.is_symlink()]:
            path.chmod(0o755)
