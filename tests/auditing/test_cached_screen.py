"""A screen that takes answers from earlier runs: the same results, and costs that say so."""

import json

import pytest

from emoloom.verification import verify_run
from forging import ANSWER
from tiny_screen import (
    UNSTEADY,
    call,
    entries_of,
    lines_of,
    run_screen,
    tree,
    write_config,
)

pytestmark = pytest.mark.usefixtures("answers_of_its_own")

ON = {"answers": True, "max_mb": 1}


@pytest.fixture
def answers_of_its_own(own_cache, tmp_path, monkeypatch):
    """The models are the session's; kept answers are the test's."""
    from emoloom.screening import cache_facts

    folder = tmp_path / "answers"
    monkeypatch.setattr(cache_facts, "answers_folder", lambda: folder)
    return folder


def costs_of(folder):
    return json.loads((folder / "costs.json").read_text(encoding="utf-8"))


def cached(folder, table="decode"):
    return {name: cost["cached_rows"] for name, cost in costs_of(folder)[table].items()}


def results(folder):
    """Rows, scores, ranking and leaderboard."""
    files = tree(folder, UNSTEADY)
    kept = ("rows/", "leaderboard", "scores.json", "data/")
    return {name: content for name, content in files.items() if any(k in name for k in kept)}


@pytest.fixture
def twice(tmp_path):
    config = write_config(tmp_path / "c.yaml", cache=ON)
    for name in ("first", "second"):
        run_screen(config, tmp_path / name)
    return tmp_path / "first", tmp_path / "second"


def test_the_second_run_decodes_nothing_and_says_so(twice, finished_run):
    first, second = twice
    assert cached(first) == {"one.sft": 0, "one.zero-shot": 0}
    assert cached(second) == {"one.sft": 8, "one.zero-shot": 2}
    assert cached(second, "decode_polarity") == {"one.sft": 4}
    assert results(second) == results(first) == results(finished_run.folder)
    events = [e for e in lines_of(second / "events.jsonl") if e["event"] == "answers_from_cache"]
    assert [(e["candidate"], e["rows"]) for e in events] == [
        ("one.sft", 8),
        ("one.zero-shot", 2),
        ("one.sft", 4),
    ]
    assert verify_run(second).holds


def test_no_time_and_no_rate_of_kept_answers_is_shown(twice):
    first, second = (costs_of(folder) for folder in twice)
    timed = {"seconds", "forwards_per_row", "rows_per_second"}
    assert timed <= first["decode"]["one.sft"].keys()
    assert not timed & second["decode"]["one.sft"].keys()
    assert second["decode"]["one.sft"]["forwards"] == 0
    assert second["decode"]["one.sft"]["audited_rows"] > 0, "kept answers are audited too"
    (stage,) = (
        entry
        for entry in second["stages"]
        if (entry["stage"], entry["candidate"]) == ("select", "one.sft")
    )
    assert (stage["cached_rows"], stage["rate"]) == (8, 0.0)


def test_off_by_default(tmp_path, answers_of_its_own):
    run_screen(write_config(tmp_path / "c.yaml"), tmp_path / "run")
    assert not answers_of_its_own.exists()


def test_another_setting_is_a_miss_and_more_rows_are_in_part_a_hit(twice, tmp_path):
    from tiny_screen import SETTINGS

    longer = SETTINGS["decoding"] | {"max_new_tokens": 11}
    run_screen(write_config(tmp_path / "d.yaml", cache=ON, decoding=longer), tmp_path / "longer")
    assert cached(tmp_path / "longer") == {"one.sft": 0, "one.zero-shot": 0}
    trained = SETTINGS["training"] | {"learning_rate": 2e-3}
    run_screen(write_config(tmp_path / "t.yaml", cache=ON, training=trained), tmp_path / "trained")
    assert cached(tmp_path / "trained")["one.sft"] == 0
    more = write_config(tmp_path / "m.yaml", cache=ON, zero_shot={"rows": 5})
    run_screen(more, tmp_path / "more")
    assert cached(tmp_path / "more") == {"one.sft": 8, "one.zero-shot": 2}
    shown = costs_of(tmp_path / "more")["decode"]["one.zero-shot"]
    assert (shown["rows"], shown["forwards"] > 0) == (5, True)


def test_a_poisoned_answer_is_met_by_the_audit(twice, tmp_path, answers_of_its_own):
    """The audit decodes some rows again; what it finds wrong makes all rows be decoded."""
    for path in answers_of_its_own.iterdir():
        record = json.loads(path.read_text(encoding="ascii"))
        from emoloom.runs.directory import fingerprint

        record["answers"] = {key: [ANSWER, False] for key in record["answers"]}
        record["sha256"] = fingerprint(record["answers"])
        path.write_text(json.dumps(record), encoding="ascii")
    third = tmp_path / "third"
    config = write_config(tmp_path / "c.yaml", cache=ON, recipes=["sft"])
    run_screen(config, third)
    assert entries_of(third)["one.sft"] == entries_of(twice[0])["one.sft"]
    assert "margin_widened" in {e["event"] for e in lines_of(third / "events.jsonl")}
    assert cached(third)["one.sft"] == 0


def test_the_cache_enters_no_identity(a_run, tmp_path):
    """A finished run is continued with the cache switched on or off."""
    config = write_config(tmp_path / "c.yaml", cache=ON)
    screened = run_screen(config, a_run.folder)
    assert screened.code == 0
    assert verify_run(a_run.folder).holds


def test_the_command_says_the_size_and_clears(twice, answers_of_its_own, monkeypatch):
    from emoloom.screening import answer_cache

    monkeypatch.setattr(answer_cache, "answers_folder", lambda: answers_of_its_own)
    called = call("cache")
    assert called.out == f"{answers_of_its_own}: 2 files, 0.0 MB\n"
    assert call("cache", "--clear").out == f"{answers_of_its_own}: 0 files, 0.0 MB\n"
    assert list(answers_of_its_own.iterdir()) == []
