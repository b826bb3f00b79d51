"""The margin of the model that is decoded, and decoding in bfloat16."""

from dataclasses import replace

import pytest
import torch

from emoloom.decoding.canonical import decode_canonical
from emoloom.decoding.verified import DecodeSettings
from emoloom.models import comparisons
from emoloom.models.causal_lm import CausalLM, full_forward, packed_forward
from emoloom.models.logits import Logits
from emoloom.models.margin import PackSizes, measure_margin
from emoloom.models.precision import in_bfloat16
from emoloom.models.preflight import MIN_POSITIONS, certify
from emoloom.records import Answer, Row
from emoloom.runs.directory import read_complete_lines
from emoloom.screening import answer_pass
from emoloom.screening.decode_job import DecodeJob
from emoloom.screening.decoding_steps import decode
from tiny_lm import EXAMPLE, make_tiny, word_texts

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


def test_a_model_whose_output_layer_cannot_be_run_apart_stays_in_fp32(lm, certificate, tmp_path):
    whole = replace(lm, split=None)
    assert in_bfloat16(whole) is None
    costs, events, outputs = decoded(whole, certificate, tmp_path, dtype="bfloat16")
    assert [name for name, _ in events] == ["dtype_widened"]
    assert costs["dtype_widened"] == 1
    assert outputs == canonical(lm)


def test_the_margin_is_measured_in_a_pack_of_real_size_with_few_forwards(
    lm, certificate, monkeypatch
):
    added, packs = 2.0, []

    def shifted(lm, pack, positions):
        packs.append((len(pack.starts), len(pack.owners_T), len(positions)))
        logits_KV = packed_forward(lm, pack, positions).whole()
        logits_KV[-1, logits_KV[-1].topk(2).indices[1]] += added
        return Logits(logits_KV, None, "shifted")

    monkeypatch.setattr(comparisons, "packed_forward", shifted)
    found = measure_margin(lm, [row.text for row in ROWS], [EXAMPLE], sizes(certificate))
    ((rows, tokens, positions),) = packs
    assert rows == 32 or tokens >= 3200
    assert positions == found.positions >= MIN_POSITIONS
    assert found.forwards < rows
    assert found.value == pytest.approx(8 * added, rel=0.01)


def test_the_larger_margin_is_used_and_both_are_recorded(lm, certificate, tmp_path):
    for base in (0.0, 0.01):
        costs, _, _ = decoded(lm, replace(certificate, tie_margin=base), tmp_path, tuned=True)
        assert 0 < costs["tuned_margin"] < 1e-3
        assert costs["certified_margin"] == base
        assert costs["tie_margin"] == max(base, costs["tuned_margin"])
        assert 2 <= costs["margin_forwards"] <= 12


def test_packed_answers_in_bfloat16_are_canonical_in_bfloat16(
    lm, certificate, tmp_path, monkeypatch
):
    monkeypatch.setattr(answer_pass, "MOST_TIES", 1.0)
    costs, events, outputs = decoded(lm, certificate, tmp_path, dtype="bfloat16")
    half = in_bfloat16(lm)
    assert half is not None
    assert (events, costs["dtype_widened"]) == ([], 0)
    assert costs["tie_margin"] == max(costs["tuned_margin"], certificate.tie_margin)
    assert costs["margin_forwards"] >= 2  # so small a model is exact in bfloat16: margin 0
    assert outputs == canonical(half)
    assert outputs != canonical(lm)
    assert len({*outputs.values()}) > 40


@pytest.mark.parametrize("probed", [1, 16, 10**9])
def test_many_near_ties_in_bfloat16_lead_to_fp32(lm, certificate, tmp_path, monkeypatch, probed):
    monkeypatch.setattr(answer_pass, "PROBED_ROWS", probed)
    forced = replace(certificate, tie_margin=1e9)
    costs, events, outputs = decoded(lm, forced, tmp_path, dtype="bfloat16")
    ((name, details),) = events
    assert name == "dtype_widened"
    assert details["near_ties"] > 0.2 * details["tokens"] > 0
    assert costs["dtype_widened"] == 1
    assert outputs == canonical(lm)
    assert [path.name for path in tmp_path.iterdir()] == ["select.jsonl"]
