"""The polarity pairs of a screen: which are chosen, where they stand, what answers score."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace

import pytest

from asked_rows import build_row_sets
from emoloom.config import parse_config
from emoloom.config_sections import DataConfig, PolarityConfig, RowsConfig
from emoloom.contract.schema import write_answer
from emoloom.corpora.labels import load_space
from emoloom.corpora.polarity_pairs import FLIP_SUFFIX, load_polarity_pairs
from emoloom.errors import UserError
from emoloom.metrics.resampling import Bootstrap
from emoloom.ranking.leaderboard_texts import to_csv, to_markdown
from emoloom.records import VAD, Answer, LabelSpace, Prediction, Row
from emoloom.row_sets.polarity_set import (
    choose_pairs,
    held_out_rows,
    pair_scores,
    pair_set_work,
    with_pairs,
)
from emoloom.row_sets.shared import SharedRows
from emoloom.runs.directory import RunDirectory, sha256_file, write_jsonl_atomic
from emoloom.screening.extras import extras_work, read_extras
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon
from leaderboard_cases import ROWS, answered, built, entrant
from official_files import goemotions_folder
from tiny_screen import SETTINGS

SPACE = load_space("goemotions28")
NO_ROWS = SharedRows((), (), AffineMap.identity(), (), {"train": "t", "select": "s"})
UP = write_answer(Prediction(("joy",), VAD(0.9, 0.5, 0.5), "cues: none"))
DOWN = write_answer(Prediction(("anger",), VAD(0.1, 0.5, 0.5), "cues: none"))


@pytest.fixture(scope="module")
def lexicon():
    return load_lexicon()


# Which pairs


def test_the_choice_is_fixed_by_the_seed():
    chosen = choose_pairs(20, 7)
    assert choose_pairs(20, 7) == chosen
    assert {pair.id for pair in choose_pairs(20, 8)} != {pair.id for pair in chosen}
    assert choose_pairs(9, 7) == chosen[:9]
    # Written down from this code: a change of the draw changes what every config asks.
    first = ("edsycmx", "eettn7f", "eebhsak", "eda9kvy")
    assert [pair.id for pair in chosen[:4]] == [f"goemotions/{name}" for name in first]


@pytest.mark.parametrize(
    ("count", "pleasant"), [(0, 0), (1, 1), (2, 1), (13, 7), (50, 25), (320, 163), (329, 172)]
)
def test_half_of_each_polarity_as_far_as_there_are(count, pleasant):
    chosen = choose_pairs(count, 3)
    assert len({pair.id for pair in chosen}) == count
    assert Counter(pair.polarity for pair in chosen)["pleasant"] == pleasant


@pytest.mark.parametrize("count", [-1, 330, 10**9])
def test_more_pairs_than_ship_cannot_be_had(count):
    with pytest.raises(UserError, match=rf"got: {count}; allowed: 0 .* to 329, the pairs that"):
        choose_pairs(count, 1)


# Never trained on


def test_texts_of_pairs_are_removed_from_train_and_counted(tmp_path, lexicon):
    folder = goemotions_folder(tmp_path / "goemotions")
    first, second, *_ = load_polarity_pairs()
    with (folder / "train.tsv").open("a", encoding="utf-8") as stream:
        stream.write(f"{first.text.upper()}!\t3\toriginal\n{second.flip}\t3\tflip\n")
    parts = (RowsConfig(corpus="goemotions", path=folder),)
    data = DataConfig(train=parts, select=parts)

    def drawn(pairs):
        held_out = held_out_rows(PolarityConfig(pairs=pairs))
        sets = build_row_sets(data, SPACE, lexicon, 1, held_out)
        return {row.id for row in sets.train}, sets.counts

    added = {"goemotions/original", "goemotions/flip"}
    all_rows, counts = drawn(0)
    assert added <= all_rows
    assert counts["removed_from_train_as_polarity_pairs"] == 0
    # One pair or all: what ships is held out, so that no seed and no number moves train.
    for pairs in (1, 329):
        kept, counts = drawn(pairs)
        assert kept == all_rows - added
        assert counts["removed_from_train_as_polarity_pairs"] == 2
        assert counts["removed_from_train"] == 0


# In the run folder


def set_of(run, *, pairs=4, space=SPACE, seed=7):
    return pair_set_work(run, PolarityConfig(pairs=pairs), space, seed)


def test_the_rows_are_written_and_read_back(tmp_path):
    run = RunDirectory(tmp_path)
    advanced: list[int] = []
    work = set_of(run)
    outcome = work.make(advanced.append)
    assert (sum(advanced), work.budgeted) == (work.units, False) == (4, False)
    assert outcome.outputs == (run.data("polarity"),)
    rows = with_pairs(NO_ROWS, run, SPACE)
    assert rows.hashes == {**NO_ROWS.hashes, "polarity": sha256_file(run.data("polarity"))}
    texts = [(pair.text, pair.flip) for pair in choose_pairs(4, 7)]
    assert [row.text for row in rows.polarity] == [text for both in texts for text in both]
    assert all(row.answer.vad is None and row.answer.labels for row in rows.polarity)


def test_pairs_are_asked_in_a_space_that_lacks_their_labels(tmp_path):
    run = RunDirectory(tmp_path)
    space = LabelSpace("two", ("glad", "sad"))
    set_of(run, space=space).make(lambda _: None)
    rows = with_pairs(NO_ROWS, run, space)
    assert [row.answer.labels for row in rows.polarity] == [None] * 8


def test_the_inputs_of_the_stage(tmp_path):
    run = RunDirectory(tmp_path)
    inputs = [set_of(run), set_of(run, pairs=5), set_of(run, seed=8)]
    inputs.append(set_of(run, space=replace(SPACE, labels=SPACE.labels[::-1])))
    assert len({work.stage.inputs for work in inputs}) == 4
    assert set_of(RunDirectory(tmp_path / "b")).stage.inputs == inputs[0].stage.inputs


# Scores


def said_by(run, name, answer, lexicon, pairs=6):
    """Scores of an answerer that is told the polarity of each text."""
    set_of(run, pairs=pairs).make(lambda _: None)
    rows = with_pairs(NO_ROWS, run, SPACE).polarity
    up = {pair.id: pair.polarity == "pleasant" for pair in load_polarity_pairs()}
    lines = [
        {
            "id": row.id,
            "output": answer(up[row.id.removesuffix(FLIP_SUFFIX)] != row.id.endswith(FLIP_SUFFIX)),
        }
        for row in rows
    ]
    write_jsonl_atomic(run.rows(name, "polarity"), lines)
    return pair_scores(run, name, rows, SPACE, lexicon, Bootstrap(draws=200, seed=1))


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (lambda pleasant: UP if pleasant else DOWN, 1.0),
        (lambda pleasant: DOWN if pleasant else UP, 0.0),
        (lambda pleasant: UP, 0.0),
        (lambda pleasant: "no answer", 0.0),
    ],
)
def test_who_turns_over_has_one_and_who_does_not_has_zero(tmp_path, lexicon, answer, share):
    scores = said_by(RunDirectory(tmp_path), "a", answer, lexicon)
    assert scores.strict.n == 6
    assert scores.strict.values["consistency"] == share
    assert scores.strict.intervals["consistency"] == (share, share)
    assert set(scores.consistent) == {pair.id for pair in choose_pairs(6, 7)}
    assert set(scores.consistent.values()) == {share == 1.0}


def test_every_table_has_it_and_it_never_ranks(tmp_path, lexicon):
    run = RunDirectory(tmp_path)
    right = said_by(run, "a", lambda pleasant: UP if pleasant else DOWN, lexicon)
    wrong = said_by(run, "b", lambda pleasant: UP, lexicon)
    good, poor = answered(ROWS, 0.8), answered(ROWS, 0.1)
    entries = [
        replace(entrant("good", good), polarity=wrong),
        replace(entrant("poor", poor), polarity=right),
        entrant("unasked", good),
        replace(entrant("failed", None, status="failed"), polarity=right),
    ]
    board = built(entries)
    bare = built([replace(entry, polarity=None) for entry in entries])
    assert board.standing == bare.standing
    assert board.verdict == bare.verdict
    shown = {entry["name"]: entry["polarity"] for entry in board.to_dict()["entries"]}
    assert shown["good"]["strict"]["consistency"] == 0.0
    assert shown["poor"]["strict"]["consistency_interval"] == [1.0, 1.0]
    assert shown["poor"]["parsed"]["n"] == 6
    assert shown["unasked"] is shown["failed"] is None
    lines = {line["name"]: line for line in csv.DictReader(io.StringIO(to_csv(board)))}
    keys = ("polarity", "polarity_low", "polarity_high", "polarity_pairs")
    assert [lines["poor"][key] for key in keys] == ["1.0", "1.0", "1.0", "6"]
    assert [lines["unasked"][key] for key in keys] == [""] * 4
    cells = [line.split(" | ") for line in to_markdown(board).splitlines() if line[:1] == "|"]
    column = cells[0].index("Polarity")
    assert {line[1]: line[column] for line in cells[2:]} == {
        "good": "0.000",
        "poor": "1.000",
        "unasked": "-",
        "failed": "-",
    }


def test_the_file_of_scores_names_the_pairs(tmp_path, lexicon):
    scores = said_by(RunDirectory(tmp_path), "a", lambda _: UP, lexicon)
    board = built([replace(entrant("a", answered(ROWS, 0.8)), polarity=scores)])
    (entry,) = board.entries
    assert entry.scores_file()["polarity_pairs"] == dict.fromkeys(scores.consistent, False)
    assert json.loads(json.dumps(entry.scores_file()["polarity"]))["strict"]["n"] == 6


def test_a_flip_that_is_a_pairs_text_is_never_trained_on(tmp_path, lexicon):
    run = RunDirectory(tmp_path)
    unmended = next(pair for pair in load_polarity_pairs() if not pair.edited)
    answer = Answer(unmended.labels, VAD(0.5, 0.5, 0.5), "")
    train = Row("t/1", unmended.text, answer, "t", "train", "weak", "g1")
    rows = replace(NO_ROWS, train=(train,))

    def flips(pairs):
        settings = {**SETTINGS, "recipes": ["sft+flip"], "polarity": {"pairs": pairs}}
        config = parse_config(settings, source="test")
        (work,) = extras_work(run, config, rows, SPACE, lexicon, print)
        counts = work.make(lambda _: None).counts
        texts = [row.text for row in read_extras(run, config, SPACE).flips]
        return texts, counts["stand_in_polarity_pairs"], work.stage.inputs

    written, removed, inputs = flips(0)
    assert (written, removed) == ([unmended.flip], 0)
    assert flips(1)[:2] == ([], 1)
    assert flips(1)[2] != inputs
