"""Planned against spent, from costs.json alone."""

import pytest

from emoloom.errors import UserError
from emoloom.planning.planned_spent import read_planned_spent
from emoloom.runs.directory import write_json_atomic


def entry(stage, seconds, **more):
    return {"stage": stage, "candidate": "a", "seconds": seconds, **more}


@pytest.fixture
def folder(tmp_path):
    write_json_atomic(
        tmp_path / "costs.json",
        {
            "stages": [
                entry("data", 9),
                entry("train", 10),
                entry("select", 40),
                entry("polarity", 20),
                entry("preflight", 2),
                entry("late", 50, finished=False),
            ],
            "planned": [
                entry("preflight", 9),
                entry("train", 12),
                entry("select", 30),
                entry("polarity", 20),
                entry("late", 1),
            ],
        },
    )
    return tmp_path


def test_stages_that_were_forecast_and_are_done(folder):
    found = read_planned_spent(folder)
    assert [(s.stage, s.error) for s in found.stages] == [
        ("train", pytest.approx(0.2)),
        ("select", -0.25),
        ("polarity", 0.0),
        ("preflight", 3.5),
    ]
    assert [s.stage for s in found.long] == ["train", "select", "polarity"]
    assert found.median_error == pytest.approx(0.2)
    assert found.lines()[-1] == "median error of 3 stages over 5 s: 20%"
    assert found.lines()[2].split() == ["select", "a", "30.0", "40.0", "-25%"]
    assert found.to_dict()["long_stages"] == 3


@pytest.mark.parametrize(
    "content",
    [None, "{", "[]", '{"stages": 3}', '{"stages": [], "planned": [3]}', '{"stages": []}'],
)
def test_a_folder_without_forecast_is_the_users_to_mend(tmp_path, content):
    if content is not None:
        (tmp_path / "costs.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError):
        read_planned_spent(tmp_path)


def test_short_stages_have_no_median(tmp_path):
    write_json_atomic(
        tmp_path / "costs.json", {"stages": [entry("train", 1)], "planned": [entry("train", 2)]}
    )
    found = read_planned_spent(tmp_path)
    assert found.median_error is None
    assert found.lines()[-1] == "no stage took over 5 s"
