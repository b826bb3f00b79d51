"""A whole screen with the frozen probe of its model: shown, charged, continued, verified."""

import json
import shutil
from pathlib import Path

import pytest

import emoloom
from emoloom.errors import ExitCode
from emoloom.verification import verify_run
from tiny_screen import (
    STAGES,
    Watch,
    assert_same_results,
    call,
    entries_of,
    run_screen,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

NAME = "one.probe"
ON = {"frozen_probe": {"rows": 12}}
WITH_IT = [*STAGES[:9], f"preflight {NAME}", f"select {NAME}", *STAGES[9:]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shared_cache):
    """The small screen with the probe, finished. Shared: never write into it."""
    base = tmp_path_factory.mktemp("frozen-probe")
    config, watch = write_config(base / "c.yaml", **ON), Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        assert run_screen(config, base / "run", watch).code is ExitCode.DONE
    return config, base / "run", watch


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def problems(folder: Path) -> list:
    return [one for one in verify_run(folder, page=True).findings if one.fails]


def test_it_is_shown_with_scores_on_every_row_and_ranks_nothing(finished):
    _, folder, watch = finished
    assert watch.titles == WITH_IT
    entry = entries_of(folder)[NAME]
    assert (entry["kind"], entry["recipe"], entry["status"]) == ("shown", "frozen-probe", "scored")
    assert (entry["rank"], entry["n"], entry["parse_ok"]["value"]) == (None, 8, 1.0)
    for key in ("macro_f1", "skill"):
        assert entry["strict"][key]["interval"] is not None
    verdict = read(folder, "leaderboard.json")["verdict"]
    assert verdict["best_set"] == ["one.sft"]
    assert NAME not in {one["name"] for one in verdict["floor_comparisons"]}
    assert entry["polarity"] is None
    for page in ("leaderboard.md", "leaderboard.csv", "report.html"):
        assert NAME in (folder / page).read_text(encoding="utf-8")


def test_it_changes_nothing_of_the_others(finished, finished_run):
    _, folder, _ = finished
    ours, theirs = entries_of(folder), entries_of(finished_run.folder)
    assert ours["one.sft"].pop("below_probe") == NAME
    assert {name: entry for name, entry in ours.items() if name != NAME} == theirs
    assert emoloom.load_run(folder).entry("one.sft").below_probe == NAME
    assert f",{NAME}," in (folder / "leaderboard.csv").read_text(encoding="utf-8")
    text = read(folder, "leaderboard.json")["verdict"]["text"]
    assert f"one.sft ({ours['one.sft']['score']['value']:.3f} against " in text


def test_its_record_says_how_it_does_on_train_rows_held_out(finished):
    record = read(finished[1], f"candidates/{NAME}/frozen_probe.json")
    assert (record["rows"], record["folds"]) == (12, 5)
    scores = record["out_of_fold"]
    assert scores["n"] == 12
    assert scores["strict"]["macro_f1"]["value"] is not None
    assert scores["strict"]["skill"]["interval"] is not None


def test_it_is_planned_forecast_and_charged(finished):
    _, folder, _ = finished
    (planned,) = [one for one in read(folder, "plan.json")["stages"] if one["candidate"] == NAME][
        1:
    ]
    assert (planned["units"], planned["train_rows"]) == (20, 12)
    costs = read(folder, "costs.json")
    key = ("select", NAME)
    (spent,) = [s for s in costs["stages"] if (s["stage"], s["candidate"]) == key]
    assert spent["units"] == planned["units"]
    (forecast,) = [s for s in costs["planned"] if (s["stage"], s["candidate"]) == key]
    assert forecast["tokens"] == pytest.approx(spent["tokens"], rel=0.5)
    assert forecast["memory_mb"] > 0


def test_the_manifest_binds_its_answers_to_the_model_and_its_prompt(finished):
    _, folder, _ = finished
    predicate = read(folder, "manifest.json")["predicate"]
    (entry,) = [one for one in predicate["entries"] if one["name"] == NAME]
    assert (entry["base"], entry["made_by"]) == ("one", NAME)
    (bound,) = [one for one in predicate["answers"] if one["entry"] == NAME]
    assert bound["weights_sha256"] == predicate["models"]["one"]["weights_sha256"]
    assert bound["prompt"] is not None
    assert bound["adapter"] == {}
    assert problems(folder) == []


def test_another_answer_of_it_is_found_and_another_score_too(finished, tmp_path):
    _, folder, _ = finished
    altered = Path(shutil.copytree(folder, tmp_path / "run"))
    path = altered / f"candidates/{NAME}/rows/select.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("cues: none", "cues: x", 1), "utf-8")
    assert problems(altered)[0].file == f"candidates/{NAME}/rows/select.jsonl"
    board = altered / "leaderboard.json"
    stated = read(folder, "leaderboard.json")
    for one in stated["entries"]:
        if one["name"] == NAME:
            one["score"]["value"] = 0.99
    board.write_text(json.dumps(stated), encoding="utf-8")
    whats = [one.what for one in problems(altered) if one.file == "leaderboard.json"]
    assert any(f"entries[{NAME}].score.value: stated 0.99" in what for what in whats)


def test_a_run_stopped_in_it_goes_on_to_the_same_results(finished, tmp_path):
    config, folder, _ = finished
    with pytest.raises(KeyboardInterrupt):
        run_screen(config, tmp_path / "run", Watch(stop_at=(f"select {NAME}", 3)))
    assert not (tmp_path / f"run/candidates/{NAME}/rows").exists()
    watch = Watch()
    assert run_screen(config, tmp_path / "run", watch).code is ExitCode.DONE
    assert watch.titles[:2] == [f"select {NAME}", "preflight one.zero-shot"]
    assert_same_results(tmp_path / "run", folder)


def test_a_spent_budget_leaves_it_undone_and_the_candidates_ranked(finished, tmp_path):
    _, folder, _ = finished
    costs = read(folder, "costs.json")["stages"]
    before = [s for s in costs if s["candidate"] in ("one.sft", "-")]
    tokens = sum(s.get("tokens", 0) for s in before if s["stage"] != "polarity")
    small = write_config(tmp_path / "c.yaml", **ON, budget={"tokens": tokens})
    assert run_screen(small, tmp_path / "run").code is ExitCode.BUDGET
    found = entries_of(tmp_path / "run")
    assert (found[NAME]["status"], found["one.sft"]["rank"]) == ("not_done", 1)
    assert problems(tmp_path / "run") == []


def test_it_is_made_by_a_worker_as_by_this_process(finished, tmp_path):
    _, folder, _ = finished
    config = write_config(tmp_path / "c.yaml", **ON, workers=1)
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    for name in (f"candidates/{NAME}/rows/select.jsonl", f"candidates/{NAME}/frozen_probe.json"):
        assert (tmp_path / "run" / name).read_bytes() == (folder / name).read_bytes()


def test_it_cannot_be_exported(finished, tmp_path):
    called = call("export", finished[1], "--candidate", NAME, "--out", tmp_path / "out")
    assert called.code == 2
    assert "Traceback" not in called.err
