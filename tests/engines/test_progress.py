import io
import os
import pty
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from emoloom.engines import progress
from emoloom.engines.progress import PlainProgress, printable, show_progress

BAD = "evil\x1b[2J\r\n\x07\x9b31m\u202eend"


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 50.0
        patch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: self.now))
        # The two clocks of a task are its dataclass defaults.
        for kind, name in ((progress._Rate, "started"), (progress._PlainTask, "last")):
            patch.setattr(
                kind, "__init__", with_default(kind.__init__, name, lambda: self.now), raising=True
            )


def with_default(init, name, clock):
    def made(self, *args, **options):
        init(self, *args, **{name: clock(), **options})

    return made


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def test_a_stream_that_is_no_terminal_gets_plain_lines(clock):
    stream = io.StringIO()
    with show_progress(stream) as shown:
        shown.say("hello")
        task = shown.task("train a.sft", 100, "steps")
        for _ in range(25):
            clock.now += 1
            task.advance(2)
        clock.now += 1
        task.close()
    assert stream.getvalue().splitlines() == [
        "hello",
        "train a.sft: 100 steps",
        "train a.sft: 20/100 steps, 2.00 steps/s, 40 s left",
        "train a.sft: 40/100 steps, 2.00 steps/s, 30 s left",
        "train a.sft: 50/100 steps in 26.0 s",
    ]
    assert "\x1b" not in stream.getvalue()


def test_the_last_unit_is_said_once(clock):
    stream = io.StringIO()
    task = PlainProgress(stream).task("select a", 2, "rows")
    clock.now += 60
    task.advance(2)
    task.close()
    assert stream.getvalue().splitlines()[1:] == ["select a: 2/2 rows in 60.0 s"]


def test_nothing_done_yet_is_no_division_by_zero(clock):
    stream = io.StringIO()
    task = PlainProgress(stream).task("select a", 5, "rows")
    task.advance(0)
    clock.now += 11
    task.advance(0)
    # Nobody knows how long it takes before a row is done.
    assert stream.getvalue().splitlines()[-1] == "select a: 0/5 rows"


def test_a_reader_that_went_away_stops_no_work():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8", closefd=False) as stream:
        shown = PlainProgress(stream)
        shown.say("x" * 100_000)
        task = shown.task("t", 1, "rows")
        task.advance(1)
        task.close()
        # What is still buffered would fail again when the stream is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
    os.close(writing)


@pytest.mark.parametrize("text", [BAD, "\x00", "\u2028", "tab\t", "\ud800"])
def test_control_characters_are_shown_as_such(text):
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)
    stream = io.StringIO()
    shown = PlainProgress(stream)
    shown.say(text)
    shown.task(text, 1, "rows").close()
    assert len(stream.getvalue().splitlines()) == 3
    assert printable(stream.getvalue().replace("\n", "")) == stream.getvalue().replace("\n", "")


def test_ordinary_text_of_any_script_stays():
    assert printable("naïve 日本語 😀 [red]x[/red]") == "naïve 日本語 😀 [red]x[/red]"


LIVE = f"""
import sys, time
from emoloom.engines.progress import show_progress
with show_progress() as shown:
    for number in range(int(sys.argv[1])):
        task = shown.task(f"train model-{{number}}.sft", 4, "steps")
        for _ in range(4):
            time.sleep(0.005)
            task.advance(1)
        shown.display.refresh()
        task.close()
    shown.say("[bold]news[/bold] " + {BAD!r})
    shown.task({BAD!r}, 1, "rows")
    shown.display.refresh()
print("table")
"""


def on_a_terminal(code: str, *args: str) -> str:
    """What a program writes to a terminal of 80 columns and 24 lines."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait(30) == 0, written.decode("utf-8", "replace")
    return written.decode("utf-8")


def without_codes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_gets_a_live_display_with_stage_rate_and_time_left():
    written = on_a_terminal(LIVE, "1")
    assert "\x1b[" in written
    shown = without_codes(written)
    (line, *_) = [line for line in shown.splitlines() if "4/4" in line and "steps/s" in line]
    assert line.startswith("train model-0.sft")
    assert re.search(r"4/4 +\d+\.\d\d steps/s +\d:\d\d:\d\d left 0:00:00", line)
    assert re.search(r"train model-0\.sft: 4/4 steps in \d+\.\d s", shown)
    assert "[bold]news[/bold]" in shown
    assert shown.splitlines()[-1] == "table"


def test_names_cannot_drive_the_terminal():
    written = on_a_terminal(LIVE, "0")
    assert "\x1b[2J" not in written
    assert "\x07" not in written
    assert "\u202e" not in written
    assert "evil\N{REPLACEMENT CHARACTER}[2J" in without_codes(written)


def test_many_stages_fit_the_terminal():
    """Finished stages leave the live part: the running one is never pushed off the screen."""
    written = on_a_terminal(LIVE, "12")
    tallest = max((int(n) for n in re.findall(r"\x1b\[(\d+)A", written)), default=0)
    assert max(tallest, written.count("\x1b[1A\x1b[2K\x1b[1A")) < 3
    for number in range(12):
        assert f"train model-{number}.sft: 4/4 steps in" in without_codes(written)
