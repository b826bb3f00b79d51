"""How far packing is exact, and the near-tie margin that comes of it."""

import pytest
import torch

from architectures import CONFIGS
from certified import candidate, certificate, longest_row, packing_check
from emoloom.models import comparisons
from emoloom.models.causal_lm import full_forward, packed_forward
from emoloom.models.logits import Logits
from emoloom.models.packing import make_pack
from emoloom.models.preflight import MIN_POSITIONS, TIE_FACTOR
from tiny_lm import make_tiny


@pytest.fixture(scope="module")
def prompter(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("preflight") / "model").prompter


def spelled(logits_KV: torch.Tensor) -> Logits:
    return Logits(logits_KV, None, "changed")


def test_infinite_packed_logits_are_not_exact(prompter, monkeypatch):
    def infinite(lm, pack, positions):
        return spelled(packed_forward(lm, pack, positions).whole() * float("inf"))

    monkeypatch.setattr(comparisons, "packed_forward", infinite)
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    assert found.verdict == "canonical only"


def test_an_error_at_one_length_shortens_the_certificate(prompter, monkeypatch):
    """Rows above a length are wrong when packed: the length is halved until none is."""
    head = len(prompter.head_ids)

    def wrong_behind(lm, pack, positions):
        logits_KV = packed_forward(lm, pack, positions).whole()
        where = pack.positions_1T[0, list(positions)]
        logits_KV[where >= head + 30] += 1.0
        return spelled(logits_KV)

    monkeypatch.setattr(comparisons, "packed_forward", wrong_behind)
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    row = longest_row(prompter) - head
    halves = [row // 2**k for k in range(8)]
    assert found.verdict == "packed"
    assert found.packed_up_to == head + max(half for half in halves if half <= 30)
    assert found.positions >= MIN_POSITIONS, "shorter rows: more of them are compared"


def test_the_margin_is_eight_times_the_largest_top_eight_error(prompter, monkeypatch):
    """A known error in one logit difference; measured against logits computed apart."""
    added = 3e-4

    def shifted(lm, pack, positions):
        logits_KV = packed_forward(lm, pack, positions).whole()
        runner_up = logits_KV[11].topk(2).indices[1]
        logits_KV[11, runner_up] += added
        return spelled(logits_KV)

    monkeypatch.setattr(comparisons, "packed_forward", shifted)
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    assert TIE_FACTOR == 8
    assert found.tie_margin == pytest.approx(8 * added, rel=0.2)


def test_a_shift_of_all_logits_is_no_margin(prompter, monkeypatch):
    """Only differences between logits can change an argmax."""

    def shifted(lm, pack, positions):
        return spelled(packed_forward(lm, pack, positions).whole() + 3e-4)

    monkeypatch.setattr(comparisons, "packed_forward", shifted)
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    assert found.tie_margin < 8 * 3e-5
    assert packing_check(found).value > 2e-4


def test_the_longest_certified_row_really_is_exact(prompter):
    """Own rows at exactly the certified length, in one pack."""
    lm = candidate(prompter, CONFIGS["llama"]())
    found = certificate(lm)
    head = prompter.head_ids
    generator = torch.Generator().manual_seed(3)
    size = (2, found.packed_up_to - len(head))
    rows = torch.randint(3, len(prompter.tokenizer), size, generator=generator).tolist()
    pack = make_pack(head, rows, device=torch.device("cpu"))
    with torch.no_grad():
        packed_KV = packed_forward(lm, pack, [s + size[1] - 1 for s in pack.starts]).whole()
    for row, logits_V in zip(rows, packed_KV, strict=True):
        single_KV = full_forward(lm, [*head, *row], [found.packed_up_to - 1]).whole()
        assert (single_KV[0] - logits_V).abs().max() <= packing_check(found).limit
