#!/usr/bin/env bash
# peft 0.21.2 with transformers 5.23.0: `target_modules="all-linear"` adapts the experts of one
# mixture-of-experts family and leaves out those of the next.
#
# transformers 5 keeps experts as stacked 3-D parameters, which are no Linear layers. For Mixtral,
# Qwen3-MoE and OLMoE peft knows how to wrap them all the same. For GraniteMoE (1B with 400M active
# is a usual small model), gpt-oss and JetMoE it does not: only attention gets adapters, nine tenths of the
# body are never trained, and no warning says so. Two such models "fine-tuned alike" are not.
#
# Seen: experts adapted: mixtral, qwen3_moe, olmoe; not: granitemoe, gpt_oss.
# Ends with 0 while this is so, with 1 once it changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install torch==2.13.0
"$work/venv/bin/pip" --quiet --disable-pip-version-check install transformers==5.23.0 peft==0.21.2
"$work/venv/bin/python" - <<'PY' 2>/dev/null
import sys
import warnings

from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

SIZES = dict(
    vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, num_experts_per_tok=2,
)
FAMILIES = {
    "mixtral": dict(num_local_experts=4),
    "qwen3_moe": dict(num_experts=4, moe_intermediate_size=32, head_dim=8),
    "olmoe": dict(num_experts=4),
    "granitemoe": dict(num_local_experts=4),
    "gpt_oss": dict(num_local_experts=4, head_dim=8),
}


def looked_at(name):
    """(share of the body in 3-D experts, LoRA weights inside experts, warnings that name experts)."""
    lm = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **SIZES, **FAMILIES[name]))
    body = [(n, p) for n, p in lm.named_parameters() if "embed" not in n and "lm_head" not in n]
    experts = sum(p.numel() for _, p in body if p.dim() == 3) / sum(p.numel() for _, p in body)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        adapted = get_peft_model(lm, LoraConfig(r=4, target_modules="all-linear"))
    inside = [n for n, _ in adapted.named_parameters() if "lora_" in n and "expert" in n]
    return experts, len(inside), [str(one.message) for one in said if "xpert" in str(one.message)]


found = {name: looked_at(name) for name in FAMILIES}
for name, (share, inside, said) in found.items():
    print(f"{name}: experts {share:.0%} of the body, {inside} LoRA weights in them, {len(said)} warnings")
left_out = {name for name, (_, inside, said) in found.items() if not inside and not said}
sys.exit(0 if left_out == {"granitemoe", "gpt_oss"} else f"the behaviour has changed: {left_out}")
PY
