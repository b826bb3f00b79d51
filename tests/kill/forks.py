"""Screens in forked processes: killed at random, short of disk, or two on one run. Linux alone.

    python tests/kill/forks.py kills --folder DIR [--count 50] [--seed 1]

A fork of a process that has everything imported begins `emoloom screen` in milliseconds, so that
many kills fit into minutes. The parent imports and never computes: the threads of a torch that has
computed do not outlive a fork. Prints one JSON object; a fault is a traceback.
"""

import argparse
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forked_process import Begun
from screens import SCREENS, SCREENS_OF_A_WORKER, WORKER

from tiny_screen import assert_same_results, write_config

SIZES = (300, 5_000, 30_000, 120_000, 400_000)
"""Largest size of a file in bytes, in turn: from no file at all to all but the largest."""


@dataclass(frozen=True)
class Place:
    """A screen and where it is run."""

    config: Path
    run: Path
    cache: Path

    def begin(self, largest_file: int | None = None, modules: Path | None = None) -> Begun:
        """`emoloom screen` in a fork.

        Args:
            largest_file: in bytes; what would go past it fails, as on a full disk.
            modules: where to write the names of the modules that it has imported.
        """
        reader, writer = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writer)
            return Begun(pid, reader, time.monotonic())
        os.close(reader)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.environ["EMOLOOM_CACHE"] = str(self.cache)
        if largest_file is not None:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
        os._exit(self._screen(modules))

    def _screen(self, modules: Path | None) -> int:
        from emoloom.cli import main

        code: object = 0
        sys.argv = ["emoloom", "screen", str(self.config), "--out", str(self.run)]
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
        if modules is not None:
            modules.write_text(json.dumps(sorted(sys.modules)), encoding="utf-8")
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        return int(str(code))

    def clear(self) -> None:
        """Remove the run and its cache."""
        for folder in (self.run, self.cache):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Reference:
    """An undisturbed run."""

    name: str
    config: Path
    run: Path
    cache: Path
    """The models that it made."""
    seconds: float
    """How long it took in a fork that had nothing to import."""

    @property
    def idle(self) -> float:
        """Before it there is little to kill: a worker imports for most of its time."""
        return 0.6 * self.seconds if self.name == WORKER else 0.0

    def place(self, folder: Path) -> Place:
        """Another place for the same screen, with a model cache of its own."""
        return Place(self.config, folder / "run", folder / "cache")


