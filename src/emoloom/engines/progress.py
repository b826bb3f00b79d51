"""What the user sees while a screen runs: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

PLAIN_SECONDS = 10.0
"""At most one plain line in this many seconds, besides the first and the last of a stage."""


class Progress(Protocol):
    """Shows one stage at a time."""

    def say(self, text: str) -> None:
        """One line of news."""

    def task(self, title: str, total: int, unit: str) -> "Task":
        """Begin a stage of `total` units."""


class Task(Protocol):
    """One stage on display."""

    def advance(self, count: int) -> None:
        """So many more units are finished."""

    def close(self) -> None:
        """The stage is over, finished or not."""


def printable(text: str) -> str:
    """Text without control characters: data must not drive the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


@contextmanager
def show_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Live display on a terminal, else plain lines; both on stderr unless told otherwise."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield PlainProgress(stream)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as LiveDisplay

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
    )
    with LiveDisplay(*columns, console=Console(file=stream)) as display:
        yield _LiveProgress(display)


@dataclass(slots=True)
class _Rate:
    """Units a second since the stage began."""

    total: int
    done: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, count: int) -> float:
        """Count units and give the rate."""
        self.done += count
        return self.done / max(1e-9, time.monotonic() - self.started)

    def summary(self, unit: str) -> str:
        """What was done, in how long."""
        return f"{self.done}/{self.total} {unit} in {time.monotonic() - self.started:.1f} s"


@dataclass(slots=True)
class PlainProgress:
    """One line now and then, for logs and pipes."""

    stream: TextIO

    def say(self, text: str) -> None:
        """One line of news."""
        # Nobody reads any more: no reason to stop the work.
        with suppress(BrokenPipeError):
            self.stream.write(printable(text) + "\n")
            self.stream.flush()

    def task(self, title: str, total: int, unit: str) -> "_PlainTask":
        """Begin a stage."""
        self.say(f"{title}: {total} {unit}")
        return _PlainTask(self, title, unit, _Rate(total))


@dataclass(slots=True)
class _PlainTask:
    progress: PlainProgress
    title: str
    unit: str
    rate: _Rate
    last: float = field(default_factory=time.monotonic)

    def advance(self, count: int) -> None:
        per_second = self.rate.add(count)
        now = time.monotonic()
        if now - self.last >= PLAIN_SECONDS and self.rate.done < self.rate.total:
            self.last = now
            done = f"{self.title}: {self.rate.done}/{self.rate.total} {self.unit}"
            if self.rate.done:  # before that nobody knows how long it takes
                left = (self.rate.total - self.rate.done) / per_second
                done += f", {per_second:.2f} {self.unit}/s, {left:.0f} s left"
            self.progress.say(done)

    def close(self) -> None:
        self.progress.say(f"{self.title}: {self.rate.summary(self.unit)}")


@dataclass(slots=True)
class _LiveProgress:
    display: "RichProgress"

    def say(self, text: str) -> None:
        """One line of news, above the live line."""
        self.display.console.print(printable(text), markup=False, highlight=False)

    def task(self, title: str, total: int, unit: str) -> "_LiveTask":
        """Begin a stage."""
        task = self.display.add_task(printable(title), total=total, rate="")
        return _LiveTask(self, task, title, unit, _Rate(total))


@dataclass(slots=True)
class _LiveTask:
    progress: _LiveProgress
    id: "TaskID"
    title: str
    unit: str
    rate: _Rate

    def advance(self, count: int) -> None:
        rate = f"{self.rate.add(count):.2f} {self.unit}/s"
        self.progress.display.update(self.id, advance=count, rate=rate)

    def close(self) -> None:
        # A finished stage leaves the live part: many of them would not fit the terminal.
        self.progress.display.remove_task(self.id)
        self.progress.say(f"{self.title}: {self.rate.summary(self.unit)}")
