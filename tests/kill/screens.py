"""The screens that are killed: changes to the small screen of `tiny_screen`."""

from typing import Any

from tiny_screen import IN_BFLOAT16

SCREENS: dict[str, dict[str, Any]] = {
    "plain": {},
    "checkpoints": {
        "seed": 4,
        "training": {"batch_rows": 2, "learning_rate": 3e-3, "max_text_tokens": 24}
        | {"lora_rank": 4, "checkpoint_steps": 1},
        "recipes": ["sft"],
    },
    "full recipe": {"seed": 5, "recipes": ["full-recipe"]},
    "rungs and trials": {
        "seed": 6,
        "models": [{"source": f"random:tiny@{n}", "name": f"m{n}"} for n in (1, 2, 3, 4)],
        "recipes": ["sft"],
        "halving": {"rungs": 2, "keep": 0.25, "cap": 0.25, "rows": 4},
        "trials": {"learning_rates": [1e-3, 3e-3], "share": 0.9, "rows": 4},
    },
    "seeds": {"seeds": [7, 8], "recipes": ["sft"]},
    "bfloat16": {
        "seed": 9,
        "training": {"batch_rows": 4, "learning_rate": 3e-2, "max_text_tokens": 24}
        | {"lora_rank": 4, "epochs": 4},
        "recipes": ["sft"],
        "polarity": {"pairs": 1},
    }
    | IN_BFLOAT16,
}
"""Changes to the small screen of `tiny_screen`: the kills go round them."""

WORKER = "worker"
SCREENS_OF_A_WORKER: dict[str, dict[str, Any]] = {WORKER: {"workers": 1, "recipes": ["sft"]}}
"""The models in a process of their own, as a screen has it by default: seconds more each time."""
