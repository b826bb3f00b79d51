"""The rows `test`: drawn from test splits or a share of dev, and in no other set."""

import json

import pytest

from asked_rows import SPACE, part
from cross_files import COLUMNS, RATED, own_csv
from emoloom.config_sections import DataConfig, HeldOutRowsConfig
from emoloom.corpora.lines import normalise_text
from emoloom.corpora.registry import read_corpus
from emoloom.errors import UserError
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.row_sets.held_out import KEPT, check_test, is_kept
from emoloom.row_sets.shared import SharedRows, data_settings, read_row_sets
from emoloom.runs.directory import sha256_file

GOEMOTIONS, EMOBANK = part("goemotions-sample", 8), part("emobank-sample", 8)


def held(**given: object) -> HeldOutRowsConfig:
    return HeldOutRowsConfig.model_validate(given, strict=False)


FOUR = part("goemotions-sample", 4)


def data_of(*test, select=(FOUR,), train=(GOEMOTIONS, EMOBANK)):
    return DataConfig(train=train, select=select, test=test)


def built(tmp_path, lexicon, data: DataConfig) -> tuple[SharedRows, dict]:
    folder = tmp_path / "data"
    counts = write_row_sets(folder, Drawing(data, {}, 3), SPACE, lexicon)
    return read_row_sets(folder, SPACE), counts


def texts(rows) -> set[str]:
    return {normalise_text(row.text) for row in rows}


def test_it_is_of_test_splits_in_the_order_drawn(tmp_path, lexicon):
    data = data_of(held(corpus="goemotions-sample", rows=6), held(corpus="emobank-sample", rows=5))
    rows, counts = built(tmp_path, lexicon, data)
    assert [row.source for row in rows.test] == ["goemotions-sample"] * 6 + ["emobank-sample"] * 5
    official = {
        row.id: row
        for corpus in ("goemotions-sample", "emobank-sample")
        for row in read_corpus(corpus, "test").rows
    }
    assert all(official[row.id] == row for row in rows.test)
    assert counts["sets"]["test"] == {"emobank-sample": 5, "goemotions-sample": 6, "all": 11}
    assert sum(counts["test_positives"].values()) >= 6
    assert rows.hashes["test"] == sha256_file(tmp_path / "data/test.jsonl")
    assert rows.asked["test"] == rows.test == rows.all_asked[-11:]
    drawn = [(one["of"], one["drawn"]) for one in counts["draws"] if one["set"] == "test"]
    assert drawn == [(500, 6), (300, 5)]
    more, _ = built(tmp_path, lexicon, data_of(held(corpus="goemotions-sample", rows=9)))
    assert more.test[:6] == rows.test[:6]


def test_without_it_nothing_of_it_is_there(tmp_path, lexicon):
    rows, counts = built(tmp_path, lexicon, data_of())
    assert rows.test == ()
    assert not (tmp_path / "data/test.jsonl").exists()
    assert "removed_from_select" not in counts
    assert set(counts["sets"]) == {"train", "select"}
    assert "test" not in data_settings(data_of())
    assert "test" in data_settings(data_of(held(corpus="goemotions-sample")))


def test_what_stands_in_it_leaves_select_and_train_and_is_counted(tmp_path, lexicon):
    dev, train = (read_corpus("goemotions-sample", split).rows for split in ("dev", "train"))
    long = next(row for row in dev if len(row.text.split()) > 12)
    same, other = (row for row in dev[20:22])
    path = tmp_path / "mine.csv"
    said = [same.text.upper(), f"surely {long.text}", train[5].text, "a text of nobody else here"]
    lines = [f'"{text.replace(chr(34), chr(34) * 2)}",joy' for text in said]
    path.write_text("text,emotion\n" + "\n".join(lines) + "\n", encoding="utf-8")
    whole = (part("goemotions-sample"), EMOBANK)
    data = data_of(held(file=path, mapping=COLUMNS, rows=1), select=whole[:1], train=whole)
    rows, counts = built(tmp_path, lexicon, data)
    assert len(rows.test) == 1, "one is drawn, all four are held out"
    left = {row.id for row in rows.select}
    assert not {same.id, long.id} & left
    assert other.id in left
    assert train[5].id not in {row.id for row in rows.train}
    because = counts["removed_from_select_because"]
    assert (because[KEPT], because["same_text"], because["near_text"]) == (0, 1, 1)
    assert counts["removed_from_select"] == sum(because.values()) == len(dev) - len(left)
    assert counts["stood_in_train"]["test"]["same_text"] == 1
    assert counts["stood_in_train"]["test"]["rows"] == 4
    assert counts["stood_in_train"]["test_splits"]["rows"] == 800


