"""What a budget stops, at which border, and what of it is logged."""

from dataclasses import replace

import pytest

from emoloom.engines.local import BudgetStop
from engine_bench import Bench


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


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
