"""What the plots show is what the run's files say, and a file that lacks it is said."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from make_run import LEADER, make_run
from page_reader import Page, page_of
from run_files import without_dominance, write

from emoloom.report import board, label_f1, quality, vad_pairs
from emoloom.report import page as report_page
from emoloom.report import rows as rows_module
from emoloom.report.page import write_report

pytestmark = pytest.mark.usefixtures("compiled_once")

VENDOR = Path(report_page.__file__).parent / "vendor"
DECISION = Path(__file__).resolve().parents[2] / "docs/decisions/0008-plots.md"
MODELS = ("smollm2-360m-sft", "smollm2-135m-sft", "qwen3-0.6b-sft")
FLOORS = ("tfidf", "lexicon", "majority")
SHOWN = ("smollm2-360m-head", "smollm2-135m-zero-shot")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plots(run: Path) -> Any:
    return json.loads(page_of(run).data["plots-data"])


def test_points_are_the_leaderboards_scores_and_the_costs_times(run: Path) -> None:
    drawn = plots(run)["quality"]
    entries = {entry["name"]: entry for entry in read(run / "leaderboard.json")["entries"]}
    decode = read(run / "costs.json")["decode"]
    assert [point["name"] for point in drawn["points"]] == list(MODELS)
    for point in drawn["points"]:
        score, cost = entries[point["name"]]["score"], decode[point["name"]]
        assert [point["value"], [point["low"], point["high"]]] == list(score.values())
        assert point["seconds"] == cost["seconds"] / cost["rows"]
        assert (point["n"], point["kind"]) == (64, "candidate")
    # 360m has the best score, 135m the least time; qwen is behind both in both.
    fronts = [point["fronts"] for point in drawn["points"]]
    assert fronts == [["memory", "seconds"], ["seconds"], []]
    floors = {floor["name"]: floor["value"] for floor in drawn["floors"]}
    assert floors == {name: entries[name]["score"]["value"] for name in FLOORS}
    assert drawn["domain"] == [0, 0.4]
    text = page_of(run).text("quality")
    assert "decoding time is not recorded: smollm2-360m-head, smollm2-135m-zero-shot" in text
    assert "smollm2-360m-sft candidate 1.364 3,810.4 0.318 [0.266, 0.370] 64 time, memory" in text
    assert "tfidf floor about 0 – 0.241" in text


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ({"a": (0.5, 1.0)}, "a"),
        ({"a": (0.5, 1.0), "b": (0.5, 2.0)}, "a"),
        ({"a": (0.5, 1.0), "b": (0.4, 1.0)}, "a"),
        ({"a": (0.5, 1.0), "b": (0.5, 1.0)}, "ab"),
        ({"a": (0.5, 3.0), "b": (0.4, 2.0), "c": (0.3, 1.0), "d": (0.3, 2.0)}, "abc"),
        ({"a": (-0.1, 1.0), "b": (0.0, 2.0)}, "ab"),
    ],
)
def test_the_front_holds_what_no_other_beats(
    points: dict[str, tuple[float, float]], front: str
) -> None:
    raw = [
        {"name": name, "kind": "candidate", "status": "scored", "score": {"value": score}}
        for name, (score, _) in points.items()
    ]
    raw.append({"name": "z", "kind": "shown", "status": "scored", "score": {"value": 0.9}})
    decode = {name: {"rows": 10, "seconds": 10 * time} for name, (_, time) in points.items()}
    decode["z"] = {"rows": 10, "seconds": 0.1}
    made = quality.score_against_cost(board.entries({"entries": raw}), {"decode": decode})
    assert "".join(point.name for point in made.points if "seconds" in point.fronts) == front
    assert len(made.points) == len(points) + 1


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["m-0.5b.sft", "m-0.5b.sft+vad"], ["sft", "sft+vad"]),
        (["m-0.5b.sft", "m-1.5b.sft"], ["m-0.5b", "m-1.5b"]),
        (["a.sft", "b.sft", "b.sft+vad"], ["a.sft", "b.sft", "b.sft+vad"]),
        (["a.sft"], ["a.sft"]),
        (["a.sft", "plain"], ["a.sft", "plain"]),
        (["a.", "a.b"], ["a.", "a.b"]),
        ([], []),
    ],
)
def test_points_are_labelled_by_what_tells_them_apart(names: list[str], labels: list[str]) -> None:
    assert quality.point_labels(names) == labels


def test_labels_are_those_of_scores_json_with_the_best_floor(run: Path) -> None:
    drawn = plots(run)["labels"]
    files = {
        name: {one["label"]: one for one in read(run / f"candidates/{name}/scores.json")[key]}
        for name in (*MODELS, *FLOORS, *SHOWN)
        for key in ("per_label",)
    }
    assert [entry["name"] for entry in drawn["entries"]] == [*MODELS, *SHOWN]
    for entry in drawn["entries"]:
        for label, score in zip(drawn["labels"], entry["scores"], strict=True):
            one = files[entry["name"]][label]
            assert score == [one[key] for key in ("support", "precision", "recall", "f1")]
    for label, (name, f1) in zip(drawn["labels"], drawn["floors"], strict=True):
        assert f1 == files[name][label]["f1"] == max(files[f][label]["f1"] for f in FLOORS)
    support = [score[0] for score in drawn["entries"][0]["scores"]]
    assert support == sorted(support, reverse=True)
    assert min(support) > 0
    assert "caring" not in drawn["labels"]
    assert len(drawn["labels"]) == len(files[LEADER]) - 1
    ranking = [label for label, ranks in zip(drawn["labels"], drawn["ranks"], strict=True) if ranks]
    assert sorted(ranking) == ["anger", "joy", "neutral", "sadness"]


def test_the_scatter_holds_gold_and_answers_with_r_of_the_leaderboard(run: Path) -> None:
    drawn = plots(run)["vad"]
    human = [r for r in lines(run / "data/select.jsonl") if r["vad_source"] == "human"]
    assert drawn["gold"] == [list(row["answer"]["vad"].values()) for row in human]
    assert drawn["rows"] == len(human) == 16
    assert drawn["texts"] == [row["text"] for row in human]
    entries = {entry["name"]: entry for entry in read(run / "leaderboard.json")["entries"]}
    assert [entry["name"] for entry in drawn["entries"]] == [*MODELS, *FLOORS, *SHOWN]
    for entry in drawn["entries"]:
        said = {
            o["id"]: o["output"]
            for o in lines(run / f"candidates/{entry['name']}/rows/select.jsonl")
        }
        assert entry["said"] == [list(json.loads(said[r["id"]])["vad"].values()) for r in human]
        parsed = entries[entry["name"]]["parsed"]
        for axis, r in zip("vad", entry["r"], strict=True):
            assert [r["value"], [r["low"], r["high"]]] == list(parsed[f"pearson_{axis}"].values())
        assert entry["n"] == parsed["n_vad_rows"]
    low, high = drawn["domain"]
    every = [x for entry in drawn["entries"] for vad in entry["said"] for x in vad]
    assert low <= min(every) < low + 0.1
    assert high - 0.1 < max(every) <= high


def test_answers_that_do_not_parse_leave_no_point_and_a_changed_count_is_said(run: Path) -> None:
    path = run / f"candidates/{LEADER}/rows/select.jsonl"
    said = lines(path)
    human = [r["id"] for r in lines(run / "data/select.jsonl") if r["vad_source"] == "human"]
    kept = [line if line["id"] != human[2] else line | {"output": "no"} for line in said]
    path.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    first = plots(run)["vad"]["entries"][0]
    assert [index for index, vad in enumerate(first["said"]) if vad is None] == [2]
    assert first["n"] == 16
    assert (
        f"{LEADER}: rows with an answer to compare: leaderboard.json counts 16 rows, this page 15"
        in page_of(run).text("vad")
    )


@pytest.mark.parametrize(
    ("gone", "section", "says"),
    [
        ("costs.json", "quality", "No decoding time is recorded in costs.json."),
        ("leaderboard.json", "quality", "No model has a score in this folder."),
        ("candidates/*/scores.json", "labels", "No scores by label are recorded"),
        ("candidates/*/rows/select.jsonl", "vad", "No answer to a row that people rated"),
        ("data/select.jsonl", "vad", "No row of this row set has VAD ratings by people."),
    ],
)
def test_a_partial_run_has_a_note_in_the_plots_place(
    run: Path, gone: str, section: str, says: str
) -> None:
    for path in run.glob(gone):
        path.unlink()
    page = page_of(run)
    assert says in page.text(section)
    assert json.loads(page.data["plots-data"])[section] is None
    assert f"plot-{section}" not in {a.get("id") for _, a in page.elements}
    others = {"quality", "labels", "confusion", "vad"} - {section}
    drawn = json.loads(page.data["plots-data"])
    assert any(drawn[other] for other in others)


def test_scores_without_a_leaderboard_are_drawn_by_label(run: Path) -> None:
    (run / "leaderboard.json").unlink()
    write(run / "run.json", {"config": {"labels": "goemotions28"}})
    drawn = plots(run)
    assert sorted(entry["name"] for entry in drawn["labels"]["entries"]) == sorted(
        [*MODELS, *SHOWN]
    )
    assert all(floor is not None for floor in drawn["labels"]["floors"])
    assert drawn["vad"]["entries"][0]["n"] == 16
    assert drawn["vad"]["entries"][0]["r"][0]["value"] is None


def test_a_page_without_plots_holds_no_library(tmp_path: Path) -> None:
    source = write_report(tmp_path).read_text(encoding="utf-8")
    assert source.count("<script>") == 1
    assert len(source) < 70_000
    page = Page(source)
    assert "plots-data" not in page.data
    for section in ("quality", "labels", "vad"):
        assert page.text(section).count("No ") == 1, section


@pytest.mark.parametrize(
    "value", [None, 7, "x", [], {}, [None], [[1]], [{}], [{"label": "joy"}], [{"support": 1}]]
)
def test_scores_by_label_of_another_shape_count_as_none(run: Path, value: object) -> None:
    path = run / f"candidates/{LEADER}/scores.json"
    write(path, read(path) | {"per_label": value})
    assert [entry["name"] for entry in plots(run)["labels"]["entries"]] == [*MODELS[1:], *SHOWN]


def test_numbers_out_of_range_are_absent(run: Path) -> None:
    path = run / f"candidates/{LEADER}/scores.json"
    label = {"label": "joy", "support": 4, "precision": 2, "recall": -1, "f1": math.inf}
    write(path, read(path) | {"per_label": [label]})
    costs = read(run / "costs.json")
    costs["decode"][LEADER] |= {"seconds": -3}
    costs["decode"][MODELS[1]] |= {"rows": 0}
    write(run / "costs.json", costs)
    drawn = plots(run)
    joy = drawn["labels"]["labels"].index("joy")
    assert drawn["labels"]["entries"][0]["scores"][joy] == [4, None, None, None]
    timed = [p["name"] for p in drawn["quality"]["points"] if p["seconds"] is not None]
    assert timed == [MODELS[2]]


def test_many_rows_and_labels_are_bounded_and_said(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vad_pairs, "POINTS", 5)
    monkeypatch.setattr(label_f1, "LABELS", 3)
    page = page_of(run)
    drawn = json.loads(page.data["plots-data"])
    assert len(drawn["vad"]["gold"]) == len(drawn["vad"]["entries"][0]["said"]) == 5
    assert "5 of 16 rows are drawn, evenly spaced; r is over all." in page.text("vad")
    assert len(drawn["labels"]["labels"]) == 3
    assert "The 3 labels with most rows are drawn; 16 labels more stand in" in page.text("labels")


def test_tables_say_what_the_plots_say(run: Path) -> None:
    page = page_of(run)
    drawn = json.loads(page.data["plots-data"])
    for index, label in enumerate(drawn["labels"]["labels"]):
        name, best = drawn["labels"]["floors"][index]
        f1s = [f"{entry['scores'][index][3]:.3f}" for entry in drawn["labels"]["entries"]]
        support = drawn["labels"]["entries"][0]["scores"][index][0]
        row = f"{label} {support} {best:.3f} {name} {' '.join(f1s)}"
        assert row in page.text("labels")
    assert f"{LEADER} valence 16 0.584 [0.504, 0.664]" in page.text("vad")


@pytest.mark.parametrize("name", ["d3.min.js", "plot.umd.min.js"])
def test_vendored_files_are_as_published_and_licensed(run: Path, name: str) -> None:
    raw = (VENDOR / name).read_bytes()
    assert hashlib.sha256(raw).hexdigest() in DECISION.read_text(encoding="utf-8")
    assert raw.decode("utf-8") in write_report(run).read_bytes().decode("utf-8")
    assert b"</script" not in raw.lower()
    assert b"<!--" not in raw
    licence = (VENDOR / f"{name.partition('.')[0]}.LICENSE.txt").read_text(encoding="utf-8")
    assert "Permission to use, copy, modify, and/or distribute" in licence


def test_dimensions_that_nobody_rated_have_no_point_and_no_plot(run: Path) -> None:
    human = without_dominance(run)
    page = page_of(run)
    drawn = json.loads(page.data["plots-data"])["vad"]
    assert drawn["gold"] == [list(row["answer"]["vad"].values()) for row in human]
    assert drawn["gold"][0][1:] == [None, None]
    assert drawn["rated"] == [16, 15, 0]
    assert drawn["entries"][0]["rated"] == [16, 15, 0]
    assert drawn["entries"][0]["steps"][2] == []
    assert sum(step[3] for step in drawn["entries"][0]["steps"][1]) == 15
    ids = {a.get("id") for _, a in page.elements}
    assert {"plot-vad-v", "plot-vad-a", "plot-calibration-a"} <= ids
    assert not {"plot-vad-d", "plot-calibration-d"} & ids
    assert page.text("vad").count("People rated it in no row of this row set.") == 2
    assert f"{LEADER} valence 16 " in page.text("vad")
    assert " arousal 15 " in page.text("vad")


def test_who_rated_what_is_said_of_rows_and_in_the_tally(run: Path) -> None:
    without_dominance(run)
    rows = json.loads(page_of(run).data["rows-data"])
    first = next(row for row in rows["rows"] if rows["words"][row[5]] == "human (v)")
    assert first[4][1:] == [None, None]
    assert "human (va)" in page_of(run).text("data")
    assert rows_module.vad_by({"answer": {"vad": {"v": 1, "a": 0, "d": 0}}}) == ""
    mixed = {"v": "human", "a": "human", "d": "weak"}
    row = {"answer": {"vad": {"v": 1, "a": 0, "d": 0}}, "vad_source": mixed}
    assert rows_module.vad_by(row) == "human (va), weak (d)"
