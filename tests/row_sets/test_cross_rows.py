"""Rows of corpora never trained on: drawn, written in their spaces, held against train, counted."""

import json
from pathlib import Path

import pytest

from asked_rows import SPACE, part
from cross_files import COLUMNS, RATED, ekman_csv, own_csv, own_part
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.errors import UserError
from emoloom.records import LabelSpace, Row
from emoloom.row_sets.build import FILES, Drawing, write_row_sets
from emoloom.row_sets.cross_spaces import (
    CrossSpace,
    cross_space,
    read_cross_rows,
    read_cross_spaces,
)
from emoloom.row_sets.part_facts import data_licences, source_hashes
from emoloom.row_sets.shared import SharedRows, read_row_sets
from emoloom.runs.directory import sha256_file
from made_maps import write_map

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
EKMAN, ED = load_space("ekman7"), load_space("empathetic32")
GOEMOTIONS = part("goemotions-sample", 8)
EMOBANK = part("emobank-sample", 8)


@pytest.fixture
def two(tmp_path) -> Path:
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"name": "two", "labels": ["up", "down"]}), encoding="utf-8")
    return path


# What is drawn


def built(tmp_path, lexicon, data: DataConfig) -> tuple[SharedRows, dict]:
    folder = tmp_path / "data"
    counts = write_row_sets(folder, Drawing(data, {}, 3), SPACE, lexicon)
    return read_row_sets(folder, SPACE), counts


def with_cross(*cross: RowsConfig, train=(GOEMOTIONS, EMOBANK)) -> DataConfig:
    return DataConfig(train=train, select=(part("goemotions-sample", 4),), cross=cross)


def test_rows_of_several_spaces_are_written_and_read_back(tmp_path, lexicon):
    seven, mine = ekman_csv(tmp_path), own_csv(tmp_path)
    data = with_cross(own_part(seven, "ekman7", rows=8), own_part(mine, mapping=RATED))
    rows, counts = built(tmp_path, lexicon, data)
    assert [row.source for row in rows.cross] == ["seven"] * 8 + ["own"] * 6
    assert {row.answer.labels[0] for row in rows.cross[:8]} <= set(EKMAN.labels)
    assert {row.answer.labels for row in rows.cross[8:]} == {("joy",), ("annoyance",)}
    assert all(row.vad_source == "human" for row in rows.cross[8:])
    assert rows.cross_spaces["seven"].space == EKMAN
    wanted = cross_space(data.cross[0], SPACE).answers_map
    assert rows.cross_spaces["seven"].answers_map.targets == wanted.targets
    assert rows.hashes["cross"] == sha256_file(tmp_path / "data/cross.jsonl")
    assert counts["sets"]["cross"] == {"own": 6, "seven": 8, "all": 14}
    found = counts["cross"]["seven"]
    assert (found["rows"], found["mapped"]) == (8, "answers")
    assert sum(found["positives"].values()) == 8
    assert counts["cross"]["own"]["mapped"] is None
    drawn = [one for one in counts["draws"] if one["set"] == "cross"]
    assert [(one["of"], one["drawn"]) for one in drawn] == [(14, 8), (6, 6)]
    assert [one["seed"] for one in drawn] == [[3, "cross-rows", 0], [3, "cross-rows", 1]]


def test_without_cross_nothing_of_it_is_written(tmp_path, lexicon):
    rows, counts = built(tmp_path, lexicon, with_cross())
    assert (rows.cross, dict(rows.cross_spaces)) == ((), {})
    assert "cross" not in json.dumps(counts)
    assert {path.name for path in (tmp_path / "data").iterdir()} == set(FILES)


def test_cross_is_of_the_test_split_and_moves_no_other_draw(tmp_path, lexicon):
    plain, _ = built(tmp_path, lexicon, with_cross(train=(GOEMOTIONS,)))
    rows, _ = built(tmp_path, lexicon, with_cross(part("emobank-sample", 5), train=(GOEMOTIONS,)))
    assert (rows.train, rows.select) == (plain.train, plain.select)
    assert {row.split for row in rows.cross} == {"test"}
    official = {row.id: row for row in read_corpus("emobank-sample", "test").rows}
    assert all(official[row.id] == row for row in rows.cross)


def test_a_column_of_splits_is_heeded(tmp_path, lexicon):
    path = tmp_path / "split.csv"
    lines = [f"thing {n} of {n},joy,{('train', 'test')[n % 2]}" for n in range(8)]
    path.write_text("text,emotion,set\n" + "\n".join(lines) + "\n", encoding="utf-8")
    data = with_cross(own_part(path, mapping={**COLUMNS, "split": "set"}))
    rows, _ = built(tmp_path, lexicon, data)
    assert [row.text for row in rows.cross] == [f"thing {n} of {n}" for n in (1, 3, 5, 7)]


def test_what_stands_in_cross_is_taken_out_of_train_and_counted(tmp_path, lexicon):
    first, second = read_corpus("goemotions-sample", "train").rows[10:12]
    near = " ".join(["indeed", *(f"word{n}" for n in range(9))])
    path, train_file = tmp_path / "twins.csv", tmp_path / "mine.csv"
    texts = [first.text.upper(), second.text, near, "a text of nobody else here"]
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}",joy' for text in texts]
    path.write_text("text,emotion\n" + "\n".join(quoted) + "\n", encoding="utf-8")
    other = f"{near.replace('indeed', 'surely')},joy\n"
    train_file.write_text("text,emotion\n" + other, encoding="utf-8")
    train = (part("goemotions-sample"), own_part(train_file), EMOBANK)
    _, before = built(tmp_path, lexicon, with_cross(train=train))
    # One row of the four is drawn, all four are held out.
    rows, counts = built(tmp_path, lexicon, with_cross(own_part(path, rows=1), train=train))
    assert len(rows.cross) == 1
    ids = {row.id for row in rows.train}
    assert not {first.id, second.id, "mine/2", "mine/1"} & ids
    stood = counts["stood_in_train"]["cross"]
    assert (stood["rows"], stood["same_text"], stood["near_text"]) == (4, 2, 1)
    removed = counts["removed_from_train"] - before["removed_from_train"]
    assert removed == before["sets"]["train"]["all"] - counts["sets"]["train"]["all"] >= 3
    assert counts["lines_read"] == before["lines_read"] + 4


