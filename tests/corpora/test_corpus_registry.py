"""The registry: names, paths, hashes."""

import re
from pathlib import Path

import pytest

from emoloom.corpora.check import check_data
from emoloom.corpora.labels import load_space
from emoloom.corpora.official import lies_beside_emotions
from emoloom.corpora.registry import CORPORA, get_corpus, list_corpora, read_corpus
from emoloom.errors import UserError

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def test_every_corpus_says_licence_source_and_shape():
    assert list_corpora() == (
        "goemotions-sample",
        "emobank-sample",
        "goemotions",
        "emobank",
        "empathetic-dialogues",
        "daily-dialog",
    )
    for name, corpus in CORPORA.items():
        assert corpus.name == name
        assert corpus.licence in ("CC BY 4.0", "CC BY-SA 4.0", "CC BY-NC 4.0", "CC BY-NC-SA 4.0")
        assert corpus.licence_url.startswith("https://creativecommons.org/")
        assert corpus.url.startswith(("https://github.com/", "http://yanran.li/"))
        assert corpus.label_space is None or load_space(corpus.label_space)
        assert re.search(r"\b20\d\d\b", corpus.citation)
        assert corpus.shipped == name.endswith("-sample") == (not corpus.needs)
        assert corpus.has_vad == (corpus.label_space is None)
        assert all(len(digest) == 64 for digest in corpus.sha256.values())


@pytest.mark.parametrize(
    ("name", "near"), [("GoEmotions", "goemotions"), ("goemotion-sample", "goemotions-sample")]
)
def test_a_near_name_is_asked_for(name, near):
    with pytest.raises(UserError, match=f"unknown corpus; .*do: did you mean {near}\\?$"):
        get_corpus(name)


def test_unknown_names_and_splits_list_the_known():
    with pytest.raises(UserError, match="goemotions-sample, emobank-sample"):
        get_corpus("goemotion")
    with pytest.raises(UserError, match="allowed: train, dev, test"):
        read_corpus("emobank-sample", "valid")


def test_paths_are_needed_exactly_where_they_are(tmp_path):
    with pytest.raises(UserError, match="emobank needs a path; allowed: emobank"):
        read_corpus("emobank", "train")
    with pytest.raises(UserError, match=r"takes no path.*name goemotions"):
        read_corpus("goemotions-sample", "train", tmp_path)
    with pytest.raises(UserError, match="is no folder"):
        read_corpus("goemotions", "train", tmp_path / "train.tsv")
    with pytest.raises(UserError, match=r"there is no file.*emotions\.txt"):
        read_corpus("goemotions", "train", tmp_path)


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("name", ["goemotions-sample", "emobank-sample"])
def test_samples_read_whole_and_with_their_hash(name, split):
    result = read_corpus(name, split)
    assert result.rejected == ()
    assert {row.source for row in result.rows} == {name}
    assert {row.split for row in result.rows} == {split}
    (file,) = result.files
    assert (file.name, file.known) == (f"{split}.jsonl", True)


def goemotions_folder(tmp_path: Path, names: str) -> Path:
    (tmp_path / "emotions.txt").write_text(names, encoding="utf-8")
    (tmp_path / "dev.tsv").write_text("hi\t0\tx\n", encoding="utf-8")
    return tmp_path


def test_another_file_than_the_official_one_is_read_and_reported(tmp_path):
    labels = load_space("goemotions28").labels
    result = read_corpus("goemotions", "dev", goemotions_folder(tmp_path, "\n".join(labels)))
    assert [row.id for row in result.rows] == ["goemotions/x"]
    assert [(file.name, file.known) for file in result.files] == [
        ("emotions.txt", True),
        ("dev.tsv", False),
    ]


def test_the_list_of_labels_may_be_called_labels_txt(tmp_path):
    labels = load_space("goemotions28").labels
    folder = goemotions_folder(tmp_path, "\n".join(labels))
    with pytest.raises(UserError, match=r"there is no file .*emotions\.txt.*`labels\.txt` is read"):
        read_corpus("goemotions", "dev", tmp_path / "..")
    (folder / "emotions.txt").rename(folder / "labels.txt")
    assert [row.id for row in read_corpus("goemotions", "dev", folder).rows] == ["goemotions/x"]
    for given in (folder, folder / "dev.tsv"):
        assert check_data(given).corpus is CORPORA["goemotions"]
    # Anybody's file may be called so: it says nothing of the files beside it.
    (folder / "labels.txt").write_bytes(b"joy\n\xff")
    assert not lies_beside_emotions(folder)


def test_the_hub_copy_and_the_official_file_of_a_row_have_the_same_text(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    text = '"Never again" she said, and left'
    labels = load_space("goemotions28").labels
    folder = goemotions_folder(tmp_path, "\n".join(labels))
    quoted = text.replace('"', '""')
    (folder / "dev.tsv").write_text(f'"{quoted}"\t2,27\tx\n', encoding="utf-8")
    copy = tmp_path / "hub/simplified"
    copy.mkdir(parents=True)
    table = pa.table({"text": [text], "labels": [[2, 27]], "id": ["x"]})
    parquet.write_table(table, copy / "validation-00000-of-00001.parquet")
    official, hub = (read_corpus("goemotions", "dev", path).rows for path in (folder, copy.parent))
    assert official == hub
    assert official[0].text == text


def test_another_order_of_the_emotions_is_refused(tmp_path):
    folder = goemotions_folder(tmp_path, "anger\nadmiration\n")
    with pytest.raises(UserError, match="got: 'anger'; allowed: admiration"):
        read_corpus("goemotions", "dev", folder)
    with pytest.raises(UserError, match="got: '1 names'; allowed: 28 names"):
        read_corpus("goemotions", "dev", goemotions_folder(tmp_path, "admiration\n"))


def test_the_official_files_are_known():
    if not SHARED.exists():
        pytest.skip("../shared/data is absent: the official hashes cannot be compared")
    folders = {"empathetic-dialogues": "empathetic_dialogues", "daily-dialog": "dailydialog"}
    for name in ("goemotions", "emobank", "empathetic-dialogues", "daily-dialog"):
        for split in ("train", "dev", "test"):
            result = read_corpus(name, split, SHARED / folders.get(name, name))
            assert all(file.known for file in result.files)
    assert read_corpus("emobank", "dev", SHARED / "emobank/emobank.csv").other_split == 9062
