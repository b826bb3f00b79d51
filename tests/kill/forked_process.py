"""One process of a test: at work, and how it ended."""

import os
import signal
import time
from dataclasses import dataclass

SECONDS = 120.0
"""A screen of a second or two that is not over after so long hangs."""


@dataclass(frozen=True)
class Ended:
    """How one process ended."""

    code: int
    """Exit code, or less the signal that killed it."""
    text: str
    """What it wrote."""
    seconds: float
    """Wall time."""


@dataclass(frozen=True)
class Begun:
    """A process at work."""

    pid: int
    reader: int
    """Of the pipe that it writes to. What a screen writes fits into the pipe."""
    since: float

    def end(self, seconds: float | None = None) -> Ended:
        """Wait for its end; kill it after so many seconds, where they are given."""
        limit = SECONDS if seconds is None else seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            spent = time.monotonic() - self.since
            if pid:
                break
            if spent >= limit:
                os.kill(self.pid, signal.SIGKILL)
                _, status = os.waitpid(self.pid, 0)
                break
            time.sleep(0.002)
        with os.fdopen(self.reader, "rb") as stream:
            text = stream.read().decode("utf-8", "replace")
        ended = Ended(os.waitstatus_to_exitcode(status), text, spent)
        assert seconds is not None or ended.code != -signal.SIGKILL, f"hangs: {text}"
        return ended
