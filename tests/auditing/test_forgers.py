"""Forgers: the hashes are fixed, and what was altered is found all the same."""

import json

import pytest

from emoloom import verification
from emoloom.report.page import write_report
from emoloom.verification import verify_run
from forging import ANSWER, edit, edit_answer, seal
from tiny_screen import lines_of

pytestmark = pytest.mark.usefixtures("own_cache")


def failing(folder):
    return [f for f in verify_run(folder).findings if f.fails]


def whats(folder, file):
    return [f.what for f in failing(folder) if f.file == file]


def test_a_seal_alone_changes_nothing(a_run):
    seal(a_run.folder)
    assert failing(a_run.folder) == []


def test_an_answer_with_its_hash_fixed_fails_by_its_score(a_run):
    edit_answer(a_run.folder, "one.sft", 0, ANSWER)
    seal(a_run.folder)
    kinds = {(f.kind, f.file == "report.html") for f in failing(a_run.folder)}
    assert kinds == {("number", False), ("altered", True)}, "the page shows the answer, too"
    board = "\n".join(whats(a_run.folder, "leaderboard.json"))
    assert "entries[one.sft].parse_ok.value: stated 0.0, computed 0.125" in board
    own = "\n".join(whats(a_run.folder, "candidates/one.sft/scores.json"))
    assert "parse_ok.value: stated 0.0, computed 0.125" in own
    assert "rows.select.answers.sha256: stated " in own
    assert any("one.sft, parse_ok: " in w for w in whats(a_run.folder, "leaderboard.csv"))
    assert whats(a_run.folder, "leaderboard.md")


def test_an_answer_of_a_floor_fails_by_its_score(a_run):
    edit_answer(a_run.folder, "tf-idf", 5, ANSWER)
    seal(a_run.folder)
    own = "\n".join(whats(a_run.folder, "candidates/tf-idf/scores.json"))
    assert "strict.rmse.value: stated" in own


def test_an_answer_to_a_polarity_pair_fails_by_its_score(a_run):
    edit_answer(a_run.folder, "lexicon", 0, "no answer", row_set="polarity")
    seal(a_run.folder)
    own = "\n".join(whats(a_run.folder, "candidates/lexicon/scores.json"))
    assert "rows.polarity.answers.sha256: stated" in own
    assert "polarity.parsed.n: stated" in own


def test_a_gold_row_fails_by_the_scores_of_all(a_run):
    path = a_run.folder / "data/select.jsonl"
    rows = lines_of(path)
    rated = next(row for row in rows if row["answer"]["vad"])
    rated["answer"]["vad"]["v"] = 0.01
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    seal(a_run.folder)
    files = {f.file for f in failing(a_run.folder)}
    assert {f"candidates/{n}/scores.json" for n in ("constant", "lexicon", "tf-idf")} <= files


def set_in(value, path, new):
    *inner, last = path
    for key in inner:
        value = value[key]
    value[last] = new


@pytest.mark.parametrize(
    ("name", "path", "new", "said"),
    [
        ("leaderboard.json", ("entries", 0, "rank"), 2, "entries[one.sft].rank: stated 2, "),
        ("leaderboard.json", ("entries", 0, "score", "value"), 0.9, "].score.value: stated 0.9"),
        ("leaderboard.json", ("verdict", "text"), "one.sft is the best.", "verdict.text: stated"),
        ("leaderboard.json", ("signature",), "seed:1|v:1", "signature: stated 'seed:1|v:1'"),
        ("leaderboard.json", ("rank_by", "weights", "vad"), 0.4, "rank_by.weights.vad: stated"),
        ("leaderboard.json", ("entries", 1, "score", "interval"), None, "].score.interval: stated"),
        ("leaderboard.json", ("entries", 0, "bonus"), 1, "].bonus: stated 1, computed nothing"),
        (
            "candidates/lexicon/scores.json",
            ("strict", "ccc_v", "value"),
            0.99,
            "strict.ccc_v.value",
        ),
        ("candidates/lexicon/scores.json", ("n",), 9, "n: stated 9, computed 8"),
        ("candidates/lexicon/scores.json", ("per_label", 3, "support"), 7, "].support: stated 7"),
        ("candidates/lexicon/scores.json", ("signatures", "score"), "v:9", "signatures.score: "),
        (
            "candidates/lexicon/scores.json",
            ("rows", "select", "gold", "file"),
            "data/other.jsonl",
            "rows.select.gold.file: stated",
        ),
    ],
)
def test_a_stated_number_with_its_hash_fixed_is_named(a_run, name, path, new, said):
    edit(a_run.folder / name, lambda value: set_in(value, path, new))
    seal(a_run.folder)
    assert [w for w in whats(a_run.folder, name) if said in w], failing(a_run.folder)


def test_a_number_of_the_csv_is_named_by_its_row_and_column(a_run):
    path = a_run.folder / "leaderboard.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("parse_ok")
    cells = lines[2].split(",")
    name, cells[column] = cells[1], "0.5"
    lines[2] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    seal(a_run.folder)
    (what,) = whats(a_run.folder, "leaderboard.csv")
    assert what == f"{name}, parse_ok: stated '0.5', computed '1.0'"


