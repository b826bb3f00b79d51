"""How far other ways of computing the same logits lie from the canonical one.

Canonical is one row alone: no padding, no batch, no cache, fp32 logits. Every function here gives
the largest absolute gap of any logit to it.

Shape legend: T tokens, K positions, k positions of a piece, V vocabulary, B rows of a batch.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from emoloom.models.causal_lm import CausalLM, full_forward, pack_rows, packed_forward
from emoloom.models.logits import Logits, ModelError, join
from emoloom.models.memory import at_least, out_of_memory, release
from emoloom.models.precision import in_bfloat16

MOST = torch.finfo(torch.float64).max
"""Stands for an infinite gap: JSON has no infinity."""

_CACHED_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Gap:
    """How far two computations of the same logits lie apart."""

    largest: float
    """Of any logit."""
    top8: float
    """Of the difference between the largest logit and any of the next seven."""
    positions: int
    """Positions compared."""


def single_logits(lm: CausalLM, row: Sequence[int]) -> Logits:
    """Canonical logits at every token of a row behind the head.

    Raises:
        ModelError: memory does not suffice.
    """
    head = lm.prompter.head_ids
    with at_least(lm.name, f"a row of {len(head) + len(row)} tokens"):
        return full_forward(lm, [*head, *row], range(len(head), len(head) + len(row)))


def spread(logits: Logits) -> float:
    """Standard deviation of the model's logits, over a first piece; NaN and infinite left out."""
    first = next(logits.pieces()).spelled()
    return float(first[first.isfinite()].std())


