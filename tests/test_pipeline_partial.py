"""Files that rate valence and arousal, or stars alone, through whole screens that are verified."""

import csv
import json
from pathlib import Path

import pytest

from emoloom.corpora.registry import read_corpus
from tiny_screen import call, entries_of, lines_of, run_screen, write_config

pytestmark = pytest.mark.usefixtures("own_cache")

MADE_TRAIN, MADE_SELECT = 14, 6


def csv_of(path: Path, header: tuple[str, ...], lines: list[tuple[object, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *lines])
    return path


def rated_texts() -> list[tuple[str, tuple[float, float, float]]]:
    rows = read_corpus("emobank-sample", "train").rows[: MADE_TRAIN + MADE_SELECT]
    return [(row.text, row.answer.vad.as_tuple()) for row in rows]


def config_of(folder: Path, path: Path, mapping: dict[str, object], labelled: bool) -> Path:
    part = {"file": str(path), "licence": "CC BY-SA 4.0", "mapping": mapping}
    more = [{"corpus": "goemotions-sample", "rows": 4}] if labelled else []
    data = {"train": [*more, part], "select": [*more, part]}
    return write_config(folder / "config.yaml", data=data)


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> Path:
    """Valence and arousal, 1 to 9; arousal of the first row of each split is blank."""
    folder = tmp_path_factory.mktemp("two")
    lines = [
        (
            text,
            1 + 8 * v,
            "" if at in (0, MADE_TRAIN) else 1 + 8 * a,
            "train" if at < MADE_TRAIN else "dev",
        )
        for at, (text, (v, a, _)) in enumerate(rated_texts())
    ]
    path = csv_of(folder / "two.csv", ("text", "V", "A", "set"), lines)
    mapping = {"text": "text", "valence": "V", "arousal": "A", "split": "set", "vad_scale": [1, 9]}
    run_screen(config_of(folder, path, mapping, labelled=True), folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def of_stars(tmp_path_factory) -> Path:
    """One to five stars, and nothing else: no label either."""
    folder = tmp_path_factory.mktemp("stars")
    lines = [(text, round(1 + 4 * v)) for text, (v, _, _) in rated_texts()]
    path = csv_of(folder / "reviews.csv", ("review", "stars"), lines)
    mapping = {
        "text": "review",
        "valence": "stars",
        "vad_scale": [1, 5],
        "split_shares": [60, 40, 0],
    }
    run_screen(config_of(folder, path, mapping, labelled=False), folder / "run")
    return folder / "run"


def test_what_people_did_not_rate_is_weak_in_train_and_null_in_select(of_two):
    train = {row["id"]: row for row in lines_of(of_two / "data/train.jsonl")}
    assert train["two/2"]["vad_source"] == {"v": "human", "a": "weak", "d": "weak"}
    assert train["two/3"]["vad_source"] == {"v": "human", "a": "human", "d": "weak"}
    assert all(None not in row["answer"]["vad"].values() for row in train.values())
    select = {row["id"]: row for row in lines_of(of_two / "data/select.jsonl")}
    own = [row for row in select.values() if row["source"] == "two"]
    assert len(own) == MADE_SELECT
    assert {row["vad_source"] for row in own} == {"human"}
    assert {row["answer"]["vad"]["d"] for row in own} == {None}
    assert [row["answer"]["vad"]["a"] is None for row in own].count(True) == 1
    scale = json.loads((of_two / "data/scale.json").read_text("utf-8"))
    assert scale["slope"][2] == 1.0 != scale["slope"][0]


def test_the_score_says_which_dimensions_it_has(of_two):
    board = json.loads((of_two / "leaderboard.json").read_text("utf-8"))
    assert board["rank_by"]["vad_dimensions"] == ["v", "a"]
    note = board["rank_by"]["note"]
    assert "skill, 0) on human VA." in note
    assert "Dominance does not rank: nobody rated it in `select`." in note
    assert "|vad:human,v,a|" in board["signature"]
    for name, entry in entries_of(of_two).items():
        if entry["kind"] == "shown":
            continue
        strict = entry["strict"]
        counts = [strict[f"n_vad_rows_{axis}"] for axis in "vad"]
        assert counts == [MADE_SELECT, MADE_SELECT - 1, 0], name
        assert strict["rmse_d"]["value"] is None
        assert strict["skill"]["value"] is not None
        assert entry["score"]["value"] is not None


def test_stars_alone_rank_by_valence(of_stars):
    board = json.loads((of_stars / "leaderboard.json").read_text("utf-8"))
    assert board["rank_by"]["vad_dimensions"] == ["v"]
    assert board["rank_by"]["weights"] == {"labels": 0.0, "vad": 1.0}
    assert "1 x max(strict skill, 0) on human V." in board["rank_by"]["note"]
    constant = entries_of(of_stars)["constant"]["strict"]
    assert (constant["rmse_a"]["value"], constant["rmse_d"]["value"]) == (None, None)
    assert constant["rmse"] == constant["rmse_v"]


@pytest.mark.parametrize("run", ["of_two", "of_stars"])
def test_such_a_run_is_verified_and_shown(run, request):
    folder = request.getfixturevalue(run)
    verified = call("verify", folder)
    assert verified.code == 0, verified.err
    assert "answers scored again" in verified.out
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "People rated it in no row of this row set." in page


def test_a_changed_rating_of_one_dimension_is_found(of_two, tmp_path):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(of_two, folder)
    path = folder / "data/select.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"d":null', '"d":0.9', 1), encoding="utf-8")
    verified = call("verify", folder)
    assert verified.code == 4
    assert "select.jsonl" in verified.out + verified.err
