"""Data files at fault: nothing is lost in silence, nothing is written, one line where refused."""

import json
import re
from pathlib import Path

import pytest
from bad_case import Sound
from bad_data import CASES
from data_forms import DataCase
from make_cases import arguments
from test_bad_inputs import assert_nothing_left, assert_one_message, files, silence, without_rights

from tiny_screen import call

NAMES = {case.name: case for case in CASES}


@pytest.fixture
def made(tmp_path: Path, request: pytest.FixtureRequest) -> DataCase:
    case = NAMES[request.param]
    if "parquet" in case.name:
        pytest.importorskip("pyarrow")
    case.make(tmp_path, Sound(tmp_path / "sound"))
    return case


@pytest.mark.parametrize("made", NAMES, indirect=True)
def test_what_is_said(made: DataCase, tmp_path: Path):
    before = files(tmp_path)
    with without_rights(made, tmp_path), silence():
        called = call(*arguments(made, tmp_path))
    assert called.code == made.code, called
    said = called.err if made.code else called.out
    assert [part for part in made.parts if part not in said] == [], said
    assert_nothing_left(made, tmp_path, before)
    if made.code:
        assert_one_message(called)
    else:
        assert called.err == ""
        assert all(line.isprintable() for line in called.out.splitlines())


@pytest.mark.parametrize(
    "made", [name for name, case in NAMES.items() if case.code == 0], indirect=True
)
def test_records_in_are_rows_and_rejected(made: DataCase, tmp_path: Path):
    called = call(*arguments(made, tmp_path), "--json")
    found = json.loads(called.out)
    assert (found["records"], found["rejected"]) == (made.records, made.rejected)
    assert found["rows"] + found["rejected"] == found["records"]
    assert sum(found["splits"].values()) == found["rows"]
    assert sum(reason["count"] for reason in found["reasons"]) == found["rejected"]
    assert all("allowed: " in reason["reason"] for reason in found["reasons"])


def test_the_set_is_large_and_names_are_distinct():
    assert len(NAMES) == len(CASES) >= 40
    assert all(re.fullmatch(r"data-[a-z0-9-]+", name) for name in NAMES)
