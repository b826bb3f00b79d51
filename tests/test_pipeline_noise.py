"""A screen that trains its cheapest candidate again, to know how much trainings vary."""

import json
import shutil

import pytest

from emoloom.config import load_config
from emoloom.screening.candidates import all_candidates
from emoloom.verification import verify_run
from forging import edit, seal
from tiny_screen import (
    assert_user_error,
    call,
    entries_of,
    run_screen,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

TWO = [{"source": f"random:tiny@{n}", "name": name} for n, name in ((1, "one"), (2, "two"))]
NAMES = ["one.sft.noise1", "one.sft.noise2"]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory, shared_cache):
    folder = tmp_path_factory.mktemp("noise")
    config = write_config(folder / "noise.yaml", models=TWO, recipes=["sft"], seeds_for_noise=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        assert run_screen(config, folder / "run").code == 0
    return folder


def board(folder):
    return json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))


def test_two_further_trainings_answer_what_ranks_and_nothing_else(noisy):
    entries = entries_of(noisy / "run")
    assert [entries[name]["rank"] for name in NAMES] == [None, None]
    assert {entries[name]["noise_of"] for name in NAMES} == {"one.sft"}
    for name in NAMES:
        rows = noisy / "run/candidates" / name / "rows"
        assert [path.name for path in rows.iterdir()] == ["select.jsonl"]
    verdict = board(noisy / "run")["verdict"]
    assert (verdict["training_noise"]["of"], verdict["training_noise"]["trainings"]) == (
        "one.sft",
        3,
    )
    assert "the spread of 3 trainings of one.sft" in verdict["text"]
    assert "|noise:3 trainings of the cheapest|" in board(noisy / "run")["signature"]


def test_they_are_trained_with_seeds_of_their_own(noisy):
    steps = {
        (noisy / "run/candidates" / name / "steps.jsonl").read_text(encoding="utf-8")
        for name in ("one.sft", *NAMES)
    }
    assert len(steps) == 3


def test_the_folder_verifies_and_a_candidate_cannot_be_forged_into_noise(noisy, tmp_path):
    assert not [one for one in verify_run(noisy / "run").findings if one.fails]
    folder = shutil.copytree(noisy / "run", tmp_path / "copy")

    def forge(manifest):
        entry = next(e for e in manifest["predicate"]["entries"] if e["name"] == "two.sft")
        entry |= {"noise_of": "one.sft"}

    edit(folder / "manifest.json", forge)
    seal(folder)
    assert [one for one in verify_run(folder).findings if one.fails]


def test_workers_and_a_second_call_change_nothing(noisy, tmp_path):
    config = write_config(
        tmp_path / "noise.yaml", models=TWO, recipes=["sft"], seeds_for_noise=3, workers=2
    )
    for _ in range(2):
        assert run_screen(config, tmp_path / "run").code == 0
        for file in ("leaderboard.json", *(f"candidates/{n}/rows/select.jsonl" for n in NAMES)):
            assert (tmp_path / "run" / file).read_bytes() == (noisy / "run" / file).read_bytes()


def test_they_are_trained_whole_whatever_the_rungs_decide(tmp_path):
    models = [{"source": f"random:tiny@{n}", "name": f"m{n}"} for n in (1, 2, 3, 4)]
    config = write_config(
        tmp_path / "rungs.yaml",
        models=models,
        recipes=["sft"],
        seeds_for_noise=3,
        halving={"rungs": 2, "keep": 0.25, "cap": 0.25, "rows": 4},
    )
    assert run_screen(config, tmp_path / "run").code == 0
    entries = entries_of(tmp_path / "run")
    assert [entries[f"m1.sft.noise{n}"]["status"] for n in (1, 2)] == ["scored", "scored"]
    assert [e["status"] for e in entries.values()].count("dropped") == 3
    assert not [one for one in verify_run(tmp_path / "run").findings if one.fails]


def test_the_cheapest_is_the_model_with_the_fewest_parameters(tmp_path):
    config = load_config(write_config(tmp_path / "c.yaml", models=TWO, seeds_for_noise=4))
    found = all_candidates(config, {"one": 200, "two": 100})
    assert [one.name for one in found if one.noise_of] == [f"two.sft.noise{n}" for n in (1, 2, 3)]
    assert len({one.seed for one in found}) == 4
    of_two = load_config(
        write_config(tmp_path / "d.yaml", models=TWO, seeds=[1, 2], seeds_for_noise=4)
    )
    made = [one for one in all_candidates(of_two, {"one": 1, "two": 1}) if one.noise_of]
    assert [(one.name, one.noise_of, one.pooled) for one in made] == [
        ("one.sft.noise1", "one.sft", ""),
        ("one.sft.noise2", "one.sft", ""),
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seeds_for_noise": 1}, "seeds_for_noise is 1, and each candidate is trained 1 times"),
        ({"seeds_for_noise": 2, "seeds": [1, 2]}, "seeds_for_noise is 2"),
        ({"seeds_for_noise": 5, "seeds": [1, 2, 3]}, "trained 3 times"),
    ],
)
def test_what_says_nothing_is_refused(tmp_path, settings, said):
    called = call("check", write_config(tmp_path / "c.yaml", **settings))
    assert_user_error(called, said)
