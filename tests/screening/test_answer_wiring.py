"""What a screen hands to its decoder: whose hints, which answers, which precision, which limits."""

import json
from dataclasses import replace

import pytest
import torch

from asked_rows import CERTIFICATE
from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.decoding.drafts import contract_drafter
from emoloom.screening import (
    answer_pass,
    answers,
    candidate_run,
    decoding_steps,
    precision,
    training_work,
)
from emoloom.screening.precision_record import read_precision
from emoloom.verification import verify_run
from rounded_models import write_rounded_llama
from tiny_screen import UNMOVED, UNSTEADY, lines_of, run_screen, tree, write_config

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


HALF = {"max_new_tokens": 12, "dtype": "bfloat16"}


@pytest.fixture
def dtypes(monkeypatch):
    """Precisions of the models that a screen gives to `decode`, in order."""
    made = []
    decode = answers.decode

    def noted(lm, job, *more):
        made.append({weight.dtype for weight in lm.model.parameters()})
        return decode(lm, job, *more)

    monkeypatch.setattr(answers, "decode", noted)
    return made


def answers_in(folder):
    """Raw answers of the models, by file."""
    files = sorted(folder.glob("candidates/one.*/rows/*.jsonl"))
    assert len(files) == 3
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_screen_in_bfloat16_measures_and_decodes_in_it(tmp_path, dtypes, monkeypatch):
    monkeypatch.setattr(precision, "MOST_TIES", 1.0)  # random logits lie close
    folder = tmp_path / "run"
    run_screen(write_config(tmp_path / "c.yaml", decoding=HALF), folder)
    assert dtypes == [{torch.bfloat16}] * 3
    for name in ("one.sft", "one.zero-shot"):
        path = folder / f"candidates/{name}/preflight.json"
        checks = json.loads(path.read_text(encoding="utf-8"))["checks"]
        (found,) = [check for check in checks if check["name"] == "bf16 is near fp32"]
        assert 0 < found["value"] <= found["limit"]
        assert read_precision(folder / f"candidates/{name}/precision.json").dtype == "bfloat16"
    costs = json.loads((folder / "costs.json").read_text(encoding="utf-8"))["decode"]
    assert costs["one.zero-shot"]["margin_forwards"] > 1, "the certificate is of fp32"
    assert verify_run(folder).holds
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<bdi>bfloat16</bdi>" in page


def test_a_candidate_has_one_precision_whatever_the_packs_and_the_decoder(
    tmp_path, dtypes, monkeypatch
):
    """Every second would be otherwise if each row set or each pack decided its own."""
    model = write_rounded_llama(tmp_path / "model", tied=True)
    changes = {"models": [{"source": str(model), "name": "one"}], **UNMOVED}
    found = {}
    for most in (1.0, 0.0):
        monkeypatch.setattr(precision, "MOST_TIES", most)
        ways = (
            {},
            {"pack_rows": 1},
            {"pack_rows": 3, "pack_tokens": 400},
            {"decoder": "canonical"},
        )
        for number, way in enumerate(ways):
            folder = tmp_path / f"{most}-{number}"
            run_screen(write_config(tmp_path / "c.yaml", decoding=HALF | way, **changes), folder)
            found.setdefault(most, []).append(answers_in(folder))
            assert len(set(map(str, dtypes))) == 1
        asked = {torch.bfloat16} if most else {torch.float32}
        assert dtypes == [asked] * 12
        dtypes.clear()
    for kept in found.values():
        assert all(one == kept[0] for one in kept)
    plain = tmp_path / "fp32"
    run_screen(write_config(tmp_path / "c.yaml", **changes), plain)
    assert answers_in(plain) == found[0.0][0] != found[1.0][0]
    log = lines_of(tmp_path / "0.0-0/events.jsonl")
    (sft, shown) = [line for line in log if line["event"] == "dtype_widened"]
    assert (sft["candidate"], shown["candidate"]) == ("one.sft", "one.zero-shot")
    assert sft["near_ties"] == sft["decided"] > 0
    page = (tmp_path / "0.0-0/report.html").read_text(encoding="utf-8")
    assert "float32: in bfloat16 over 0% of the tokens are near-ties" in page


