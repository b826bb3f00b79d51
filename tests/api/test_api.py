"""The Python API: light to import, typed, safe to show."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

import emoloom
from emoloom import load_predictor, load_run, predict, screen
from emoloom.errors import UserError
from emoloom.prediction.results import Answered, Failed
from emoloom.records import ParseFailure, Prediction
from tiny_screen import Watch, entries_of, lines_of, tree

pytestmark = pytest.mark.usefixtures("own_cache")

HEAVY = ("torch", "transformers", "sklearn", "pandas", "scipy", "pydantic", "numpy")


def loaded_by(code: str) -> set[str]:
    """Which of the heavy packages some code loads, in a process of its own."""
    show = f"import sys; print([name for name in {HEAVY} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(ran.stdout.splitlines()[-1].replace("'", '"')))


def test_importing_emoloom_loads_nothing_heavy():
    assert loaded_by("import emoloom; emoloom.__version__; dir(emoloom)") == set()


def test_load_run_needs_no_torch(finished_run):
    code = "from emoloom import screen, load_run, predict"
    assert not loaded_by(code) & {"torch", "transformers", "sklearn", "pandas"}
    code += f"\nrun = load_run({str(finished_run.folder)!r})"
    code += "\nrun.rows('one.sft'); run._repr_html_()"
    assert not loaded_by(code) & {"torch", "transformers", "sklearn", "pandas"}


def test_the_names_are_those_that_are_promised():
    assert {"screen", "load_run", "predict", "load_predictor"} <= set(dir(emoloom))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        emoloom.nothing  # noqa: B018


def test_a_run_is_read_as_its_files_say(finished_run):
    run = load_run(finished_run.folder)
    board = json.loads((finished_run.folder / "leaderboard.json").read_text(encoding="utf-8"))
    assert (run.name, run.status, run.notes) == ("small", "done", ())
    assert run.verdict.text == board["verdict"]["text"]
    assert run.verdict.leader == "one.sft"
    assert run.verdict.best_set == ("one.sft",)
    assert run.verdict.indicative is True
    assert [entry.name for entry in run.entries] == [e["name"] for e in board["entries"]]
    assert [entry.name for entry in run.candidates] == ["one.sft"]
    said = entries_of(finished_run.folder)["one.sft"]
    entry = run.entry("one.sft")
    assert entry.score.value == said["score"]["value"]
    assert [entry.score.low, entry.score.high] == said["score"]["interval"]
    assert entry.strict["macro_f1"].value == said["strict"]["macro_f1"]["value"]
    assert set(entry.strict) == {k for k, v in said["strict"].items() if isinstance(v, dict)}
    assert (entry.rank, entry.rows, entry.kind) == (1, 8, "candidate")


def test_rows_have_their_gold_and_what_was_said(finished_run):
    run = load_run(str(finished_run.folder))
    gold = lines_of(finished_run.folder / "data/select.jsonl")
    outputs = lines_of(finished_run.folder / "candidates/tf-idf/rows/select.jsonl")
    rows = run.rows("tf-idf")
    assert [one.row.to_dict() for one in rows] == gold
    assert {one.row.id: one.output for one in rows} == {o["id"]: o["output"] for o in outputs}
    assert all(isinstance(one.answer, Prediction) for one in rows)
    assert all(isinstance(one.answer, ParseFailure) for one in run.rows("one.sft"))
    assert len(run.rows("one.zero-shot")) == 2
    with pytest.raises(UserError, match=r"no such entry.*allowed: one.sft"):
        run.rows("other")


def test_records_cannot_be_changed(finished_run):
    run = load_run(finished_run.folder)
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.name = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.entries[0].score.value = 1.0


def test_an_unfinished_or_damaged_run_is_read_as_far_as_it_goes(a_run):
    (a_run.folder / "leaderboard.json").write_text("{", encoding="utf-8")
    run = load_run(a_run.folder)
    assert run.entries == ()
    assert run.verdict.leader is None
    assert any("leaderboard.json is damaged" in note for note in run.notes)


@pytest.mark.parametrize("value", ["x", [1], {"text": 5, "best_set": 3, "leader": []}, None])
def test_values_of_another_shape_are_none(a_run, value):
    path = a_run.folder / "leaderboard.json"
    board = json.loads(path.read_text(encoding="utf-8")) | {"verdict": value}
    board["entries"][0] |= {"score": value, "rank": "1", "n": None, "strict": value}
    path.write_text(json.dumps(board), encoding="utf-8")
    entry = load_run(a_run.folder).entries[0]
    assert (entry.score.value, entry.rank, entry.rows) == (None, None, 0)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no run to load"):
        load_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 99}', encoding="utf-8")
    with pytest.raises(UserError, match="newer emoloom"):
        load_run(tmp_path)


def test_a_notebook_shows_the_leaderboard_and_no_markup_of_others(a_run):
    path = a_run.folder / "leaderboard.json"
    text = path.read_text(encoding="utf-8").replace("random", "<script>alert(1)</script>\\u202e")
    path.write_text(text, encoding="utf-8")
    shown = load_run(a_run.folder)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "\u202e" not in shown
    assert shown.count("<tr>") == 6


def test_to_pandas_has_a_line_for_each_entry(finished_run):
    pytest.importorskip("pandas")
    run = load_run(finished_run.folder)
    frame = run.to_pandas()
    assert list(frame["name"]) == [entry.name for entry in run.entries]
    value = frame.set_index("name").loc["tf-idf", "strict_micro_f1"]
    assert value == run.entry("tf-idf").strict["micro_f1"].value


def test_to_pandas_without_pandas_says_so(finished_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="pandas is not installed"):
        load_run(finished_run.folder).to_pandas()


def test_screen_is_the_screen_of_the_command_line(finished_run, tmp_path):
    watch = Watch()
    run = screen(str(finished_run.config), tmp_path / "run", progress=watch)
    assert run.folder == tmp_path / "run"
    assert run.status == "done"
    assert watch.titles
    board = "leaderboard.json"
    assert tree(run.folder)[board] == tree(finished_run.folder)[board]


def test_predict_yields_one_typed_result_for_each_text():
    predictor = load_predictor("random:tiny@1", max_new_tokens=4)
    texts = ["I love it", {"id": "own", "text": "no"}, {"text": 5}, {"id": 9}, 7, "\ud800"]
    texts += ["", " \n", None, {"id": True, "text": "x"}, {"id": "e", "text": None}]
    found = list(predict(predictor, texts))
    # As `emoloom predict` counts: from 1.
    assert [one.id for one in found] == [
        *(1, "own", "text:3", 9),
        *(f"text:{place}" for place in range(5, 11)),
        "e",
    ]
    assert all(isinstance(one, Answered | Failed) for one in found)
    assert [one.output is None for one in found] == [False, False, *[True] * 9]
    assert [one.error for one in found[6:9]] == ["the text is empty"] * 2 + ["the text is null"]
    again = list(predict("random:tiny@1", ["I love it"]))
    assert again[0].output.startswith(found[0].output)
    assert "zero-shot" in predictor._repr_html_()


def test_texts_are_read_as_they_are_needed():
    taken = []

    def texts():
        for number in range(2000):
            taken.append(number)
            yield f"text {number}"

    found = predict(load_predictor("random:tiny@1", max_new_tokens=1), texts())
    assert taken == []
    assert next(found).id == 1
    assert len(taken) < 300


@pytest.mark.parametrize("texts", ["one text", b"bytes", {"text": "one"}])
def test_one_text_is_no_list_of_texts(texts):
    with pytest.raises(UserError, match="predict takes many texts"):
        predict("random:tiny@1", texts)


def test_the_model_is_looked_for_at_once():
    with pytest.raises(UserError, match="No such model"):
        predict("no-such-model", [])
    with pytest.raises(UserError, match="No such model"):
        predict(Path("no") / "where", [])
