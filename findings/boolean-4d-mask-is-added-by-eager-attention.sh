#!/usr/bin/env bash
# transformers 5.23.0: eager attention *adds* a boolean 4-D mask to the scores, so it masks nothing.
#
# One Llama, one 4-D causal mask of booleans (True: may be seen). With `attn_implementation="sdpa"`
# the mask does what it says. With "eager" True and False are added to the attention scores as 1 and
# 0: each token sees the whole sequence, the future included. No error and no warning; the first
# token's logits move with the last token's id. The same mask in floats (0 and the least float) is
# right in both. So code that was tested on the default (sdpa) silently loses causality when attention
# weights are asked for or eager is chosen for a model that has no sdpa.
#
# Seen: "sdpa: the last id moves the first token's logits by 0", "eager: ... by 0.0424",
#       "eager, mask in floats: ... by 0", warnings: none.
# Ends with 0 while this is so, with 1 once it changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install torch==2.13.0
"$work/venv/bin/pip" --quiet --disable-pip-version-check install transformers==5.23.0
"$work/venv/bin/python" - <<'PY'
import sys
import warnings

import torch
from transformers import LlamaConfig, LlamaForCausalLM

N = 12
SIZES = dict(
    vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
)


def model(attention):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SIZES, attn_implementation=attention)).eval()


ids = torch.randint(0, 97, (1, N), generator=torch.Generator().manual_seed(1))
other = ids.clone()
other[0, -1] = (ids[0, -1] + 1) % 97
seen = torch.tril(torch.ones(N, N, dtype=torch.bool))[None, None]
floats = torch.zeros(1, 1, N, N).masked_fill(~seen, torch.finfo(torch.float32).min)


def moved(attention, mask):
    """How far the last token's id moves the first token's logits: 0 in a causal model."""
    lm = model(attention)
    with torch.no_grad():
        one, two = (lm(x, attention_mask=mask, use_cache=False).logits[0, 0] for x in (ids, other))
    return float((one - two).abs().max())


with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    sdpa, eager, right = moved("sdpa", seen), moved("eager", seen), moved("eager", floats)
print(f"sdpa: the last id moves the first token's logits by {sdpa:.3g}")
print(f"eager: the last id moves the first token's logits by {eager:.3g}")
print(f"eager, mask in floats: by {right:.3g}; warnings: {len(said)}")
same = sdpa == 0 and right == 0 and eager > 1e-4 and not said
sys.exit(0 if same else "the behaviour has changed")
PY