def test_bad_lines_are_rejected_and_rows_that_a_map_loses_are_warned_of(tmp_path, lexicon, two):
    path = tmp_path / "bad.csv"
    path.write_text("text,emotion\none here,up\ntwo here,down\nthree here,side\n", encoding="utf-8")
    labels = {"up": {"to": ["joy"]}, "down": {"to": [], "why": "a test"}}
    back = write_map(tmp_path / "back.json", "two", "goemotions28", labels)
    data = with_cross(own_part(path, str(two), label_map=back))
    rows, counts = built(tmp_path, lexicon, data)
    assert [row.answer.labels for row in rows.cross] == [("joy",)]
    assert counts["lost_in_label_maps"] == counts["rejected"] == 1
    assert counts["cross"]["bad"]["mapped"] == "gold"
    assert any("bad (cross): 1 of 2 rows are lost from two" in one for one in counts["warnings"])
    (rejected,) = (tmp_path / "data/rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(rejected)["line"] == 4
    assert {"bad.csv", "back.json", "two.json"} == set(source_hashes(data)["bad"])
    assert {"what": "bad", "licence": "not stated (a user's file)"} in data_licences(data)


def test_where_nothing_is_left_it_is_said(tmp_path, lexicon, two):
    path = tmp_path / "gone.csv"
    path.write_text("text,emotion\ntwo here,down\n", encoding="utf-8")
    labels = {"up": {"to": ["joy"]}, "down": {"to": [], "why": "a test"}}
    back = write_map(tmp_path / "back.json", "two", "goemotions28", labels)
    with pytest.raises(UserError, match="no cross row of gone is left"):
        built(tmp_path, lexicon, with_cross(own_part(path, str(two), label_map=back)))


def test_a_row_of_cross_that_stands_in_select_too_is_refused(tmp_path, lexicon):
    path = own_csv(tmp_path)
    data = DataConfig(train=(GOEMOTIONS,), select=(own_part(path),), cross=(own_part(path),))
    with pytest.raises(UserError, match="a row stands twice in the screen"):
        built(tmp_path, lexicon, data)


# What a stranger's folder may hold


def test_rows_of_no_corpus_or_label_that_is_named_are_refused(tmp_path):
    spaces = {"a": CrossSpace(LabelSpace("x", ("up", "down"))), "b": CrossSpace(EKMAN)}

    def read(source: str, *labels: str) -> tuple[Row, ...]:
        answer = {"labels": list(labels), "vad": None, "rationale": ""}
        line = json.dumps({"id": "1", "text": "t", "answer": answer, "source": source})
        path = tmp_path / "cross.jsonl"
        path.write_text(line + "\n", encoding="utf-8")
        return read_cross_rows(path, spaces)

    assert read("a", "down", "up")[0].answer.labels == ("up", "down")
    for source, label in (("a", "joy"), ("c", "up"), ("a", "sideways")):
        with pytest.raises(UserError):
            read(source, label)


@pytest.mark.parametrize("change", [{"label_space": None}, {"answers_map": {"targets": {}}}])
def test_counts_of_another_shape_are_refused(change):
    given = {"label_space": {"name": "x", "labels": ["up"]}, **change}
    with pytest.raises((KeyError, TypeError)):
        read_cross_spaces({"cross": {"a": given}}, SPACE)


# The official files


@pytest.mark.parametrize("space", [SPACE, EKMAN], ids=["answers-mapped", "same-space"])
def test_the_official_daily_dialog(tmp_path, lexicon, space):
    folder = SHARED / "dailydialog"
    if not folder.exists():
        pytest.skip("../shared/data is absent: the official DailyDialog cannot be read")
    cross = part("daily-dialog", 50, folder)
    data = with_cross(cross)
    counts = write_row_sets(tmp_path, Drawing(data, {}, 3), space, lexicon)
    rows = read_row_sets(tmp_path, space)
    assert len(rows.cross) == 50
    assert rows.cross_spaces["daily-dialog"].space == EKMAN
    (drawn,) = (one for one in counts["draws"] if one["set"] == "cross")
    test_rows = read_corpus("daily-dialog", "test", folder).rows
    assert drawn["of"] == len(test_rows) > 7000
    official = {row.id: row for row in test_rows}
    assert all(official[row.id] == row for row in rows.cross)
    assert counts["cross"]["daily-dialog"]["mapped"] == ("answers" if space == SPACE else None)
    assert {"what": "daily-dialog", "licence": "CC BY-NC-SA 4.0"} in data_licences(data)


def test_the_official_empathetic_dialogues_are_mapped(tmp_path, lexicon):
    folder = SHARED / "empathetic_dialogues"
    if not folder.exists():
        pytest.skip("../shared/data is absent: EmpatheticDialogues cannot be read")
    rows, counts = built(tmp_path, lexicon, with_cross(part("empathetic-dialogues", 40, folder)))
    assert counts["cross"]["empathetic-dialogues"]["mapped"] == "gold"
    assert all(set(row.answer.labels) <= set(SPACE.labels) for row in rows.cross)
    (account,) = (one for one in counts["label_maps"] if one["set"] == "cross")
    assert account["rows_in"] == account["rows_out"] + account["rows_lost"] > 2000
