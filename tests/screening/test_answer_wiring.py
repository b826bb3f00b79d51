"""What a screen hands to its decoder: whose hints, which answers, which precision, which limits."""

import json
from dataclasses import replace

import pytest

from asked_rows import CERTIFICATE
from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.decoding.drafts import contract_drafter
from emoloom.screening import answer_pass, decoding_steps, training_work
from tiny_screen import lines_of, run_screen, write_config

pytestmark = pytest.mark.usefixtures("own_cache")

SPACE = load_space("goemotions28")


@pytest.fixture
def drafters(monkeypatch):
    """(hints, answers) of each drafter that a screen makes, in order."""
    made = []

    def noted(prompter, hints, answers):
        made.append((dict(hints), tuple(answers)))
        return contract_drafter(prompter, hints, answers)

    monkeypatch.setattr(answer_pass, "contract_drafter", noted)
    return made


def said(folder, entry):
    """Parsed answers of an entry to `select`, by row id."""
    lines = lines_of(folder / f"candidates/{entry}/rows/select.jsonl")
    return {line["id"]: parse_output(line["output"], SPACE) for line in lines}


def test_heads_draft_where_there_are_heads(tmp_path, drafters):
    folder = tmp_path / "run"
    run_screen(write_config(tmp_path / "c.yaml", recipes=["sft+heads"]), folder)
    hints, _ = drafters[0]
    heads = said(folder, "one.sft+heads.head")
    assert len(heads) == 8
    assert hints == heads


def test_without_heads_labels_are_those_of_tf_idf_and_zero_shot_has_no_hints(tmp_path, drafters):
    folder = tmp_path / "run"
    run_screen(write_config(tmp_path / "c.yaml"), folder)
    (hints, _), (shown, none), (pairs, _) = drafters
    floor = said(folder, "tf-idf")
    assert {row: hint.labels for row, hint in hints.items()} == {
        row: answer.labels for row, answer in floor.items()
    }
    assert len({hint.vad for hint in hints.values()}) > 2, "the weak formulas read the texts"
    assert any(hint.rationale != "cues: none" for hint in hints.values())
    assert (shown, none) == ({}, ())
    assert len(pairs) == 4


def test_answers_of_training_are_taught(tmp_path, drafters):
    part = [{"corpus": "goemotions-sample", "rows": 8}]
    data = {"train": part, "select": part}
    run_screen(write_config(tmp_path / "c.yaml", data=data, recipes=["sft"]), tmp_path / "run")
    rows = lines_of(tmp_path / "run/data/train.jsonl")
    whole = [row for row in rows if row["answer"]["labels"] and row["answer"]["vad"]]
    (_, taught), *_ = drafters
    assert whole
    assert [list(one.labels) for one in taught] == [row["answer"]["labels"] for row in whole]


def test_a_tuned_model_is_measured_again_and_a_shown_one_is_not(finished_run):
    costs = json.loads((finished_run.folder / "costs.json").read_text(encoding="utf-8"))["decode"]
    assert costs["one.sft"]["margin_forwards"] > 1
    assert costs["one.zero-shot"]["margin_forwards"] == 0


@pytest.fixture
def jobs(monkeypatch):
    """Every job that a screen gives to `decode`, by its row set's first id."""
    made = []
    decode = decoding_steps.decode

    def noted(lm, job, *more):
        made.append(job)
        return decode(lm, job, *more)

    monkeypatch.setattr("emoloom.screening.answers.decode", noted)
    return made


def test_a_screen_in_bfloat16_measures_and_decodes_in_it(tmp_path, jobs):
    decoding = {"max_new_tokens": 12, "dtype": "bfloat16"}
    folder = tmp_path / "run"
    run_screen(write_config(tmp_path / "c.yaml", decoding=decoding), folder)
    assert {job.dtype for job in jobs} == {"bfloat16"}
    for name in ("one.sft", "one.zero-shot"):
        path = folder / f"candidates/{name}/preflight.json"
        checks = json.loads(path.read_text(encoding="utf-8"))["checks"]
        (found,) = [check for check in checks if check["name"] == "bf16 is near fp32"]
        assert 0 < found["value"] <= found["limit"]


def test_ranked_rows_are_audited_and_shown_ones_are_not(tmp_path, jobs):
    run_screen(write_config(tmp_path / "c.yaml"), tmp_path / "run")
    ranked, shown, pairs = jobs
    assert (ranked.audit_share, ranked.audit_rows, ranked.tuned) == (0.01, 8, True)
    assert (shown.audit_share, shown.audit_rows, shown.tuned) == (0.0, 0, False)
    assert (pairs.audit_share, pairs.audit_rows) == (0.01, 0)
    assert ranked.settings.first_rows < ranked.settings.pack_rows == shown.settings.first_rows


@pytest.mark.parametrize("up_to", [0, 300])
def test_training_packs_no_further_than_the_certificate(tmp_path, monkeypatch, up_to):
    found = []
    certificate = replace(CERTIFICATE, packed_up_to=up_to)
    monkeypatch.setattr(training_work, "read_certificate", lambda _: certificate)

    def noted(lm, task, *more):
        found.append(task.packed_up_to)
        raise KeyboardInterrupt

    monkeypatch.setattr(training_work, "train", noted)
    with pytest.raises(KeyboardInterrupt):
        run_screen(write_config(tmp_path / "c.yaml"), tmp_path / "run")
    assert found == [up_to]
