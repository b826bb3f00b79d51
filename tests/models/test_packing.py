"""Packed rows must have the logits of the rows alone, and packs must hold every row once."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from architectures import CONFIGS, VOCABULARY, tiny_model
from emoloom.models.causal_lm import CausalLM, full_forward
from emoloom.models.packing import fill_packs, make_pack, packed_forward

PREFIX = tuple(range(10, 50))
LENGTHS = (12, 1, 30, 7, 7)
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def lm(request):
    prompter = SimpleNamespace(head_ids=PREFIX)
    return CausalLM(tiny_model(CONFIGS[request.param]()), prompter, request.param)


def random_rows(seed: int, lengths=LENGTHS) -> list[tuple[int, ...]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        tuple(torch.randint(3, VOCABULARY, (length,), generator=generator).tolist())
        for length in lengths
    ]


def alone(lm: CausalLM, row: tuple[int, ...], prefix: tuple[int, ...] = PREFIX) -> torch.Tensor:
    """Logits at every position of the row, and at the last of the prefix."""
    first = max(0, len(prefix) - 1)
    return full_forward(lm, [*prefix, *row], range(first, len(prefix) + len(row)))


@torch.no_grad()
def packed(lm: CausalLM, rows, prefix: tuple[int, ...] = PREFIX) -> list[torch.Tensor]:
    """For each row, logits at every one of its positions."""
    pack = make_pack(prefix, rows, device=CPU)
    size = pack.ids_1T.shape[1]
    logits_TV = packed_forward(lm, pack, range(size))
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
        prefix_KV = packed_forward(lm, pack, range(len(PREFIX)))
    torch.testing.assert_close(
        prefix_KV, full_forward(lm, PREFIX, range(len(PREFIX))), atol=2e-4, rtol=0
    )


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
        every = packed_forward(lm, pack, range(pack.ids_1T.shape[1]))
        some = packed_forward(lm, pack, [50, 3, 60])
    torch.testing.assert_close(some, every[[50, 3, 60]], atol=1e-5, rtol=0)


def test_packing_beyond_a_sliding_window_is_wrong():
    """Why there is a certificate: transformers drops the window where a mask is given."""
    config = CONFIGS["gemma3"]()
    config.sliding_window = 8
    windowed = CausalLM(tiny_model(config), SimpleNamespace(head_ids=PREFIX), "gemma3")
    (row,) = random_rows(8, (10,))
    assert (packed(windowed, [row])[0] - alone(windowed, row)[1:]).abs().max() > 0.1


def test_the_pack_itself():
    pack = make_pack((7, 8), [(1, 2, 3), (4,)], device=CPU)
    assert pack.ids_1T.tolist() == [[7, 8, 1, 2, 3, 4]]
    assert pack.positions_1T.tolist() == [[0, 1, 2, 3, 4, 2]]
    assert pack.starts == (2, 5)
    seen = (pack.mask_11TT[0, 0] == 0).int().tolist()
    assert seen == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 0, 0, 0, 1],
    ]
    hidden = pack.mask_11TT[pack.mask_11TT != 0]
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
