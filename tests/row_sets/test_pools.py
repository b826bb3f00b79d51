"""Row sets across label spaces and corpora: what is mapped, kept apart, counted and warned of."""

import json

import pytest

from asked_rows import SPACE, build_row_sets, part, sets_of
from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.labels import load_space
from emoloom.errors import UserError
from emoloom.row_sets.part_facts import source_hashes
from emoloom.row_sets.pools import MIN_POSITIVES, check_label_maps, rare_label_warning
from emoloom.runs.directory import sha256_file
from made_maps import write_map

EKMAN = load_space("ekman7")
ED_LABELS = load_space("empathetic32").labels


@pytest.fixture
def parts(official):
    labels, vad = official
    return (part("goemotions", path=labels), part("emobank", path=vad))


def test_a_corpus_is_read_in_the_label_space_in_force(parts, lexicon):
    sets = build_row_sets(DataConfig(train=parts, select=parts), EKMAN, lexicon, 1)
    plain = sets_of(lexicon, parts, parts)
    found = {row.id: row.answer.labels for row in sets.train}
    # Row 0 of train is admiration and neutral, row 2 anger and neutral.
    assert {row.id: row.answer.labels for row in plain.train}["goemotions/train0"] == (
        "admiration", "neutral"
    )  # fmt: skip
    assert found["goemotions/train0"] == ("joy", "neutral")
    assert found["goemotions/train2"] == ("anger", "neutral")
    assert [row.text for row in sets.select] == [row.text for row in plain.select]
    assert set(sets.counts["select_positives"]) == set(EKMAN.labels)
    account = sets.counts["label_maps"]
    assert [(one["corpus"], one["rows_in"], one["rows_lost"]) for one in account] == [
        ("goemotions", 20, 0),
        ("goemotions", 20, 0),
    ]
    assert sets.counts["lost_in_label_maps"] == 0


def a_lossy_map(tmp_path):
    """Joy and neutral alone stay; all else is lost."""
    labels = {
        label: {"to": [label] if label in ("joy", "neutral") else [], "why": "a test"}
        for label in SPACE.labels
    }
    labels["joy"]["to"] = ["up"]
    labels["neutral"]["to"] = []
    labels["anger"]["to"] = ["down"]
    return write_map(tmp_path / "lossy.json", "goemotions28", "two", labels)


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"name": "two", "labels": ["up", "down"]}), encoding="utf-8")
    return load_space(str(path))


def test_a_users_map_loses_rows_out_loud(official, two, tmp_path, lexicon):
    labels, vad = official
    lossy = RowsConfig(corpus="goemotions", path=labels, label_map=a_lossy_map(tmp_path))
    data = DataConfig(train=(lossy, part("emobank", path=vad)), select=(lossy,))
    sets = build_row_sets(data, two, lexicon, 1)
    # Of 20 rows in train, number 2 is anger and number 17 joy; all others are lost.
    kept = [row for row in sets.train if row.source == "goemotions"]
    assert {row.answer.labels for row in kept} == {("up",), ("down",)}
    counts = sets.counts
    assert counts["lost_in_label_maps"] == 36
    out = len(sets.train) + len(sets.select) + counts["removed_from_train"]
    assert counts["lines_read"] == out + counts["rejected"] + counts["lost_in_label_maps"]
    of_select, of_train = [text for text in counts["warnings"] if "without a counterpart" in text]
    assert of_train.startswith(
        "goemotions (train): 18 of 20 rows are lost from goemotions28 to two"
    )
    assert "neutral 20" in of_train
    assert of_select == of_train.replace("train", "select")


def test_a_draw_of_more_than_the_map_leaves_is_refused(official, two, tmp_path, lexicon):
    labels, _ = official
    lossy = RowsConfig(corpus="goemotions", rows=3, path=labels, label_map=a_lossy_map(tmp_path))
    with pytest.raises(UserError, match="goemotions: cannot draw that many rows; got: 3"):
        build_row_sets(DataConfig(train=(lossy,), select=(lossy,)), two, lexicon, 1)


def test_faults_of_maps_are_known_before_any_work(official, two, tmp_path):
    labels, _ = official
    plain = part("goemotions", path=labels)
    faulty = RowsConfig(corpus="goemotions", path=labels, label_map=tmp_path / "none.json")
    faults = check_label_maps(DataConfig(train=(plain, faulty), select=(plain,)), two)
    assert [fault.split(":")[0] for fault in faults] == [
        "data.train.0", "data.train.1", "data.select.0"
    ]  # fmt: skip
    assert "no map leads there" in faults[0]
    assert "there is no file" in faults[1]
    assert check_label_maps(DataConfig(train=(plain,), select=(plain,)), EKMAN) == []


def test_a_users_map_is_among_the_sources(official, tmp_path):
    labels, _ = official
    path = a_lossy_map(tmp_path)
    lossy = RowsConfig(corpus="goemotions", path=labels, label_map=path)
    data = DataConfig(train=(lossy,), select=(part("goemotions-sample"),))
    found = source_hashes(data)
    assert found["goemotions"]["lossy.json"] == sha256_file(path)
    assert set(found["goemotions-sample"]) == {"dev.jsonl", "test.jsonl"}


