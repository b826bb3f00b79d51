"""What `data check` counts and says."""

import json
from itertools import takewhile
from pathlib import Path

import pytest
import yaml

from emoloom.config_sections import RowsConfig
from emoloom.corpora.check import check_data
from emoloom.corpora.check_text import describe
from emoloom.corpora.labels import load_space
from emoloom.errors import UserError
from emoloom.row_sets.checks import count_rows
from official_files import BROKEN, emobank_file, goemotions_folder
from tiny_screen import assert_user_error, call

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def said(path: Path) -> str:
    return "\n".join(describe(path, check_data(path)))


def test_an_official_folder_and_its_broken_lines(tmp_path):
    folder = goemotions_folder(tmp_path / "ge")
    (folder / "test.tsv").write_text("hi\t0\tx\n", encoding="utf-8")
    found = check_data(folder)
    assert found.corpus is not None
    assert found.corpus.name == "goemotions"
    assert dict(found.splits) == {"train": 20, "dev": 20, "test": 1}
    assert found.rejected == len(BROKEN) == sum(reason.count for reason in found.reasons)
    assert found.records == found.rows + found.rejected == 47
    assert [file.known for file in found.files] == [False] * 4
    text = said(folder)
    assert "CC BY 4.0" in text
    assert "NOT the official file; it is used all the same" in text
    assert "47 records = 41 rows + 6 rejected" in text
    assert "got label index …; allowed: … to …, comma-separated (first: line 5, " in text


def test_one_file_is_told_by_what_is_in_it(tmp_path):
    folder = goemotions_folder(tmp_path / "ge")
    assert dict(check_data(folder / "dev.tsv").splits) == {"dev": 20}
    vad = check_data(emobank_file(tmp_path / "e"))
    assert dict(vad.splits) == {"train": 20, "dev": 20}
    assert (vad.rated, vad.rejected, vad.labels) == (40, 2, {})


def test_a_guess_is_shown_as_yaml_that_the_config_takes(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text('text,label,who\n"so glad, I",joy|love,a\nno,WUT,b\n', encoding="utf-8")
    lines = list(describe(path, check_data(path)))
    start = next(at for at, line in enumerate(lines) if line.startswith("guessed mapping")) + 1
    block = takewhile(lambda line: line.startswith("    "), lines[start:])
    (item,) = yaml.safe_load("\n".join(block))
    part = RowsConfig.model_validate_json(json.dumps(item))
    assert part.file == path
    assert part.mapping == check_data(path).mapping
    assert part.mapping.label_separator == "|"
    assert any("the label …; allowed: the names of" in line for line in lines)


def test_ratings_are_counted_by_dimension_where_rows_differ(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("text,label,valence,arousal\nhi,joy,5,1\nho,joy,4,\nha,joy,,\n", "utf-8")
    found = check_data(path)
    assert (found.rated, found.rated_in) == (2, {"valence": 2, "arousal": 1, "dominance": 0})
    assert found.to_dict()["rated_in"] == found.rated_in
    assert "with VAD: 2 (valence 2, arousal 1)" in said(path)
    path.write_text("text,v,a,d\nhi,5,1,1\n", encoding="utf-8")
    assert "with VAD: 1\n" in said(path) + "\n"


def test_labels_of_no_known_space_are_taken_as_they_are(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("text,label\na text,Zorn\nanother,Freude\n", encoding="utf-8")
    found = check_data(path)
    assert (found.space, dict(found.labels)) == (None, {"Zorn": 1, "Freude": 1})
    assert "no space that ships fits" in said(path)


def test_nothing_to_read_is_an_error(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("text,label\n,joy\n,joy\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"none of its 2 records .* got: line 2: got an empty text"):
        check_data(path)
    path.write_text("text,label\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"no column|holds no record"):
        check_data(path)
    with pytest.raises(UserError, match="no corpus is recognised"):
        check_data(tmp_path)


def test_dataset_rows_are_told_from_tables(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [
        {"id": "a", "text": "t", "answer": {"labels": ["proud"], "vad": None}, "split": "dev"},
        {"id": "a", "text": "t", "answer": {"labels": ["proud"], "vad": None}},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = check_data(path)
    assert (found.kind, found.space.name) == ("dataset rows, JSON Lines", "empathetic32")
    assert (found.rows, found.rejected) == (1, 1)


def test_names_in_a_file_do_not_drive_the_terminal(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(
        '{"text": "so glad", "label": "joy"}\n{"text": "x", "label": "\\u001b[31mred"}\n',
        encoding="utf-8",
    )
    called = call("data", "check", path, "--labels", "ekman7")
    assert called.code == 0
    assert "\x1b" not in called.out


def test_the_command_as_json_and_its_errors(tmp_path):
    folder = goemotions_folder(tmp_path / "ge")
    called = call("data", "check", folder, "--json")
    found = json.loads(called.out)
    assert (called.code, found["rows"], found["rejected"]) == (0, 40, 6)
    assert found["licence"] == "CC BY 4.0"
    assert_user_error(
        call("data", "check", tmp_path / "none"), "there is no file", "check the path"
    )
    assert_user_error(
        call("data", "check", folder / "dev.tsv", "--labels", "none"), "unknown label space"
    )
    assert_user_error(call("data", "check", "hf:no"), "hf:org/name")


def test_the_list_names_every_corpus_with_its_licence():
    lines = call("data", "list").out.splitlines()
    assert len(lines) == 6
    assert "daily-dialog\t" in lines[-1]
    assert "CC BY-NC-SA 4.0" in lines[-1]
    assert "hf:li2017dailydialog/daily_dialog" in lines[-1]
    entries = json.loads(call("data", "list", "--json").out)
    assert [entry["label_space"] for entry in entries] == [
        "goemotions28",
        None,
        "goemotions28",
        None,
        "empathetic32",
        "ekman7",
    ]


def test_the_official_valid_csv_of_empathetic_dialogues():
    path = SHARED / "empathetic_dialogues/valid.csv"
    if not path.exists():
        pytest.skip("../shared/data is absent: the official valid.csv cannot be checked")
    called = call("data", "check", path)
    assert called.code == 0
    assert "12,078 utterances in 2,770 conversations" in called.out
    assert "2,770 records = 2,770 rows + 0 rejected" in called.out
    assert "by split: dev 2,770" in called.out
    assert "CC BY-NC 4.0" in called.out


def test_a_reason_is_cut_at_no_apostrophe(tmp_path):
    """The values are left out of it, quoted or cut; its own words stay."""
    path = tmp_path / "mine.jsonl"
    good = '{"text": "a fine day, isn\'t it", "label": "joy"}'
    twice = '{"text": "The neighbour found two tickets near it", "label": "fear"}'
    path.write_text(f"{good}\n{good}{twice}\n{good}{good}\n", encoding="utf-8")
    (reason,) = check_data(path).reasons
    assert reason.count == 2
    assert reason.text == "got … behind the line's object; allowed: one JSON object a line"


@pytest.mark.parametrize("rows", [None, 3])
def test_a_file_of_which_nothing_can_be_read_is_not_called_too_short(tmp_path, rows):
    """`check` says of it what `data check` says: nobody can ask for fewer rows of none."""
    path = tmp_path / "mine.csv"
    path.write_text("text,label\na,sdness\nb,jy\n", encoding="utf-8")
    part = RowsConfig(file=path, rows=rows)
    with pytest.raises(UserError) as told:
        count_rows(part, "train", load_space("ekman7"))
    assert "none of its 2 records can be read" in str(told.value)
    assert "line 2: " in str(told.value)
    assert "fewer rows" not in str(told.value)
