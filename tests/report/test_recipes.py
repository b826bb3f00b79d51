"""Several recipes in the report: what they change, how they learned, what they learned from."""

import json
from pathlib import Path
from typing import Any

import pytest
from hostile_run import HOSTILE
from make_run import LEADER, make_run, write, write_lines
from page_reader import Page, page_of
from recipe_run import ATOM, CHANGES, FLIPS, LONG, OTHER, recipe_run, steps_of

from emoloom.report import learning
from emoloom.report.learning import block_means, learning_curves
from emoloom.report.page import write_report

pytestmark = pytest.mark.usefixtures("compiled_once")


def drawn(page: Page) -> Any:
    return json.loads(page.data["plots-data"])["learning"]


def with_board(run: Path, **changes: object) -> Page:
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    write(run / "leaderboard.json", board | changes)
    return page_of(run)


def test_each_recipe_has_its_differences_on_one_scale(tmp_path: Path) -> None:
    run = recipe_run(tmp_path)
    page = page_of(run)
    text = page.text("ablation")
    assert text.startswith("What each part of the recipe changes")
    assert "An interval that contains 0 shows no separable change on these rows." in text
    assert "sft+flipm +0.012 [−0.018, 0.042] −0.080 [−0.100, −0.060] – 64" in text
    assert "full-recipem +0.090 [0.050, 0.130] – +0.110 [0.060, 0.160] 64" in text
    assert "Polarity" not in text
    source = write_report(run).read_text(encoding="utf-8")
    section = source[source.index('<section id="ablation"') : source.index('<section id="rows"')]
    bars = [part.partition('"')[0] for part in section.split('<svg class="bar ')[1:]]
    assert bars == ["grey", "below", "", ""]


def test_polarity_has_a_column_where_it_was_asked(tmp_path: Path) -> None:
    asked = CHANGES[0] | {"polarity": {"value": 0.25, "interval": [0.1, 0.4]}, "pairs": 50}
    text = with_board(recipe_run(tmp_path), ablations=[asked]).text("ablation")
    assert "+0.250 [0.100, 0.400] 64 50" in text
    assert "it is no part of the score" in text


@pytest.mark.parametrize("nothing", [[], None, 7, [{}], ["x"], [{"recipe": "sft+flip"}]])
def test_one_recipe_has_no_section(tmp_path: Path, nothing: object) -> None:
    page = with_board(recipe_run(tmp_path), ablations=nothing)
    assert "ablation" not in page.sections
    assert "#ablation" not in [a.get("href") for _, a in page.elements]


def test_sections_are_there_only_where_there_is_something(tmp_path: Path) -> None:
    plain = page_of(make_run(tmp_path / "plain", rows=16))
    assert not {"ablation", "learning"} & plain.sections.keys()
    assert drawn(plain) is None
    assert "Valence Flip" not in plain.text("data")
    assert "verifier" not in plain.text("data")
    full = page_of(recipe_run(tmp_path / "full"))
    assert {"ablation", "learning"} <= full.sections.keys()
    links = [a.get("href") for _, a in full.elements]
    assert {"#ablation", "#learning"} <= set(links)
    assert len(full.scripts) == len(plain.scripts) + 1
    assert "missing or damaged" not in full.text("head")


def test_curves_are_those_of_the_steps(tmp_path: Path) -> None:
    page = page_of(recipe_run(tmp_path))
    found = drawn(page)
    assert [key for key, _ in found["terms"]] == ["loss", "lm", "vad_digits"]
    leader = found["curves"][0]
    steps = steps_of(11, mixture=True)
    assert leader["name"] == LEADER
    assert (leader["count"], leader["block"]) == (11, 1)
    assert leader["steps"] == list(range(1, 12))
    assert leader["terms"][1] == [step["terms"]["lm"] for step in steps]
    assert leader["terms"][2] == pytest.approx([1 / s["step"] for s in steps], rel=1e-3)
    for key in ("excess", "tau", "share_a"):
        assert leader["mixture"][key] == pytest.approx([s[key] for s in steps], rel=1e-3)
    assert found["strata"] == ["A:joy", "A:fear", "B:(no labels)"]
    assert leader["strata"] == [22, 11, 55]
    other = next(one for one in found["curves"] if one["name"] == OTHER)
    assert other["terms"][2] is None
    assert not other["mixed"]
    text = page.text("learning")
    assert f"{LEADER} 11 1 1.5 → 11.5 1 → 11 1 → 0.09091" in text
    assert "A:joy 22 A:fear 11 B:(no labels) 55" in text


def test_a_long_training_is_thinned_by_means_and_says_so(tmp_path: Path) -> None:
    page = page_of(recipe_run(tmp_path, long=LONG))
    long = next(one for one in drawn(page)["curves"] if one["name"] == OTHER)
    assert (long["count"], long["block"]) == (LONG, 63)
    assert len(long["steps"]) == 159 <= learning.POINTS
    # lm is the step's number, so the means are the middles: 1 to 63, ..., and a last block of 46.
    assert long["steps"][:2] == [32.0, 95.0]
    assert long["steps"][-1] == (9955 + LONG) / 2
    assert long["terms"][1] == [float(f"{step:.4g}") for step in long["steps"]]
    text = page.text("learning")
    said = f"{OTHER} 10,000 steps in blocks of 63, qwen3-0.6b-sft 300 steps in blocks of 2."
    assert f"means over blocks of steps: {said}" in text
    assert len(page.data["plots-data"]) < 40_000