def test_a_share_of_dev_is_kept_before_any_draw(tmp_path, lexicon):
    whole = (part("goemotions-sample"),)
    _, before = built(tmp_path, lexicon, data_of(select=whole))
    data = data_of(held(corpus="goemotions-sample", dev_share=30), select=whole)
    rows, counts = built(tmp_path, lexicon, data)
    dev = read_corpus("goemotions-sample", "dev").rows
    kept = [row for row in dev if is_kept(row, 30)]
    assert 0.2 < len(kept) / len(dev) < 0.4
    assert rows.test == tuple(kept)
    assert {row.split for row in rows.test} == {"dev"}
    assert not texts(rows.test) & texts([*rows.select, *rows.train])
    assert counts["removed_from_select_because"][KEPT] == len(kept)
    assert counts["lines_read"] == before["lines_read"], "no record of dev counts twice"
    larger = [row for row in dev if is_kept(row, 50)]
    assert set(row.id for row in kept) < set(row.id for row in larger)


def test_a_share_does_not_follow_the_shares_of_the_split(tmp_path, lexicon):
    path = own_csv(tmp_path, rows=8)
    lines = [f"word{n} thing{3 * n} other{7 * n},joy,0.5,0.4,0.{n % 9}" for n in range(400)]
    path.write_text(
        "text,emotion,v,a,d\n" + "\n".join([*lines, "no label here,bliss,1,1,1"]) + "\n"
    )
    given = {"file": path, "mapping": {**RATED, "split_shares": [50, 50, 0]}}
    own = held(**given)
    data = data_of(held(**given, dev_share=40), select=(own,), train=(own,))
    rows, counts = built(tmp_path, lexicon, data)
    of_dev = len(rows.test) + len(rows.select)
    assert 150 < of_dev < 250
    assert 0.3 < len(rows.test) / of_dev < 0.5
    sets = [texts(one) for one in (rows.train, rows.select, rows.test)]
    assert len(set.union(*sets)) == sum(map(len, sets)) == 400
    assert sum(counts["sets"][name]["all"] for name in counts["sets"]) == 400


def test_a_group_is_not_parted_by_a_share(tmp_path, lexicon):
    path = tmp_path / "talks.csv"
    lines = [f"turn {n} of talk {n // 5} {'abcdefg'[n % 7] * 6},joy,t{n // 5}" for n in range(200)]
    path.write_text("text,emotion,talk\n" + "\n".join(lines) + "\n", encoding="utf-8")
    given = {"file": path, "mapping": {**COLUMNS, "group": "talk"}}
    own = held(**given)
    rows, _ = built(tmp_path, lexicon, data_of(held(**given, dev_share=30), select=(own,)))
    groups = [{row.group for row in one} for one in (rows.test, rows.select)]
    assert groups[0]
    assert not groups[0] & groups[1]
    assert len(rows.test) == 5 * len(groups[0])


def test_one_whole_file_as_both_sets_is_refused(tmp_path, lexicon):
    given = {"file": own_csv(tmp_path), "mapping": RATED}
    with pytest.raises(UserError, match="no select row of own is left") as caught:
        built(tmp_path, lexicon, data_of(held(**given), select=(held(**given),)))
    assert "set `dev_share`" in str(caught.value)


def test_rejected_lines_of_a_share_count_once(tmp_path, lexicon):
    path = own_csv(tmp_path, rows=60)
    lines = [f"word{n} thing{3 * n} other{7 * n},joy,0.5,0.4,0.5" for n in range(60)]
    bad = ["a bad one,joy,9,9,9", "another bad one,joy,9,9,9"]
    path.write_text("text,emotion,v,a,d\n" + "\n".join([*lines, *bad]) + "\n", encoding="utf-8")
    given = {"file": path, "mapping": RATED}
    _, counts = built(
        tmp_path, lexicon, data_of(held(**given, dev_share=30), select=(held(**given),))
    )
    assert counts["rejected"] == len(bad)
    _, counts = built(tmp_path, lexicon, data_of(held(**given, dev_share=30)))
    assert counts["rejected"] == len(bad), "where select does not read the file, test tells of them"
    written = (tmp_path / "data/rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert len([json.loads(line) for line in written]) == len(bad)


def test_a_corpus_stands_once_and_not_in_cross_too(tmp_path):
    one = held(corpus="goemotions-sample")
    data = DataConfig(train=(EMOBANK,), select=(EMOBANK,), cross=(GOEMOTIONS,), test=(one, one))
    faults = check_test(data, SPACE)
    assert [fault.partition(";")[0] for fault in faults] == [
        "data.test.0: goemotions-sample stands in data.cross already",
        "data.test.1: goemotions-sample stands in data.test already",
    ]
    assert check_test(data_of(one, held(file=own_csv(tmp_path))), SPACE) == []


def test_a_file_without_splits_is_no_second_set(tmp_path):
    path = own_csv(tmp_path)
    guessed, told = held(file=path), held(file=path, mapping=RATED)
    shares = held(file=path, mapping={**RATED, "split_shares": [60, 20, 20]})
    for one in (guessed, told):
        (fault,) = check_test(data_of(one, select=(one,), train=(one,)), SPACE)
        assert fault.startswith(
            "data.test.0: own states no splits, so the whole of it is test rows"
        )
        assert "of data.select and data.train too" in fault
    share = held(file=path, mapping=RATED, dev_share=30)
    assert check_test(data_of(share, select=(told,)), SPACE) == []
    assert check_test(data_of(shares, select=(shares,)), SPACE) == []
