"""`emoloom labels`: what spaces and maps there are, and what a map merges and loses."""

import json

import pytest
from typer.testing import CliRunner

from emoloom.cli import app
from emoloom.corpora.label_map_files import find_map, read_map
from emoloom.corpora.labels import load_space
from made_maps import write_map


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["labels", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_list_names_what_ships():
    lines = run("list").splitlines()
    assert "space\tgoemotions28\t28 labels" in lines
    assert "map\tempathetic32\tgoemotions28" in lines


def test_show_prints_the_labels_in_order():
    assert tuple(run("show", "ekman7").splitlines()) == load_space("ekman7").labels


def test_map_prints_every_label_and_the_account():
    lines = run("map", "empathetic32", "ekman7").splitlines()
    assert [line.split("\t")[0] for line in lines[:32]] == list(load_space("empathetic32").labels)
    assert lines[0].startswith("afraid\tfear\t")
    assert lines[21].startswith("jealous\tnone\tnone of the 28 is envy")
    assert lines[32] == (
        "empathetic32 to ekman7: 26 of 32 labels have a counterpart, 6 of 7 are reached"
    )
    assert any(line.startswith("merged into anger: angry, annoyed, furious") for line in lines)
    assert any(line.startswith("lost: nostalgic (") for line in lines)
    assert lines[-1] == "never reached: neutral"


def test_map_as_json_is_a_map_file(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(run("map", "empathetic32", "ekman7", "--json"), encoding="utf-8")
    ed, ekman = load_space("empathetic32"), load_space("ekman7")
    assert read_map(path, ed, ekman).targets == find_map(ed, ekman).targets
    assert (
        run("map", "empathetic32", "ekman7", "--file", str(path))
        .splitlines()[32]
        .endswith("6 of 7 are reached")
    )


def test_a_map_between_users_files(tmp_path):
    space = tmp_path / "mine.json"
    space.write_text(json.dumps({"name": "mine", "labels": ["up", "down"]}), encoding="utf-8")
    entries = {"up": {"to": ["joy"]}, "down": {"to": [], "why": "no low"}}
    path = write_map(tmp_path / "map.json", "mine", "ekman7", entries)
    assert "lost: down (no low)" in run("map", str(space), "ekman7", "--file", str(path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("map", "ekman7", "goemotions28"), "there is no map between these label spaces"),
        (("map", "ekman", "goemotions28"), "unknown label space"),
        (("show", "no.json"), "there is no file no.json"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(arguments, said, capfd):
    done = CliRunner().invoke(app, ["labels", *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