def test_means_are_over_what_is_there() -> None:
    assert block_means([1.0, None, 3.0, None, None, 8.0], 2) == (1.0, 3.0, 8.0)
    assert block_means([None, None, 1.0], 2) == (None, 1.0)


def test_what_is_damaged_in_the_steps_is_left_out() -> None:
    records = [
        {"step": 3, "terms": {"lm": 3.0, "huge": 1e300}, "excess": "x", "strata": {"A:a": -1}},
        {"step": 1, "terms": {"lm": float("nan")}, "strata": [1]},
        {"step": "two", "terms": {"lm": 2.0}},
        {"terms": 7, "strata": {"A:a": True, "A:b": 2}},
        {"step": 2, "terms": {"lm": 1.0}, "strata": {"A:b": 1e400}},
    ]
    found = learning_curves([("a", records), ("b", []), ("c", [{"step": 1}])])
    assert [one.name for one in found.curves] == ["a"]
    assert found.curves[0].steps == (1.0, 2.0, 3.0)
    assert dict(found.curves[0].series) == {"lm": (None, 1.0, 3.0)}
    assert (found.terms, found.strata) == (("lm",), ())


def test_terms_and_strata_are_bounded() -> None:
    terms = {f"t{number:03}": 1.0 for number in range(100)} | {"lm": 1.0}
    strata = {f"B:{number:03}": number + 1 for number in range(100)}
    found = learning_curves([("a", [{"step": 1, "terms": terms, "strata": strata}])])
    assert found.terms == ("lm", *(f"t{number:03}" for number in range(learning.OTHER_TERMS)))
    assert len(found.strata) == learning.STRATA
    assert found.left_out == 40
    assert found.strata[0] == "B:099"


def test_flips_and_the_verifier_are_small_tables(tmp_path: Path) -> None:
    text = page_of(recipe_run(tmp_path)).text("data")
    assert "of 84 training rows, 4 were turned over" in text
    gate = "gate the lexicon's valence does not cross 0.5 55"
    assert f"no labels the row has no labels 24 {gate}" in text
    assert "stand in select the flip is a row that ranks 1" in text
    assert "idiom" not in text, "no row was dropped for it"
    assert "goal attainment crowd-enVENT 0.600 0.101 4,800 1,200" in text


@pytest.mark.parametrize("name", ["flips", "verifier"])
@pytest.mark.parametrize("damage", ["{", "[]", "7"])
def test_a_damaged_file_is_said_and_left_out(tmp_path: Path, name: str, damage: str) -> None:
    run = recipe_run(tmp_path)
    (run / f"data/{name}.json").write_text(damage, encoding="utf-8")
    page = page_of(run)
    assert f"data/{name}.json is damaged" in page.text("head")
    shown = {"flips": "Valence Flip", "verifier": "Appraisal verifier"}
    assert [what for what in shown.values() if what in page.text("data")] == [
        what for key, what in shown.items() if key != name
    ]


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, True, [[{}]], 1e999, {"value": "x"}])
def test_fields_of_another_type_still_give_a_page(tmp_path: Path, value: object) -> None:
    run = recipe_run(tmp_path)
    for key in CHANGES[0]:
        with_board(run, ablations=[CHANGES[0] | {key: value}])
    for key in FLIPS:
        write(run / "data/flips.json", FLIPS | {key: value})
        page_of(run)
    for key in ATOM:
        write(run / "data/verifier.json", {"atoms": [ATOM | {key: value}]})
        page_of(run)
    (step,) = steps_of(1, mixture=True)
    for key in step:
        write_lines(run / "candidates" / LEADER / "steps.jsonl", [step | {key: value}, step])
        page_of(run)


def hostile(root: Path) -> Path:
    run = recipe_run(root)
    changed = CHANGES[0] | {"model": HOSTILE, "recipe": HOSTILE}
    with_board(run, ablations=[changed])
    step = steps_of(1, mixture=True)[0]
    step |= {"terms": {"lm": 1.0, HOSTILE: 2.0}, "strata": {f"A:{HOSTILE}": 3}}
    write_lines(run / "candidates" / LEADER / "steps.jsonl", [step])
    write(run / "data/flips.json", FLIPS | {HOSTILE: 2})
    write(run / "data/verifier.json", {"atoms": [ATOM | {"atom": HOSTILE, "source": HOSTILE}]})
    return run


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    source = write_report(hostile(tmp_path)).read_text(encoding="utf-8")
    shown = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\ud800", "⟨U+D800⟩")
    assert "<img" not in source
    assert "\u202e" not in source
    page = Page(source)
    assert page.text("ablation").count(shown) == 2
    assert f"A:{shown}" in page.text("learning")
    assert page.text("learning").count(shown) == 3, "selector, head of a column, stratum"
    assert page.text("data").count(shown) == 3
    assert shown in [key for key, _ in drawn(page)["terms"]]
