"""A forward pass of the first Qwen's own architecture.

Written from what `modeling_qwen.py` computes, by its own names of tensors, in plain torch; nothing
of the converter or of transformers is in it. Legend: T tokens, H hidden, N heads, D width of a
head.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn import functional

from emoloom.models.causal_lm import CausalLM, full_forward

SEQUENCES = [[7], list(range(40)), [1, 1, 2, 400, 63, 0], list(range(300, 20, -3))]
SETTINGS = {"layer_norm_epsilon": 1e-3, "rotary_emb_base": 500.0}  # not Qwen2's own defaults


def norm(x_TH: torch.Tensor, weight_H: torch.Tensor, epsilon: float) -> torch.Tensor:
    return x_TH / (x_TH.pow(2).mean(-1, keepdim=True) + epsilon).sqrt() * weight_H


def turned(x_TND: torch.Tensor, base: float) -> torch.Tensor:
    """Rotary positions: number i of the first half turns with number i of the second."""
    tokens, _, width = x_TND.shape
    half = width // 2
    speed = torch.tensor([base ** (-2 * number / width) for number in range(half)])
    angle = torch.arange(tokens)[:, None, None] * speed
    first, second = x_TND[..., :half], x_TND[..., half:]
    return torch.cat(
        [first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()], -1
    )


def attention(x_TH, weights, layer: str, config) -> torch.Tensor:
    tokens, heads = len(x_TH), config["num_attention_heads"]
    joint = x_TH @ weights[f"{layer}.attn.c_attn.weight"].T + weights[f"{layer}.attn.c_attn.bias"]
    query, key, value = (
        part.reshape(tokens, heads, config["kv_channels"]) for part in joint.chunk(3, dim=-1)
    )
    query, key = (turned(one, config["rotary_emb_base"]) for one in (query, key))
    scores_NTT = torch.einsum("qnd,knd->nqk", query, key) / config["kv_channels"] ** 0.5
    later = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    shares_NTT = scores_NTT.masked_fill(later, -torch.inf).softmax(-1)
    mixed_TH = torch.einsum("nqk,knd->qnd", shares_NTT, value).reshape(tokens, -1)
    return mixed_TH @ weights[f"{layer}.attn.c_proj.weight"].T


def reference(ids: list[int], weights, config) -> torch.Tensor:
    """Logits of every position."""
    epsilon = config["layer_norm_epsilon"]
    x_TH = weights["transformer.wte.weight"][ids]
    for number in range(config["num_hidden_layers"]):
        layer = f"transformer.h.{number}"
        normed = norm(x_TH, weights[f"{layer}.ln_1.weight"], epsilon)
        x_TH = x_TH + attention(normed, weights, layer, config)
        normed = norm(x_TH, weights[f"{layer}.ln_2.weight"], epsilon)
        plain, gated = (normed @ weights[f"{layer}.mlp.{one}.weight"].T for one in ("w1", "w2"))
        x_TH = x_TH + (plain * functional.silu(gated)) @ weights[f"{layer}.mlp.c_proj.weight"].T
    return norm(x_TH, weights["transformer.ln_f.weight"], epsilon) @ weights["lm_head.weight"].T


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: tensor
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def furthest(lm: CausalLM, original: Path) -> float:
    """The largest difference of a logit from the reference, over all sequences."""
    weights = stored(original)
    config = json.loads((original / "config.json").read_text(encoding="utf-8"))
    differences = []
    for ids in SEQUENCES:
        got = full_forward(lm, ids, range(len(ids))).whole()
        differences.append((got - reference(ids, weights, config)).abs().max())
    return float(max(differences))
