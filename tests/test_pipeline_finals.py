"""Rows that chose nobody, through a whole screen: asked of the best set, once, after all else."""

import json

import pytest
from test_pipeline_workers import results

from cross_files import scores_of
from emoloom import load_run
from emoloom.errors import ExitCode
from final_files import TEST, TEST_ROWS, TWO, answer_as, final_config
from tiny_screen import (
    SETTINGS,
    STAGES,
    Watch,
    assert_same_results,
    assert_user_error,
    call,
    lines_of,
    run_screen,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

FLOORS = ("constant", "lexicon", "tf-idf")
NAME = "one.sft"


def board_of(folder) -> dict:
    return json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))


def answered_test(folder) -> set[str]:
    return {path.parents[1].name for path in (folder / "candidates").glob("*/rows/test.jsonl")}


def undone(folder, name=NAME, stage="test") -> None:
    for file in (f"rows/{stage}.jsonl", f"done/{stage}.json"):
        (folder / "candidates" / name / file).unlink()


def test_the_best_set_and_the_floors_answer_them(tested_run):
    folder = tested_run.folder
    asked = [row["id"] for row in lines_of(folder / "data/test.jsonl")]
    assert len(asked) == TEST_ROWS
    assert answered_test(folder) == {*FLOORS, NAME}
    for name in (*FLOORS, NAME):
        answered = lines_of(folder / f"candidates/{name}/rows/test.jsonl")
        assert [row["id"] for row in answered] == asked
        scores = scores_of(folder, name)
        assert scores["test"]["n"] == TEST_ROWS
        assert len(scores["test"]["per_label"]) == 28
        assert scores["rows"]["test"]["gold"]["file"] == "data/test.jsonl"
        assert (
            f"rows/test.jsonl@{scores['rows']['test']['answers']['sha256'][:12]}"
            in (scores["signatures"]["test.score"])
        )
        assert f"|test:{TEST_ROWS}@" in scores["signatures"]["score"]
    block = board_of(folder)["test"]
    assert (block["rows"], block["compared"]) == (TEST_ROWS, NAME)
    assert {one["name"] for one in block["entries"]} == {*FLOORS, NAME}
    assert {one["name"] for one in block["floor_comparisons"]} == set(FLOORS)
    said = f"; on {TEST_ROWS} test rows, answered once, the scores are "
    assert said in board_of(folder)["verdict"]["text"]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    bound = {one["file"]: one["answers_to"]["file"] for one in manifest["predicate"]["answers"]}
    assert bound[f"candidates/{NAME}/rows/test.jsonl"] == "data/test.jsonl"


def test_they_are_the_last_that_is_done_and_nothing_is_done_twice(tmp_path, tested_run):
    watch = Watch()
    assert run_screen(tested_run.config, tmp_path / "run", watch).code is ExitCode.DONE
    assert watch.titles == [*STAGES, f"test {NAME}"]
    assert_same_results(tmp_path / "run", tested_run.folder)
    again = Watch()
    run_screen(tested_run.config, tmp_path / "run", again)
    assert again.titles == []


def test_without_them_nothing_of_them_is_there(finished_run):
    assert list(finished_run.folder.rglob("test*")) == []
    assert "test" not in board_of(finished_run.folder)
    assert "test" not in scores_of(finished_run.folder, NAME)
    page = (finished_run.folder / "report.html").read_text(encoding="utf-8")
    assert '<section id="test"' not in page
    assert "fresh rows" not in page


def test_without_them_the_choice_is_marked(tmp_path, monkeypatch):
    answer_as(monkeypatch, lambda name, row_set: name == "m1.sft")
    config = write_config(tmp_path / "c.yaml", models=TWO, recipes=["sft"], polarity={"pairs": 0})
    said = run_screen(config, tmp_path / "run").verdict
    assert said.endswith(
        "the leader's score is of the rows that chose it (`data.test` gives one that is not)."
    )
    assert call("verify", tmp_path / "run").code == 0


def test_what_is_not_of_the_best_set_is_not_asked(tmp_path, monkeypatch):
    answer_as(monkeypatch, lambda name, row_set: (name == "m1.sft") == (row_set == "select"))
    config = final_config(tmp_path / "c.yaml", models=TWO, recipes=["sft"], polarity={"pairs": 0})
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    assert answered_test(tmp_path / "run") == {*FLOORS, "m1.sft"}
    board = board_of(tmp_path / "run")
    assert board["verdict"]["best_set"] == ["m1.sft"], "all wrong on test, it keeps its rank"
    found = {one["name"]: one["score"]["value"] for one in board["test"]["entries"]}
    assert found["m1.sft"] == 0.0
    assert call("verify", tmp_path / "run").code == 0
    entry = load_run(tmp_path / "run").entry("m1.sft")
    assert entry.score.value > 0.9
    assert (entry.test.rows, entry.test.score.value) == (TEST_ROWS, 0.0)
    assert load_run(tmp_path / "run").entry("m2.sft").test is None