def references(folder: Path, names: list[str]) -> list[Reference]:
    """Run each screen undisturbed, after importing what screens import."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, name in enumerate(names):
        changes = (SCREENS | SCREENS_OF_A_WORKER)[name]
        config = write_config(folder / f"{number}.yaml", **changes)
        if number == 0:
            _import_what_is_imported(config, folder)
        place = Place(config, folder / f"reference-{number}", folder / f"cache-{number}")
        ended = place.begin().end()
        assert ended.code == 0, ended.text
        made.append(Reference(name, config, place.run, place.cache, ended.seconds))
    return made


def _import_what_is_imported(config: Path, folder: Path) -> None:
    place, names = Place(config, folder / "warm", folder / "warm-cache"), folder / "modules.json"
    ended = place.begin(modules=names).end()
    assert ended.code == 0, ended.text
    for name in json.loads(names.read_text(encoding="utf-8")):
        with suppress(Exception):
            importlib.import_module(name)
    place.clear()


def kills(folder: Path, names: list[str], count: int, seed: int) -> dict[str, Any]:
    """Kill screens `count` times at random moments; each run is continued to its end, compared.

    Args:
        folder: where runs are made.
        names: of the screens.
        count: kills in all.
        seed: of the moments.

    Returns:
        Kills, runs that came to their end, and by the stage that was at work how often it was hit.
    """
    generator = random.Random(seed)
    made = references(folder, names)
    hit: Counter[str] = Counter()
    runs = 0
    while hit.total() < count:
        reference = made[runs % len(made)]
        place = reference.place(folder / f"run-{runs}")
        while True:
            left = count - hit.total()
            moment = generator.uniform(reference.idle, reference.seconds) if left else None
            ended = place.begin().end(moment)
            if ended.code != -signal.SIGKILL:
                break
            hit[_stage(ended.text)] += 1
        assert ended.code == 0, (reference.name, ended.text)
        assert_same_results(place.run, reference.run)
        place.clear()
        runs += 1
    return {"kills": hit.total(), "runs": runs, "hit": dict(sorted(hit.items()))}


def terms(folder: Path, names: list[str], count: int, seed: int) -> dict[str, Any]:
    """SIGTERM at random moments: one line and a code of its own, then the same results.

    Returns:
        By exit code how often it came; 0 where the screen had ended first.
    """
    generator = random.Random(seed)
    made = references(folder, names)
    codes: Counter[int] = Counter()
    for number in range(count):
        reference = made[number % len(made)]
        place = reference.place(folder / f"term-{number}")
        begun = place.begin()
        time.sleep(generator.uniform(0.1, 0.9) * reference.seconds)
        with suppress(ProcessLookupError):
            os.kill(begun.pid, signal.SIGTERM)
        ended = begun.end()
        codes[ended.code] += 1
        assert "Traceback" not in ended.text, ended.text
        if ended.code == 143:
            assert ended.text.splitlines()[-1].startswith("interrupted; what is finished is kept")
        assert place.begin().end().code == 0
        assert_same_results(place.run, reference.run)
        place.clear()
    return {str(code): times for code, times in codes.items()}


def _stage(text: str) -> str:
    """The stage that was begun last and had not said its end: `train`, `select`, ... or none."""
    begun = [line for line in text.splitlines() if ": " in line and line[0].islower()]
    if not begun:
        return "before"
    last = begun[-1]
    return "between" if " in " in last else last.split(maxsplit=1)[0]


def sizes(folder: Path) -> dict[str, Any]:
    """A disk too full for files of a size, then room: one clear error, then the same results.

    Returns:
        For each size, the exit code and the last line of the run that was short of room.
    """
    (reference,) = references(folder, ["checkpoints"])
    found = {}
    for size in SIZES:
        fresh = reference.place(folder / f"size-{size}")
        # The smallest meets the making of the model too, the others find it made.
        place = fresh if size == SIZES[0] else replace(fresh, cache=reference.cache)
        short = place.begin(largest_file=size).end()
        ended = place.begin().end()
        assert ended.code == 0, (size, ended.text)
        assert_same_results(place.run, reference.run)
        fresh.clear()
        last = (short.text.splitlines() or [""])[-1]
        found[str(size)] = {"code": short.code, "last": last, "text": short.text}
    return found


def seconds(folder: Path, seed: int) -> dict[str, Any]:
    """Second processes on one run, while the first works and after it was killed.

    Returns:
        Exit codes and last lines of the second processes, in order.
    """
    (reference,) = references(folder, ["plain"])
    place = reference.place(folder / "both")
    first, others = place.begin(), []
    while not (place.run / "run.json").exists():
        time.sleep(0.002)
    while os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        others.append(place.begin().end())
    assert first.end().code == 0
    assert_same_results(place.run, reference.run)
    place = reference.place(folder / "after")
    moment = random.Random(seed).uniform(0.2, 0.8) * reference.seconds
    while place.begin().end(moment).code != -signal.SIGKILL:  # the reference was slower
        place.clear()
        moment /= 2
    assert place.begin().end().code == 0
    assert_same_results(place.run, reference.run)
    return {"others": [[one.code, (one.text.splitlines() or [""])[-1]] for one in others]}


def main() -> None:
    """Run what was asked for; print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("kills", "worker-kills", "terms", "sizes", "seconds"))
    parser.add_argument("--folder", type=Path, required=True, help="new; runs are made in it")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.what == "kills":
        found = kills(given.folder, list(SCREENS), given.count, given.seed)
    elif given.what == "worker-kills":
        found = kills(given.folder, [WORKER], given.count, given.seed)
    elif given.what == "terms":
        found = terms(given.folder, ["plain", "checkpoints"], given.count, given.seed)
    elif given.what == "sizes":
        found = sizes(given.folder)
    else:
        found = seconds(given.folder, given.seed)
    print(json.dumps(found, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
