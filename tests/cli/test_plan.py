"""`emoloom plan` and `emoloom spent`."""

import json

import pytest

from tiny_screen import Watch, assert_user_error, call, run_screen, write_config

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_plan_says_time_tokens_memory_and_disk_for_every_stage(tmp_path):
    config = write_config(tmp_path / "c.yaml", budget={"wall_seconds": 3600})
    called = call("plan", config, "--json")
    assert called.code == 0
    found = json.loads(called.out)
    assert found["holds"] is True
    (limit,) = found["limits"]
    assert (limit["resource"], limit["limit"], limit["ends_in"]) == ("wall_seconds", 3600, None)
    forecast = found["forecast"]
    stages = [(s["stage"], s["candidate"]) for s in forecast["stages"]]
    assert stages == [(s["stage"], s["candidate"]) for s in found["plan"]["stages"]]
    assert all(s["seconds"] > 0 and s["tokens"] > 0 for s in forecast["stages"] if not s["copied"])
    assert forecast["memory_mb"] > 10
    assert forecast["disk_mb"] > 0
    assert forecast["unknown"] == []
    assert found["spent"]["tokens"] > 0, "the probes"


def test_a_budget_that_does_not_hold_is_said_before_any_work(tmp_path):
    config = write_config(tmp_path / "c.yaml", budget={"tokens": 5000})
    called = call("plan", config)
    assert called.code == 3
    assert "budget of 5,000 tokens: does not hold, it will end in " in called.out
    assert called.out.splitlines()[0].split() == (
        ["stage", "candidate", "seconds", "tokens", "MiB", "held", "MiB", "left"]
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("resource", ["wall_seconds", "tokens", "accelerator_seconds"])
def test_a_budget_of_nothing_does_not_hold(tmp_path, resource):
    config = write_config(tmp_path / "c.yaml", budget={resource: 0})
    called = call("plan", config, "--out", tmp_path / "run")
    assert called.code == 3
    assert "does not hold, it is spent before any model could be timed" in called.out
    record = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert record["status"] == "planned"


def test_a_screen_goes_on_in_the_folder_of_its_plan(tmp_path):
    config, folder = write_config(tmp_path / "c.yaml"), tmp_path / "run"
    assert call("plan", config, "--out", folder).code == 0
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"] == "planned"
    watch = Watch()
    run_screen(config, folder, watch)
    assert "probe one.sft" not in watch.titles
    assert any(text.startswith("forecast: about ") for text in watch.said)
    called = call("plan", config, "--out", folder)
    assert (called.code, "0 stages" in called.out) == (0, True)
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"] == "done"


def test_planned_against_spent(finished_run, tmp_path):
    called = call("spent", finished_run.folder)
    assert called.code == 0
    assert [line.split()[:2] for line in called.out.splitlines()[1:-1]] == [
        ["preflight", "one.sft"],
        ["train", "one.sft"],
        ["select", "one.sft"],
        ["preflight", "one.zero-shot"],
        ["select", "one.zero-shot"],
        ["polarity", "one.sft"],
    ]
    found = json.loads(call("spent", finished_run.folder, "--json").out)
    assert len(found["stages"]) == 6
    assert_user_error(call("spent", tmp_path), "costs.json cannot be read")


def test_without_probes_nothing_is_forecast(tmp_path):
    config = write_config(tmp_path / "c.yaml", budget={"probe": False}, recipes=["sft"])
    watch = Watch()
    run_screen(config, tmp_path / "run", watch)
    assert not any(title.startswith("probe") for title in watch.titles)
    said = ("holds no forecast; ", "screen with `budget: {probe: true}`, the default")
    assert_user_error(call("spent", tmp_path / "run"), *said)


@pytest.mark.parametrize("stage", ["data -", "probe one.sft", "preflight one.sft"])
def test_before_the_models_are_timed_there_is_no_forecast_yet(finished_run, tmp_path, stage):
    with pytest.raises(KeyboardInterrupt):
        run_screen(finished_run.config, tmp_path / "run", Watch(stop_at=(stage, 1)))
    called = call("spent", tmp_path / "run")
    if stage.startswith("preflight"):
        assert called.code == 0
    else:
        said = ("holds no forecast yet; got: a run that is interrupted", "run the same command")
        assert_user_error(called, *said)


def test_a_model_that_cannot_be_timed_is_said_and_the_screen_goes_on(tmp_path, monkeypatch):
    from emoloom.models.logits import ModelError
    from emoloom.planning import probe

    def measure(*_):
        raise ModelError("no luck")

    monkeypatch.setattr(probe, "measure", measure)
    config = write_config(tmp_path / "c.yaml", recipes=["sft"])
    watch = Watch()
    assert run_screen(config, tmp_path / "run", watch).code == 0
    assert "one cannot be timed: no luck" in watch.said
    assert "one could not be timed: its stages are in no sum" in watch.said