def test_a_best_set_that_grows_asks_what_is_missing_and_one_that_shrinks_asks_nothing(
    tmp_path, monkeypatch
):
    right = {"m1.sft"}
    answer_as(monkeypatch, lambda name, row_set: name in right)
    config = final_config(tmp_path / "c.yaml", models=TWO, recipes=["sft"], polarity={"pairs": 0})
    folder = tmp_path / "run"
    run_screen(config, folder)
    undone(folder, "m2.sft", "select")
    right.add("m2.sft")
    watch = Watch()
    run_screen(config, folder, watch)
    assert watch.titles == ["select m2.sft", "test m2.sft"]
    assert board_of(folder)["verdict"]["tied"] == ["m1.sft", "m2.sft"]
    undone(folder, "m1.sft", "select")
    right.remove("m1.sft")
    watch = Watch()
    run_screen(config, folder, watch)
    assert watch.titles == ["select m1.sft"]
    assert board_of(folder)["verdict"]["best_set"] == ["m2.sft"]
    assert {one["name"] for one in board_of(folder)["test"]["entries"]} == {*FLOORS, "m2.sft"}
    assert "test" not in scores_of(folder, "m1.sft")
    called = call("verify", folder)
    assert called.code == 0, called
    assert "m1.sft was of the best set of an earlier call" in called.out


# Stops


def test_a_budget_that_ends_before_them_leaves_the_ranking(a_tested_run, tested_run, tmp_path):
    undone(a_tested_run.folder)
    config = final_config(tmp_path / "small.yaml", budget={"wall_seconds": 0})
    assert run_screen(config, a_tested_run.folder).code is ExitCode.BUDGET
    board = board_of(a_tested_run.folder)
    entry = next(one for one in board["entries"] if one["name"] == NAME)
    assert (entry["status"], entry["rank"]) == ("scored", 1)
    found = {one["name"]: one["status"] for one in board["test"]["entries"]}
    assert found == {NAME: "not_done", **dict.fromkeys(FLOORS, "scored")}
    assert board["test"]["floor_comparisons"] == []
    assert board["verdict"]["text"].endswith(f", {NAME} is not done.")
    last = lines_of(a_tested_run.folder / "events.jsonl")[-1]
    assert (last["event"], last["candidate"]) == ("test_not_done", NAME)
    page = (a_tested_run.folder / "report.html").read_text(encoding="utf-8")
    assert "not done" in page[page.index('<section id="test"') :].partition("</section>")[0]
    called = call("verify", a_tested_run.folder)
    assert called.code == 0, called
    watch = Watch()
    assert run_screen(tested_run.config, a_tested_run.folder, watch).code is ExitCode.DONE
    assert watch.titles == [f"test {NAME}"]
    assert_same_results(a_tested_run.folder, tested_run.folder)