def packing_gap(lm: CausalLM, rows: Sequence[Sequence[int]], singles: Mapping[int, Logits]) -> Gap:
    """Rows in one shared-prefix pack, at every token of those whose own logits are given.

    Where memory runs out the first half of the rows is packed.

    Args:
        lm: the model.
        rows: ids behind the head; all are packed.
        singles: a row's logits alone by its number, the first row's at least; a row's end may be
            cut off here.

    Raises:
        ModelError: memory does not suffice for two rows.
    """
    while True:
        try:
            return _packing_gap(lm, rows, singles)
        except (RuntimeError, MemoryError) as fault:
            if not out_of_memory(fault):
                raise
        if len(rows) <= 2:
            raise ModelError(f"{lm.name}: memory does not suffice for a pack of two rows")
        release()
        rows = rows[: max(2, len(rows) // 2)]
        singles = {number: own for number, own in singles.items() if number < len(rows)}


def _packing_gap(lm: CausalLM, rows: Sequence[Sequence[int]], singles: Mapping[int, Logits]) -> Gap:
    pack = pack_rows(lm, rows)
    positions = [pack.starts[number] + k for number in singles for k in range(len(rows[number]))]
    single = join([own[: len(rows[number])] for number, own in singles.items()])
    return gap_between(packed_forward(lm, pack, positions), single)


def gap_between(other: Logits, single: Logits) -> Gap:
    """Compare piece by piece, so that no vocabulary is too large."""
    largest = top8 = 0.0
    for ours, theirs in zip(single.pieces(), _like(other, single), strict=True):
        single_kV, other_kV = ours.spelled(), theirs.spelled()
        if not bool(torch.isfinite(other_kV).all() and torch.isfinite(single_kV).all()):
            return Gap(MOST, MOST, len(single))
        top_k8, index_k8 = single_kV.topk(min(8, single_kV.shape[-1]), dim=-1)
        same_k8 = other_kV.gather(-1, index_k8)
        moved_k8 = (same_k8 - same_k8[:, :1]) - (top_k8 - top_k8[:, :1])
        largest = max(largest, float((other_kV - single_kV).abs().max()))
        top8 = max(top8, float(moved_k8.abs().max()))
    return Gap(largest, top8, len(single))


def causality_gap(lm: CausalLM, row: Sequence[int], whole: Logits) -> float:
    """The row cut in its middle: what is left must keep its logits."""
    half = len(row) // 2
    return _largest(single_logits(lm, row[:half]), whole[:half])


def batched_gap(lm: CausalLM, rows: Sequence[Sequence[int]], singles: Sequence[Logits]) -> float:
    """Rows of one length as an ordinary batch, at their last tokens."""
    length = min(map(len, rows))
    ids = [[*lm.prompter.head_ids, *row[:length]] for row in rows]
    last_BV = _last_logits(lm, torch.tensor(ids, device=lm.device))
    return _gap_at_ends(last_BV, [single[length - 1 : length] for single in singles])


def padded_gap(lm: CausalLM, rows: Sequence[Sequence[int]], singles: Sequence[Logits]) -> float:
    """Rows of several lengths as a batch padded on the left, at their last tokens."""
    whole = [[*lm.prompter.head_ids, *row] for row in rows]
    longest = max(map(len, whole))
    pads = [longest - len(ids) for ids in whole]
    padded = [[lm.prompter.end_id] * pad + ids for pad, ids in zip(pads, whole, strict=True)]
    mask = [[0] * pad + [1] * len(ids) for pad, ids in zip(pads, whole, strict=True)]
    mask_BT = torch.tensor(mask, device=lm.device)
    inputs: dict[str, Any] = {"attention_mask": mask_BT}
    if lm.takes("position_ids"):
        inputs["position_ids"] = (mask_BT.cumsum(-1) - 1).clamp(min=0)
    last_BV = _last_logits(lm, torch.tensor(padded, device=lm.device), **inputs)
    return _gap_at_ends(last_BV, [single[len(single) - 1 :] for single in singles])


def cached_gap(lm: CausalLM, row: Sequence[int], single: Logits) -> float:
    """The row's last tokens one by one behind a cache of what stands before them."""
    tokens = min(_CACHED_TOKENS, len(row) - 1)
    before, rest = row[: len(row) - tokens], row[len(row) - tokens :]
    ids_1T = torch.tensor([[*lm.prompter.head_ids, *before]], device=lm.device)
    output = lm.model(input_ids=ids_1T, use_cache=True)
    found = []
    for token in rest:
        cache = "past_key_values" if output.get("past_key_values") is not None else "cache_params"
        ids_11 = torch.tensor([[token]], device=lm.device)
        output = lm.model(input_ids=ids_11, use_cache=True, **{cache: output[cache]})
        found.append(output.logits[0, -1:].float())
    cached = Logits(torch.cat(found), None, lm.name)
    return _largest(cached, single[len(single) - tokens :])


def bf16_gap(lm: CausalLM, row: Sequence[int], single: Logits) -> float:
    """The model in bfloat16 as it would be decoded; as a whole where it would not be."""
    half = in_bfloat16(lm)
    if half is None:
        body = copy.deepcopy(lm.model).to(torch.bfloat16)
        half = CausalLM(body, lm.prompter, lm.name)
    return _largest(single_logits(half, row), single)


def _largest(other: Logits, single: Logits) -> float:
    pieces = zip(_like(other, single), single.pieces(), strict=True)
    return max(_distance(theirs.spelled(), ours.spelled()) for theirs, ours in pieces)


def _distance(other_kV: torch.Tensor, single_kV: torch.Tensor) -> float:
    """Tokens forbidden both times (minus infinity) do not differ; a NaN is never near."""
    difference_kV = (other_kV.double() - single_kV.double()).abs()
    difference_kV.masked_fill_(other_kV == single_kV, 0.0)
    return float(torch.nan_to_num(difference_kV, nan=MOST, posinf=MOST).max())


def _like(other: Logits, single: Logits) -> list[Logits]:
    """Pieces of the one where the pieces of the other end."""
    step = single.at_once
    return [other[start : start + step] for start in range(0, len(other), step)]


def _last_logits(lm: CausalLM, ids_BT: torch.Tensor, **inputs: Any) -> torch.Tensor:
    output = lm.model(input_ids=ids_BT, use_cache=False, logits_to_keep=1, **inputs)
    last_BV: torch.Tensor = output.logits[:, -1].float()
    return last_BV


def _gap_at_ends(last_BV: torch.Tensor, ends: Sequence[Logits]) -> float:
    single_BV = torch.cat([end.spelled() for end in ends])
    return _distance(last_BV, single_BV)
