"""Shared-prefix packing: many rows in one sequence, each seeing the prefix and itself.

`[prefix][row 1][row 2]...` with a block-causal mask and per-row positions gives each row the
logits and gradients of a sequence of its own (Ours; the mask is that of Krell et al. 2021,
arXiv 2107.02027, with one block shared). Exact only as far as the preflight certificate says:
a 4-D mask replaces a model's own sliding window.

Shape legend: T tokens of the pack, K asked positions, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from emoloom.models.causal_lm import CausalLM


@dataclass(frozen=True, slots=True)
class Pack:
    """One packed sequence."""

    ids_1T: torch.Tensor
    """Token ids."""
    positions_1T: torch.Tensor
    """Position of each token in its own row's sequence."""
    mask_11TT: torch.Tensor
    """Additive attention mask: 0 where a query (row) may see a key (column), else the minimum."""
    starts: tuple[int, ...]
    """Index in the pack of each row's first token after the prefix."""


def make_pack(
    prefix: Sequence[int], rows: Sequence[Sequence[int]], *, device: torch.device
) -> Pack:
    """Pack rows behind their shared prefix.

    Args:
        prefix: ids every row begins with; may be empty when there is one row.
        rows: each row's ids after the prefix; none empty.
        device: where the tensors go.
    """
    assert rows and all(rows), "a pack holds at least one row and no empty row"
    ids = list(prefix)
    positions = list(range(len(prefix)))
    owners = [0] * len(prefix)
    starts = []
    for number, row in enumerate(rows, start=1):
        starts.append(len(ids))
        ids.extend(row)
        positions.extend(range(len(prefix), len(prefix) + len(row)))
        owners.extend([number] * len(row))
    owner_T = torch.tensor(owners, device=device)
    order_T = torch.arange(len(ids), device=device)
    causal_TT = order_T[:, None] >= order_T[None, :]
    related_TT = (owner_T[None, :] == 0) | (owner_T[:, None] == owner_T[None, :])
    mask_TT = torch.zeros(len(ids), len(ids), device=device)
    mask_TT.masked_fill_(~(causal_TT & related_TT), torch.finfo(torch.float32).min)
    return Pack(
        ids_1T=torch.tensor([ids], device=device),
        positions_1T=torch.tensor([positions], device=device),
        mask_11TT=mask_TT[None, None],
        starts=tuple(starts),
    )


def packed_forward(lm: CausalLM, pack: Pack, positions: Sequence[int]) -> torch.Tensor:
    """Logits of a pack at K of its positions, no cache.

    Gradients flow when the caller has them enabled.

    Returns:
        logits_KV in fp32 on the model's device; not checked for NaN.
    """
    keep_K = torch.tensor(list(positions), device=lm.device)
    output = lm.model(
        input_ids=pack.ids_1T,
        position_ids=pack.positions_1T,
        attention_mask=pack.mask_11TT,
        use_cache=False,
        logits_to_keep=keep_K,
    )
    logits_KV: torch.Tensor = output.logits[0].float()
    return logits_KV


def fill_packs(
    lengths: Sequence[int], prefix_length: int, pack_tokens: int
) -> Iterator[tuple[int, ...]]:
    """Cut rows, in order, into packs of at most `pack_tokens` tokens (a longer row goes alone).

    Args:
        lengths: tokens of each row after the prefix.
        prefix_length: tokens of the prefix, counted once a pack.
        pack_tokens: limit of a pack. 600 to 1,200 is best on a CPU: attention over longer packs
            costs more than the shared prefix saves.

    Yields:
        Indices into `lengths`, in order.
    """
    pack: list[int] = []
    used = prefix_length
    for index, length in enumerate(lengths):
        if pack and used + length > pack_tokens:
            yield tuple(pack)
            pack, used = [], prefix_length
        pack.append(index)
        used += length
    if pack:
        yield tuple(pack)
