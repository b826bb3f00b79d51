"""Budget planned against spent, peak memory, cards, manifest, rankings."""

import json
from pathlib import Path
from typing import Any

import pytest
from hostile_run import HOSTILE
from make_run import LEADER, make_run, write, write_lines
from page_reader import Page, page_of

from emoloom.report.budget import budget_view
from emoloom.report.page import RANKED_PAGE, render_page, write_report
from emoloom.report.quality import peak_memory
from emoloom.report.reweigh import Parts

pytestmark = pytest.mark.usefixtures("compiled_once")

SHA = "ab" * 32


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path, rows=16)


def change(path: Path, **changes: Any) -> None:
    write(path, json.loads(path.read_text(encoding="utf-8")) | changes)


def stage(name: str, candidate: str, **fields: Any) -> dict[str, Any]:
    return {"stage": name, "candidate": candidate} | fields


def test_units_and_time_are_planned_against_done() -> None:
    plan = {"stages": [stage("train", "a", units=300), stage("select", "a", units=64)]}
    done = [stage("data", "-", units=2, seconds=1.5), stage("train", "a", units=120, seconds=60.0)]
    found = budget_view(plan, {"stages": done})
    train, select, data = found.jobs
    assert (train.units_planned, train.units_done, train.spent) == (300, 120, 60)
    assert train.rows_seen is None, "it was cut"
    assert train.undone
    assert (select.units_done, select.undone) == (None, True)
    assert (data.units_planned, data.undone) == (None, False)
    assert found.undone == 2
    assert not found.limited
    (wall,) = found.resources
    assert (wall.name, wall.limit, wall.planned, wall.spent) == ("wall_seconds", None, None, 61.5)
    assert [(p.name, p.seconds, round(p.start, 3)) for p in found.phases] == [
        ("train", 60, 0),
        ("other", 1.5, 0.976),
    ]


def test_a_limit_of_zero_is_a_limit() -> None:
    found = budget_view({"budget": {"tokens": 0}}, {"spent": {"tokens": 0}})
    assert found.limited
    assert [(one.name, one.limit) for one in found.resources] == [("tokens", 0)]


def test_all_resources_are_read_where_they_are() -> None:
    plan = {
        "budget": {"wall_seconds": 2700, "accelerator_seconds": 600, "tokens": 5e6},
        "stages": [
            stage("train", "a", units=1),
            stage("select-2", "a", units=9, once_promoted=True),
        ],
    }
    costs = {
        "planned": [stage("train", "a", seconds=100, tokens=1000)],
        "stages": [
            stage("train", "a", units=1, seconds=90.0, accelerator_seconds=80.0, tokens=900),
            stage("select", "a", units=1, seconds=10.0, tokens_computed=100),
        ],
    }
    found = {one.name: one for one in budget_view(plan, costs).resources}
    wall, accelerator, tokens = found.values()
    assert (wall.limit, wall.planned, wall.spent) == (2700, 100, 100)
    assert (accelerator.limit, accelerator.spent) == (600, 80)
    assert (tokens.limit, tokens.planned, tokens.spent) == (5e6, 1000, 1000)
    assert wall.scale.at(1350) == "50.00%"
    assert tokens.said(tokens.limit) == "5,000,000"
    assert budget_view(plan, costs).undone == 0, "nobody was promoted to that stage"
    told = costs | {"spent": {"wall_seconds": 123.0, "tokens": 7}}
    again = {one.name: one.spent for one in budget_view(plan, told).resources}
    assert again == {"wall_seconds": 123, "accelerator_seconds": 80, "tokens": 7}


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, True, [[1]], float("inf"), -3])
def test_fields_of_another_type_count_as_absent(value: object) -> None:
    plan: Any = {"budget": value, "wall_seconds": value, "planned": value, "stages": value}
    assert budget_view(plan, {"stages": value, "spent": value}).jobs == ()
    one = stage("train", value, units=value, seconds=value, peak_memory_mb=value)
    assert len(budget_view({"stages": [one]}, {"stages": [one]}).jobs) == 1


def test_training_rows_seen_stand_beside_the_time() -> None:
    """Candidates of other recipes see other numbers of rows in the same steps."""
    plan = {"stages": [stage("train", "a", units=300) | {"train_rows": 2400}]}
    done = [stage("train", "a", units=300, seconds=60.0)]
    (train,) = budget_view(plan, {"stages": done, "planned": []}).jobs
    assert (train.rows_seen, train.spent) == (2400, 60)
    planned = [stage("train", "a", seconds=50.0)]
    found = budget_view(plan, {"stages": done, "planned": planned})
    held = next(one for one in found.resources if one.name == "accelerator_seconds")
    assert held.planned == 50, "a stage holds its model for so long"


