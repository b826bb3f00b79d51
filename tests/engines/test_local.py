import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from emoloom.config_budget import BudgetConfig
from emoloom.engines.ledger import peak_memory_mb
from emoloom.engines.local import BudgetStop, LocalEngine
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
    assert bench.engine().do(bench.work(seconds=1e9)) is True


def test_what_earlier_calls_spent_counts(bench):
    bench.engine().do(bench.work("train", units=2, seconds=1))
    bench.now += 1000  # between two calls nothing is spent
    engine = bench.engine(wall_seconds=5)
    with pytest.raises(BudgetStop, match="5 s wall time"):
        engine.do(bench.work(seconds=1))
    assert bench.watch.advances["select a"] == [1, 1, 1]
    assert bench.costs()["spent"] == {
        "wall_seconds": 5.0,
        "accelerator_seconds": 5.0,
        "tokens": 0,
    }


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_what_a_stopped_call_spent_counts(bench, stop):
    def stop_after_three(done):
        if done == 3:
            raise stop

    with pytest.raises(stop):
        bench.engine().do(bench.work(then=stop_after_three, tokens=10))
    assert bench.costs()["spent"]["tokens"] == 30
    engine = bench.engine(wall_seconds=8)
    with pytest.raises(BudgetStop):
        engine.do(bench.work())
    assert bench.watch.advances["select a"] == [1], "6 s were spent before"


def test_a_killed_call_loses_a_few_seconds_at_most(bench):
    seen = []

    def look(done):
        path = bench.run.root / "costs.json"
        seen.append(bench.costs()["spent"]["wall_seconds"] if path.exists() else 0)

    bench.engine().do(bench.work(units=6, seconds=2, then=look))
    assert seen == [0, 0, 0, 6, 6, 6]
    bench.engine().do(bench.work(units=6, seconds=2, inputs="other"))


def test_time_of_work_without_a_model_is_wall_time_alone(bench):
    bench.engine().do(bench.work(budgeted=False, tokens=5))
    spent = bench.costs()["spent"]
    assert (spent["wall_seconds"], spent["accelerator_seconds"], spent["tokens"]) == (8.0, 0.0, 0)


def test_tokens_are_charged_and_limited(bench):
    with pytest.raises(BudgetStop, match=r"budget of 1,000 tokens is spent \(in select of a\)"):
        bench.engine(tokens=1000).do(bench.work(units=9, tokens=400))
    assert bench.watch.advances["select a"] == [1, 1, 1], "over by less than a unit"
    (entry,) = bench.costs()["stages"]
    assert (entry["tokens"], entry["finished"]) == (1200, False)
    bench.engine().do(bench.work(units=9, tokens=400))
    (entry,) = bench.costs()["stages"]
    assert entry["tokens"] == 1200 + 3600
    assert bench.costs()["spent"]["tokens"] == 4800


def test_accelerator_seconds_are_limited(bench):
    engine = bench.engine(accelerator_seconds=3)
    bench.now += 60
    with pytest.raises(BudgetStop, match="budget of 3 accelerator-seconds is spent"):
        engine.do(bench.work())
    assert bench.watch.advances["select a"] == [1, 1]


def test_a_stop_is_an_event_and_holds_until_its_limit_is_raised(bench):
    with pytest.raises(BudgetStop):
        bench.engine(wall_seconds=3).do(bench.work())
    stop = {"event": "budget_stop", "resource": "wall_seconds", "limit": 3}
    assert bench.events() == [{**stop, "stage": "select", "candidate": "a"}]
    (bench.run.root / "costs.json").unlink()
    for limit in (3, 2):
        engine = bench.engine(wall_seconds=limit)
        with pytest.raises(BudgetStop, match=f"budget of {limit} s wall time is spent"):
            engine.do(bench.work())
        assert engine.stopped
    assert bench.made == ["select"], "replayed, whatever costs.json says"
    assert len(bench.events()) == 1
    assert bench.engine(wall_seconds=100).do(bench.work()) is True
    assert bench.events()[1:] == [
        {"event": "budget_raised", "resource": "wall_seconds", "limit": 100}
    ]
    assert bench.engine(wall_seconds=100).do(bench.work("train", seconds=0)) is True
    assert len(bench.events()) == 2


def test_work_behind_the_last_unit_is_stopped_too(bench):
    work, engine = bench.work(), bench.engine(wall_seconds=30)
    make = work.make

    def then_more(advance):
        made = make(advance)
        bench.now += 60
        advance(0)
        return made

    with pytest.raises(BudgetStop):
        engine.do(replace(work, make=then_more))
    assert engine.stopped


def test_a_damaged_line_of_the_log_hides_no_other(bench):
    with pytest.raises(BudgetStop):
        bench.engine(wall_seconds=3).do(bench.work())
    log = bench.run.root / "events.jsonl"
    log.write_bytes(b'{"event": \xff\n[]\n' + log.read_bytes() + b"{\n")
    with pytest.raises(BudgetStop):
        bench.engine(wall_seconds=3).do(bench.work())
    assert bench.made == ["select"]


def test_a_call_without_work_leaves_the_costs_alone(bench):
    bench.engine().do(bench.work())
    before = (bench.run.root / "costs.json").read_bytes()
    engine = bench.engine()
    bench.now += 50
    assert engine.do(bench.work()) is False
    engine.ledger.close()
    assert (bench.run.root / "costs.json").read_bytes() == before


def test_the_clock_starts_with_the_engine(tmp_path):
    before = time.monotonic()
    engine = LocalEngine(RunDirectory(tmp_path), Watch(), BudgetConfig())
    assert before <= engine.started <= time.monotonic()


def test_peak_memory_is_in_mebibytes():
    assert 5 < peak_memory_mb() < 64 * 1024
