"""Names of sources: no file's ids and groups are another's, unless the config says so."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asked_rows import SPACE, build_row_sets, part
from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.records import Row
from emoloom.row_sets.names import SourceNames, check_names, parts_of, source_of
from emoloom.row_sets.part_facts import guessed_mappings, notices, source_hashes
from emoloom.runs.directory import sha256_file

COLUMNS = {"text": "text", "labels": "label", "group": "group", "id": "id"}


def mapped(path: Path | str, name: str | None = None, **mapping: object) -> RowsConfig:
    return RowsConfig(
        file=Path(path), name=name, mapping=MappingConfig.model_validate(COLUMNS | mapping)
    )


def names_of(*files: str | RowsConfig, select: RowsConfig | None = None) -> list[str]:
    train = tuple(mapped(one) if isinstance(one, str) else one for one in files)
    data = DataConfig(train=train, select=(select or part("emobank-sample"),))
    names = SourceNames(data)
    return [names.of(one) for one in data.train]


def test_a_stem_is_enough_where_it_is_nobody_elses():
    assert names_of("a/mine.csv", "b/yours.csv") == ["mine", "yours"]


def test_as_many_folders_as_tell_them_apart():
    assert names_of("train/data.csv", "dev/data.csv") == ["train/data", "dev/data"]
    assert names_of("a/x/d.csv", "b/x/d.csv", "b/y/d.csv") == ["a/x/d", "b/x/d", "y/d"]
    assert names_of("data.csv", "dev/data.csv", "other.csv") == ["data", "dev/data", "other"]
    assert names_of("../data.csv", "./data.csv") == ["../data", "data"]
    assert names_of("/a/data.csv", "/b/data.csv") == ["a/data", "b/data"]


def test_the_ending_tells_apart_what_folders_cannot():
    assert names_of("data.csv", "data.tsv") == ["data.csv", "data.tsv"]
    assert names_of("goemotions.csv") == ["goemotions.csv"], "no file passes for a corpus"
    given = mapped("a/one.csv", name="data")
    assert names_of(given, "data.csv") == ["data", "data.csv"]
    assert names_of(given, mapped("b/two.csv", name="data.csv"), "data.csv") == [
        "data",
        "data.csv",
        "data.csv~2",
    ]


def test_a_name_is_of_the_file_in_every_part():
    given = mapped("train/data.csv", name="mine", split_shares=(80, 20, 0))
    plain = mapped("./train/data.csv", split_shares=(80, 20, 0))
    assert names_of(given, plain) == ["mine", "mine"]
    assert check_names(DataConfig(train=(given,), select=(plain,))) == []


PATHS = st.lists(
    st.builds(
        "{}{}.{}".format,
        st.lists(st.sampled_from(["a", "b", "..", "train"]), max_size=3).map(
            lambda steps: "".join(f"{step}/" for step in steps)
        ),
        st.sampled_from(["data", "a", "goemotions"]),
        st.sampled_from(["csv", "tsv"]),
    ),
    min_size=1,
    max_size=6,
)


@given(PATHS)
def test_two_files_never_have_one_name(paths):
    data = DataConfig(train=tuple(map(mapped, paths)), select=(part("goemotions-sample"),))
    names = SourceNames(data)
    found = {source_of(one): names.of(one) for _, _, one in parts_of(data)}
    assert len(set(found.values())) == len(found)
    assert check_names(data) == []


# What is drawn


def table(path: Path, texts: str, count: int = 20, groups: int = 5) -> Path:
    """Ids and groups count from 0, as they do in each file of many data sets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{n},{texts}{n} of {n * n},joy,{n % groups}" for n in range(count)]
    path.write_text("id,text,label,group\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def two(tmp_path):
    """Two files of one name whose ids and groups are alike."""
    return table(tmp_path / "train/data.csv", "thing"), table(tmp_path / "dev/data.csv", "matter")


def test_ids_and_groups_that_restart_take_no_row_away(two, lexicon):
    train, dev = map(mapped, two)
    sets = build_row_sets(DataConfig(train=(train,), select=(dev,)), SPACE, lexicon, 1)
    assert (len(sets.train), len(sets.select)) == (20, 20)
    assert sets.counts["removed_from_train"] == 0
    assert {row.id for row in sets.train} >= {"train/data/0", "train/data/19"}
    assert {row.group for row in sets.select} == {f"dev/data/{n}" for n in range(5)}
    assert {row.source for row in sets.select} == {"dev/data"}
    sizes = {name: sets.counts["sets"][name] for name in ("train", "select")}
    assert sizes == {
        "train": {"train/data": 20, "all": 20},
        "select": {"dev/data": 20, "all": 20},
    }
    assert [one["corpus"] for one in sets.counts["draws"]] == ["dev/data", "train/data"]


def test_both_may_be_of_one_set(two, tmp_path, lexicon):
    select = mapped(table(tmp_path / "other.csv", "else"))
    sets = build_row_sets(
        DataConfig(train=tuple(map(mapped, two)), select=(select,)), SPACE, lexicon, 1
    )
    assert sets.counts["sets"]["train"] == {"dev/data": 20, "train/data": 20, "all": 40}


def test_shared_groups_are_one_in_all_files(two, lexicon):
    train, dev = (mapped(path) for path in two)
    fewer = mapped(table(two[1], "matter", groups=2))
    data = DataConfig(train=(train,), select=(fewer,), shared_groups=True)
    sets = build_row_sets(data, SPACE, lexicon, 1)
    assert {row.group for row in sets.train} == {"2", "3", "4"}
    assert sets.counts["removed_from_train_because"]["same_group"] == 8
    assert sets.counts["removed_from_train_as_twins_in"] == {"select": {"same_group": 8}}
    assert dev == fewer, "the same config"


def test_shared_groups_are_split_alike_in_all_files(two, lexicon):
    train, dev = (mapped(path, split_shares=(50, 50, 0)) for path in two)
    data = DataConfig(train=(train, dev), select=(train, dev), shared_groups=True)
    sets = build_row_sets(data, SPACE, lexicon, 1)
    assert sets.counts["removed_from_train"] == 0
    groups = [{row.group for row in rows} for rows in (sets.train, sets.select)]
    assert groups[0] | groups[1] == set("01234")
    assert not groups[0] & groups[1]


def own_rows(path: Path, text: str, **more: object) -> Path:
    """Dataset rows of our own form."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = {"labels": ["joy"], "vad": None, "rationale": ""}
    lines = [
        {"id": str(n), "text": f"{text}{n} of {n}", "answer": answer, **more} for n in range(6)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_rows_of_our_own_form_are_named_too(tmp_path, lexicon):
    train = RowsConfig(file=own_rows(tmp_path / "a/r.jsonl", "one", split="train", group="g"))
    dev = RowsConfig(file=own_rows(tmp_path / "b/r.jsonl", "two", split="dev", group="g"))
    sets = build_row_sets(DataConfig(train=(train,), select=(dev,)), SPACE, lexicon, 1)
    ids = [{(row.id, row.group, row.source) for row in rows} for rows in (sets.train, sets.select)]
    assert ids[0] == {(f"a/r/{n}", "a/r/g", "a/r") for n in range(6)}
    assert ids[1] == {(f"b/r/{n}", "b/r/g", "b/r") for n in range(6)}
    stated = own_rows(tmp_path / "a/r.jsonl", "one", split="train", source="survey")
    sets = build_row_sets(DataConfig(train=(train,), select=(dev,)), SPACE, lexicon, 1)
    assert {row.source for row in sets.train} == {"survey"}, stated
    assert all(row.group.startswith("text:") for row in sets.train), "equal texts are one group"


def test_an_id_that_would_be_too_long_is_turned_away(tmp_path, lexicon):
    path = tmp_path / "mine.csv"
    path.write_text(f"id,text,label,group\n{'x' * 998},a b,joy,1\n2,c d,joy,2\n", encoding="utf-8")
    data = DataConfig(train=(mapped(path),), select=(part("emobank-sample", 2),))
    sets = build_row_sets(data, SPACE, lexicon, 1)
    assert [row.id for row in sets.train] == ["mine/2"]
    (turned_away,) = sets.rejected
    assert (turned_away.line, "not long" in turned_away.reason) == (2, True)


# What is recorded


def test_what_is_recorded_is_of_one_file(two):
    guessed = tuple(RowsConfig(file=path) for path in two)
    data = DataConfig(train=guessed[:1], select=guessed[1:])
    assert source_hashes(data) == {
        "train/data": {"data.csv": sha256_file(two[0])},
        "dev/data": {"data.csv": sha256_file(two[1])},
    }
    assert guessed_mappings(data, SPACE).keys() == {"train/data", "dev/data"}
    said = notices(data, SPACE)
    assert [str(path) in text for path, text in zip(two, said, strict=True)] == [True, True]


def test_two_maps_of_one_name_both_count(tmp_path):
    for name, text in (("a", "{}"), ("b", "{ }")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "map.json").write_text(text, encoding="utf-8")
    parts = [
        RowsConfig(corpus="goemotions-sample", label_map=tmp_path / name / "map.json")
        for name in ("a", "b")
    ]
    found = source_hashes(DataConfig(train=(parts[0],), select=(parts[1],)))["goemotions-sample"]
    assert set(found.values()) >= {sha256_file(tmp_path / name / "map.json") for name in "ab"}


# Counting


def split_in_two(path: Path, *lines: str) -> DataConfig:
    path.write_text("id,text,label,group\n" + "".join(f"{one}\n" for one in lines), "utf-8")
    shares = mapped(path, split_shares=(50, 50, 0))
    return DataConfig(train=(shares,), select=(shares,))


def test_a_file_of_two_sets_counts_each_record_once(tmp_path, lexicon):
    good = [f"{n},thing{n} of {n},joy,{n}" for n in range(30)]
    bad = [f"{n},thing{n} of {n},happy,{n}" for n in range(30, 37)]
    data = split_in_two(tmp_path / "mine.csv", *good, *bad, "only,three,columns")
    sets = build_row_sets(data, SPACE, lexicon, 1)
    assert [line.line for line in sets.rejected] == [*range(32, 40)]
    assert (sets.counts["lines_read"], sets.counts["rejected"]) == (38, 8)
    assert len(sets.train) + len(sets.select) == 30
    assert min(len(sets.train), len(sets.select)) > 0


def test_a_column_of_splits_counts_each_record_once(tmp_path, lexicon):
    lines = [f"{n},t{n} of {n},joy,{('train', 'dev')[n % 2]}" for n in range(10)]
    lines += ["10,t x,happy,train", "11,t y,happy,dev", "12,t z,joy,nowhere"]
    path = tmp_path / "mine.csv"
    path.write_text("id,text,label,set\n" + "\n".join(lines) + "\n", encoding="utf-8")
    one = RowsConfig(file=path, mapping=MappingConfig(text="text", labels="label", split="set"))
    sets = build_row_sets(DataConfig(train=(one,), select=(one,)), SPACE, lexicon, 1)
    assert sorted(line.line for line in sets.rejected) == [12, 13, 14]
    assert (sets.counts["lines_read"], sets.counts["rejected"]) == (13, 3)


def test_the_official_emobank_counts_each_record_once(official, lexicon):
    _, vad = official
    with vad.open("a", encoding="utf-8") as stream:
        stream.write("x,nowhere,3,3,3,of no split\n")
    parts = (part("emobank", path=vad),)
    counts = build_row_sets(DataConfig(train=parts, select=parts), SPACE, lexicon, 1).counts
    assert (counts["lines_read"], counts["rejected"]) == (20 + 20 + 2 + 1, 3)


def test_rows_say_where_they_are_from(two, lexicon):
    data = DataConfig(train=(mapped(two[0], name="mine"),), select=(mapped(two[1]),))
    rows: tuple[Row, ...] = build_row_sets(data, SPACE, lexicon, 1).train
    assert {row.source for row in rows} == {"mine"}
    assert rows[0].id == "mine/0"
