"""Workers that do well, fail, hang, grow and die; and a budget over all of them."""

import json
import multiprocessing
import time

import pytest

import fake_workers
from emoloom.config import parse_config
from emoloom.engines import pool, worker
from emoloom.engines.local import BudgetStop
from emoloom.engines.pool import PoolEngine
from emoloom.engines.wire import READY, STOP, Setup
from emoloom.errors import UserError
from emoloom.models.logits import ModelError
from emoloom.runs.directory import RunDirectory, Stage
from emoloom.runs.work import Outcome, Work
from tiny_screen import SETTINGS, Watch, lines_of


class Bench:
    """A run folder, and engines on it."""

    def __init__(self, root) -> None:
        self.run, self.watch = RunDirectory(root), Watch()
        self.engines: list[PoolEngine] = []

    def engine(self, workers: int = 1, **budget: float) -> PoolEngine:
        config = parse_config({**SETTINGS, "workers": workers, "budget": budget}, source="test")
        made = PoolEngine(self.run, self.watch, config.budget, config=config)
        self.engines.append(made)
        return made

    def work(self, name: str, candidate: str = "a", *, budgeted: bool = True) -> Work:
        stage = Stage(self.run.candidate(candidate), name, "inputs")
        return Work(stage, candidate, fake_workers.UNITS, "steps", self.here, budgeted=budgeted)

    def here(self, advance) -> Outcome:
        advance(fake_workers.UNITS)
        return Outcome((), {"made_here": 1})

    def marker(self, name: str, candidate: str = "a") -> dict:
        path = self.run.candidate(candidate) / "done" / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8"))

    def events(self) -> list[dict]:
        return lines_of(self.run.root / "events.jsonl")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "serve", fake_workers.serve)
    made = Bench(tmp_path)
    yield made
    for engine in made.engines:
        engine.close()


def test_a_worker_makes_what_holds_a_model_and_nothing_else(bench):
    engine = bench.engine()
    assert engine.do(bench.work("good")) is True
    assert engine.do(bench.work("good")) is False
    assert engine.do(bench.work("rows", budgeted=False)) is True
    assert bench.marker("good")["counts"] == {"made": 4}
    assert bench.marker("rows")["counts"] == {"made_here": 1}
    assert bench.watch.advances["good a"] == [1, 1, 1, 1]
    costs = json.loads((bench.run.root / "costs.json").read_text(encoding="utf-8"))
    assert costs["spent"]["tokens"] == 45
    assert engine.ledger.spent().accelerator_seconds > 0


def test_one_worker_serves_one_unit_after_the_other(bench, monkeypatch):
    engine, begun = bench.engine(), []
    worker = PoolEngine._worker
    monkeypatch.setattr(PoolEngine, "_worker", lambda self: begun.append(worker(self)) or begun[-1])
    for name in ("a", "b", "c"):
        engine.do(bench.work("good", name))
    assert len({one.process.pid for one in begun}) == 1


@pytest.mark.parametrize(
    ("name", "error"),
    [("model", ModelError), ("bug", ModelError), ("user", UserError), ("disk", OSError)],
)
def test_a_failure_is_told_and_the_worker_goes_on(bench, name, error):
    engine = bench.engine()
    with pytest.raises(error, match=f"a fault of kind {name}"):
        engine.do(bench.work(name))
    assert engine.do(bench.work("good")) is True


def test_a_worker_that_dies_costs_its_unit_and_not_the_run(bench):
    assert bench.engine().do(bench.work("die-once")) is True
    assert bench.marker("die-once")["counts"] == {"made": 4}
    assert [e["event"] for e in bench.events()] == ["worker_died"]
    assert sum(bench.watch.advances["die-once a"]) == 4


def test_work_that_kills_its_workers_fails_now_and_on_continuing(bench):
    reason = "its worker ended by signal 9, 2 times, in die"
    with pytest.raises(ModelError, match=reason):
        bench.engine().do(bench.work("die"))
    (last,) = (e for e in bench.events() if e["event"] == "work_ended")
    assert (last["kind"], last["limit"], last["candidate"]) == ("crash", 2, "a")
    before = bench.events()
    with pytest.raises(ModelError, match=reason):
        bench.engine().do(bench.work("die"))
    assert bench.events() == before, "replayed, not tried"
    with pytest.raises(ModelError, match="3 times"):
        bench.engine(attempts=3).do(bench.work("die"))
    assert bench.engine().do(bench.work("good")) is True


def test_work_that_hangs_is_ended(bench):
    engine, start = bench.engine(unit_seconds=1), time.monotonic()
    with pytest.raises(ModelError, match="no steps finished within 1 s"):
        engine.do(bench.work("hang"))
    assert time.monotonic() - start < 60
    engine.budget = bench.engine().budget  # a busy machine may be slower than a second
    assert engine.do(bench.work("good")) is True
    with pytest.raises(ModelError, match="within 1 s"):
        bench.engine(unit_seconds=0.5).do(bench.work("hang"))
    assert len(bench.events()) == 1


def test_work_that_eats_memory_is_ended(bench):
    engine = bench.engine(memory_mb=250)
    with pytest.raises(ModelError, match="over 250 MiB of memory"):
        engine.do(bench.work("eat"))
    assert bench.events()[-1]["kind"] == "memory"


def test_a_budget_stops_a_worker_at_its_border(bench):
    with pytest.raises(BudgetStop, match="budget of 25 tokens"):
        bench.engine(tokens=25).do(bench.work("good"))
    assert bench.watch.advances["good a"] == [1, 1, 1]
    assert (bench.run.root / "stopped").exists(), "it was let come to its end"
    assert bench.engine().do(bench.work("good")) is True


def test_an_interrupt_stops_a_worker_at_its_border(bench):
    bench.watch.stop_at = ("good a", 2)
    with pytest.raises(KeyboardInterrupt):
        bench.engine().do(bench.work("good"))
    assert (bench.run.root / "stopped").exists()
    assert bench.watch.closed == ["good a"]


def test_several_at_a_time_and_results_in_their_order(bench):
    engine = bench.engine(workers=3)

    def do(name: str) -> str:
        engine.do(bench.work("slow", name))
        return name

    start = time.monotonic()
    assert engine.each(do, list("abcdef")) == list("abcdef")
    assert engine._idle.qsize() <= 3
    assert all(bench.marker("slow", name)["counts"] == {"made": 4} for name in "abcdef")
    assert time.monotonic() - start < 60


def test_an_error_of_one_stops_the_others_at_their_borders(bench):
    engine = bench.engine(workers=2)
    bench.watch.stop_at = ("slow b", 1)
    with pytest.raises(KeyboardInterrupt):
        engine.each(lambda name: engine.do(bench.work("slow", name)), list("abcd"))
    done = [name for name in "abcd" if (bench.run.candidate(name) / "done").exists()]
    assert "b" not in done
    assert len(done) < 4


def test_a_worker_told_to_stop_when_its_unit_has_just_ended_leaves_in_silence(tmp_path, capfd):
    """An interrupt and the end of a unit may cross on the wire."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    setup = Setup(parse_config(SETTINGS, source="test"), tmp_path, {})
    process = context.Process(target=worker.serve, args=(theirs, setup), daemon=True)
    process.start()
    theirs.close()
    try:
        assert ours.recv() == READY
        ours.send(STOP)
        process.join(60)
        assert process.exitcode == 0
        with pytest.raises(EOFError):
            ours.recv()
    finally:
        process.kill()
        process.join()
        ours.close()
    assert "Traceback" not in capfd.readouterr().err
