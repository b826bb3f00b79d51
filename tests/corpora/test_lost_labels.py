"""`data check` calls no space a fit that loses a label, and says how to keep it."""

import json
from pathlib import Path

import pytest
import yaml

from emoloom.corpora.check import check_data
from emoloom.corpora.check_text import describe
from emoloom.corpora.label_map_files import read_map
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.corpora.nearest_label import nearest_label
from tiny_screen import call, write_config

SPACE = load_space("goemotions28")


def labelled(path: Path, **counts: int) -> Path:
    names = [label for label, count in counts.items() for _ in range(count)]
    lines = [f"thing {n} of {n * n},{name}" for n, name in enumerate(names)]
    path.write_text("text,emotion\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


CARER = {"anger": 4, "fear": 3, "happy": 6, "love": 2, "sadness": 5, "surprise": 1}


def test_a_space_that_loses_a_label_does_not_fit(tmp_path):
    path = labelled(tmp_path / "final.csv", **CARER)
    found = check_data(path)
    assert found.lost == {"happy": 6}
    assert (found.rows, found.rejected) == (15, 6)
    text = "\n".join(describe(path, found))
    assert "by label (goemotions28, which does not fit: see below):" in text
    assert "goemotions28 does NOT fit: it lacks a label of the file, which is lost whole\n" in text
    assert "        6  happy (nearest label: joy)" in text
    assert json.loads(call("data", "check", path, "--json").out)["labels_lost"] == {"happy": 6}


def test_where_the_first_records_have_one_label_the_nearest_space_is_named(tmp_path):
    """A file that is sorted by label shows one class in what a guess looks at."""
    path = labelled(tmp_path / "sorted.csv", happy=1000, anger=9, fear=9, love=9)
    found = check_data(path)
    assert (found.space, found.rows) == (None, 1027)
    text = "\n".join(describe(path, found))
    assert "by label (no space that ships fits; taken as they are):" in text
    assert "goemotions28 does NOT fit: it lacks a label of the file, which is lost whole\n" in text
    assert "1,000  happy (nearest label: joy)" in text
    sound = labelled(tmp_path / "sound.csv", x=1, y=1, z=1, anger=9, fear=9, joy=9)
    assert check_data(sound, load_space("ekman7")).lost == {"x": 1, "y": 1, "z": 1}


def test_a_space_that_holds_all_fits(tmp_path):
    path = labelled(tmp_path / "mine.csv", Anger=4, FEAR=3, joy=2)
    found = check_data(path)
    assert found.lost == {}
    assert "fit" not in "\n".join(describe(path, found))


def test_a_label_that_has_a_row_is_not_lost(tmp_path):
    path = labelled(tmp_path / "mine.csv", anger=4, joy=2)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(" ,joy\n")
    assert (check_data(path).rejected, check_data(path).lost) == (1, {})


def test_the_files_that_are_printed_keep_every_row(tmp_path, monkeypatch):
    """What is told to write is what the config takes."""
    path = labelled(tmp_path / "final.csv", **CARER, unheard=2)
    monkeypatch.chdir(tmp_path)
    lines = call("data", "check", "final.csv").out.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("to keep"))
    settings = yaml.safe_load("{" + lines[start + 1].split("part: ")[1] + "}")
    for name, content in zip(lines[start + 2 :: 2], lines[start + 3 :: 2], strict=True):
        (tmp_path / name.strip(" :")).write_text(content.strip(), encoding="utf-8")
    own = load_space(settings["label_space"])
    found = read_map(Path(settings["label_map"]), own, SPACE)
    assert found.targets["happy"] == ("joy",)
    assert (found.targets["anger"], found.targets["unheard"]) == (("anger",), ())
    part = {"file": "final.csv", "mapping": {"text": "text", "labels": "emotion"}, **settings}
    data = {"train": [part], "select": [{"corpus": "goemotions-sample", "rows": 9}]}
    called = call("check", write_config(tmp_path / "c.yaml", data=data))
    assert called.code == 0, called
    assert "0 of 523 records rejected" in called.out
    assert "no row has it: unheard 2 (of 23 records)" in called.out, path


def test_labels_that_no_space_can_have_are_left_out_of_the_files(tmp_path):
    path = labelled(tmp_path / "mine.csv", anger=4, joy=2, **{"a`b": 1})
    text = "\n".join(describe(path, check_data(path)))
    assert "1  a`b (nearest label: none)" in text
    assert '"labels": ["anger", "joy"]}' in text


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("happy", "joy"),
        ("Happiness", "joy"),
        ("sad", "sadness"),
        ("surprised", "surprise"),
        ("jooy", "joy"),
        ("calm", None),
        ("joy", "joy"),
    ],
)
def test_the_nearest_label(label, wanted):
    assert nearest_label(label, SPACE) == wanted


def test_synonyms_are_of_the_space_asked():
    assert nearest_label("happy", load_space("empathetic32")) == "joyful"
    assert nearest_label("terror", load_space("empathetic32")) == "terrified"


def test_every_synonym_leads_to_a_label_of_some_space_or_to_a_common_one():
    from emoloom.corpora import nearest_label as module

    record = json.loads(module._SYNONYMS.read_text(encoding="utf-8"))["labels"]
    shipped = {label for name in known_spaces() for label in load_space(name).labels}
    reached = [label for label, words in record.items() if shipped & set(words)]
    assert len(reached) > 40
    assert all(label == label.casefold() and label not in words for label, words in record.items())
