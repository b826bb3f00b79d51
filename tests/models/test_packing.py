"""Packed rows must have the logits of the rows alone, and packs must hold every row once."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from architectures import CONFIGS, OTHER_CONFIGS, VOCABULARY, tiny_model
from emoloom.models.causal_lm import CausalLM, full_forward, packed_forward, ready
from emoloom.models.logits import NonFiniteError, find_split, greedy
from emoloom.models.packed_attention import SHARED_PREFIX
from emoloom.models.packing import fill_packs, make_pack

PREFIX = tuple(range(10, 50))
LENGTHS = (12, 1, 30, 7, 7)
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def architecture(request):
    return request.param


@pytest.fixture(scope="module", params=["mask", "layout"])
def lm(request, architecture):
    """By the mask alone, and by the attention that skips what the mask forbids."""
    prompter = SimpleNamespace(head_ids=PREFIX)
    model = tiny_model(CONFIGS[architecture]())
    if request.param == "mask":
        return CausalLM(model, prompter, architecture)
    made = ready(model, prompter, architecture)
    assert model.config._attn_implementation == SHARED_PREFIX
    assert made.split is not None
    return made


def random_rows(seed: int, lengths=LENGTHS) -> list[tuple[int, ...]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        tuple(torch.randint(3, VOCABULARY, (length,), generator=generator).tolist())
        for length in lengths
    ]


def alone(lm: CausalLM, row: tuple[int, ...], prefix: tuple[int, ...] = PREFIX) -> torch.Tensor:
    """Logits at every position of the row, and at the last of the prefix."""
    first = max(0, len(prefix) - 1)
    return full_forward(lm, [*prefix, *row], range(first, len(prefix) + len(row))).whole()


@torch.no_grad()
def packed(lm: CausalLM, rows, prefix: tuple[int, ...] = PREFIX) -> list[torch.Tensor]:
    """For each row, logits at every one of its positions."""
    pack = make_pack(prefix, rows, device=CPU)
    size = pack.ids_1T.shape[1]
    logits_TV = packed_forward(lm, pack, range(size)).whole()
    return [
        logits_TV[start : start + len(row)] for start, row in zip(pack.starts, rows, strict=True)
    ]


def test_packed_equals_single(lm):
    rows = random_rows(1)
    for row, logits_KV in zip(rows, packed(lm, rows), strict=True):
        single_KV = alone(lm, row)[1:]
        assert single_KV.std() > 0.5  # logits that hardly differ would prove nothing
        torch.testing.assert_close(logits_KV, single_KV, atol=2e-4, rtol=0)


def test_the_prefix_sees_no_row(lm):
    rows = random_rows(2)
    pack = make_pack(PREFIX, rows, device=CPU)
    with torch.no_grad():
        prefix_KV = packed_forward(lm, pack, range(len(PREFIX))).whole()
    alone_KV = full_forward(lm, PREFIX, range(len(PREFIX))).whole()
    torch.testing.assert_close(prefix_KV, alone_KV, atol=2e-4, rtol=0)


@pytest.mark.parametrize("changed", range(len(LENGTHS)))
def test_a_row_is_not_influenced_by_its_neighbours(lm, changed):
    rows, others = random_rows(3), random_rows(4)
    before = packed(lm, rows)
    after = packed(lm, [*rows[:changed], others[changed], *rows[changed + 1 :]])
    for number, (left, right) in enumerate(zip(before, after, strict=True)):
        if number == changed:
            assert (left - right).abs().max() > 0.1
        else:
            torch.testing.assert_close(left, right, atol=2e-4, rtol=0)


def test_the_order_of_rows_does_not_matter(lm):
    rows = random_rows(5)
    forwards, backwards = packed(lm, rows), packed(lm, rows[::-1])[::-1]
    for left, right in zip(forwards, backwards, strict=True):
        torch.testing.assert_close(left, right, atol=2e-4, rtol=0)


def test_one_row_without_a_prefix(lm):
    (row,) = random_rows(6, (20,))
    (logits_KV,) = packed(lm, [row], prefix=())
    torch.testing.assert_close(logits_KV, alone(lm, row, ()), atol=2e-4, rtol=0)


def test_asked_positions_come_in_the_order_asked(lm):
    pack = make_pack(PREFIX, random_rows(7), device=CPU)
    with torch.no_grad():
        every = packed_forward(lm, pack, range(pack.ids_1T.shape[1])).whole()
        some = packed_forward(lm, pack, [50, 3, 60]).whole()
    torch.testing.assert_close(some, every[[50, 3, 60]], atol=1e-5, rtol=0)


def test_packing_beyond_a_sliding_window_is_wrong():
    """Why there is a certificate: transformers drops the window where a mask is given."""
    config = CONFIGS["gemma3"]()
    config.sliding_window = 8
    for make in (CausalLM, ready):
        windowed = make(tiny_model(config), SimpleNamespace(head_ids=PREFIX), "gemma3")
        (row,) = random_rows(8, (10,))
        assert (packed(windowed, [row])[0] - alone(windowed, row)[1:]).abs().max() > 0.1


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_without_a_pack_our_attention_is_sdpa_bit_for_bit(name):
    plain = CausalLM(tiny_model(CONFIGS[name]()), SimpleNamespace(), name)
    ours = ready(tiny_model(CONFIGS[name]()), SimpleNamespace(), name)
    assert plain.model.config._attn_implementation == "sdpa"
    for row in random_rows(9, (1, 2, 33, 70)):
        places = range(len(row))
        left, right = full_forward(plain, row, places), full_forward(ours, row, places)
        assert torch.equal(left.whole(), right.whole())


@pytest.mark.parametrize("name", ["bloom", "mamba", "falcon-alibi"])
def test_a_model_that_takes_no_layout_keeps_its_attention(name):
    model = tiny_model(OTHER_CONFIGS[name]())
    before = model.config._attn_implementation
    ready(model, SimpleNamespace(), name)
    assert model.config._attn_implementation == before


class Shifted(torch.nn.Module):
    """A model whose logits are changed behind its output layer, as a soft cap would."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def __call__(self, **inputs):
        output = self.model(**inputs)
        output.logits = 30 * torch.tanh(output.logits / 30)
        return output

    def __getattr__(self, name):
        return super().__getattr__(name) if name == "model" else getattr(self.model, name)


