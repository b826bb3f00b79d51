"""The margin of the model that is decoded, and decoding in bfloat16."""

from dataclasses import replace

import pytest
import torch

from emoloom.decoding.canonical import Decoded, decode_canonical
from emoloom.decoding.verified import DecodeSettings
from emoloom.models import comparisons
from emoloom.models.causal_lm import CausalLM, full_forward, load_causal_lm, packed_forward
from emoloom.models.logits import Logits, ModelError
from emoloom.models.margin import PackSizes, measure_margin
from emoloom.models.precision import in_bfloat16
from emoloom.models.preflight import MIN_POSITIONS, certify
from emoloom.records import Answer, Row
from emoloom.runs.directory import read_complete_lines, write_json_atomic
from emoloom.screening import precision as precision_module
from emoloom.screening.decode_job import DecodeJob
from emoloom.screening.decoding_steps import decode
from emoloom.screening.precision import (
    WHOLE,
    choose_precision,
    in_precision,
)
from emoloom.screening.precision_record import Precision, read_precision
from rounded_models import IN_BFLOAT16, IN_FP32, write_rounded_llama
from tiny_lm import EXAMPLE, SPACE, make_tiny, word_texts

LIMIT = 6
ROWS = tuple(
    Row(f"r{k}", text, Answer(None, None, ""), "made-up", "dev", None, f"g{k}")
    for k, text in enumerate(word_texts(64, 7))
)


@pytest.fixture(scope="module")
def lm(tmp_path_factory) -> CausalLM:
    lm = make_tiny(tmp_path_factory.mktemp("precision") / "random")
    for name, weights in lm.model.named_parameters():
        if "proj" in name:
            weights.data.mul_(2)  # at their usual size the text hardly moves the answer
    return lm


@pytest.fixture(scope="module")
def certificate(lm):
    return certify(lm, [row.text for row in ROWS], [EXAMPLE], LIMIT)


def decoded(lm, certificate, folder, **changes):
    job = DecodeJob(ROWS, certificate, False, DecodeSettings(LIMIT), {}, (), "0" * 20)
    events: list[tuple[str, dict]] = []
    told: list[int] = []
    out = folder / "select.jsonl"
    costs = decode(
        lm,
        replace(job, **changes),
        out,
        told.append,
        lambda name, **details: events.append((name, details)),
    )
    assert sum(told) == len(ROWS)
    return costs, events, {line["id"]: line["output"] for line in read_complete_lines(out)}


def canonical(lm) -> dict[str, str]:
    return {row.id: decode_canonical(lm, row.id, row.text, LIMIT).output for row in ROWS}


def sizes(certificate) -> PackSizes:
    return PackSizes(LIMIT, 32, 3200, certificate.packed_up_to)


def test_a_copy_in_bfloat16_leaves_the_model_alone_and_has_its_logits_in_fp32(lm):
    ids = [1, *range(5, 40)]
    before = full_forward(lm, ids, [35]).whole()
    half = in_bfloat16(lm)
    assert half is not None
    assert {weight.dtype for weight in half.model.parameters()} == {torch.bfloat16}
    assert {buffer.dtype for buffer in half.model.buffers()} == {torch.float32}
    assert torch.equal(full_forward(lm, ids, [35]).whole(), before)
    rounded = full_forward(half, ids, [35])
    assert rounded.layer is not None
    assert rounded.layer.weight_VD.dtype == torch.float32
    gap = float((rounded.whole() - before).abs().max() / before.std())
    assert 1e-4 < gap < 0.5


@pytest.fixture
def shift(monkeypatch):
    """Moves one logit of each measured pack by as much as is asked; lists the packs' sizes."""

    def by(added: float) -> list[tuple[int, int, int]]:
        packs = []

        def shifted(lm, pack, positions):
            packs.append((len(pack.starts), len(pack.owners_T), len(positions)))
            logits_KV = packed_forward(lm, pack, positions).whole()
            logits_KV[-1, logits_KV[-1].topk(2).indices[1]] += added
            return Logits(logits_KV, None, "shifted")

        monkeypatch.setattr(comparisons, "packed_forward", shifted)
        return packs

    return by


