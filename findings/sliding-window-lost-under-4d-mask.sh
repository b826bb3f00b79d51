#!/usr/bin/env bash
# transformers 5.23.0: a 4-D attention mask takes the place of the model's sliding window.
#
# A Mistral with `sliding_window=8` reads 24 tokens. Called plainly, or with a 2-D mask of ones, each
# token sees the last 8. Called with a 4-D causal mask (the documented way to pack several rows into
# one sequence) each token sees all tokens before it: the window is gone, without a warning, and the
# logits are those of the same weights with `sliding_window=None`. The first 8 positions agree, so a
# check on short rows does not notice. Packing, prefix sharing and prompt batching by 4-D masks are
# therefore wrong for such a model once a row is longer than its window.
#
# Seen: "plain = 2-D: 0.0", "4-D against plain, inside the window: 0.0", "beyond it: 0.108",
#       "4-D against no window: 0.0", warnings: none.
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
from transformers import MistralConfig, MistralForCausalLM

SIZES = dict(
    vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
)
ROWS, WINDOW = 24, 8


def model(window):
    torch.manual_seed(0)
    config = MistralConfig(**SIZES, sliding_window=window, attn_implementation="sdpa")
    return MistralForCausalLM(config).eval()


windowed, whole = model(WINDOW), model(None)
whole.load_state_dict(windowed.state_dict())
ids = torch.randint(0, 97, (1, ROWS), generator=torch.Generator().manual_seed(1))
causal = torch.tril(torch.ones(ROWS, ROWS, dtype=torch.bool))[None, None]


def gap(one, other):
    return float((one - other).abs().max())


with torch.no_grad(), warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    plain = windowed(ids, use_cache=False).logits
    flat = windowed(ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    packed = windowed(ids, attention_mask=causal, use_cache=False).logits
    without = whole(ids, use_cache=False).logits
inside = gap(plain[:, :WINDOW], packed[:, :WINDOW])
beyond = gap(plain[:, WINDOW:], packed[:, WINDOW:])
print(f"plain = 2-D: {gap(plain, flat):.3g}")
print(f"4-D against plain, inside the window: {inside:.3g}; beyond it: {beyond:.3g}")
print(f"4-D against no window: {gap(packed, without):.3g}; warnings: {len(said)}")
same = gap(plain, flat) < 1e-5 and inside < 1e-5 and gap(packed, without) < 1e-5 and not said
sys.exit(0 if same and beyond > 1e-3 else "the behaviour has changed")
PY
