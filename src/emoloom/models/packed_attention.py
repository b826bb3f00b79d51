"""Attention over a shared-prefix pack without the blocks that its mask forbids.

A pack of T tokens has T x T scores, most of them forbidden: a row sees the prefix and itself.
Here the rows are laid side by side as a batch, each against the prefix and its own keys, so the
work grows with the rows and not with their square. Same logits and gradients as the mask gives
(ours; for the prefix part compare Juravsky et al. 2024, arXiv 2402.05099).

Shape legend: T tokens of the pack, P of the prefix, R rows, L tokens of the longest row, H heads,
E size of a head.
"""

from typing import Any

import torch

from emoloom.models.packing import Pack, PackLayout, make_pack

SHARED_PREFIX = "emoloom_shared_prefix"
"""Name of this attention in transformers' registry."""


@torch.no_grad()
def try_shared_prefix_attention(model: Any) -> None:
    """Let a model that runs on `sdpa` use this attention, where it gives what the mask gives.

    Without a layout it is `sdpa` itself, bit for bit. transformers' registries are filled here,
    and not at import. Tried on a pack of two rows; a model that does not take a layout to its
    attention, or says something else with it, keeps `sdpa`. How far packing is exact is for the
    certificate to say.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if getattr(model.config, "_attn_implementation", None) != "sdpa":
        return
    AttentionInterface.register(SHARED_PREFIX, shared_prefix_attention)
    AttentionMaskInterface.register(SHARED_PREFIX, sdpa_mask)
    pack = make_pack([0, 1], [[2, 1], [1]], device=torch.device(model.device), dtype=model.dtype)
    try:
        masked = model(**pack.masked_inputs(), use_cache=False).logits
        model.set_attn_implementation(SHARED_PREFIX)
        laid_out = model(**pack.laid_out_inputs(), use_cache=False).logits
        tolerance = (1e-4 if model.dtype == torch.float32 else 5e-2) * float(masked.std())
        same = torch.allclose(masked, laid_out, rtol=0.0, atol=tolerance)
    except (TypeError, ValueError, RuntimeError, IndexError):
        same = False
    if not same:
        model.set_attn_implementation("sdpa")


def packed_inputs(model: Any, pack: Pack) -> dict[str, Any]:
    """What a model is called with for a pack; with the layout where it uses this attention."""
    config = getattr(model, "config", None)
    if getattr(config, "_attn_implementation", None) == SHARED_PREFIX:
        return pack.laid_out_inputs()
    return pack.masked_inputs()


def shared_prefix_attention(
    module: torch.nn.Module,
    query_1HTE: torch.Tensor,
    key_1HTE: torch.Tensor,
    value_1HTE: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    pack_layout: PackLayout | None = None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """An attention function as transformers calls it; keys and values may have fewer heads.

    Returns:
        The attended values, [1, T, H, E], and no weights.
    """
    from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

    if pack_layout is None:
        attended, _ = sdpa_attention_forward(
            module, query_1HTE, key_1HTE, value_1HTE, attention_mask, scaling=scaling, **options
        )
        return attended, None
    if options.get("softcap") is not None:
        raise ValueError("attention with a soft cap cannot be packed")
    groups = getattr(module, "num_key_value_groups", 1)
    key_1HTE, value_1HTE = repeat_kv(key_1HTE, groups), repeat_kv(value_1HTE, groups)
    return _row_by_row(query_1HTE, key_1HTE, value_1HTE, pack_layout, scaling), None


def _row_by_row(
    query_1HTE: torch.Tensor,
    key_1HTE: torch.Tensor,
    value_1HTE: torch.Tensor,
    layout: PackLayout,
    scaling: float | None,
) -> torch.Tensor:
    """The prefix against itself, each row against the prefix and itself; [1, T, H, E]."""
    prefix, inner = layout.prefix, layout.row_tokens_RL
    parts = []
    if prefix:
        attended = torch.nn.functional.scaled_dot_product_attention(
            query_1HTE[:, :, :prefix],
            key_1HTE[:, :, :prefix],
            value_1HTE[:, :, :prefix],
            is_causal=True,
            scale=scaling,
        )
        parts.append(attended[0].transpose(0, 1))
    attended_RHLE = torch.nn.functional.scaled_dot_product_attention(
        query_1HTE[0][:, inner].transpose(0, 1),
        _with_prefix(key_1HTE, layout),
        _with_prefix(value_1HTE, layout),
        attn_mask=layout.visible_LK[None, None],
        scale=scaling,
    )
    parts.append(attended_RHLE.transpose(1, 2).flatten(0, 1)[layout.places_T])
    return torch.cat(parts)[None]


def _with_prefix(states_1HTE: torch.Tensor, layout: PackLayout) -> torch.Tensor:
    """Each row's own states behind the prefix's, [R, H, P + L, E]."""
    rows_RHLE = states_1HTE[0][:, layout.row_tokens_RL].transpose(0, 1)
    prefix_HPE = states_1HTE[0, :, : layout.prefix]
    shared = prefix_HPE[None].expand(rows_RHLE.shape[0], -1, -1, -1)
    return torch.cat([shared, rows_RHLE], dim=2)
