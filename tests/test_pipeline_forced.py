"""Teacher-forced losses of a run: in every table, bound, computed again by `verify`."""

import csv
import json

import pytest

import emoloom
from emoloom.metrics.teacher_forced import FORCED_KEYS
from emoloom.verification import verify_run
from forging import edit, seal
from tiny_screen import entries_of, lines_of, run_screen, write_config

pytestmark = pytest.mark.usefixtures("own_cache")


def problems(folder):
    return [one for one in verify_run(folder, page=True).findings if one.fails]


def test_they_stand_in_every_table_beside_a_constants(finished_run):
    folder = finished_run.folder
    lines = lines_of(folder / "candidates/one.sft/forced.jsonl")
    assert [line["id"] for line in lines] == [
        line["id"] for line in lines_of(folder / "candidates/one.sft/rows/select.jsonl")
    ]
    found = entries_of(folder)["one.sft"]["teacher_forced"]
    known = [line["label_nll"] for line in lines if line["label_nll"] is not None]
    assert found["labelled_rows"] == len(known) == 4
    assert found["label_nll"] == pytest.approx(sum(known) / 4, abs=1e-6)
    assert found["vad_values"] == 12
    assert found["constant_label_nll"] > 0
    assert 0 < found["constant_vad_distance"] < 0.5
    markdown = (folder / "leaderboard.md").read_text(encoding="utf-8")
    assert f"{found['label_nll']:.3f} ({found['constant_label_nll']:.3f})" in markdown
    assert f"{found['vad_distance']:.3f} ({found['constant_vad_distance']:.3f})" in markdown
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "teacher-forced" in page
    assert f"<i>NLL</i> {found['label_nll']:.2f}" in page
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as stream:
        cells = {line["name"]: line for line in csv.DictReader(stream)}
    assert float(cells["one.sft"]["label_nll"]) == found["label_nll"]
    assert cells["tf-idf"]["label_nll"] == ""
    run = emoloom.load_run(folder)
    assert dict(run.entry("one.sft").teacher_forced) == {
        key: value for key, value in found.items() if key in FORCED_KEYS
    }
    assert run.entry("tf-idf").teacher_forced == {}


def test_what_is_not_decoded_has_none_and_zero_shot_those_of_its_rows(finished_run):
    entries = entries_of(finished_run.folder)
    assert "teacher_forced" not in entries["tf-idf"]
    assert len(lines_of(finished_run.folder / "candidates/one.zero-shot/forced.jsonl")) == 2
    assert "teacher_forced" in entries["one.zero-shot"]


def test_an_altered_loss_is_found_even_where_every_hash_is_mended(a_run):
    path = a_run.folder / "candidates/one.sft/forced.jsonl"
    lines = lines_of(path)
    lines[0]["label_nll"] = 0.01
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert problems(a_run.folder)
    seal(a_run.folder)
    assert problems(a_run.folder)


def test_an_altered_mean_is_found(a_run):
    def lower(board):
        (own,) = [one for one in board["entries"] if one["name"] == "one.sft"]
        own["teacher_forced"]["label_nll"] = 0.01

    edit(a_run.folder / "leaderboard.json", lower)
    seal(a_run.folder)
    assert problems(a_run.folder)


def test_of_several_seeds_it_is_the_mean(tmp_path):
    folder = tmp_path / "run"
    run_screen(write_config(tmp_path / "c.yaml", recipes=["sft"], seeds=[1, 2]), folder)
    entries = entries_of(folder)
    each = [entries[f"one.sft.seed{seed}"]["teacher_forced"] for seed in (1, 2)]
    pooled = entries["one.sft"]["teacher_forced"]
    for key in ("label_nll", "vad_distance"):
        assert pooled[key] == pytest.approx((each[0][key] + each[1][key]) / 2, abs=1e-6)
    assert pooled["labelled_rows"] == each[0]["labelled_rows"]