def test_the_margin_is_measured_in_a_pack_of_real_size_with_few_forwards(lm, certificate, shift):
    added = 2.0
    packs = shift(added)
    found = measure_margin(lm, [row.text for row in ROWS], [EXAMPLE], sizes(certificate))
    ((rows, tokens, positions),) = packs
    assert rows == 32 or tokens >= 3200
    assert positions == found.positions >= MIN_POSITIONS
    assert found.forwards < rows
    assert found.value == pytest.approx(8 * added, rel=0.01)


def test_the_larger_margin_is_used_and_both_are_recorded(lm, certificate, tmp_path, shift):
    shift(1e-3)
    for base in (0.0, 0.1):
        costs, _, _ = decoded(lm, replace(certificate, tie_margin=base), tmp_path, measured=True)
        assert costs["tuned_margin"] == pytest.approx(8e-3, rel=0.1)
        assert costs["certified_margin"] == base
        assert costs["tie_margin"] == max(base, costs["tuned_margin"])
        assert 2 <= costs["margin_forwards"] <= 12


def test_packed_answers_in_bfloat16_are_canonical_in_bfloat16(lm, certificate, tmp_path):
    half = in_precision(lm, "bfloat16")
    costs, events, outputs = decoded(half, certificate, tmp_path, measured=True)
    assert events == []
    assert costs["tie_margin"] == max(costs["tuned_margin"], certificate.tie_margin)
    assert costs["margin_forwards"] >= 2
    assert outputs == canonical(half)
    assert len({*outputs.values()}) > 20


def rounded(folder, *, tied: bool) -> CausalLM:
    """A model whose answers in fp32 and in bfloat16 are known."""
    write_rounded_llama(folder / "rounded", tied=tied)
    return load_causal_lm(folder / "rounded", SPACE, name="rounded", max_text_tokens=48)


def test_packed_answers_in_bfloat16_are_others_than_in_fp32(tmp_path):
    """Where a model's two precisions part for certain: else the test before could not fail."""
    lm = rounded(tmp_path, tied=False)
    own = certify(lm, [row.text for row in ROWS], [EXAMPLE], LIMIT)
    for model, said in ((lm, IN_FP32), (in_precision(lm, "bfloat16"), IN_BFLOAT16)):
        (tmp_path / said).mkdir()
        _, _, outputs = decoded(model, own, tmp_path / said, measured=True)
        assert {*outputs.values()} == {LIMIT * said}


def test_where_nothing_was_seen_to_move_a_rounding_step_of_bfloat16_is_the_margin(tmp_path):
    """A model that packs round as rows alone do: no other row need."""
    lm = rounded(tmp_path, tied=False)
    own = certify(lm, [row.text for row in ROWS], [EXAMPLE], LIMIT)
    asked = [row.text for row in ROWS], [EXAMPLE], sizes(own)
    assert measure_margin(lm, *asked).value < 1e-5
    found = measure_margin(in_precision(lm, "bfloat16"), *asked).value
    logits_KV = full_forward(lm, [1, *range(5, 40)], range(36)).whole()
    assert found == pytest.approx(8 * float(logits_KV.std()) / 256, rel=0.01)


def job_of(certificate, **changes) -> DecodeJob:
    job = DecodeJob(ROWS, certificate, False, DecodeSettings(LIMIT), {}, (), "0" * 20)
    return replace(job, **changes)


@pytest.fixture
def narrow(monkeypatch):
    """The certificate's margin: the random model's logits lie close, its own leaves much tied."""
    monkeypatch.setattr(precision_module, "with_own_margin", lambda _, job: (job, {}))


def test_few_near_ties_leave_bfloat16(certificate, tmp_path):
    told: list[int] = []
    lm = rounded(tmp_path, tied=False)
    precision, costs = choose_precision(lm, job_of(certificate), told.append)
    assert precision == Precision("bfloat16", "")
    assert (costs["near_ties"], costs["probed_rows"], told) == (0, 16, [0] + [1] * 16)
    assert costs["decided"] == 16 * LIMIT
    assert {weight.dtype for weight in lm.model.parameters()} == {torch.float32}


