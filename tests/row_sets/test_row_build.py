"""Row sets from streams are those that the functions of `splits` give in memory."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from asked_rows import SPACE, build_row_sets, part, sets_of
from emoloom.config_sections import DataConfig
from emoloom.corpora.registry import read_corpus
from emoloom.corpora.splits import conflicting_duplicates, draw, positives, remove_overlap
from emoloom.draws import generator
from emoloom.errors import ExitCode
from emoloom.records import VAD, Answer, Row
from emoloom.row_sets import build as row_build
from emoloom.row_sets.build import FILES
from emoloom.row_sets.spool import Conflicts, Spool
from emoloom.runs.directory import sha256_file
from emoloom.supervision.weak_vad import weak_vad
from tiny_screen import assert_user_error, call, run_screen, tree, write_config

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def reference(parts, seed, held_out=()):
    """Ids of train and select, and counts, by the in-memory functions alone."""
    pools = [read_corpus(one.corpus, "dev", one.path).rows for one in parts.select]
    tests = [
        read_corpus(one.corpus, "test", one.path).rows for one in (*parts.train, *parts.select)
    ]
    reads = [read_corpus(one.corpus, "train", one.path).rows for one in parts.train]
    kept = [remove_overlap(rows, *pools, *tests) for rows in reads]
    apart = [remove_overlap(one.kept, held_out).kept for one in kept]

    def drawn(parts_, rows, kind):
        return [
            row
            for index, (one, found) in enumerate(zip(parts_, rows, strict=True))
            for row in (
                found if one.rows is None else draw(found, one.rows, generator(seed, kind, index))
            )
        ]

    train, select = (
        drawn(parts.train, apart, "train-rows"),
        drawn(parts.select, pools, "select-rows"),
    )
    return {
        "train": [row.id for row in train],
        "select": [row.id for row in select],
        "removed_from_train": sum(len(one.removed) for one in kept),
        "conflicting_duplicates_in_train": conflicting_duplicates(train),
        "select_positives": positives(select, SPACE),
    }


def exact(parts) -> DataConfig:
    """Both sets from these parts; near duplicates have their own tests."""
    return DataConfig(train=parts, select=parts, near_duplicates=False)


def assert_as_reference(data, lexicon, seed, held_out=()):
    sets = build_row_sets(data, SPACE, lexicon, seed, held_out)
    wanted = reference(data, seed, held_out)
    assert [row.id for row in sets.train] == wanted["train"]
    assert [row.id for row in sets.select] == wanted["select"]
    for name in ("removed_from_train", "conflicting_duplicates_in_train", "select_positives"):
        assert sets.counts[name] == wanted[name]


@pytest.mark.parametrize("rows", [None, 7, 40])
@pytest.mark.parametrize("seed", [0, 3])
def test_the_samples(lexicon, rows, seed):
    parts = (part("goemotions-sample", rows), part("emobank-sample", rows))
    assert_as_reference(exact(parts), lexicon, seed)


def test_held_out_texts_and_groups(lexicon):
    first, second = read_corpus("goemotions-sample", "train").rows[:2]
    held_out = (replace(first, group=""), replace(second, text="another"))
    data = exact((part("goemotions-sample"),))
    assert_as_reference(data, lexicon, 1, held_out)
    counts = build_row_sets(data, SPACE, lexicon, 1, held_out).counts
    assert counts["removed_from_train_as_polarity_pairs"] == 2


def test_the_official_goemotions(lexicon):
    if not SHARED.exists():
        pytest.skip("../shared/data is absent: row sets of the official files cannot be compared")
    parts = (part("goemotions", 500, SHARED / "goemotions"),)
    assert_as_reference(exact(parts), lexicon, 11)


def test_a_screen_and_data_build_write_the_same_bytes(own_cache, tmp_path):
    config = write_config(tmp_path / "c.yaml")
    assert run_screen(config, tmp_path / "run").code is ExitCode.DONE
    called = call("data", "build", config, "--out", tmp_path / "built")
    assert (called.code, called.err) == (0, "")
    assert "20 train rows, 8 select rows, 0 rejected" in called.out
    for name in FILES:
        assert sha256_file(tmp_path / "run/data" / name) == sha256_file(tmp_path / "built" / name)
    record = json.loads((tmp_path / "built/build.json").read_text(encoding="utf-8"))
    assert record["strictest_licence"]["licence"] == "CC BY-SA 4.0"
    assert record["sources"]["emobank-sample"].keys() == {
        "train.jsonl",
        "dev.jsonl",
        "test.jsonl",
    }
    assert {path.name for path in (tmp_path / "built").iterdir()} == {*FILES, "build.json"}
    run = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    manifest = json.loads((tmp_path / "run/manifest.json").read_text(encoding="utf-8"))
    assert run["strictest_licence"] == manifest["predicate"]["strictest_licence"]
    assert run["strictest_licence"]["obligations"]["share-alike"] == ["emobank-sample"]


def test_a_built_folder_is_replaced_and_another_is_left_alone(tmp_path):
    config = write_config(tmp_path / "c.yaml")
    built, other = tmp_path / "built", tmp_path / "other"
    for _ in range(2):
        assert call("data", "build", config, "--out", built).code == 0
    other.mkdir()
    (other / "mine.txt").write_text("x", encoding="utf-8")
    before = tree(other)
    assert_user_error(call("data", "build", config, "--out", other), "holds something else")
    assert tree(other) == before
    assert_user_error(call("data", "build", config, "--out", config), "is a file")


# A user's own file


def own_config(tmp_path: Path, **item) -> Path:
    lines = [f"so happy {n},joy|love" if n % 2 else f"so sad {n},sadness" for n in range(40)]
    for name in ("mine", "theirs"):
        text = "".join(f"{name} {line}\n" for line in lines)
        (tmp_path / f"{name}.csv").write_text("comment,emo\n" + text, encoding="utf-8")
    mapping = {"mapping": {"text": "comment", "labels": "emo", "label_separator": "|"}}
    data = {
        "train": [{"file": str(tmp_path / "mine.csv"), **(item or mapping)}],
        "select": [{"file": str(tmp_path / "theirs.csv"), "rows": 9, **(item or mapping)}],
    }
    return write_config(tmp_path / "c.yaml", data=data)


def test_a_file_of_ones_own_is_drawn_like_a_corpus(tmp_path):
    called = call("data", "build", own_config(tmp_path), "--out", tmp_path / "built")
    assert (called.code, called.err) == (0, "")
    train = (tmp_path / "built/train.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(train[1])
    assert (first["id"], first["source"], first["vad_source"]) == ("mine/3", "mine", "weak")
    assert first["answer"]["labels"] == ["joy", "love"]
    counts = json.loads((tmp_path / "built/counts.json").read_text(encoding="utf-8"))
    assert counts["sets"] == {"train": {"mine": 40, "all": 40}, "select": {"theirs": 9, "all": 9}}
    assert (counts["notices"], counts["guessed_mappings"]) == ([], {})
    record = json.loads((tmp_path / "built/build.json").read_text(encoding="utf-8"))
    assert record["licences"][0] == {"what": "mine", "licence": "not stated (a user's file)"}
    assert record["strictest_licence"]["of"] == ["mine", "theirs"]


def test_a_guess_is_said_and_recorded(tmp_path):
    config = own_config(tmp_path, licence="CC0 1.0")
    for name in ("mine", "theirs"):
        path = tmp_path / f"{name}.csv"
        path.write_text(path.read_text(encoding="utf-8").replace("emo\n", "label\n"), "utf-8")
    assert call("data", "build", config, "--out", tmp_path / "built").code == 0
    counts = json.loads((tmp_path / "built/counts.json").read_text(encoding="utf-8"))
    assert counts["guessed_mappings"]["mine"]["label_separator"] == "|"
    written = str(tmp_path / "mine.csv")
    assert counts["notices"][0].startswith(f"the columns of {written} are guessed: text = comment")
    record = json.loads((tmp_path / "built/build.json").read_text(encoding="utf-8"))
    assert record["strictest_licence"]["licence"] != "CC0 1.0"


def test_one_file_split_by_shares(tmp_path):
    own_config(tmp_path)
    mapping = {"text": "comment", "labels": "emo", "label_separator": "|"}
    item = {"file": str(tmp_path / "mine.csv"), "mapping": mapping}
    config = write_config(tmp_path / "c.yaml", data={"train": [item], "select": [item]})
    for command in (("check", config), ("data", "build", config, "--out", tmp_path / "built")):
        assert_user_error(
            call(*command),
            f"data.select.0: {item['file']} is in data.train.0 too",
            "do: add `split_shares: [80, 20, 0]` to the `mapping` of both",
        )
    assert not (tmp_path / "built").exists()
    mapping["split_shares"] = [60, 30, 10]
    config = write_config(tmp_path / "c.yaml", data={"train": [item], "select": [item]})
    assert call("data", "build", config, "--out", tmp_path / "built").code == 0
    counts = json.loads((tmp_path / "built/counts.json").read_text(encoding="utf-8"))
    assert 0 < counts["sets"]["select"]["all"] < counts["sets"]["train"]["all"] < 40


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ({}, "data.train.0: give either `corpus` or `file`"),
        ({"corpus": "goemotions-sample", "file": "x.csv"}, "give either `corpus` or `file`"),
        ({"corpus": "goemotions-sample", "licence": "MIT"}, "go with `file`"),
        ({"file": "x.csv", "path": "y"}, "`path` goes with `corpus`"),
        ({"file": "none.csv"}, "data.train.0.file: there is no file or folder none.csv in "),
        ({"file": "x.csv", "mapping": {"txt": "a"}}, "data.train.0.mapping.txt: unknown key"),
        ({"corpus": "hf:squad/x"}, "unknown data set of the hub"),
        ({"corpus": "hf:squad"}, "hf:org/name"),
        ({"corpus": "daily-dialog"}, "daily-dialog needs a path"),
    ],
)
def test_faults_of_an_item_have_its_path(tmp_path, monkeypatch, item, fault):
    monkeypatch.chdir(tmp_path)
    data = {"train": [item], "select": [{"corpus": "goemotions-sample", "rows": 10**7}]}
    config = write_config(tmp_path / "c.yaml", data=data)
    called = call("check", config)
    assert_user_error(called, "data.train.0", fault, "data.select.0: goemotions-sample has too few")


def test_labels_of_a_file_are_held_against_the_space_in_force(tmp_path):
    own_config(tmp_path)
    item = {"file": str(tmp_path / "mine.csv"), "mapping": {"text": "comment", "labels": "emo"}}
    data = {"train": [item], "select": [{"corpus": "emobank-sample"}]}
    config = write_config(tmp_path / "c.yaml", data=data, labels="empathetic32")
    assert_user_error(
        call("check", config), "records can be read", "line 2: got the label 'sadness'"
    )


# The pieces


def a_row(text: str, labels=("joy",), group: str = "") -> Row:
    return Row(text, text, Answer(labels, None, ""), "s", "train", None, group)


def test_a_spool_gives_its_lines_back_in_any_order(tmp_path):
    with Spool(tmp_path) as spool:
        for n in range(5):
            spool.add(f"line {n}\n".encode(), mark=n % 2 == 1)
        assert len(spool) == 5
        assert list(spool.lines()) == [f"line {n}\n".encode() for n in range(5)]
        assert list(spool.lines([3, 0])) == [b"line 3\n", b"line 0\n"]
        assert list(spool.marked([3, 0, 1])) == [3, 1]
        assert next(iter(spool.lines())) == b"line 0\n"
    assert list(tmp_path.iterdir()) == []


def test_conflicts_are_conflicting_duplicates():
    rows = [
        a_row("one", ("joy",)),
        a_row("One!", ("love",)),
        a_row("two", ("joy", "love")),
        a_row("two", ("love", "joy")),
        a_row("three", None),
        a_row("one", ("joy",)),
        a_row(" ", ("joy",)),
    ]
    conflicts = Conflicts()
    assert conflicts.count() == 0
    for row in rows:
        conflicts.add(row)
    assert conflicts.count() == conflicting_duplicates(rows) == 3


def test_the_scale_is_fitted_on_the_first_human_rows_drawn(lexicon, monkeypatch):
    monkeypatch.setattr(row_build, "MAX_SCALE_ROWS", 50)
    sets = sets_of(lexicon, (part("emobank-sample", 200),), (part("emobank-sample", 5),))
    first = sets.train[:50]
    wanted = row_build.fit_scale([replace(row, vad_source="human") for row in first], lexicon)
    assert sets.scale == wanted
    assert weak_vad(first[0].text, lexicon).tokens > 0
    assert first[0].answer.vad != VAD(0, 0, 0)


def test_what_a_file_is_read_as_is_counted_and_said(tmp_path):
    texts = [f'"the ""{n}""th\n text of it"\tJoy' for n in range(8)]
    lines = ["text\temotion", *texts, "at nine\t[]", "at ten\t[]"]
    (tmp_path / "mine.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    mapping = {"text": "text", "labels": "emotion", "split_shares": [50, 50, 0]}
    item = {"file": str(tmp_path / "mine.tsv"), "mapping": mapping}
    config = write_config(tmp_path / "as.yaml", data={"train": [item], "select": [item]})
    called = call("data", "build", config, "--out", tmp_path / "out")
    assert called.code == ExitCode.DONE, called.err
    counts = json.loads((tmp_path / "out/counts.json").read_text("utf-8"))
    assert counts["read_as"] == {"mine": {"neutral": 2, "other_case": 8}}
    assert counts["notices"] == [
        f"fields of {item['file']} stand in double quotes, as CSV writes them, and are read so; "
        "freeze it with `quotes: true` in its `mapping`",
        "mine: rows annotated with no label, read as 'neutral': 2",
        "mine: labels in another case, read as the label space has them: 8",
    ]
    assert (
        counts["rejected"],
        counts["sets"]["train"]["all"] + counts["sets"]["select"]["all"],
    ) == (
        0,
        10,
    )
