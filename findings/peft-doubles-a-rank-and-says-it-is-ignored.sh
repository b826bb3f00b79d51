#!/usr/bin/env bash
# peft 0.21.2 with transformers 5.23.0: on Mixtral `LoraConfig(r=4)` gives the experts rank 8, and the
# warning beside it says that this rank "did not match any targeted module" and was "ignored".
#
# transformers 5 fuses an expert's gate and up projection into one stacked parameter. peft then writes a
# rank of 2 r for it into the user's own config (`rank_pattern`, `alpha_pattern`), so as to have the
# capacity of the two old matrices. The rank *is* applied: lora_A of the fused weight has 4 experts x 8
# rows. The warning about ignored keys looks at modules alone and does not know parameters. It is
# also what makes `r` no longer the rank of the adapter, so that a count of LoRA parameters from `r` is
# wrong for such a model.
#
# Seen: mixtral: asked 4, rank_pattern {'.*\\.gate_up_proj': 8}, 8 rows an expert, 1 warning "ignored".
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

ASKED, EXPERTS = 4, 4
SIZES = dict(
    vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
    num_attention_heads=4, num_key_value_heads=2, num_experts_per_tok=2, num_local_experts=EXPERTS,
)
lm = AutoModelForCausalLM.from_config(AutoConfig.for_model("mixtral", **SIZES))
config = LoraConfig(r=ASKED, target_modules="all-linear")
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    adapted = get_peft_model(lm, config)
ignored = [str(one.message) for one in said if "rank_pattern" in str(one.message)]
fused = 2 * SIZES["intermediate_size"]
pairs = {
    name: tuple(p.shape) for name, p in adapted.named_parameters() if "experts" in name and "lora_" in name
}
wide = [shape for name, shape in pairs.items() if "lora_B" in name and shape[0] == fused]
rank = wide[0][1] // EXPERTS
print(f"mixtral: asked {ASKED}, rank_pattern {config.rank_pattern}, {rank} rows an expert")
print(f"{len(ignored)} warning: {ignored[0][:90] if ignored else ''}")
same = rank == 2 * ASKED and len(ignored) == 1 and "ignored" in ignored[0]
sys.exit(0 if same else "the behaviour has changed")
PY