def test_the_page_says_what_was_allowed_planned_and_spent(run: Path) -> None:
    text = page_of(run).text("budget")
    assert "Wall time 36 min 53 s spent of 45 min 00 s allowed" in text
    assert "Where the time went train 33 min 41 s, decode 3 min 12 s" in text
    assert "No limit was set" not in text
    assert "train smollm2-360m-sft 300 300 – 15 min 19 s 3,810.4" in text
    (run / "plan.json").unlink()
    text = page_of(run).text("budget")
    assert "36 min 53 s spent" in text
    assert "No limit was set" in text
    (run / "costs.json").unlink()
    assert "Neither a plan nor costs" in page_of(run).text("budget")


def test_memory_that_another_candidate_reached_before_is_a_bound() -> None:
    peaks = [("a", 100.0), ("a", 500.0), ("b", 500.0), ("b", 500.0), ("c", 500.0), ("c", 700.0)]
    stages = [stage("s", name, peak_memory_mb=peak) for name, peak in peaks]
    found = peak_memory({"stages": stages})
    assert {name: (m.mib, m.at_most) for name, m in found.items()} == {
        "a": (500.0, False),
        "b": (500.0, True),
        "c": (700.0, False),
    }


@pytest.mark.parametrize(
    ("parts", "weights", "score"),
    [
        (Parts(0.4, 0.2), (0.5, 0.5), 0.3),
        (Parts(0.4, -0.2), (0.5, 0.5), 0.2),
        (Parts(None, 0.2), (0.5, 0.5), None),
        (Parts(None, 0.2), (0.0, 1.0), 0.2),
        (Parts(0.4, None), (1.0, 0.0), 0.4),
    ],
)
def test_a_part_with_a_weight_must_be_defined(
    parts: Parts, weights: tuple[float, float], score: float | None
) -> None:
    assert parts.score(*weights) == (None if score is None else pytest.approx(score))


def test_parts_that_do_not_add_up_are_said(run: Path) -> None:
    # The fabricated scores are not made of parts.
    text = page_of(run).text("leaderboard")
    assert f"cannot be ranked with other weights here: The parts of {LEADER} do not add up" in text
    assert "Weight of the labels" not in text


def manifest(run: Path) -> None:
    made_from = {
        "emoloom": {"version": "0.1.0", "code_sha256": SHA},
        "lexicon": {"name": "glasgow", "sha256": SHA, "licence": "CC BY 4.0"},
        "data": {"goemotions-sample": {"train.jsonl": SHA}},
        "models": {
            "m": {"source": "pypi:m==1#m", "is": "M-135M", "licence": "Apache-2.0"}
            | {"terms": "see the card", "weights_sha256": SHA, "config_sha256": None}
        },
    }
    subjects = [{"name": "data/select.jsonl", "digest": {"sha256": SHA}}, {"name": "x"}]
    statement = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "urn:p"}
    write(run / "manifest.json", statement | {"subject": subjects, "predicate": made_from})


def test_the_manifest_and_the_cards_say_what_went_in(run: Path) -> None:
    manifest(run)
    counts = {"sets": {"train": {"goemotions-sample": 48, "all": 48}, "select": {"mine": 8}}}
    write(run / "data/counts.json", counts)
    page = page_of(run)
    text = page.text("manifest")
    assert "binds 2 files of this run" in text
    assert f"data/select.jsonl {SHA} x –" in text
    assert f"emoloom.code_sha256 {SHA}" in text
    data = page.text("data")
    assert "goemotions-sample corpus GoEmotions, embedded sample Licence: CC BY 4.0" in data
    assert "Rows in train 48 Labels goemotions28 VAD not rated by people Citation Demszky" in data
    assert f"sha256 train.jsonl {SHA}" in data
    assert "mine corpus Licence: not recorded Rows in select 8" in data
    assert f"glasgow lexicon Licence: CC BY 4.0 sha256 lexicon {SHA}" in data
    assert "m model M-135M Licence: Apache-2.0 see the card Source pypi:m==1#m" in data
    assert "Glasgow Norms input Licence: CC BY 4.0" in data
    assert "Strictest licence of all inputs, carried to every export: CC BY-SA 4.0" in data


