"""Ranking again by other weights: added, never overwritten, and verified like all else."""

import json

import pytest

from emoloom.auditing import reranking
from emoloom.auditing.reranking import parse_weights
from emoloom.errors import UserError
from emoloom.report import page as report_page
from emoloom.report.page import RANKED_PAGE
from emoloom.runs.provenance import PAGE, code_sha256
from emoloom.verification import rank_run, verify_run
from forging import edit, edit_answer, seal
from tiny_screen import call, entries_of, run_screen, tree, write_config

pytestmark = pytest.mark.usefixtures("own_cache")

FIRST = "rankings/0001.json"


def read(folder, name=FIRST):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def named(folder):
    return {(f.file, f.what) for f in verify_run(folder).findings if f.fails}


def test_a_ranking_is_added_and_nothing_else_is_touched(a_run):
    before = tree(a_run.folder)
    digest = verify_run(a_run.folder).digest
    called = call("rank", a_run.folder, "--weights", "labels=0.7,vad=0.3")
    assert called.code == 0
    after = tree(a_run.folder)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {FIRST}
    assert called.out.splitlines()[-1] == f"ranking: {a_run.folder / FIRST}"
    record = read(a_run.folder)
    assert record["weights"] == {"labels": 0.7, "vad": 0.3}
    assert record["made_from"]["manifest_sha256"] == digest
    assert "weights:0.7,0.3|" in record["ranking"]["signature"]
    assert verify_run(a_run.folder).holds


def test_a_ranked_run_is_screened_and_reported_again_and_stays_verified(a_run):
    digest = verify_run(a_run.folder).digest
    rank_run(a_run.folder, (0.7, 0.3))
    assert call("screen", a_run.config, "--out", a_run.folder).code == 0
    called = call("report", a_run.folder)
    assert called.out.strip() == str(a_run.folder / "rankings/report.html")
    verdict = verify_run(a_run.folder)
    assert (verdict.holds, verdict.digest) == (True, digest), verdict.findings
    shown = {name: (a_run.folder / name).read_text("utf-8") for name in (PAGE, RANKED_PAGE)}
    assert ["0001.json" in text for text in shown.values()] == [False, True]
    rank_run(a_run.folder, (0.2, 0.8))
    assert verify_run(a_run.folder).holds, "its page has the new ranking too"
    path = a_run.folder / RANKED_PAGE
    path.write_text(path.read_text("utf-8").replace("0.70", "0.90"), encoding="utf-8")
    ((name, what),) = named(a_run.folder)
    assert name == RANKED_PAGE
    assert what.startswith("it is not the page of these files")


def test_a_page_that_other_code_draws_does_not_take_the_place_of_the_bound_one(a_run, monkeypatch):
    """Else `report` of a newer emoloom would break what `verify` checks."""
    page = (a_run.folder / PAGE).read_bytes()
    drawn = report_page.render_page
    monkeypatch.setattr(
        report_page, "render_page", lambda *a, **k: drawn(*a, **k).replace("Overview", "Summary")
    )
    called = call("report", a_run.folder)
    assert called.out.strip() == str(a_run.folder / RANKED_PAGE)
    assert (a_run.folder / PAGE).read_bytes() == page
    assert "Summary" in (a_run.folder / RANKED_PAGE).read_text("utf-8")
    ranked = a_run.folder / RANKED_PAGE
    ranked.write_text(ranked.read_text("utf-8").replace(code_sha256(), "0" * 64), "utf-8")
    monkeypatch.undo()
    verdict = verify_run(a_run.folder)
    assert verdict.holds, verdict.findings
    assert {one.file: one.kind for one in verdict.findings} == {RANKED_PAGE: "unchecked"}
    (a_run.folder / PAGE).write_text("spoilt", encoding="utf-8")
    assert call("report", a_run.folder).out.strip() == str(a_run.folder / PAGE)
    assert (a_run.folder / PAGE).read_bytes() == page, "what is damaged is drawn again"


