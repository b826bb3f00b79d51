"""Corpora never trained on, through a whole screen."""

import json
import re
from html import unescape

import pytest
from test_pipeline_workers import results

from cross_files import COLUMNS, cross_config, ekman_csv, own_csv, scores_of
from emoloom.contract.schema import write_answer
from emoloom.errors import ExitCode
from emoloom.records import VAD, Prediction
from emoloom.runs.directory import write_jsonl_atomic
from tiny_screen import (
    SETTINGS,
    assert_user_error,
    call,
    entries_of,
    lines_of,
    run_screen,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

FLOORS = ("constant", "lexicon", "tf-idf")
NAME = "one.sft"


def section_of(folder) -> str:
    """The words of the report's section on other corpora."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    begin = page.index('<section id="cross"')
    words = re.sub(r"<[^>]+>", " ", page[begin : page.index("</section>", begin)])
    return " ".join(unescape(words).split())


def test_all_but_zero_shot_answer_the_rows_after_all_that_ranks(crossed_run):
    folder = crossed_run.folder
    asked = [row["id"] for row in lines_of(folder / "data/cross.jsonl")]
    assert len(asked) == 14
    for name in (*FLOORS, NAME):
        answered = lines_of(folder / f"candidates/{name}/rows/cross.jsonl")
        assert [row["id"] for row in answered] == asked
        scores = scores_of(folder, name)
        found = {corpus: (one["n"], one["label_space"]) for corpus, one in scores["cross"].items()}
        assert found == {"seven": (8, "ekman7"), "own": (6, "goemotions28")}
        assert scores["rows"]["cross"]["gold"]["file"] == "data/cross.jsonl"
        numbers = {key for key in scores["signatures"] if key.startswith("cross.")}
        assert len(numbers) == 2 * 7
        assert "|cross_spaces:seven=ekman7@" in scores["signatures"]["cross.own.strict.skill"]
        skills = [scores["cross"][corpus]["strict"]["skill"] for corpus in ("seven", "own")]
        assert skills[0] == {"value": None, "interval": None}
        assert skills[1]["value"] is not None
        assert len(skills[1]["interval"]) == 2
    assert not (folder / "candidates/one.zero-shot/rows/cross.jsonl").exists()
    assert "cross" not in scores_of(folder, "one.zero-shot")
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["cross_rows"] == 14
    assert plan["stages"][-1] == {"stage": "cross", "candidate": NAME, "units": 14}
    costs = json.loads((folder / "costs.json").read_text(encoding="utf-8"))
    assert costs["decode_cross"][NAME]["rows"] == 14
    assert costs["decode"][NAME]["rows"] == 8
    assert ("cross", NAME) in {(one["stage"], one["candidate"]) for one in costs["planned"]}


def test_it_is_bound_and_moves_nothing_that_ranks(crossed_run, finished_run):
    manifest = json.loads((crossed_run.folder / "manifest.json").read_text(encoding="utf-8"))
    assert {"seven", "own"} <= manifest["predicate"]["data"].keys()
    bound = {one["file"]: one["answers_to"]["file"] for one in manifest["predicate"]["answers"]}
    assert bound[f"candidates/{NAME}/rows/cross.jsonl"] == "data/cross.jsonl"
    record = json.loads((crossed_run.folder / "run.json").read_text(encoding="utf-8"))
    assert {"seven", "own"} <= {one["what"] for one in record["licences"]}
    assert record["strictest_licence"]["licence"].startswith("not stated")
    board, plain = (entries_of(one.folder) for one in (crossed_run, finished_run))
    assert board == plain, "the leaderboard's entries are those of a screen without it"
    for name in ("data/train.jsonl", "data/select.jsonl", f"candidates/{NAME}/rows/select.jsonl"):
        assert (crossed_run.folder / name).read_bytes() == (finished_run.folder / name).read_bytes()


def test_without_it_nothing_of_it_is_there(finished_run):
    assert list(finished_run.folder.rglob("cross*")) == []
    for name in ("plan.json", "costs.json", "leaderboard.json", f"candidates/{NAME}/scores.json"):
        assert "cross" not in (finished_run.folder / name).read_text(encoding="utf-8")
    page = (finished_run.folder / "report.html").read_text(encoding="utf-8")
    assert '<section id="cross"' not in page


def test_the_report_has_every_entry_with_intervals(crossed_run):
    text = section_of(crossed_run.folder)
    for name in (*FLOORS, NAME):
        for corpus, space, n in (("seven", "ekman7", 8), ("own", "goemotions28", 6)):
            assert re.search(rf"{name} {corpus} {space} {n} [\d.]+% [\d.]+ \[", text), text
    assert "without scores" not in text
    page = (crossed_run.folder / "report.html").read_text(encoding="utf-8")
    assert "Decoding of other corpora" in page
    assert ", other corpora" in page


def test_data_build_writes_the_same_rows(crossed_run, tmp_path):
    called = call("data", "build", crossed_run.config, "--out", tmp_path / "built")
    assert "8 select rows, 14 cross rows, 0 rejected" in called.out
    for name in ("cross.jsonl", "train.jsonl", "counts.json"):
        assert (tmp_path / "built" / name).read_bytes() == (
            crossed_run.folder / "data" / name
        ).read_bytes()


def test_a_right_answer_in_the_space_in_force_is_right_in_the_corpus_space(tmp_path, monkeypatch):
    from emoloom.screening import answers

    said = {"anger": "annoyance", "joy": "love", "fear": "nervousness"}

    def decode(lm, task, out, advance, event, begun):
        lines = []
        for row in task.rows:
            labels = tuple(said.get(one, one) for one in row.answer.labels or ("neutral",))
            vad = row.answer.vad or VAD(0.5, 0.5, 0.5)
            output = write_answer(Prediction(labels, vad, "cues: none"))
            lines.append({"id": row.id, "output": output})
        write_jsonl_atomic(out, lines)
        advance(len(lines))
        return {}

    monkeypatch.setattr(answers, "decode", decode)
    part = {"file": str(ekman_csv(tmp_path)), "label_space": "ekman7", "mapping": COLUMNS}
    config = cross_config(tmp_path / "c.yaml", [part], recipes=["sft"], polarity={"pairs": 0})
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    found = scores_of(tmp_path / "run", NAME)["cross"]["seven"]
    assert found["parse_ok"] == {"value": 1.0, "interval": [1.0, 1.0]}
    for block in ("strict", "parsed"):
        for key in ("macro_f1", "micro_f1"):
            assert found[block][key] == {"value": 1.0, "interval": [1.0, 1.0]}
    assert found["strict"]["n_labels"] == 7
    assert call("verify", tmp_path / "run").code == 0


# Heads, seeds, workers


def test_heads_and_two_workers_make_the_same_bytes(tmp_path):
    models = [{"source": f"random:tiny@{seed}", "name": f"m{seed}"} for seed in (1, 2)]
    folders = []
    for workers in (0, 2):
        config = cross_config(
            tmp_path / f"{workers}.yaml", workers=workers, models=models, recipes=["sft+heads"]
        )
        folders.append(tmp_path / str(workers))
        assert run_screen(config, folders[-1]).code is ExitCode.DONE
    assert results(folders[0]) == results(folders[1])
    asked = lines_of(folders[0] / "data/cross.jsonl")
    for name in ("m1.sft+heads", "m1.sft+heads.head"):
        answered = lines_of(folders[0] / f"candidates/{name}/rows/cross.jsonl")
        assert [row["id"] for row in answered] == [row["id"] for row in asked]
        assert scores_of(folders[0], name)["cross"]["own"]["n"] == 6
    called = call("verify", folders[0])
    assert called.code == 0, called


def test_each_training_of_several_seeds_answers(tmp_path):
    config = cross_config(tmp_path / "c.yaml", seeds=[3, 4], recipes=["sft"])
    folder = tmp_path / "run"
    assert run_screen(config, folder).code is ExitCode.DONE
    assert entries_of(folder)[NAME]["rank"] == 1
    for name in (f"{NAME}.seed3", f"{NAME}.seed4"):
        assert scores_of(folder, name)["cross"]["seven"]["n"] == 8
    assert call("verify", folder).code == 0


def test_a_flip_that_stands_in_cross_is_never_trained_on(tmp_path):
    # One row in 9 can be flipped, so in 80 there is one whatever the draw.
    train = [{"corpus": "goemotions-sample", "rows": 80}]
    how = {"recipes": ["sft+flip"], "polarity": {"pairs": 0}}
    # A flip may be nearly its original: without that row others would be drawn.
    data = {**SETTINGS["data"], "train": train, "near_duplicates": False}
    config = write_config(tmp_path / "c.yaml", data=data, **how)
    assert run_screen(config, tmp_path / "a").code is ExitCode.DONE
    flips = lines_of(tmp_path / "a/data/flips.jsonl")
    path = tmp_path / "flips.csv"
    text = flips[0]["text"].replace('"', '""')
    path.write_text(f'text,emotion\n"{text}",joy\n', encoding="utf-8")
    part = {"file": str(path), "mapping": COLUMNS}
    config = write_config(tmp_path / "d.yaml", data={**data, "cross": [part]}, **how)
    assert run_screen(config, tmp_path / "b").code is ExitCode.DONE
    counts = json.loads((tmp_path / "b/data/flips.json").read_text(encoding="utf-8"))
    assert counts["stand_in_cross"] == 1
    left = [row["text"] for row in lines_of(tmp_path / "b/data/flips.jsonl")]
    assert flips[0]["text"] not in left


# Faults of the config


def check_of(tmp_path, *cross, **data):
    whole = {**SETTINGS["data"], **data, "cross": list(cross)}
    return call("check", write_config(tmp_path / "c.yaml", data=whole))


def test_what_is_trained_on_is_refused_by_one_line(tmp_path):
    own = {"file": str(own_csv(tmp_path)), "mapping": COLUMNS}
    train = [*SETTINGS["data"]["train"], own]
    called = check_of(tmp_path, {"corpus": "goemotions-sample"}, own, train=train)
    assert_user_error(
        called,
        "has 2 faults",
        "\n  data.cross.0: goemotions-sample is trained on, so it says nothing of other corpora",
        "\n  data.cross.1: own is trained on",
    )
    config = tmp_path / "c.yaml"
    for command in (("screen", config, "--out"), ("data", "build", config, "--out")):
        assert_user_error(call(*command, tmp_path / "out"), "data.cross.0: goemotions-sample is")
    assert not (tmp_path / "out").exists()


def test_a_space_without_any_way_is_refused_by_one_line(tmp_path):
    space = tmp_path / "two.json"
    space.write_text(json.dumps({"name": "two", "labels": ["joy", "anger"]}), encoding="utf-8")
    path = tmp_path / "mine.csv"
    path.write_text("text,emotion\na text,joy\n", encoding="utf-8")
    part = {"file": str(path), "mapping": COLUMNS, "label_space": str(space)}
    assert_user_error(
        check_of(tmp_path, part),
        "has 1 fault:\n  data.cross.0: mine cannot be scored: no label map leads from goemotions28",
        "got: two",
        "give a `label_map` of your own",
    )


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"corpus": "nosuch"}, "data.cross.0: unknown corpus; got: 'nosuch'"),
        (
            {"corpus": "daily-dialog", "path": "no/such"},
            "data.cross.0.path: there is no file or",
        ),
        ({"file": "no-such.csv"}, "data.cross.0.file: "),
        ({}, "data.cross.0: give either `corpus` or `file`"),
    ],
)
def test_parts_that_cannot_be_read_are_refused(tmp_path, part, said):
    assert_user_error(check_of(tmp_path, part), said)


def test_more_rows_than_there_are_is_a_fault(tmp_path):
    part = {"file": str(ekman_csv(tmp_path)), "label_space": "ekman7", "mapping": COLUMNS}
    called = check_of(tmp_path, {**part, "rows": 15})
    assert_user_error(called, "data.cross.0: seven has too few rows in its test split", "most 14")
    train = [*SETTINGS["data"]["train"]]
    assert check_of(tmp_path, part, train=train).code == 0
