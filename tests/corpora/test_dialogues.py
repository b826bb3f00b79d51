"""EmpatheticDialogues and DailyDialog: their traps, and the official files counted."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from emoloom.corpora.dialogues import (
    DAILY_LABELS,
    daily_items,
    daily_records,
    empathetic_items,
    empathetic_records,
    with_turn_before,
)
from emoloom.corpora.labels import load_space
from emoloom.corpora.reading import ReadResult, collect
from emoloom.corpora.registry import read_corpus
from emoloom.errors import UserError

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
SPACE = load_space("empathetic32")
HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"


def empathetic(tmp_path: Path, *lines: str, header: str = HEADER) -> ReadResult:
    path = tmp_path / "valid.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return collect(empathetic_items(path, "dev", SPACE))


def daily(tmp_path: Path, dialogues: list[str], emotions: list[str]) -> ReadResult:
    texts, marks = tmp_path / "dialogues_test.txt", tmp_path / "dialogues_emotion_test.txt"
    texts.write_text("".join(f"{line}\n" for line in dialogues), encoding="utf-8")
    marks.write_text("".join(f"{line} \n" for line in emotions), encoding="utf-8")
    return collect(daily_items(texts, marks, "test"))


# EmpatheticDialogues


def test_a_conversation_is_one_row_of_its_situation(tmp_path):
    read = empathetic(
        tmp_path,
        'a,1,proud,I won_comma_ "really"_comma_ I did,1,I won,5|5|5_2|2|5,',
        'a,2,proud,I won_comma_ "really"_comma_ I did,0,Oh,5|5|5_2|2|5,',
        "b,1,sad,He left.,1,He left,,,an extra field,and more",
    )
    first, second = read.rows
    assert first.id == first.group == "empathetic-dialogues/a"
    assert first.text == 'I won, "really", I did'
    assert first.answer.labels == ("proud",)
    assert (first.answer.vad, first.vad_source, first.split) == (None, None, "dev")
    assert second.text == "He left."
    assert (read.lines_in, read.continued) == (2, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x,1,proud,text,1,hi", "6 columns; allowed: at least 8"),
        ("x,1,happy,text,1,hi,,", "the emotion 'happy'; allowed: the names of empathetic32"),
        ("x,1,Proud,text,1,hi,,", "the emotion 'Proud'"),
        ("x,1,proud, ,1,hi,,", "an empty text"),
        (",1,proud,text,1,hi,,", "the id ''"),
        ("x,1,proud,te\0xt,1,hi,,", "a NUL"),
        ("", "an empty line"),
        ("a,3,sad,I won,1,hi,,", "another emotion or situation of 'a'"),
    ],
)
def test_what_is_turned_away(tmp_path, line, reason):
    read = empathetic(tmp_path, "a,1,proud,I won,1,hi,,", line, "b,1,sad,He left,1,hi,,")
    (bad,) = read.rejected
    assert reason in bad.reason
    assert (bad.line, bad.source) == (3, "empathetic-dialogues")
    assert [row.id[-1] for row in read.rows] == ["a", "b"]
    assert read.lines_in == 3


def test_a_bad_conversation_is_one_rejection(tmp_path):
    lines = [f"x,{n},happy,text,1,hi,," for n in (1, 2, 3)]
    read = empathetic(tmp_path, *lines)
    assert (len(read.rejected), read.continued, read.lines_in) == (1, 2, 1)


def test_another_header_is_another_file(tmp_path):
    with pytest.raises(UserError, match="has not the columns of EmpatheticDialogues"):
        empathetic(tmp_path, "a,1,proud,text,1,hi,,", header="id,text,label")
    assert empathetic(tmp_path, "a,1,proud,t,1,h,,", header=HEADER + ",more").rows


def test_records_give_the_same_rows_as_lines(tmp_path):
    lines = ("a,1,proud,I_comma_ I,1,x,,", "a,2,proud,I_comma_ I,0,y,,", "b,1,sad,No,1,z,,")
    names = HEADER.split(",")
    records = [dict(zip(names, line.split(","), strict=True)) for line in lines]
    read = collect(empathetic_records(enumerate(records, 1), "dev", SPACE))
    assert read == empathetic(tmp_path, *lines)
    (bad,) = collect(empathetic_records([(1, {"conv_id": 3})], "dev", SPACE)).rejected
    assert "no text in conv_id" in bad.reason


# DailyDialog


def test_an_utterance_carries_the_turn_before_it(tmp_path):
    read = daily(
        tmp_path,
        ["Hello . __eou__ Go away ! __eou__ Why ? __eou__", "Alone . __eou__"],
        ["0 1 6", "5"],
    )
    assert [row.text for row in read.rows] == [
        "Hello .",
        "> Hello .\nGo away !",
        "> Go away !\nWhy ?",
        "Alone .",
    ]
    assert [row.answer.labels for row in read.rows] == [
        ("neutral",),
        ("anger",),
        ("surprise",),
        ("sadness",),
    ]
    assert read.rows[1].id == "daily-dialog/test-1-2"
    assert {row.group for row in read.rows} == {"daily-dialog/test-1", "daily-dialog/test-2"}
    assert with_turn_before("now", "") == "now"


def test_digits_are_the_labels_of_ekman7():
    assert DAILY_LABELS[4] == "joy"
    assert sorted(DAILY_LABELS) == sorted(load_space("ekman7").labels)


@pytest.mark.parametrize(
    ("dialogue", "emotions", "reason"),
    [
        ("Hi __eou__ Ho __eou__", "0", "2 turns, 1 emotions"),
        ("Hi __eou__ Ho", "0 0", "a last turn without __eou__"),
        ("Hi __eou__", "7", "the emotion '7'; allowed: 0 to 6"),
        ("Hi __eou__", "01", "the emotion '01'"),
        ("Hi __eou__", "٤", "the emotion"),
        ("", "", "an empty line"),
        ("Hi __eou__", "", "1 turns, 0 emotions"),
    ],
)
def test_a_dialogue_that_does_not_fit_is_one_rejection(tmp_path, dialogue, emotions, reason):
    read = daily(tmp_path, ["Ok __eou__", dialogue], ["0", emotions])
    (bad,) = read.rejected
    assert reason in bad.reason
    assert bad.line == 2
    assert (len(read.rows), read.lines_in) == (1, 2)


def test_an_empty_turn_is_rejected_alone_and_is_no_context(tmp_path):
    read = daily(tmp_path, ["Hi __eou__ __eou__ Ho __eou__"], ["0 0 4"])
    assert [row.id for row in read.rows] == ["daily-dialog/test-1-1", "daily-dialog/test-1-3"]
    assert read.rows[1].text == "Ho"
    assert read.rejected[0].excerpt.startswith("turn 2")


@pytest.mark.parametrize("missing", ["texts", "emotions"])
def test_files_of_unequal_length(tmp_path, missing):
    dialogues, emotions = ["A __eou__", "B __eou__"], ["0", "0"]
    (dialogues if missing == "texts" else emotions).pop()
    read = daily(tmp_path, dialogues, emotions)
    assert (len(read.rows), len(read.rejected)) == (1, 1)


def test_records_of_the_hub_are_the_same_dialogues(tmp_path):
    records = [{"dialog": ["Hi ", "Ho"], "emotion": [0, 4], "act": [1, 1]}]
    read = collect(daily_records(enumerate(records, 1), "test"))
    assert read == daily(tmp_path, ["Hi __eou__ Ho __eou__"], ["0 4"])
    bad = [{"dialog": "Hi", "emotion": [0]}, {"dialog": [1], "emotion": [0]}]
    assert len(collect(daily_records(enumerate(bad, 1), "test")).rejected) == 2


# The real files


def official(name: str) -> Path:
    folder = SHARED / name
    if not folder.exists():
        pytest.skip(f"../shared/data is absent: the official {name} files cannot be counted")
    return folder


def test_official_empathetic_dialogues_counts():
    folder = official("empathetic_dialogues")
    counts = {}
    for split in ("train", "dev", "test"):
        read = read_corpus("empathetic-dialogues", split, folder)
        assert read.rejected == ()
        assert all(file.known for file in read.files)
        counts[split] = (len(read.rows), len(read.rows) + read.continued)
    # (conversations, utterances): lines of each file less its header
    assert counts == {"train": (19532, 84165), "dev": (2770, 12078), "test": (2547, 10973)}


def test_official_empathetic_dialogues_rows_read_by_hand():
    rows = {
        row.id: row
        for row in read_corpus("empathetic-dialogues", "dev", official("empathetic_dialogues")).rows
    }
    terrified = rows["empathetic-dialogues/hit:3_conv:6"]
    assert terrified.answer.labels == ("terrified",)
    assert hashlib.sha256(terrified.text.encode()).hexdigest().startswith("885c36bb2b1774a8")
    assert not any("_comma_" in row.text for row in rows.values())


def test_official_daily_dialog_counts():
    folder = official("dailydialog")
    counts, labels = {}, Counter()
    for split in ("train", "dev", "test"):
        read = read_corpus("daily-dialog", split, folder)
        assert read.rejected == ()
        counts[split] = (len(read.rows), len({row.group for row in read.rows}))
        labels.update(row.answer.labels[0] for row in read.rows if split == "test")
    # (utterances, dialogues), as published: Li et al. 2017 give 11,118 / 1,000 / 1,000 dialogues
    assert counts == {"train": (87170, 11118), "dev": (8069, 1000), "test": (7740, 1000)}
    # `fold -w1 | sort | uniq -c` of the digits in the test file
    assert labels == {
        "neutral": 6321,
        "anger": 118,
        "disgust": 47,
        "fear": 17,
        "joy": 1019,
        "sadness": 102,
        "surprise": 116,
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def test_official_daily_dialog_rows_read_by_hand():
    rows = {
        row.id: row for row in read_corpus("daily-dialog", "test", official("dailydialog")).rows
    }
    surprised = rows["daily-dialog/test-1-2"]
    # By their hash: the corpus's licence keeps its sentences out of this repository.
    assert surprised.text.startswith("> ") and surprised.text.count("\n") == 1
    assert _hash(surprised.text) == "e820b0138dd7a0cb"
    assert surprised.answer.labels == ("surprise",)
    assert rows["daily-dialog/test-1-11"].answer.labels == ("fear",)
    assert _hash(rows["daily-dialog/test-2-1"].text) == "99f40230ee2107b1"
