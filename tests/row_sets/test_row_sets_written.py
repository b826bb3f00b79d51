"""Row sets in the run folder: written, read back, and bound to their sources by hash."""

import json
from dataclasses import asdict

import pytest

from asked_rows import SPACE, build_row_sets, part
from emoloom.config_sections import DataConfig
from emoloom.row_sets.build import Drawing
from emoloom.row_sets.part_facts import source_hashes
from emoloom.row_sets.shared import (
    read_row_sets,
    row_set_work,
)
from emoloom.runs.directory import RunDirectory, sha256_file


@pytest.fixture
def work(official, lexicon, tmp_path):
    labels, vad = official
    parts = (part("goemotions", 10, labels), part("emobank", 12, vad))
    data = DataConfig(train=parts, select=parts)
    run = RunDirectory(tmp_path / "run")

    def make():
        return row_set_work(run, Drawing(data, source_hashes(data), 5), SPACE, lexicon)

    return run, data, make


def test_what_is_written_reads_back_as_it_was_drawn(work, lexicon):
    run, data, make = work
    advanced = []
    outcome = make().make(advanced.append)
    assert sum(advanced) == make().units == 2
    assert outcome.counts == {"train": 22, "select": 22, "rejected": 8}
    drawn = build_row_sets(data, SPACE, lexicon, 5)
    shared = read_row_sets(run.root / "data", SPACE)
    assert shared.train == drawn.train
    assert shared.select == drawn.select
    assert shared.scale == drawn.scale
    assert shared.hashes == {name: sha256_file(run.data(name)) for name in ("train", "select")}
    lines = run.data("rejected").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [asdict(line) for line in drawn.rejected]
    assert {path.name for path in outcome.outputs} == {
        "train.jsonl",
        "select.jsonl",
        "rejected.jsonl",
        "scale.json",
        "counts.json",
    }


def test_other_bytes_in_a_source_file_are_other_inputs(work, official):
    _, _, make = work
    labels, vad = official
    seen = [make().stage.inputs]
    assert make().stage.inputs == seen[0]
    for path in (labels / "dev.tsv", labels / "emotions.txt", vad):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        seen.append(make().stage.inputs)
    assert len(set(seen)) == 4


def test_sources_are_hashed_file_by_file(work, official):
    _, data, _ = work
    labels, vad = official
    names = ("emotions.txt", "train.tsv", "dev.tsv")
    assert source_hashes(data) == {
        "goemotions": {name: sha256_file(labels / name) for name in names},
        "emobank": {"emobank.csv": sha256_file(vad)},
    }


def test_a_row_that_cannot_be_read_back_is_never_lost_in_silence(work):
    run, _, make = work
    make().make(lambda _: None)
    with run.data("train").open("a", encoding="utf-8") as stream:
        stream.write("{}\n")
    with pytest.raises(AssertionError, match=r"train\.jsonl"):
        read_row_sets(run.root / "data", SPACE)