def test_a_plan_in_bfloat16_counts_what_is_done(tmp_path):
    folder = tmp_path / "run"
    halving = {"rungs": 2, "rows": 4, "keep": 0.5}
    config = write_config(tmp_path / "c.yaml", decoding=HALF, halving=halving)
    run_screen(config, folder)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["stages"]
    costs = json.loads((folder / "costs.json").read_text(encoding="utf-8"))["stages"]
    done = [(one["stage"], one["candidate"], one["units"]) for one in costs]
    planned = [(one["stage"], one["candidate"], one["units"]) for one in plan]
    assert ("precision-1", "one.sft", 4) in planned
    assert ("precision", "one.sft", 8) in planned
    assert ("precision", "one.zero-shot", 2) in planned
    assert planned == [one for one in done if one in planned]
    assert verify_run(folder).holds


def test_pairs_begin_with_the_margin_that_the_ranked_rows_ended_with(tmp_path, monkeypatch):
    margins, calls = [], []
    decode_rows, audit = answer_pass.decode_rows, decoding_steps.audit

    def noted(lm, rows, certificate, *more):
        margins.append(certificate.tie_margin)
        return decode_rows(lm, rows, certificate, *more)

    def once(lm, texts, *more, **how):
        calls.append(tuple(texts))
        found = audit(lm, texts, *more, **how)
        return replace(found, mismatches=tuple(texts)[:1]) if len(calls) == 1 else found

    monkeypatch.setattr(answer_pass, "decode_rows", noted)
    monkeypatch.setattr(decoding_steps, "audit", once)
    folder = tmp_path / "run"
    run_screen(write_config(tmp_path / "c.yaml"), folder)
    first, again, shown, pairs = margins
    assert (again, pairs) == (8 * first, 8 * first)
    assert shown <= first
    assert [line["event"] for line in lines_of(folder / "events.jsonl")].count(
        "margin_widened"
    ) == 1
    marker = folder / "candidates/one.sft/done/select.json"
    assert json.loads(marker.read_text(encoding="utf-8"))["counts"]["widened"] == 1
    assert verify_run(folder).holds
    before = tree(folder)
    run_screen(write_config(tmp_path / "c.yaml"), folder)
    assert len(margins) == 4, "nothing is done again"
    assert tree(folder, UNSTEADY) == {k: v for k, v in before.items() if k not in UNSTEADY}


def test_ranked_rows_are_audited_and_shown_ones_are_not(tmp_path, jobs):
    run_screen(write_config(tmp_path / "c.yaml"), tmp_path / "run")
    ranked, shown, pairs = jobs
    assert (ranked.audit_share, ranked.audit_rows, ranked.measured) == (0.01, 8, True)
    assert (shown.audit_share, shown.audit_rows, shown.measured) == (0.0, 0, False)
    assert (pairs.audit_share, pairs.audit_rows) == (0.01, 0)
    assert ranked.settings.first_rows < ranked.settings.pack_rows == shown.settings.first_rows


@pytest.mark.parametrize("up_to", [0, 300])
def test_training_packs_no_further_than_the_certificate(tmp_path, monkeypatch, up_to):
    found = []
    certificate = replace(CERTIFICATE, packed_up_to=up_to)
    monkeypatch.setattr(candidate_run, "read_certificate", lambda _: certificate)

    def noted(lm, task, *more):
        found.append(task.packed_up_to)
        raise KeyboardInterrupt

    monkeypatch.setattr(training_work, "train", noted)
    with pytest.raises(KeyboardInterrupt):
        run_screen(write_config(tmp_path / "c.yaml"), tmp_path / "run")
    assert found == [up_to]
