"""Polarity consistency through a whole screen."""

import json
import time
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from emoloom.contract.schema import write_answer
from emoloom.corpora.polarity_pairs import FLIP_SUFFIX, load_polarity_pairs
from emoloom.errors import ExitCode, UserError
from emoloom.records import VAD, Prediction
from emoloom.runs.directory import write_jsonl_atomic
from tiny_screen import (
    STAGES,
    Watch,
    assert_same_results,
    assert_user_error,
    call,
    entries_of,
    lines_of,
    run_screen,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

FLOORS = ("constant", "lexicon", "tf-idf")
UP = write_answer(Prediction(("joy",), VAD(0.9, 0.5, 0.5), "cues: none"))
DOWN = write_answer(Prediction(("anger",), VAD(0.1, 0.5, 0.5), "cues: none"))


def scores_of(folder: Path, name: str) -> dict:
    return json.loads((folder / f"candidates/{name}/scores.json").read_text(encoding="utf-8"))


def test_all_but_zero_shot_are_asked_the_same_pairs(finished_run):
    folder = finished_run.folder
    asked = [row["id"] for row in lines_of(folder / "data/polarity.jsonl")]
    assert len(asked) == 4
    assert asked[1::2] == [row_id + FLIP_SUFFIX for row_id in asked[::2]]
    for name in (*FLOORS, "one.sft"):
        rows = lines_of(folder / f"candidates/{name}/rows/polarity.jsonl")
        assert [row["id"] for row in rows] == asked
        scores = scores_of(folder, name)
        assert scores["polarity"] == entries_of(folder)[name]["polarity"]
        assert scores["polarity"]["strict"]["n"] == 2
        assert list(scores["polarity_pairs"]) == [
            pair.id for pair in load_polarity_pairs() if pair.id in asked
        ]
    assert entries_of(folder)["constant"]["polarity"]["strict"]["consistency"] == 0.0
    assert scores_of(folder, "one.zero-shot")["polarity"] is None
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["polarity_rows"] == 4
    assert plan["stages"][-1] == {"stage": "polarity", "candidate": "one.sft", "units": 4}
    signature = json.loads((folder / "leaderboard.json").read_text("utf-8"))["signature"]
    assert "polarity:4@" in signature


def test_a_consistent_and_an_inconsistent_model(tmp_path, monkeypatch):
    from emoloom.screening import answers

    up = {pair.id: pair.polarity == "pleasant" for pair in load_polarity_pairs()}

    def decode(lm, task, out, advance, event, begun):
        lines = []
        for row in task.rows:
            pleasant = up.get(row.id.removesuffix(FLIP_SUFFIX), True)
            turned = row.id.endswith(FLIP_SUFFIX) and out.parts[-3] == "m1.sft"
            lines.append({"id": row.id, "output": UP if pleasant != turned else DOWN})
        write_jsonl_atomic(out, lines)
        advance(len(lines))
        return {}

    monkeypatch.setattr(answers, "decode", decode)
    models = [{"source": f"random:tiny@{seed}", "name": f"m{seed}"} for seed in (1, 2)]
    config = write_config(tmp_path / "c.yaml", models=models, recipes=["sft"])
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    entries = entries_of(tmp_path / "run")
    for name, share in (("m1.sft", 1.0), ("m2.sft", 0.0)):
        for view in ("strict", "parsed"):
            assert entries[name]["polarity"][view]["consistency"] == share
    assert entries["m1.sft"]["rank"] == entries["m2.sft"]["rank"] == 1, "it never ranks"


def test_heads_alone_are_a_floor_and_asked_too(tmp_path):
    config = write_config(tmp_path / "c.yaml", recipes=["sft+heads"])
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    name = "one.sft+heads.head"
    entry = entries_of(tmp_path / "run")[name]
    assert (entry["kind"], entry["polarity"]["parsed"]["n"]) == ("floor", 2)
    for row_set in ("select", "polarity"):
        answered = lines_of(tmp_path / f"run/candidates/{name}/rows/{row_set}.jsonl")
        asked = lines_of(tmp_path / f"run/data/{row_set}.jsonl")
        assert [row["id"] for row in answered] == [row["id"] for row in asked]


def test_switched_off_nothing_of_it_is_there(tmp_path):
    config = write_config(tmp_path / "c.yaml", polarity={"pairs": 0}, recipes=["sft"])
    watch = Watch()
    assert run_screen(config, tmp_path / "run", watch).code is ExitCode.DONE
    assert [title for title in watch.titles if "polarity" in title] == []
    assert list((tmp_path / "run").rglob("polarity*")) == []
    assert entries_of(tmp_path / "run")["one.sft"]["polarity"] is None
    assert entries_of(tmp_path / "run")["one.sft"]["rank"] == 1
    assert "No answers to polarity pairs" in (tmp_path / "run/report.html").read_text("utf-8")


def test_more_pairs_than_ship_is_a_fault_of_the_config(tmp_path):
    config = write_config(tmp_path / "c.yaml", polarity={"pairs": 330})
    assert_user_error(call("check", config), "polarity.pairs: ", "got: 330", "to 329, the pairs")


# Stops


def test_stopped_in_its_stage_by_the_budget_a_candidate_stays_ranked(a_run, finished_run, tmp_path):
    for name in ("rows/polarity.jsonl", "done/polarity.json"):
        (a_run.folder / "candidates/one.sft" / name).unlink()
    config = write_config(tmp_path / "small.yaml", budget={"wall_seconds": 0})
    assert run_screen(config, a_run.folder).code is ExitCode.BUDGET
    entry = entries_of(a_run.folder)["one.sft"]
    assert (entry["status"], entry["rank"], entry["polarity"]) == ("scored", 1, None)
    record = json.loads((a_run.folder / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "stopped_by_budget"
    last = lines_of(a_run.folder / "events.jsonl")[-1]
    assert (last["event"], last["candidate"]) == ("polarity_not_done", "one.sft")
    page = (a_run.folder / "report.html").read_text(encoding="utf-8")
    assert "(in polarity of one.sft)" in page
    watch = Watch()
    assert run_screen(finished_run.config, a_run.folder, watch).code is ExitCode.DONE
    assert watch.titles == ["polarity one.sft"]
    assert_same_results(a_run.folder, finished_run.folder)


def test_a_budget_that_ends_between_two_pairs_goes_on_there(
    a_run, finished_run, tmp_path, monkeypatch
):
    for name in ("rows/polarity.jsonl", "done/polarity.json"):
        (a_run.folder / "candidates/one.sft" / name).unlink()
    costs = json.loads((a_run.folder / "costs.json").read_text(encoding="utf-8"))
    limit = costs["spent"]["wall_seconds"] + 6
    config = write_config(tmp_path / "small.yaml", budget={"wall_seconds": limit})
    with monkeypatch.context() as patch:
        clock = SimpleNamespace(monotonic=partial(next, count(time.monotonic())))
        patch.setattr("emoloom.engines.local.time", clock)
        watch = Watch()
        assert run_screen(config, a_run.folder, watch).code is ExitCode.BUDGET
    assert 0 < sum(watch.advances["polarity one.sft"]) < 4
    assert entries_of(a_run.folder)["one.sft"]["rank"] == 1
    run_screen(finished_run.config, a_run.folder)
    assert_same_results(a_run.folder, finished_run.folder)


def test_interrupted_in_its_stage_a_run_goes_on_to_the_same_bytes(finished_run, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_screen(finished_run.config, folder, Watch(stop_at=("polarity one.sft", 2)))
    watch = Watch()
    run_screen(finished_run.config, folder, watch)
    assert watch.titles == [STAGES[-1]] == ["polarity one.sft"]
    assert watch.advances["polarity one.sft"][0] >= 2
    assert_same_results(folder, finished_run.folder)


def test_what_fails_in_its_stage_costs_no_rank(a_run, monkeypatch):
    from emoloom.screening import answers

    for name in ("rows/polarity.jsonl", "done/polarity.json"):
        (a_run.folder / "candidates/one.sft" / name).unlink()

    def fail(*_args):
        raise UserError("no memory left")

    monkeypatch.setattr(answers, "decode", fail)
    assert run_screen(a_run.config, a_run.folder).code is ExitCode.DONE
    entry = entries_of(a_run.folder)["one.sft"]
    assert (entry["status"], entry["rank"], entry["polarity"]) == ("scored", 1, None)
    last = lines_of(a_run.folder / "events.jsonl")[-1]
    assert (last["event"], last["message"]) == ("polarity_failed", "no memory left")
