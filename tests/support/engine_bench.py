"""A run folder with an engine whose clock the test moves."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from emoloom.config_budget import BudgetConfig
from emoloom.engines.local import LocalEngine
from emoloom.runs.directory import RunDirectory, Stage, fingerprint, write_text_atomic
from emoloom.runs.work import Outcome, Work
from tiny_screen import Watch, lines_of


class Bench:
    """A run folder with an engine whose clock the test moves."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.run = RunDirectory(root)
        self.watch = Watch()
        self.now = 100.0
        self.made: list[str] = []
        patch.setattr("emoloom.engines.local.time", SimpleNamespace(monotonic=lambda: self.now))

    def engine(self, **budget: float) -> LocalEngine:
        """A call on the run that begins now."""
        return LocalEngine(self.run, self.watch, BudgetConfig(**budget), started=self.now)

    def events(self) -> list[dict]:
        return lines_of(self.run.root / "events.jsonl")

    def work(
        self,
        name: str = "select",
        *,
        units: int = 4,
        seconds: float = 2.0,
        budgeted: bool = True,
        inputs: str = "x",
        tokens: int = 0,
        then: Callable[[int], None] = lambda done: None,
    ) -> Work:
        folder = self.run.candidate("a")

        def make(advance):
            self.made.append(name)
            for done in range(1, units + 1):
                self.now += seconds
                advance.spend(tokens)
                then(done)
                advance(1)
            write_text_atomic(folder / f"{name}.txt", name)
            costs = {"rows": units, "forwards": 10, "tokens_computed": 50}
            costs |= {"near_ties": 1, "truncated": 0}
            return Outcome((folder / f"{name}.txt",), {"rows": units}, costs)

        stage = Stage(folder, name, fingerprint(inputs))
        return Work(stage, "a", units, "rows", make, budgeted=budgeted)

    def costs(self) -> dict:
        return json.loads((self.run.root / "costs.json").read_text(encoding="utf-8"))
