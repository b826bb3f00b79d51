"""A whole screen in about a second, and what tests need to run, watch, stop and compare it."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import yaml

if TYPE_CHECKING:
    from emoloom.pipeline import Screened

SETTINGS = {
    "name": "small",
    "seed": 3,
    "threads": 1,
    "workers": 0,
    "data": {
        "train": [
            {"corpus": "goemotions-sample", "rows": 8},
            {"corpus": "emobank-sample", "rows": 12},
        ],
        "select": [
            {"corpus": "goemotions-sample", "rows": 4},
            {"corpus": "emobank-sample", "rows": 4},
        ],
    },
    "models": [{"source": "random:tiny@1", "name": "one"}],
    "recipes": ["sft", "zero-shot"],
    "training": {
        "batch_rows": 4,
        "learning_rate": 3e-3,
        "max_text_tokens": 24,
        "lora_rank": 4,
    },
    "zero_shot": {"rows": 2},
    "frozen_probe": {"rows": 0},
    "polarity": {"pairs": 2},
    "decoding": {"max_new_tokens": 12},
    "ranking": {"bootstrap": 100},
}
"""One random model, 20 train rows (5 steps), 8 select rows, 2 polarity pairs (4 rows)."""

IN_BFLOAT16: dict[str, dict[str, object]] = {
    "decoding": {"max_new_tokens": 12, "dtype": "bfloat16"}
}
"""Changes: candidates answer in bfloat16 where few of their tokens are near-ties in it."""

UNMOVED: dict[str, dict[str, object]] = {
    "training": SETTINGS["training"] | {"learning_rate": 1e-30}
}
"""Changes: a rate that adds less than fp32 can hold, for models whose weights were set by hand."""

STAGES = [
    "data -",
    "polarity -",
    "probe one.sft",
    "select constant",
    "select lexicon",
    "select tf-idf",
    "preflight one.sft",
    "train one.sft",
    "select one.sft",
    "preflight one.zero-shot",
    "select one.zero-shot",
    "polarity one.sft",
]
"""Every stage of that screen, in order."""

UNSTEADY = {"costs.json", "report.html", "events.jsonl", ".lock"}
"""Files that may differ between two runs of one config: times, and the log of what happened."""


def write_config(path: Path, **changes: object) -> Path:
    """The small config with some top-level settings changed."""
    path.write_text(yaml.safe_dump({**SETTINGS, **changes}), encoding="utf-8")
    return path


@dataclass
class Watch:
    """A progress display that remembers, and can stop the work at a border.

    `stop_at` is (title of a stage, units): KeyboardInterrupt once so many units are finished.
    """

    stop_at: tuple[str, int] | None = None
    titles: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    advances: dict[str, list[int]] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def task(self, title: str, total: int, unit: str) -> "WatchedTask":
        self.titles.append(title)
        self.advances[title] = []
        return WatchedTask(self, title)


@dataclass
class WatchedTask:
    watch: Watch
    title: str

    def advance(self, count: int) -> None:
        counts = self.watch.advances[self.title]
        counts.append(count)
        if self.watch.stop_at is not None:
            title, units = self.watch.stop_at
            if title == self.title and sum(counts) >= units:
                raise KeyboardInterrupt

    def close(self) -> None:
        self.watch.closed.append(self.title)


def run_screen(config: Path, folder: Path, watch: Watch | None = None) -> "Screened":
    from emoloom.pipeline import screen

    return screen(config, folder, watch or Watch())


def tree(folder: Path, leave_out: set[str] = frozenset()) -> dict[str, bytes]:
    """Every file below a folder by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in leave_out
    }


def entries_of(folder: Path) -> dict[str, dict]:
    """Entries of a run's leaderboard by name."""
    board = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    return {entry["name"]: entry for entry in board["entries"]}


def lines_of(path: Path) -> list[dict]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def assert_same_results(folder: Path, reference: Path) -> None:
    """Every file but the unsteady ones is there in both, with the same bytes.

    The manifest binds the unsteady ones, too; all else that it says is the same. The hash of our
    own code is left out: somebody may be editing it while the tests run.
    """
    unsteady = {*UNSTEADY, "manifest.sha256"}
    got, wanted = tree(folder, unsteady), tree(reference, unsteady)
    for files in (got, wanted):
        files["manifest.json"] = _steady(files["manifest.json"])
        files["run.json"] = _without_code(files["run.json"])
    assert sorted(got) == sorted(wanted)
    assert [name for name in wanted if got[name] != wanted[name]] == []


def _without_code(record: bytes) -> bytes:
    run = json.loads(record)
    run.pop("code_sha256")
    return json.dumps(run).encode()


def _steady(manifest: bytes) -> bytes:
    statement = json.loads(manifest)
    statement["predicate"]["emoloom"].pop("code_sha256")
    statement["subject"] = [
        one for one in statement["subject"] if one["name"] not in {*UNSTEADY, "run.json"}
    ]
    return json.dumps(statement).encode()


@dataclass(frozen=True)
class Called:
    """How one call of the command line ended."""

    code: int
    out: str
    err: str


def call(*args: object, stdin: bytes = b"") -> Called:
    """`emoloom ARGS` in this process; an error that would be a traceback is raised."""
    from emoloom.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    code = 0
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    arguments = ["emoloom", *map(str, args)]
    with (
        mock.patch.object(sys, "argv", arguments),
        mock.patch.object(sys, "stdin", given),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))
    return Called(code, *texts)


def assert_user_error(called: Called, *parts: str) -> None:
    """Exit 2, nothing on stdout, one message that holds every one of `parts`."""
    assert called.code == 2, called
    assert called.out == ""
    messages = [line for line in called.err.splitlines() if line.startswith("error: ")]
    assert len(messages) == 1, called.err
    assert "Traceback" not in called.err
    assert [part for part in parts if part not in called.err] == [], called.err
