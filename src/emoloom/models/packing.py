"""Shared-prefix packing: many rows in one sequence, each seeing the prefix and itself.

`[prefix][row 1][row 2]...` with a block-causal mask and per-row positions gives each row the
logits and gradients of a sequence of its own (Ours; the mask is that of Krell et al. 2021,
arXiv 2107.02027, with one block shared). Exact only as far as the preflight certificate says:
a 4-D mask replaces a model's own sliding window.

Shape legend: T tokens of the pack, P of the prefix, R rows, L tokens of the longest row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class PackLayout:
    """Where the rows of a pack stand, for an attention that skips what the mask forbids."""

    prefix: int
    """P, tokens of the shared prefix."""
    row_tokens_RL: torch.Tensor
    """Index in the pack of each row's tokens; behind a row's end its first one, never used."""
    places_T: torch.Tensor
    """For each token after the prefix: its index in the flattened rows, R x L."""
    visible_LK: torch.Tensor
    """Additive mask of a row's queries over K = P + L keys: the prefix, and the row's own past."""


@dataclass(frozen=True, slots=True)
class Pack:
    """One packed sequence."""

    ids_1T: torch.Tensor
    """Token ids."""
    positions_1T: torch.Tensor
    """Position of each token in its own row's sequence."""
    owners_T: torch.Tensor
    """Number of the row that each token belongs to, from 1; 0 for the prefix."""
    starts: tuple[int, ...]
    """Index in the pack of each row's first token after the prefix."""
    layout: PackLayout
    """The same as the mask says, for `packed_attention`."""

    def mask(self) -> torch.Tensor:
        """Additive attention mask [1, 1, T, T]: 0 where a query (row) may see a key (column)."""
        order_T = torch.arange(len(self.owners_T), device=self.owners_T.device)
        causal_TT = order_T[:, None] >= order_T[None, :]
        owners_T = self.owners_T
        related_TT = (owners_T[None, :] == 0) | (owners_T[:, None] == owners_T[None, :])
        dtype = self.layout.visible_LK.dtype
        mask_TT = torch.zeros_like(causal_TT, dtype=dtype)
        mask_TT.masked_fill_(~(causal_TT & related_TT), torch.finfo(dtype).min)
        return mask_TT[None, None]

    def masked_inputs(self) -> dict[str, Any]:
        """What a model is called with that knows masks alone."""
        return {**self._shared(), "attention_mask": self.mask()}

    def laid_out_inputs(self) -> dict[str, Any]:
        """What a model with `packed_attention` is called with: no mask of T x T is made for it.

        Its own mask must not be made either, so it is given one that forbids nothing.
        """
        nothing_1111 = self.layout.visible_LK.new_zeros(1, 1, 1, 1)
        return {**self._shared(), "attention_mask": nothing_1111, "pack_layout": self.layout}

    def _shared(self) -> dict[str, Any]:
        return {"input_ids": self.ids_1T, "position_ids": self.positions_1T}


def make_pack(
    prefix: Sequence[int],
    rows: Sequence[Sequence[int]],
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Pack:
    """Pack rows behind their shared prefix.

    Args:
        prefix: ids every row begins with; may be empty when there is one row.
        rows: each row's ids after the prefix; none empty.
        device: where the tensors go.
        dtype: of the masks: the model's own.
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
    return Pack(
        ids_1T=torch.tensor([ids], device=device),
        positions_1T=torch.tensor([positions], device=device),
        owners_T=torch.tensor(owners, device=device),
        starts=tuple(starts),
        layout=_layout(len(prefix), [len(row) for row in rows], device, dtype),
    )


def _layout(
    prefix: int, lengths: Sequence[int], device: torch.device, dtype: torch.dtype
) -> PackLayout:
    lengths_R = torch.tensor(lengths, device=device)
    starts_R = prefix + torch.cumsum(lengths_R, 0) - lengths_R
    steps_L = torch.arange(max(lengths), device=device)
    inside_RL = steps_L[None] < lengths_R[:, None]
    keys_K = torch.arange(prefix + max(lengths), device=device)
    visible_LK = torch.zeros(len(steps_L), len(keys_K), device=device, dtype=dtype)
    visible_LK.masked_fill_(keys_K[None] > prefix + steps_L[:, None], torch.finfo(dtype).min)
    return PackLayout(
        prefix=prefix,
        row_tokens_RL=starts_R[:, None] + steps_L[None] * inside_RL,
        places_T=inside_RL.flatten().nonzero()[:, 0],
        visible_LK=visible_LK,
    )


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
