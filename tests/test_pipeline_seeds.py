"""A screen whose candidates are trained with several seeds."""

import json
import shutil

import pytest

from emoloom.metrics.signature import Signature
from emoloom.runs.directory import sha256_file
from emoloom.verification import verify_run
from forging import edit, seal
from tiny_screen import (
    Watch,
    assert_same_results,
    assert_user_error,
    call,
    entries_of,
    run_screen,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

SEEDS = [3, 4, 5]
NAMES = [f"one.sft.seed{seed}" for seed in SEEDS]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory, shared_cache):
    folder = tmp_path_factory.mktemp("seeds")
    config = write_config(folder / "seeds.yaml", seeds=SEEDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        assert run_screen(config, folder / "run").code == 0
    return folder


def test_each_candidate_is_trained_with_each_seed_and_ranks_once(seeded):
    entries = entries_of(seeded / "run")
    assert entries["one.sft"]["rank"] == 1
    assert entries["one.sft"]["trainings"] == NAMES
    assert [entries[name]["rank"] for name in NAMES] == [None] * 3
    assert entries["one.zero-shot"]["kind"] == "shown"
    assert entries["one.sft"]["n"] == 3 * entries[NAMES[0]]["n"]
    board = json.loads((seeded / "run/leaderboard.json").read_text(encoding="utf-8"))
    assert board["verdict"]["seeds"] == 3
    assert "over 3 seeds and 8 rows" in board["verdict"]["text"]
    assert "|trainings:3,4,5|" in board["signature"]


def test_a_mean_has_scores_signatures_and_the_rows_of_each_training(seeded):
    run = seeded / "run"
    scores = json.loads((run / "candidates/one.sft/scores.json").read_text(encoding="utf-8"))
    entry = entries_of(run)["one.sft"]
    assert scores["score"]["value"] == pytest.approx(entry["score"]["value"], abs=1e-6)
    assert (scores["trainings"], scores["n"]) == (entry["trainings"], entry["n"])
    trainings = scores["rows"]["select"]["trainings"]
    assert list(trainings) == NAMES
    for name, linked in trainings.items():
        assert linked["file"] == f"candidates/{name}/rows/select.jsonl"
        assert linked["sha256"] == sha256_file(run / linked["file"])
    assert scores["rows"]["select"]["gold"]["file"] == "data/select.jsonl"
    assert {"score", "strict.micro_f1", "per_label"} <= scores["signatures"].keys()
    for key, text in scores["signatures"].items():
        found = dict(Signature.parse(text).pairs)
        assert (found["number"], found["entry"]) == (key, "one.sft")
        assert found["answers"] == "+".join(
            f"{one['file']}@{one['sha256'][:12]}" for one in trainings.values()
        )


def test_a_mean_that_was_altered_with_its_hash_is_named(seeded, tmp_path):
    folder = shutil.copytree(seeded / "run", tmp_path / "copy")
    file = "candidates/one.sft/scores.json"
    edit(folder / file, lambda record: record["score"].update(value=0.99))
    seal(folder)
    found = [one for one in verify_run(folder).findings if one.fails]
    (number,) = [one for one in found if one.file == file]
    assert number.kind == "number"
    assert "score.value: stated 0.99" in number.what


def test_trainings_differ_by_the_seed_alone(seeded, finished_run):
    def bytes_of(folder, name, file):
        return (folder / "candidates" / name / file).read_bytes()

    adapter = "checkpoint/adapter_model.safetensors"
    assert len({bytes_of(seeded / "run", name, adapter) for name in NAMES}) == 3
    # The small screen's own seed is 3: the same rows, the same draw, the same adapter.
    for file in (adapter, "steps.jsonl", "rows/select.jsonl", "preflight.json"):
        assert bytes_of(seeded / "run", "one.sft.seed3", file) == bytes_of(
            finished_run.folder, "one.sft", file
        )


def test_stopped_between_two_trainings_and_continued_it_ends_the_same(seeded, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_screen(seeded / "seeds.yaml", folder, Watch(stop_at=("train one.sft.seed4", 2)))
    run_screen(seeded / "seeds.yaml", folder)
    assert_same_results(folder, seeded / "run")


def test_heads_alone_are_pooled_too(tmp_path):
    config = write_config(tmp_path / "heads.yaml", seeds=[3, 4], recipes=["sft+heads"])
    assert run_screen(config, tmp_path / "run").code == 0
    entries = entries_of(tmp_path / "run")
    assert entries["one.sft+heads.head"]["trainings"] == [
        f"one.sft+heads.seed{seed}.head" for seed in (3, 4)
    ]
    assert entries["one.sft+heads.head"]["kind"] == "floor"
    board = json.loads((tmp_path / "run/leaderboard.json").read_text(encoding="utf-8"))
    floors = [c["name"] for c in board["verdict"]["floor_comparisons"]]
    assert sorted(floors) == ["constant", "lexicon", "one.sft+heads.head", "tf-idf"]
    assert "these 2 seeds" in board["verdict"]["text"]
    # Below, heads stand in the order of their scores: the order of seeds must not follow it.
    called = call("verify", tmp_path / "run")
    assert called.code == 0, called


@pytest.mark.parametrize(
    ("seeds", "fault"),
    [([3, 3], "seeds: a seed stands twice"), ([-1], "seeds.0: got -1"), (3, "seeds: got 3")],
)
def test_seeds_that_cannot_be_used_are_refused(tmp_path, seeds, fault):
    config = write_config(tmp_path / "seeds.yaml", seeds=seeds)
    assert_user_error(call("check", config), fault)


def test_seeds_and_rungs_together_are_refused(tmp_path):
    config = write_config(tmp_path / "both.yaml", seeds=[3, 4], halving={"rungs": 2})
    assert_user_error(call("check", config), "halving.rungs is 2 and seeds names 2")


def test_a_run_of_several_seeds_verifies(seeded):
    called = call("verify", seeded / "run")
    assert called.code == 0, called


def test_a_worker_trains_with_the_same_seeds(seeded, tmp_path):
    config = write_config(tmp_path / "worker.yaml", seeds=SEEDS[:2], workers=1, recipes=["sft"])
    assert run_screen(config, tmp_path / "run").code == 0
    for name in NAMES[:2]:
        file = f"candidates/{name}/rows/select.jsonl"
        assert (tmp_path / "run" / file).read_bytes() == (seeded / "run" / file).read_bytes()
