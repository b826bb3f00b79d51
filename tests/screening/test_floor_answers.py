"""Which rows are answered, and the answers of the floors in the run folder."""

from dataclasses import replace

from asked_rows import SPACE, row
from emoloom.records import ParseFailure, Prediction
from emoloom.row_sets.spread import spread
from emoloom.runs.directory import (
    RunDirectory,
    write_jsonl_atomic,
)
from emoloom.screening.floor_work import floor_work
from emoloom.screening.outputs import read_answers

GOOD = '{"labels":["joy"],"vad":{"v":0.80,"a":0.50,"d":0.60},"rationale":"cues: none"}'


# Which rows


def test_spread_takes_the_corpora_in_turn_and_keeps_the_order():
    rows = [row(n, "a") for n in range(4)] + [row(n, "b") for n in range(3)]
    assert [r.id for r in spread(rows, 4)] == ["a/0", "a/1", "b/0", "b/1"]
    assert [r.id for r in spread(rows, 5)] == ["a/0", "a/1", "a/2", "b/0", "b/1"]
    assert [r.id for r in spread(rows, 1)] == ["a/0"]
    assert spread(rows, 7) == spread(rows, 100) == tuple(rows)
    assert [r.id for r in spread(rows[::-1], 2)] == ["b/2", "a/3"]
    assert spread([], 3) == ()


# Floors


def test_a_floor_answers_every_row_in_order(tmp_path, rows, lexicon):
    run = RunDirectory(tmp_path)
    work = floor_work(run, "constant", rows, SPACE, lexicon)
    assert (work.units, work.budgeted, work.candidate) == (4, False, "constant")
    advanced: list[int] = []
    outcome = work.make(advanced.append)
    assert sum(advanced) == 4
    assert outcome.counts == {"rows": 4, "answers": 4}
    parsed, ids = read_answers(run, "constant", SPACE)
    assert ids == tuple(r.id for r in rows.select)
    assert all(isinstance(answer, Prediction) for answer in parsed)


def test_a_floors_inputs_are_its_name_rows_and_lexicon(tmp_path, rows, lexicon):
    def inputs(name="constant", rows=rows, lexicon=lexicon, root=tmp_path):
        return floor_work(RunDirectory(root), name, rows, SPACE, lexicon).stage.inputs

    first = inputs()
    assert inputs(root=tmp_path / "elsewhere") == first
    others = [
        inputs(name="tf-idf"),
        inputs(rows=replace(rows, hashes={"train": "x", "select": "hs"})),
        inputs(rows=replace(rows, hashes={"train": "ht", "select": "x"})),
        inputs(lexicon=replace(lexicon, sha256="x")),
    ]
    assert len({first, *others}) == 5


def test_answers_that_do_not_parse_are_failures_in_their_place(tmp_path):
    run = RunDirectory(tmp_path)
    outputs = [GOOD, "no", '{"labels":']
    lines = [{"id": f"r{n}", "output": output} for n, output in enumerate(outputs)]
    write_jsonl_atomic(run.rows("a", "select"), lines)
    parsed, ids = read_answers(run, "a", SPACE)
    assert ids == ("r0", "r1", "r2")
    assert isinstance(parsed[0], Prediction)
    assert parsed[1:] == (ParseFailure("no_json"), ParseFailure("truncated"))
