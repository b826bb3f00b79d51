"""A screen of partial answers: marked wherever scores are read, verified, replayed, exported."""

import json

import pytest

from emoloom.config_sections import PARTIAL
from emoloom.contract.parse import UNASKED, scored_part
from emoloom.exports.make import ExportRequest, export
from emoloom.verification import replay_run, verify_run
from exported_run import CHANGES
from tiny_screen import call, lines_of, run_screen, write_config

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def partial(tmp_path_factory, shared_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        folder = tmp_path_factory.mktemp("partial") / "run"
        changes = CHANGES | {"decoding": {"max_new_tokens": 96, "partial": True}}
        run_screen(write_config(folder.parent / "c.yaml", **changes), folder)
        return folder


def outputs(folder):
    return [line["output"] for line in lines_of(folder / "candidates/one.sft/rows/select.jsonl")]


def test_its_answers_end_behind_vad(partial):
    found = outputs(partial)
    assert len(found) == 6
    assert any(output.endswith(UNASKED) for output in found)
    assert all(output.endswith(UNASKED) or scored_part(output) is None for output in found)


def test_it_is_marked_wherever_scores_are_read(partial):
    board = json.loads((partial / "leaderboard.json").read_text(encoding="utf-8"))
    assert ",partial," in board["signature"]
    assert board["verdict"]["notes"][-1] == PARTIAL
    assert PARTIAL in (partial / "leaderboard.md").read_text(encoding="utf-8")
    assert PARTIAL in (partial / "report.html").read_text(encoding="utf-8")


def test_it_is_verified_and_decoded_again(partial):
    assert not [one for one in verify_run(partial, page=True).findings if one.fails]
    rows = replay_run(partial, 99, 0, lambda _: None)
    assert len(rows) == 8
    assert {row.outcome for row in rows} == {"equal"}


def test_its_winner_is_exported_and_writes_whole_answers(partial, tmp_path):
    made = export(ExportRequest(partial, "one.sft", tmp_path / "out", "merged"), lambda _: None)
    assert PARTIAL in (made.folder / "README.md").read_text(encoding="utf-8")
    called = call("predict", made.folder, stdin=b"I love this puppy\n")
    assert UNASKED not in called.out


def test_a_run_of_whole_answers_takes_none_of_its_kept_ones(
    partial, tmp_path, monkeypatch, shared_cache
):
    monkeypatch.setenv("EMOLOOM_CACHE", str(shared_cache))
    run_screen(write_config(tmp_path / "c.yaml", **CHANGES), tmp_path / "run")
    assert not any(UNASKED in output for output in outputs(tmp_path / "run"))
