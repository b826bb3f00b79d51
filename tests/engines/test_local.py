import time

import pytest

from emoloom.config_budget import BudgetConfig
from emoloom.engines.ledger import peak_memory_mb
from emoloom.engines.local import LocalEngine
from emoloom.runs.directory import RunDirectory
from engine_bench import Bench
from tiny_screen import Watch


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