def test_many_near_ties_lead_to_fp32(lm, certificate):
    forced = replace(certificate, tie_margin=1e9)
    precision, costs = choose_precision(lm, job_of(forced), lambda _: None)
    assert precision == Precision("float32", "in bfloat16 over 20% of the tokens are near-ties")
    assert costs["near_ties"] > 0.2 * costs["decided"] > 0


def test_tokens_that_are_tied_are_near_ties_at_any_margin(certificate, tmp_path):
    certain = replace(certificate, tie_margin=0.0)
    precision, costs = choose_precision(
        rounded(tmp_path, tied=True), job_of(certain), lambda _: None
    )
    assert precision.dtype == "float32"
    assert costs["near_ties"] == costs["decided"] == 16 * LIMIT


@pytest.mark.parametrize("share", [0.2, 0.3])
def test_the_share_of_near_ties_is_what_decides(lm, certificate, monkeypatch, share):
    """Rows of which every fourth token is a near-tie."""

    def answers(*_):
        for k in range(16):
            yield Decoded(str(k), "", (1, 2, 3, 4), 1, 1, 1, near_ties=1, truncated=False)

    monkeypatch.setattr(precision_module, "decode_rows", answers)
    monkeypatch.setattr(precision_module, "MOST_TIES", share)
    precision, _ = choose_precision(lm, job_of(certificate), lambda _: None)
    assert precision.dtype == ("bfloat16" if share > 0.25 else "float32")


def test_sizes_and_decoder_of_the_config_decide_nothing(lm, certificate, monkeypatch):
    """Not one number that it is decided by."""
    given = []
    decode_rows = precision_module.decode_rows

    def noted(lm, rows, asked, settings, *more):
        given.append((asked.tie_margin, settings))
        yield from decode_rows(lm, rows, asked, settings, *more)

    monkeypatch.setattr(precision_module, "decode_rows", noted)
    tied = replace(certificate, tie_margin=0.02)
    found = [
        choose_precision(lm, job_of(tied, **changes), lambda _: None)
        for changes in (
            {},
            {"settings": DecodeSettings(LIMIT, 1, 300)},
            {"settings": DecodeSettings(LIMIT, 64, 9000, first_rows=64)},
            {"canonical": True},
            {"audit_share": 1.0, "audit_rows": 8},
        )
    ]
    assert found[0][1]["near_ties"] > 0
    assert all(one == found[0] for one in found)
    assert len(set(given)) == 1


@pytest.mark.usefixtures("narrow")
def test_rows_that_are_never_packed_are_passed_over(lm, certificate):
    longest = max(len(lm.prompter.prompt(row.text).ids) for row in ROWS)
    up_to = len(lm.prompter.head_ids) + longest - 2 + LIMIT
    short = replace(certificate, packed_up_to=up_to)
    precision, costs = choose_precision(lm, job_of(short), lambda _: None)
    assert (precision.dtype, costs["probed_rows"]) == ("bfloat16", 16)
    never = replace(certificate, verdict="canonical only", packed_up_to=0, tie_margin=1e9)
    precision, costs = choose_precision(lm, job_of(never), lambda _: None)
    assert (precision.dtype, costs["probed_rows"], costs["decided"]) == ("bfloat16", 0, 0)


def test_a_model_whose_output_layer_cannot_be_run_apart_stays_in_fp32(lm, certificate):
    whole = replace(lm, split=None)
    assert in_bfloat16(whole) is None
    precision, costs = choose_precision(whole, job_of(certificate), lambda _: None)
    assert (precision, costs) == (Precision("float32", WHOLE), {})
    with pytest.raises(ModelError, match="output layer cannot be run apart"):
        in_precision(whole, "bfloat16")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"dtype": "float16", "reason": ""}', "[" * 9999])
def test_a_damaged_record_of_a_precision_is_none(tmp_path, text):
    path = tmp_path / "precision.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError):  # noqa: PT011
        read_precision(path)
    for precision in (Precision("bfloat16", ""), Precision("float32", "why")):
        write_json_atomic(path, precision.to_dict())
        assert read_precision(path) == precision
