"""Errors a user can mend, and the exit code of each."""

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    DONE = 0
    BUG = 1
    USER_ERROR = 2
    BUDGET = 3
    NOT_VERIFIED = 4
    INTERRUPTED = 130
    TERMINATED = 143


class Terminated(KeyboardInterrupt):
    """SIGTERM, as Slurm, Docker and systemd send it; raised where the command line runs."""


def nearest(given: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that somebody may have meant, whatever the case of its letters."""
    names = {name.lower(): name for name in allowed}
    found = difflib.get_close_matches(given.lower(), names, n=1)
    return names[found[0]] if found else None


class UserError(Exception):
    """Something the user gave cannot be used.

    The message reads: what happened, what was got, what is allowed, what to do next.
    """

    def __init__(self, what: str, *, got: str = "", allowed: str = "", do: str = "") -> None:
        parts = [what]
        for label, text in (("got", got), ("allowed", allowed), ("do", do)):
            if text:
                parts.append(f"{label}: {text}")
        self.what, self.got, self.allowed, self.do = what, got, allowed, do
        super().__init__("; ".join(parts))


class ConfigError(UserError):
    """All faults of one config at once, each with its path."""

    def __init__(self, source: str, faults: Sequence[str], *, do: str) -> None:
        self.faults = tuple(faults)
        listed = "".join(f"\n  {fault}" for fault in self.faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__(f"{source} has {count}:{listed}\n{do}")


_IN_WORDS = re.compile(r"\(os error (\d+)\)")


def system_fault(error: BaseException) -> OSError | None:
    """The fault of the disk or system behind an error, or None where there is none.

    Libraries in Rust (safetensors, tokenizers) raise errors of their own and say it in words.
    """
    if isinstance(error, OSError):
        return error
    found = _IN_WORDS.search(str(error))
    return None if found is None else OSError(int(found[1]), os.strerror(int(found[1])))
