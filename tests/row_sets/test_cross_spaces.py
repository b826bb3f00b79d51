"""Corpora never trained on: how each is scored, what is refused, and what is drawn and counted."""

import json
from pathlib import Path

import pytest

from asked_rows import SPACE, part
from cross_files import RATED, ekman_csv, own_csv, own_part, said
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.labels import load_space
from emoloom.errors import UserError
from emoloom.records import ParseFailure
from emoloom.row_sets.cross_spaces import (
    CrossSpace,
    check_cross,
    cross_space,
)
from made_maps import write_map

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
EKMAN, ED = load_space("ekman7"), load_space("empathetic32")
GOEMOTIONS = part("goemotions-sample", 8)
EMOBANK = part("emobank-sample", 8)


# In which space


def test_answers_are_mapped_where_a_map_leads_to_the_corpus(tmp_path):
    way = cross_space(own_part(ekman_csv(tmp_path), "ekman7"), SPACE)
    assert (way.space, way.gold_map) == (EKMAN, None)
    assert way.read(said("annoyance", "love")).labels == ("anger", "joy")
    failed = ParseFailure("no_json")
    assert way.read(failed) is failed
    assert way.warning("seven") == []


def test_gold_is_mapped_where_a_map_leads_from_the_corpus_alone(tmp_path):
    way = cross_space(part("empathetic-dialogues", path=tmp_path), SPACE)
    assert (way.space, way.answers_map) == (SPACE, None)
    assert way.gold_map.source == ED


@pytest.mark.parametrize("space", [None, "goemotions28"])
def test_labels_of_the_space_in_force_are_not_mapped(tmp_path, space):
    assert cross_space(own_part(own_csv(tmp_path), space), SPACE) == CrossSpace(SPACE)
    assert cross_space(part("emobank-sample"), SPACE) == CrossSpace(SPACE)


@pytest.fixture
def two(tmp_path) -> Path:
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"name": "two", "labels": ["up", "down"]}), encoding="utf-8")
    return path


def test_a_map_of_ones_own_may_lead_either_way(tmp_path, two):
    lost = {label: {"to": [], "why": "a test"} for label in SPACE.labels}
    there = write_map(
        tmp_path / "there.json", "goemotions28", "two", {**lost, "joy": {"to": ["up"]}}
    )
    back = write_map(
        tmp_path / "back.json", "two", "goemotions28",
        {"up": {"to": ["joy"]}, "down": {"to": [], "why": "a test"}},
    )  # fmt: skip
    to_it = cross_space(own_part(own_csv(tmp_path), str(two), label_map=there), SPACE)
    assert to_it.space.labels == ("up", "down")
    assert to_it.read(said("joy", "anger")).labels == ("up",)
    assert to_it.read(said("anger")).labels == ()
    (warning,) = to_it.warning("mine")
    assert "count as no label" in warning
    assert "no answer means down" in warning
    from_it = cross_space(own_part(own_csv(tmp_path), str(two), label_map=back), SPACE)
    assert (from_it.space, from_it.answers_map) == (SPACE, None)


def test_without_any_way_it_is_refused(tmp_path, two):
    with pytest.raises(UserError, match=r"own cannot be scored: no label map leads .* nor back"):
        cross_space(own_part(own_csv(tmp_path), str(two)), SPACE)


# What is refused


def faults(tmp_path, *cross: RowsConfig, train=None) -> list[str]:
    train = train or (GOEMOTIONS, own_part(own_csv(tmp_path)))
    return check_cross(DataConfig(train=train, select=(EMOBANK,), cross=cross), SPACE)


def test_what_is_trained_on_is_refused_in_every_guise(tmp_path, monkeypatch):
    path = own_csv(tmp_path)
    monkeypatch.chdir(tmp_path)
    guises = (
        GOEMOTIONS,
        part("goemotions", path=tmp_path),
        RowsConfig(corpus="hf:google-research-datasets/go_emotions@main"),
        own_part(Path("own.csv"), mapping=RATED),
        own_part(tmp_path / "." / "own.csv"),
    )
    found = faults(tmp_path, *guises)
    assert [fault.partition(":")[0] for fault in found] == [f"data.cross.{n}" for n in range(5)]
    assert all("is trained on" in fault and "\n" not in fault for fault in found), path


def test_what_stands_twice_is_refused(tmp_path):
    (fault,) = faults(tmp_path, EMOBANK, part("emobank", path=tmp_path))
    assert fault.startswith("data.cross.1: emobank stands twice in data.cross")
    assert faults(tmp_path, EMOBANK, own_part(ekman_csv(tmp_path), "ekman7")) == []