def test_a_model_that_caps_its_logits_is_run_whole():
    model = tiny_model(CONFIGS["llama"]())
    assert find_split(model) is not None
    assert find_split(Shifted(model)) is None


def test_a_large_vocabulary_is_spelled_out_piece_by_piece(monkeypatch):
    made = ready(tiny_model(CONFIGS["llama"]()), SimpleNamespace(head_ids=PREFIX), "llama")
    (row,) = random_rows(10, (50,))
    at_once = full_forward(made, row, range(50))
    assert at_once.at_once >= 50
    whole_KV, decided = at_once.whole(), greedy(at_once)
    monkeypatch.setattr("emoloom.models.logits.CHUNK_ELEMENTS", 7 * VOCABULARY + 1)
    assert [len(piece) for piece in at_once.pieces()] == [7] * 7 + [1]
    torch.testing.assert_close(at_once.whole(), whole_KV, atol=1e-5, rtol=0)
    assert greedy(at_once)[0] == decided[0]
    at_once.states[20, 3] = float("nan")
    with pytest.raises(NonFiniteError) as fault:
        greedy(at_once)
    assert fault.value.position == 20


def test_the_pack_itself():
    pack = make_pack((7, 8), [(1, 2, 3), (4,)], device=CPU)
    assert pack.ids_1T.tolist() == [[7, 8, 1, 2, 3, 4]]
    assert pack.positions_1T.tolist() == [[0, 1, 2, 3, 4, 2]]
    assert pack.starts == (2, 5)
    mask_11TT = pack.mask()
    seen = (mask_11TT[0, 0] == 0).int().tolist()
    assert seen == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 0, 0, 0, 1],
    ]
    hidden = mask_11TT[mask_11TT != 0]
    assert (hidden == torch.finfo(torch.float32).min).all()


@pytest.mark.parametrize("rows", [[], [()], [(1,), ()]])
def test_empty_packs_and_rows_are_our_own_mistakes(rows):
    with pytest.raises(AssertionError):
        make_pack((1,), rows, device=CPU)


@given(
    lengths=st.lists(st.integers(0, 90), max_size=30),
    prefix=st.integers(0, 60),
    limit=st.integers(1, 120),
)
def test_packs_hold_every_row_once_in_order_within_the_limit(lengths, prefix, limit):
    packs = list(fill_packs(lengths, prefix, limit))
    assert [index for pack in packs for index in pack] == list(range(len(lengths)))
    assert all(packs)
    used = [prefix + sum(lengths[index] for index in pack) for pack in packs]
    for tokens, pack in zip(used, packs, strict=True):
        assert tokens <= limit or len(pack) == 1
    for tokens, (_, following) in zip(used, pairwise(packs), strict=False):
        assert tokens + lengths[following[0]] > limit  # no pack is closed before it is full


def test_a_pack_may_be_full_to_the_last_token():
    assert list(fill_packs([10, 10, 10], 5, 25)) == [(0, 1), (2,)]
    assert list(fill_packs([10, 90, 10], 5, 25)) == [(0,), (1,), (2,)]