def test_rankings_with_other_weights_are_shown(run: Path) -> None:
    entries = [
        {"name": "b", "rank": 2, "score": {"value": 0.3}},
        {"name": "a", "rank": 1, "score": {"value": 0.4, "interval": [0.3, 0.5]}},
        {"name": "floor", "rank": None, "score": {"value": 0.9}},
    ]
    before = render_page(run)
    record = {"weights": {"labels": 0.7, "vad": 0.3}}
    record |= {"ranking": {"entries": entries, "verdict": {"text": "a leads."}}}
    write(run / "rankings/0001.json", record)
    (run / "rankings/0002.json").write_text("{", encoding="utf-8")
    page_of(run)
    page = Page((run / RANKED_PAGE).read_text(encoding="utf-8"))
    said = "0001.json 0.70 0.30 1. a 0.400, 2. b 0.300 a leads."
    assert said in page.text("leaderboard")
    assert "rankings/0002.json is damaged" in page.text("head")
    assert render_page(run) == before, "what is added later is no part of the bound page"


def test_the_page_does_not_hold_what_the_manifest_says_of_it(run: Path) -> None:
    manifest(run)
    before = render_page(run)
    statement = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    own = {"name": "report.html", "digest": {"sha256": SHA}}
    write(run / "manifest.json", statement | {"subject": [*statement["subject"], own]})
    assert render_page(run) == before


def test_rungs_are_shown_where_there_were_any(run: Path) -> None:
    assert "rungs" not in page_of(run).sections
    rung = {"rung": 1, "rows": 64, "scores": {"a": 0.3, "b": 0.2, "c": None}, "capped": True}
    rung |= {"promoted": ["a"], "dropped": ["b", "c"], "tied": ["a", "b"]}
    write(run / "rungs.json", {"rungs": [rung, {"rung": 2}]})
    text = page_of(run).text("rungs")
    assert "1cut at the cap a 0.300 64 went on, not separable at the cut" in text
    assert "b 0.200 64 dropped, not separable at the cut c – 64 dropped" in text


def test_a_candidate_of_several_trainings_is_their_mean(run: Path) -> None:
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    first, second, third = board["entries"][:3]
    whole = first | {"name": "whole", "trainings": [first["name"], second["name"]], "rank": 1}
    first |= {"pooled": "whole", "rank": None}
    second |= {"pooled": "whole", "rank": None}
    board["verdict"]["leader"] = "whole"
    write(run / "leaderboard.json", board | {"entries": [whole, first, second, third]})
    page = page_of(run)
    assert "missing or damaged" not in page.text("head"), "a mean has no rows of its own"
    text = page.text("leaderboard")
    assert text.index("whole") < text.index("Single trainings") < text.index("is their mean")
    drawn = json.loads(page.data["plots-data"])
    assert [point["name"] for point in drawn["quality"]["points"]] == ["whole", third["name"]]
    decode = json.loads((run / "costs.json").read_text(encoding="utf-8"))["decode"]
    seconds = [decode[name]["seconds"] / decode[name]["rows"] for name in whole["trainings"]]
    assert drawn["quality"]["points"][0]["seconds"] == pytest.approx(sum(seconds) / 2)
    assert drawn["leader"] == first["name"], "its plots are those of its first training"


def test_hostile_text_stays_text_in_all_of_them(run: Path) -> None:
    names = dict.fromkeys(("name", "source", "licence", "is", "terms"), HOSTILE)
    subject = [{"name": HOSTILE, "digest": {"sha256": HOSTILE}}]
    predicate = {"lexicon": names, "models": {HOSTILE: names}, HOSTILE: HOSTILE}
    predicate |= {"data": {HOSTILE: {HOSTILE: HOSTILE}}}
    write(run / "manifest.json", {"subject": subject, "predicate": predicate, "_type": HOSTILE})
    write(run / "plan.json", {"stages": [stage(HOSTILE, HOSTILE, units=3)]})
    write(run / "data/counts.json", {"sets": {HOSTILE: {HOSTILE: 3}}})
    entry = {"name": HOSTILE, "rank": 1, "score": {"value": 1}}
    ranking = {"entries": [entry], "verdict": {"text": HOSTILE}}
    write(run / "rankings/x.json", {"ranking": ranking})
    change(run / "candidates" / LEADER / "scores.json", cross={HOSTILE: {"space": HOSTILE}})
    rows = [{"id": HOSTILE, "answer": {"labels": [HOSTILE]}}]
    write_lines(run / "data/select.jsonl", rows)
    outputs = run / "candidates" / LEADER / "rows/select.jsonl"
    write_lines(outputs, [{"id": HOSTILE, "output": HOSTILE}])
    source = write_report(run).read_text(encoding="utf-8")
    assert "<img" not in source
    assert "\u202e" not in source
    page = Page(source)
    shown = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\ud800", "⟨U+D800⟩")
    for section in ("manifest", "data", "budget", "leaderboard", "cross", "confusion"):
        assert shown in page.text(section), section
    assert shown in json.loads(page.data["plots-data"])["confusion"]["labels"]