def add_line(path, text: str, key: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{text}\t17\t{key}\n")


def test_texts_of_a_test_split_leave_train(official, lexicon):
    labels, _ = official
    add_line(labels / "train.tsv", "A text of the test split.", "same")
    add_line(labels / "train.tsv", "one text of the test split that is nearly it", "near")
    (labels / "test.tsv").write_text(
        "a text of the test split\t3\tt1\none text of the test split that is nearly that\t3\tt2\n",
        encoding="utf-8",
    )
    parts = (part("goemotions", path=labels),)
    sets = sets_of(lexicon, parts, parts)
    ids = {row.id for row in sets.train}
    assert not {"goemotions/same", "goemotions/near"} & ids
    assert sets.counts["removed_from_train"] == 2
    because = sets.counts["removed_from_train_because"]
    assert (because["same_text"], because["near_text"]) == (1, 1)
    test = sets.counts["stood_in_train"]["test"]
    assert (test["rows"], test["same_text"], test["near_text"]) == (2, 1, 1)
    assert not any("test split" in warning for warning in sets.counts["warnings"])


def test_a_test_split_that_cannot_be_read_is_warned_of(parts, lexicon):
    sets = sets_of(lexicon, parts, parts)
    (warning,) = [text for text in sets.counts["warnings"] if "test split" in text]
    assert warning.startswith("goemotions: its test split cannot be read (there is no file ")


def test_texts_of_one_corpus_are_kept_apart_from_those_of_another(official, lexicon):
    labels, vad = official
    with vad.open("a", encoding="utf-8") as stream:
        stream.write('x,test,3,3,3,"train 5 IS angry"\n')
    sets = sets_of(lexicon, (part("goemotions", path=labels),), (part("emobank", path=vad),))
    assert "goemotions/train5" not in {row.id for row in sets.train}
    assert sets.counts["stood_in_train"]["test"]["same_text"] == 1


def test_draws_are_recorded_with_their_seeds(parts, lexicon):
    def drawn(name, corpus, rows, seed):
        return {"set": name, "corpus": corpus, "of": 20, "drawn": rows, "seed": seed}

    labels, vad = parts[0].path, parts[1].path
    train = (part("goemotions", 7, labels), part("emobank", path=vad))
    sets = sets_of(lexicon, train, parts, seed=5)
    assert sets.counts["draws"] == [
        drawn("select", "goemotions", 20, [5, "select-rows", 0]),
        drawn("select", "emobank", 20, [5, "select-rows", 1]),
        drawn("train", "goemotions", 7, [5, "train-rows", 0]),
        drawn("train", "emobank", 20, [5, "train-rows", 1]),
    ]


def test_labels_with_few_positives_are_named_the_rarest_first():
    counts = dict.fromkeys("abcdefgh", 3) | {"c": 0, "z": MIN_POSITIVES, "y": MIN_POSITIVES - 1}
    (warning,) = rare_label_warning("select", counts)
    assert warning == (
        "9 of 10 labels have fewer than 20 positive rows in select: c 0, a 3, b 3, d 3, e 3, f 3 "
        "and 3 more"
    )
    assert rare_label_warning("select", {"a": MIN_POSITIVES}) == []
    assert rare_label_warning("select", {"a": 0, "b": 0}) == [], "no row has labels"


def test_a_screen_counts_and_warns_of_both_sets(parts, lexicon):
    sets = sets_of(lexicon, parts, parts)
    rare = [text for text in sets.counts["warnings"] if "positive rows" in text]
    assert [text.split(" in ")[1].split(":")[0] for text in rare] == ["select", "train"]
    for name, rows in (("select", sets.select), ("train", sets.train)):
        assert sum(sets.counts[f"{name}_positives"].values()) == sum(
            len(row.answer.labels or ()) for row in rows
        )


def test_a_users_file_in_labels_of_its_own_is_mapped(tmp_path, lexicon):
    path = tmp_path / "mine.csv"
    lines = ["text,emotion"] + [f"so {word} {n},{word}" for n, word in enumerate(ED_LABELS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    mapping = MappingConfig(text="text", labels="emotion")
    mine = RowsConfig(file=path, mapping=mapping, label_space="empathetic32")
    select = (part("goemotions-sample", 5),)
    sets = sets_of(lexicon, (mine,), select)
    assert sets.counts["rejected"] == 0
    assert len(sets.train) + sets.counts["removed_from_train"] == 26
    labels = {row.text.split()[1]: row.answer.labels for row in sets.train}
    assert (labels["furious"], labels["content"]) == (("anger",), ("joy",))
    (account,) = sets.counts["label_maps"]
    assert (account["corpus"], account["set"], account["rows_lost"]) == ("mine", "train", 6)
    # The whole file is train: it states no split, and is not its own test split.
    assert sets.counts["stood_in_train"]["test"]["rows"] == 500


def test_a_label_space_goes_with_a_file():
    with pytest.raises(ValueError, match="`label_space` go with `file`"):
        RowsConfig(corpus="goemotions-sample", label_space="ekman7")
