"""Rungs and trials through a whole screen: who is dropped, what it costs, and stops on the way."""

import json
import shutil
from pathlib import Path

import pytest

from emoloom.errors import ExitCode
from emoloom.runs.directory import sha256_file
from emoloom.verification import verify_run
from forging import ANSWER, edit, edit_answer, seal
from tiny_screen import (
    Watch,
    assert_same_results,
    call,
    entries_of,
    lines_of,
    run_screen,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

MODELS = [{"source": f"random:tiny@{seed}", "name": f"m{seed}"} for seed in (1, 2, 3, 4)]
RUNGS = {"rungs": 2, "keep": 0.25, "cap": 0.25, "rows": 4}
"""Of four candidates one goes on, whatever ties."""
HALVED = {"models": MODELS, "halving": RUNGS}


@pytest.fixture(scope="module")
def halved(tmp_path_factory, shared_cache):
    """A finished screen with a rung."""
    base = tmp_path_factory.mktemp("halved")
    config = write_config(base / "c.yaml", **HALVED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        watch = Watch()
        assert run_screen(config, base / "run", watch).code is ExitCode.DONE
    return config, base / "run", watch


def test_a_rung_drops_all_but_those_it_keeps(halved):
    _, folder, watch = halved
    (rung,) = json.loads((folder / "rungs.json").read_text(encoding="utf-8"))["rungs"]
    (name,) = rung["promoted"]
    assert len(rung["dropped"]) == 3
    assert (rung["rung"], rung["rows"], rung["keep"], rung["cap"]) == (1, 4, 1, 1)
    entries = entries_of(folder)
    assert entries[name]["rank"] == 1
    for other in rung["dropped"]:
        assert entries[other]["status"] == "dropped"
        assert entries[other]["reason"].startswith("dropped at rung 1: score ")
        assert entries[other]["rank"] is None
        assert (folder / f"candidates/{other}/trunk").is_dir(), "it can be gone on with"
    assert not (folder / f"candidates/{name}/trunk").exists()
    shown = [f"m{n}.zero-shot" for n in (1, 2, 3, 4)]
    assert all(entries[one]["status"] == "scored" for one in shown), "zero-shot stands outside"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "dropped at rung 1" in page
    competing = [f"m{n}.sft" for n in (1, 2, 3, 4)]
    titles = [t for t in watch.titles if not t.startswith(("probe", "data", "polarity -"))]
    assert titles == [
        *(f"select {floor}" for floor in ("constant", "lexicon", "tf-idf")),
        *(f"preflight {one}" for one in competing),
        *(f"{stage} {one}" for one in competing for stage in ("train-1", "select-1")),
        f"train {name}",
        f"select {name}",
        *(f"{stage} {one}" for one in shown for stage in ("preflight", "select")),
        f"polarity {name}",
    ]


def test_the_plan_holds_the_rungs_before_any_work(halved):
    _, folder, _ = halved
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["rungs"] == [
        {"rung": 1, "candidates": 4, "steps": 2, "rows": 4, "keep": 1, "cap": 1}
    ]
    stages = {(s["stage"], s["candidate"]): s for s in plan["stages"]}
    first = {"stage": "train-1", "candidate": "m1.sft", "units": 2, "train_rows": 8}
    assert stages["train-1", "m1.sft"] == first
    assert stages["train", "m2.sft"]["once_promoted"] is True
    assert stages["polarity", "m3.sft"]["once_promoted"] is True


def test_a_promoted_candidate_ends_as_without_rungs(halved, tmp_path):
    _, folder, _ = halved
    config = write_config(tmp_path / "c.yaml", models=MODELS)
    run_screen(config, tmp_path / "run")
    rungs = json.loads((folder / "rungs.json").read_text(encoding="utf-8"))["rungs"]
    name = rungs[0]["promoted"][0]
    for file in ("checkpoint/adapter_model.safetensors", "steps.jsonl", "rows/select.jsonl"):
        mine, other = (f / "candidates" / name / file for f in (folder, tmp_path / "run"))
        assert mine.read_bytes() == other.read_bytes(), file


@pytest.mark.parametrize(
    "stop",
    [("preflight m2.sft", 1), ("train-1 m1.sft", 1), ("train-1 m2.sft", 2), ("select-1 m3.sft", 2)],
)
def test_stopped_in_a_rung_and_continued_it_ends_the_same(halved, tmp_path, stop):
    config, reference, _ = halved
    with pytest.raises(KeyboardInterrupt):
        run_screen(config, tmp_path / "run", Watch(stop_at=stop))
    run_screen(config, tmp_path / "run")
    assert_same_results(tmp_path / "run", reference)


def tokens_of(costs: dict, *stages: str) -> int:
    """Of the stages up to the end of the rung; zero-shot comes later."""
    return sum(
        entry.get("tokens", 0)
        for entry in costs["stages"]
        if entry["stage"] in stages and entry["candidate"].endswith(".sft")
    )


def test_what_is_too_dear_for_its_first_rung_is_dropped_before_it(halved, tmp_path):
    config, reference, _ = halved
    costs = json.loads((reference / "costs.json").read_text(encoding="utf-8"))
    limit = tokens_of(costs, "probe", "preflight") + 100
    small = write_config(tmp_path / "small.yaml", **HALVED, budget={"tokens": limit})
    folder = tmp_path / "run"
    assert run_screen(small, folder).code is ExitCode.BUDGET
    reasons = {entries_of(folder)[f"m{n}.sft"]["reason"] for n in (1, 2, 3, 4)}
    (reason,) = reasons
    assert reason.startswith("dropped at rung 0: its first rung alone was forecast to need more")
    assert f"{limit:,} tokens" in reason
    assert not (folder / "candidates/m1.sft/rungs").exists()
    before = lines_of(folder / "events.jsonl")
    assert len([e for e in before if e["event"] == "rung_0"]) == 1
    (folder / "costs.json").unlink()
    run_screen(small, folder)
    assert {entries_of(folder)[f"m{n}.sft"]["reason"] for n in (1, 2, 3, 4)} == reasons, "replayed"
    assert run_screen(config, folder).code is ExitCode.DONE
    assert_same_results(folder, reference)


def test_a_rung_that_the_budget_stops_decides_nothing(halved, tmp_path):
    config, reference, _ = halved
    costs = json.loads((reference / "costs.json").read_text(encoding="utf-8"))
    # Enough for all of the rung but its last answers.
    limit = tokens_of(costs, "probe", "preflight", "train-1", "select-1")
    limit -= tokens_of(
        {"stages": [e for e in costs["stages"] if e["candidate"] == "m4.sft"]}, "select-1"
    )
    small = write_config(tmp_path / "small.yaml", **HALVED, budget={"tokens": limit})
    folder = tmp_path / "run"
    assert run_screen(small, folder).code is ExitCode.BUDGET
    assert json.loads((folder / "rungs.json").read_text(encoding="utf-8")) == {"rungs": []}
    entries = entries_of(folder)
    assert {entries[f"m{n}.sft"]["status"] for n in (1, 2, 3, 4)} == {"not_done"}
    stops = [e for e in lines_of(folder / "events.jsonl") if e["event"] == "budget_stop"]
    assert [stop["resource"] for stop in stops] == ["tokens"]
    assert run_screen(config, folder).code is ExitCode.DONE
    assert_same_results(folder, reference)


def test_a_tie_group_is_promoted_whole_up_to_the_cap(tmp_path):
    config = write_config(tmp_path / "c.yaml", models=MODELS, halving={**RUNGS, "cap": 1.0})
    run_screen(config, tmp_path / "run")
    (rung,) = json.loads((tmp_path / "run/rungs.json").read_text(encoding="utf-8"))["rungs"]
    assert set(rung["tied"]) <= set(rung["promoted"])
    assert len(rung["promoted"]) == 1 + len(rung["tied"])


# Trials of learning rates


def test_trials_choose_a_rate_for_each_candidate_and_are_charged(tmp_path, finished_run):
    rates = [3e-3, 1e-4, 1e-2]
    trials = {"learning_rates": rates, "share": 0.9, "rows": 4}
    config = write_config(tmp_path / "c.yaml", trials=trials, recipes=["sft"])
    folder, watch = tmp_path / "run", Watch()
    assert run_screen(config, folder, watch).code is ExitCode.DONE
    tried = [title for title in watch.titles if title.startswith("rate-")]
    assert tried == [f"rate-{number} one.sft" for number in (1, 2, 3)]
    files = [folder / f"candidates/one.sft/rates/{n}/loss.json" for n in (1, 2, 3)]
    losses = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    assert [one["learning_rate"] for one in losses] == rates
    best = min(losses, key=lambda one: one["loss"])["learning_rate"]
    steps = lines_of(folder / "candidates/one.sft/steps.jsonl")
    assert max(step["learning_rate"] for step in steps) == best
    costs = json.loads((folder / "costs.json").read_text(encoding="utf-8"))
    charged = {e["stage"]: e for e in costs["stages"]}
    assert all(charged[f"rate-{n}"]["seconds"] > 0 for n in (1, 2, 3))
    assert all(charged[f"rate-{n}"]["units"] == 5 for n in (1, 2, 3)), "all of a short training"
    tried_at = lines_of(folder / "candidates/one.sft/rates/3/steps.jsonl")
    assert max(step["learning_rate"] for step in tried_at) == rates[2]
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["learning_rate"] == (
        "the best of 0.003, 0.0001, 0.01 for each candidate, by the loss of labels and digits "
        "after trials of 5 steps each, as many as the whole training has"
    )
    shown = (folder / "report.html").read_text(encoding="utf-8")
    assert "Learning rates tried" in shown
    assert shown.count(">taken<") == 1
    names = {
        s["name"] for s in json.loads((folder / "manifest.json").read_text("utf-8"))["subject"]
    }
    assert "candidates/one.sft/rates/1/loss.json" in names

    again = Watch()
    files[1].unlink()
    run_screen(config, folder, again)
    assert again.titles == ["rate-2 one.sft"], "made again to the same bytes: nothing else is"
    other = tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        run_screen(config, other, Watch(stop_at=("rate-2 one.sft", 1)))
    run_screen(config, other)
    assert_same_results(other, folder)
    fixed = finished_run.folder / "plan.json"
    assert "fixed: 0.003" in fixed.read_text(encoding="utf-8")


def test_the_manifest_binds_rungs_and_their_checkpoints(halved):
    _, folder, _ = halved
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    digests = {s["name"]: s["digest"]["sha256"] for s in manifest["subject"]}
    for name in ("rungs.json", "candidates/m1.sft/rungs/1/checkpoint/adapter_model.safetensors"):
        assert digests[name] == sha256_file(folder / name)
    assert not [name for name in digests if "/training/" in name]
    called = call("verify", folder)
    assert called.code == 0, called


def test_the_manifest_says_which_adapter_answered_a_rung(halved):
    _, folder, _ = halved
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    answers = {one["file"]: one for one in manifest["predicate"]["answers"]}
    for name in ("m1.sft", "m2.sft", "m3.sft", "m4.sft"):
        found = answers[f"candidates/{name}/rows/select-1.jsonl"]
        checkpoint = folder / f"candidates/{name}/rungs/1/checkpoint"
        assert found["adapter"] == {
            path.relative_to(folder).as_posix(): sha256_file(path) for path in checkpoint.iterdir()
        }
        gold = folder / "data/select.jsonl"
        assert found["answers_to"] == {"file": "data/select.jsonl", "sha256": sha256_file(gold)}
        assert found["made_on"]["device"] == "cpu"


LIKELY = ANSWER.replace("joy", "admiration").replace("0.91", "0.49").replace("0.60", "0.51")
"""Right of the rung's rows more often than not."""


@pytest.fixture
def a_halved_run(halved, tmp_path):
    return Path(shutil.copytree(halved[1], tmp_path / "copy"))


def rung_of(change):
    def changed(record):
        change(record["rungs"][0])

    return changed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rung_of(lambda rung: rung["scores"].update({"m1.sft": 0.99})), "scores.m1.sft: stated"),
        (rung_of(lambda rung: rung.update(promoted=rung["dropped"][:1])), "promoted[0]: stated"),
        (rung_of(lambda rung: rung.update(rows=8)), "rows: stated 8"),
        (rung_of(lambda rung: rung["scores"].pop(rung["promoted"][0])), "is not in it"),
        (rung_of(lambda rung: rung["scores"].update(x=0.5)), "x never reached it"),
        (lambda record: record["rungs"].append(record["rungs"][0]), "it has 2 rungs"),
        (lambda record: record["rungs"].clear(), "it has 0 rungs of 1"),
        (lambda record: record.clear(), "it cannot be computed"),
    ],
)
def test_a_forged_rung_is_named(a_halved_run, change, said):
    """With its hash fixed: it fails by what the answers say."""
    edit(a_halved_run / "rungs.json", change)
    seal(a_halved_run)
    found = [one for one in verify_run(a_halved_run).findings if one.fails]
    assert [one for one in found if one.file == "rungs.json" and said in one.what], found


def test_an_answer_to_a_rung_edited_with_its_hash_is_named(a_halved_run):
    rungs = json.loads((a_halved_run / "rungs.json").read_text(encoding="utf-8"))["rungs"]
    loser = rungs[0]["dropped"][0]
    for place in range(4):
        edit_answer(a_halved_run, loser, place, LIKELY, "select-1")
    seal(a_halved_run)
    found = [one for one in verify_run(a_halved_run).findings if one.fails]
    assert any(one.file == "rungs.json" and loser in one.what for one in found), found


def test_settings_of_rungs_and_trials_that_cannot_be_used(tmp_path):
    for given, fault in (
        ({"halving": {"keep": 1.0}}, "halving.keep: got 1.0"),
        ({"halving": {"rungs": 0}}, "halving.rungs: got 0"),
        ({"trials": {"learning_rates": [2.0]}}, "trials.learning_rates.0: got 2.0"),
        (
            {"trials": {"learning_rates": [1e-3, 1e-3]}},
            "trials.learning_rates: a rate stands twice",
        ),
    ):
        called = call("check", write_config(tmp_path / "c.yaml", **given))
        assert called.code == 2
        assert fault in called.err