def test_interrupted_among_them_a_run_goes_on_to_the_same_bytes(tested_run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_screen(tested_run.config, tmp_path / "run", Watch(stop_at=(f"test {NAME}", 2)))
    watch = Watch()
    run_screen(tested_run.config, tmp_path / "run", watch)
    assert watch.titles == [f"test {NAME}"]
    assert_same_results(tmp_path / "run", tested_run.folder)


def test_one_that_fails_among_them_keeps_its_rank(tmp_path, monkeypatch):
    from emoloom.models.logits import ModelError
    from emoloom.screening import answers

    true = answers.decode

    def decode(lm, task, out, *rest):
        if out.stem == "test":
            raise ModelError("a logit is NaN")
        return true(lm, task, out, *rest)

    monkeypatch.setattr(answers, "decode", decode)
    assert run_screen(final_config(tmp_path / "c.yaml"), tmp_path / "run").code is ExitCode.DONE
    last = lines_of(tmp_path / "run/events.jsonl")[-1]
    assert (last["event"], last["message"]) == ("test_failed", "a logit is NaN")
    assert board_of(tmp_path / "run")["verdict"]["leader"] == NAME
    assert call("verify", tmp_path / "run").code == 0


# Heads, seeds, workers, rungs


def test_seeds_heads_and_two_workers_make_the_same_bytes(tmp_path):
    folders = []
    for workers in (0, 2):
        config = final_config(
            tmp_path / f"{workers}.yaml", workers=workers, seeds=[3, 4], recipes=["sft+heads"]
        )
        folders.append(tmp_path / str(workers))
        assert run_screen(config, folders[-1]).code is ExitCode.DONE
    assert results(folders[0]) == results(folders[1])
    own = {f"one.sft+heads.seed{seed}{end}" for seed in (3, 4) for end in ("", ".head")}
    assert answered_test(folders[0]) == {*FLOORS, *own}
    found = scores_of(folders[0], "one.sft+heads")
    assert found["test"]["n"] == 2 * TEST_ROWS
    trainings = found["rows"]["test"]["trainings"]
    assert set(trainings) == {"one.sft+heads.seed3", "one.sft+heads.seed4"}
    assert "seed4/rows/test.jsonl@" in found["signatures"]["test.score"]
    called = call("verify", folders[0])
    assert called.code == 0, called


def test_rungs_are_not_touched_by_them(tmp_path):
    config = final_config(
        tmp_path / "c.yaml", models=TWO, recipes=["sft"], halving={"rungs": 2, "rows": 4}
    )
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    rungs = json.loads((tmp_path / "run/rungs.json").read_text(encoding="utf-8"))["rungs"]
    best = set(board_of(tmp_path / "run")["verdict"]["best_set"])
    assert answered_test(tmp_path / "run") == {*FLOORS, *best}
    assert best <= set(rungs[0]["promoted"])
    assert call("verify", tmp_path / "run").code == 0


# Plan


def test_the_plan_counts_them_once_and_says_so(tested_run, tmp_path):
    plan = json.loads((tested_run.folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["test_rows"] == TEST_ROWS
    last = {"stage": "test", "candidate": NAME, "units": TEST_ROWS, "once_best": True}
    assert plan["stages"][-1] == last
    config = final_config(tmp_path / "c.yaml", models=TWO)
    called = call("plan", config, "--out", tmp_path / "planned", "--json")
    found = json.loads(called.out)
    tests = [one for one in found["forecast"]["stages"] if one["stage"] == "test"]
    assert [one["once_best"] for one in tests] == [True, True]
    whole = sum(one["tokens"] for one in found["forecast"]["stages"])
    assert found["forecast"]["tokens"] == whole - tests[0]["tokens"]
    said = call("plan", config, "--out", tmp_path / "planned").out
    assert "test rows are counted for one candidate: a larger best set takes more" in said


def test_a_finished_run_has_nothing_left_to_forecast(tmp_path, monkeypatch):
    answer_as(monkeypatch, lambda name, row_set: name == "m1.sft")
    config = final_config(tmp_path / "c.yaml", models=TWO, recipes=["sft"], polarity={"pairs": 0})
    run_screen(config, tmp_path / "run")
    assert "m2.sft" not in answered_test(tmp_path / "run")
    found = json.loads(call("plan", config, "--out", tmp_path / "run", "--json").out)
    assert found["forecast"]["stages"] == []


# Faults of the config


def test_data_build_writes_the_same_rows_and_says_what_left_select(tested_run, tmp_path):
    called = call("data", "build", tested_run.config, "--out", tmp_path / "built")
    assert f"8 select rows, {TEST_ROWS} test rows, 0 rejected\n" in called.out
    assert "\nremoved from select: 2 rows (" in called.out
    for name in ("test.jsonl", "select.jsonl", "counts.json"):
        assert (tmp_path / "built" / name).read_bytes() == (
            tested_run.folder / "data" / name
        ).read_bytes()


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"corpus": "nosuch"}, "data.test.0: unknown corpus"),
        ({"corpus": "goemotions-sample", "rows": 501}, "too few rows in its test split"),
        ({"corpus": "goemotions-sample", "dev_share": 0}, "data.test.0.dev_share: got 0"),
        ({"corpus": "goemotions-sample", "share": 30}, "data.test.0.share: unknown key"),
    ],
)
def test_parts_that_cannot_be_read_are_refused(tmp_path, part, said):
    assert_user_error(call("check", final_config(tmp_path / "c.yaml", [part])), said)


def test_what_has_no_test_split_is_told_of_a_share(tmp_path):
    path = tmp_path / "split.csv"
    lines = [f"a text number {n},joy,{('train', 'dev')[n % 2]}" for n in range(40)]
    path.write_text("text,emotion,set\n" + "\n".join(lines) + "\n", encoding="utf-8")
    part = {"file": str(path), "mapping": {"text": "text", "labels": "emotion", "split": "set"}}
    called = call("check", final_config(tmp_path / "c.yaml", [part]))
    none = "split has no row in its test split; got: train 20, dev 20"
    assert_user_error(called, none, "or take a `dev_share`")
    with_share = final_config(tmp_path / "d.yaml", [{**part, "dev_share": 40}])
    assert call("data", "build", with_share, "--out", tmp_path / "built").code == 0


def test_a_corpus_in_cross_too_is_refused_by_every_command(tmp_path):
    train = [{"corpus": "emobank-sample"}]
    data = {**SETTINGS["data"], "train": train, "test": TEST[:1], "cross": TEST[:1]}
    config = write_config(tmp_path / "c.yaml", data=data)
    for command in (("check", config), ("data", "build", config, "--out", tmp_path / "out")):
        said = "data.test.0: goemotions-sample stands in data.cross already"
        assert_user_error(call(*command), said)


def test_rows_that_the_rule_cannot_score_end_a_screen_before_any_work(tmp_path):
    config = final_config(tmp_path / "c.yaml", TEST[:1])
    called = call("screen", config, "--out", tmp_path / "run")
    assert_user_error(
        called, "`test` cannot be scored by the rule that ranks; got: no row with human VAD"
    )
    assert not list((tmp_path / "run/candidates").glob("*/rows/*"))
