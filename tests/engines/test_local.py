import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from emoloom.engines.local import BudgetStop, LocalEngine, peak_memory_mb
from emoloom.runs.directory import RunDirectory, Stage, fingerprint, write_text_atomic
from emoloom.runs.work import Outcome, Work
from tiny_screen import Watch


class Bench:
    """A run folder with an engine whose clock the test moves."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.run = RunDirectory(root)
        self.watch = Watch()
        self.now = 100.0
        self.made: list[str] = []
        patch.setattr("emoloom.engines.local.time", SimpleNamespace(monotonic=lambda: self.now))

    def engine(self, wall_seconds: float | None = None) -> LocalEngine:
        return LocalEngine(self.run, self.watch, wall_seconds, started=self.now)

    def work(
        self,
        name: str = "select",
        *,
        units: int = 4,
        seconds: float = 2.0,
        budgeted: bool = True,
        inputs: str = "x",
        then: Callable[[int], None] = lambda done: None,
    ) -> Work:
        folder = self.run.candidate("a")

        def make(advance):
            self.made.append(name)
            for done in range(1, units + 1):
                self.now += seconds
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


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_work_is_done_once(bench):
    engine = bench.engine()
    assert engine.do(bench.work()) is True
    assert engine.do(bench.work()) is False
    assert bench.engine().do(bench.work()) is False
    assert bench.made == ["select"]
    assert bench.watch.titles == bench.watch.closed == ["select a"]
    assert engine.do(bench.work(inputs="other")) is True
    (bench.run.candidate("a") / "select.txt").unlink()
    assert engine.do(bench.work(inputs="other")) is True


def test_costs_hold_time_rate_memory_and_decoding(bench):
    bench.engine().do(bench.work())
    (stage,) = bench.costs()["stages"]
    assert 1 < stage.pop("peak_memory_mb") < 100_000
    assert stage == {
        "stage": "select",
        "candidate": "a",
        "seconds": 8.0,
        "units": 4,
        "unit": "rows",
        "rate": 0.5,
        "rows": 4,
        "forwards": 10,
        "tokens_computed": 50,
        "near_ties": 1,
        "truncated": 0,
    }
    decode = bench.costs()["decode"]["a"]
    assert decode["forwards_per_row"] == 2.5
    assert decode["rows_per_second"] == 0.5


def test_work_done_anew_replaces_its_costs_and_keeps_the_others(bench):
    engine = bench.engine()
    engine.do(bench.work("train", seconds=1))
    engine.do(bench.work("select", seconds=1))
    engine.do(bench.work("train", seconds=3, inputs="other"))
    stages = {entry["stage"]: entry["seconds"] for entry in bench.costs()["stages"]}
    assert stages == {"train": 12.0, "select": 4.0}
    assert len(bench.costs()["stages"]) == 2


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_stopped_work_has_no_marker_and_its_seconds_are_kept(bench, stop):
    def stop_after_two(done):
        if done == 3:
            raise stop

    work = bench.work(then=stop_after_two)
    with pytest.raises(stop):
        bench.engine().do(work)
    assert work.stage.done() is None
    assert bench.watch.closed == ["select a"]
    (entry,) = bench.costs()["stages"]
    assert (entry["finished"], entry["units"], entry["seconds"]) == (False, 2, 6.0)
    assert bench.costs()["decode"] == {}
    bench.engine().do(bench.work(seconds=1))
    (entry,) = bench.costs()["stages"]
    assert "finished" not in entry
    assert (entry["units"], entry["seconds"], entry["rate"]) == (4, 10.0, 0.4)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"stages": 3}',
        b'{"stages": [3, {}, {"stage": "a"}]}',
        b'{"stages": [{"stage": "s", "candidate": "c", "seconds": "long"}]}',
    ],
)
def test_damaged_costs_are_begun_anew(bench, content):
    (bench.run.root / "costs.json").write_bytes(content)
    bench.engine().do(bench.work())
    assert [entry["stage"] for entry in bench.costs()["stages"]] == ["select"]


def test_a_spent_budget_stops_before_the_work(bench):
    engine = bench.engine(wall_seconds=5)
    bench.now += 5
    with pytest.raises(BudgetStop, match=r"budget of 5 s wall time is spent \(in select of a\)"):
        engine.do(bench.work())
    assert bench.made == bench.watch.titles == []


def test_a_budget_stops_at_a_border_inside_the_work(bench):
    engine = bench.engine(wall_seconds=5)
    with pytest.raises(BudgetStop):
        engine.do(bench.work())
    assert bench.watch.advances == {"select a": [1, 1, 1]}
    assert bench.watch.closed == ["select a"]


def test_work_whose_last_unit_is_finished_is_kept(bench):
    engine = bench.engine(wall_seconds=7)
    assert engine.do(bench.work()) is True
    assert bench.now == 108
    assert engine.do(bench.work()) is False
    with pytest.raises(BudgetStop):
        engine.do(bench.work("train"))


def test_rows_and_floors_are_made_without_budget(bench):
    assert bench.engine(wall_seconds=0).do(bench.work(budgeted=False)) is True


def test_without_a_limit_nothing_stops(bench):
    assert bench.engine(wall_seconds=None).do(bench.work(seconds=1e9)) is True


def test_the_clock_starts_with_the_engine(tmp_path):
    before = time.monotonic()
    engine = LocalEngine(RunDirectory(tmp_path), Watch(), 1.0)
    assert before <= engine.started <= time.monotonic()


def test_peak_memory_is_in_mebibytes():
    assert 5 < peak_memory_mb() < 64 * 1024