def test_a_number_of_the_markdown_is_named_by_its_line(a_run):
    path = a_run.folder / "leaderboard.md"
    path.write_text(path.read_text(encoding="utf-8").replace("| 1.000 |", "| 0.999 |", 1))
    seal(a_run.folder)
    (what,) = whats(a_run.folder, "leaderboard.md")
    assert what.endswith("stated '0.999', computed '1.000'")
    assert what.startswith("line ")


def test_the_page_is_drawn_again(a_run):
    path = a_run.folder / "report.html"
    path.write_text(path.read_text(encoding="utf-8").replace("one.sft", "two.sft", 1))
    seal(a_run.folder)
    (found,) = failing(a_run.folder)
    assert (found.kind, found.file) == ("altered", "report.html")
    assert found.what.startswith("it is not the page of these files: line ")


def test_the_page_of_very_many_answers_is_drawn_when_asked(a_run, monkeypatch):
    path = a_run.folder / "report.html"
    path.write_text(path.read_text(encoding="utf-8") + "<!-- mine -->", encoding="utf-8")
    seal(a_run.folder)
    monkeypatch.setattr(verification, "PAGE_ANSWERS", 3)
    (found,) = verify_run(a_run.folder).findings
    assert (found.kind, found.file) == ("unchecked", "report.html")
    assert "--page draws it again" in found.what
    assert not verify_run(a_run.folder, page=True).holds


def test_a_shown_entry_cannot_be_made_a_ranked_one(a_run):
    manifest = json.loads((a_run.folder / "manifest.json").read_text(encoding="utf-8"))
    entries = manifest["predicate"]["entries"]
    (shown,) = (entry for entry in entries if entry["kind"] == "shown")
    shown["kind"] = "candidate"
    seal(a_run.folder, entries=entries)
    (found,) = failing(a_run.folder)
    assert "'one.zero-shot' contradicts itself" in found.what


def test_an_entry_cannot_be_left_out(a_run):
    manifest = json.loads((a_run.folder / "manifest.json").read_text(encoding="utf-8"))
    left = [entry for entry in manifest["predicate"]["entries"] if entry["name"] != "tf-idf"]
    seal(a_run.folder, entries=left)
    assert any("entries[" in what for what in whats(a_run.folder, "leaderboard.json"))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("config", {}, "`config` of its predicate is not that of run.json"),
        ("packages", {"torch": "1.0"}, "`packages` of its predicate"),
        ("label_space", None, "`label_space` of its predicate"),
    ],
)
def test_what_the_manifest_says_twice_must_agree(a_run, key, value, said):
    seal(a_run.folder, **{key: value})
    assert any(said in f.what for f in failing(a_run.folder))


def test_what_is_said_of_an_answers_origin_must_agree(a_run):
    path = a_run.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["predicate"]["answers"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert any("what it says of the answers in" in f.what for f in failing(a_run.folder))


def test_a_run_made_by_other_code_says_what_was_not_checked(a_run):
    manifest = json.loads((a_run.folder / "manifest.json").read_text(encoding="utf-8"))
    made_with = manifest["predicate"]["emoloom"] | {"code_sha256": "0" * 64}
    seal(a_run.folder, emoloom=made_with)
    (found,) = failing(a_run.folder)
    assert (found.kind, found.file) == ("contradiction", "run.json")
    assert found.what == f"its code_sha256 lacks the code of the manifest, {'0' * 64}"
    edit(a_run.folder / "run.json", lambda record: record.update(code_sha256=["0" * 64]))
    seal(a_run.folder, emoloom=made_with)
    verdict = verify_run(a_run.folder)
    assert verdict.holds
    (found,) = verdict.findings
    assert (found.kind, found.file) == ("unchecked", "report.html")
    assert "made by other code" in found.what


def test_a_run_whose_calls_were_made_by_several_states_of_the_code_says_so(a_run):
    edit(a_run.folder / "run.json", lambda record: record["code_sha256"].append("0" * 64))
    seal(a_run.folder)
    found = {(one.kind, one.file): one.what for one in verify_run(a_run.folder).findings}
    assert found["unchecked", "run.json"] == "calls of this run were made by 2 states of the code"


def test_without_the_runs_lexicon_polarity_alone_is_not_checked(a_run):
    manifest = json.loads((a_run.folder / "manifest.json").read_text(encoding="utf-8"))
    lexicon = manifest["predicate"]["lexicon"] | {"sha256": "1" * 64}
    seal(a_run.folder, lexicon=lexicon)
    write_report(a_run.folder)  # the page shows the manifest
    seal(a_run.folder, lexicon=lexicon)
    verdict = verify_run(a_run.folder)
    assert verdict.holds, verdict.findings
    assert any("polarity consistency" in f.what for f in verdict.findings)