def test_what_a_killed_rank_left_is_told_and_fails_nothing(a_run):
    rank_run(a_run.folder, (0.7, 0.3))
    (a_run.folder / "rankings/.new-1234").write_text("{", encoding="utf-8")
    verdict = verify_run(a_run.folder)
    assert verdict.holds
    assert "rankings/.new-1234" in {one.file for one in verdict.findings if one.kind == "note"}


def test_the_same_weights_give_the_leaderboards_own_ranking(a_run):
    rank_run(a_run.folder, (0.5, 0.5))
    board = json.loads((a_run.folder / "leaderboard.json").read_text(encoding="utf-8"))
    ranking = read(a_run.folder)["ranking"]
    assert ranking["verdict"] == board["verdict"]
    assert ranking["signature"] == board["signature"]
    for entry in ranking["entries"]:
        assert entry.items() <= entries_of(a_run.folder)[entry["name"]].items()


def test_one_part_alone_ranks_by_that_part(a_run):
    """Independent of the code that ranks: the score is the part itself."""
    rank_run(a_run.folder, (0.0, 2.0))
    rank_run(a_run.folder, (1.0, 0.0))
    vad, labels = (
        read(a_run.folder, f"rankings/000{n}.json")["ranking"]["entries"] for n in (1, 2)
    )
    stated = entries_of(a_run.folder)
    ranking = read(a_run.folder, "leaderboard.json")["rank_by"]["labels"]
    assert len(ranking) > 1
    for entry in vad:
        skill = stated[entry["name"]]["strict"]["skill"]["value"]
        if entry["score"]["value"] is not None:
            assert entry["score"]["value"] == pytest.approx(max(skill, 0), abs=1e-6)
    for entry in labels:
        if entry["score"]["value"] is not None:
            lines = read(a_run.folder, f"candidates/{entry['name']}/scores.json")["per_label"]
            f1s = [one["f1"] for one in lines if one["label"] in ranking and one["support"]]
            assert entry["score"]["value"] == pytest.approx(sum(f1s) / len(f1s), abs=1e-6)


def test_rankings_are_numbered_and_a_taken_number_is_passed(a_run, monkeypatch):
    rank_run(a_run.folder, (1.0, 1.0))
    rank_run(a_run.folder, (1.0, 1.0))
    first = (a_run.folder / FIRST).read_bytes()
    link = reranking.os.link

    def taken_meanwhile(source, target):
        if target.name == "0003.json" and not target.exists():
            target.write_bytes(first)
        link(source, target)

    monkeypatch.setattr(reranking.os, "link", taken_meanwhile)
    assert rank_run(a_run.folder, (1.0, 1.0)).path.name == "0004.json"
    assert (a_run.folder / FIRST).read_bytes() == first
    assert (a_run.folder / "rankings/0003.json").read_bytes() == first
    assert sorted(p.name for p in (a_run.folder / "rankings").iterdir()) == [
        f"000{n}.json" for n in (1, 2, 3, 4)
    ]
    assert verify_run(a_run.folder).holds


def test_a_ranking_from_before_a_run_went_on_is_told_and_stays(tmp_path):
    """Ranked where the budget had stopped it: the scores are others when it has gone on."""
    changes = {"models": [{"source": f"random:tiny@{n}", "name": f"m{n}"} for n in (1, 2)]}
    changes |= {"recipes": ["sft"]}
    whole, folder = write_config(tmp_path / "whole.yaml", **changes), tmp_path / "run"
    run_screen(whole, tmp_path / "reference")
    costs = json.loads((tmp_path / "reference/costs.json").read_text(encoding="utf-8"))
    first = sum(one.get("tokens", 0) for one in costs["stages"] if one["candidate"] == "m1.sft")
    probes = sum(one.get("tokens", 0) for one in costs["stages"] if one["stage"] == "probe")
    small = write_config(tmp_path / "small.yaml", **changes, budget={"tokens": first + probes})
    assert call("screen", small, "--out", folder).code == 3
    assert [e["status"] for e in entries_of(folder).values() if e["kind"] == "candidate"] == [
        "scored",
        "not_done",
    ]
    rank_run(folder, (0.7, 0.3))
    call("report", folder)
    before = (folder / FIRST).read_bytes()
    assert call("screen", whole, "--out", folder).code == 0
    verdict = verify_run(folder)
    assert verdict.holds, verdict.findings
    (told,) = [one for one in verdict.findings if one.file == FIRST]
    assert told.kind == "unchecked"
    assert "of an earlier call of this run" in told.what
    assert (folder / FIRST).read_bytes() == before
    assert "of scores before the run went on" in (folder / RANKED_PAGE).read_text("utf-8")
    rank_run(folder, (0.7, 0.3))
    assert verify_run(folder).holds
    assert (folder / RANKED_PAGE).read_text("utf-8").count("of scores before the run went on") == 1
    kept = (folder / FIRST).read_bytes()
    edit(folder / FIRST, change_score)
    assert {file for file, _ in named(folder)} == {FIRST, RANKED_PAGE}
    (folder / FIRST).write_bytes(kept)
    (folder / "rankings/0002.json").unlink()
    (folder / FIRST).unlink()
    assert (FIRST, "the manifest names it, and it is not here") in named(folder)


def change_score(record):
    record["ranking"]["entries"][0]["score"]["value"] = 0.99


def change_verdict(record):
    record["ranking"]["verdict"]["text"] = "mine"


def change_weights(record):
    record["weights"]["vad"] = 0.9


def change_origin(record):
    record["made_from"]["scores_sha256"] = "0" * 64


def change_time(record):
    record["made"] = "yesterday"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_score, "].score.value: stated 0.99"),
        (change_verdict, "verdict.text: stated 'mine'"),
        (change_weights, "signature: stated"),
        (change_origin, "it was made from other scores"),
        (change_time, "it cannot be read as a ranking"),
        (lambda record: record.pop("made"), "it cannot be read as a ranking"),
        (lambda record: record.update(note=1), "it is no ranking of format 1"),
    ],
)
def test_an_altered_ranking_is_named(a_run, change, said):
    rank_run(a_run.folder, (0.7, 0.3))
    edit(a_run.folder / FIRST, change)
    assert [what for file, what in named(a_run.folder) if file == FIRST and said in what]


def test_a_missing_ranking_and_a_foreign_file_are_named(a_run):
    rank_run(a_run.folder, (0.7, 0.3))
    rank_run(a_run.folder, (0.6, 0.4))
    (a_run.folder / FIRST).unlink()
    (a_run.folder / "rankings/best.json").write_text("{}", encoding="utf-8")
    assert {file for file, _ in named(a_run.folder)} == {FIRST, "rankings/best.json"}


def test_a_ranking_of_altered_answers_is_named(a_run):
    rank_run(a_run.folder, (0.7, 0.3))
    edit_answer(a_run.folder, "tf-idf", 5, "nothing")
    seal(a_run.folder)
    assert FIRST in {file for file, _ in named(a_run.folder)}


def test_a_run_that_is_not_as_bound_is_not_ranked(a_run):
    edit_answer(a_run.folder, "tf-idf", 0, "nothing")
    with pytest.raises(UserError, match=r"altered candidates/tf-idf/rows/select\.jsonl"):
        rank_run(a_run.folder, (0.7, 0.3))
    assert not (a_run.folder / "rankings").exists()


def test_weights():
    assert parse_weights("labels=0.7,vad=0.3") == (0.7, 0.3)
    assert parse_weights(" vad = 3 , labels=0 ") == (0.0, 3.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.7",
        "labels=1",
        "labels=0,vad=0",
        "labels=-1,vad=2",
        "labels=nan,vad=1",
        "labels=x,vad=1",
        "labels=inf,vad=1",
        "labels=1,vad=1,rank=1",
        "labels=1,labels=2",
        "labels=1,valence=2",
    ],
)
def test_weights_that_cannot_be_used(text):
    with pytest.raises(UserError, match="these weights cannot be used"):
        parse_weights(text)
