"""Models whose answers in fp32 and in bfloat16 are known whatever the processor: weights by hand.

A trained or a random model answers otherwise in bfloat16 only where rounding happens to turn a
near-tie, and on some processors it turns none.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from transformers import AutoTokenizer

from emoloom.sources.tiny import write_random_llama

IN_FP32, IN_BFLOAT16 = "a", "x"
"""The one token that such a model writes again and again."""

_STEP = 2.0**-11
"""A quarter of what is lost where a number above 1 is rounded to bfloat16's 8 bits."""


def write_rounded_llama(folder: Path, *, tied: bool) -> Path:
    """`random:tiny` with weights that make its next token a matter of its precision alone.

    Every token's embedding is (1 + 6 steps, 1, 0, ...), and no layer adds to it. One token's
    logit reads the first number, the other's reads 1 + 3 steps times the second: the first wins
    by 3 steps in fp32, and loses by as much in bfloat16, where both numbers are 1. Each logit is
    one product and noughts, so that the order of a sum has no say.

    Args:
        folder: to write; it must not exist.
        tied: whether each of the two has a twin with its very weights: every token is a near-tie.
    """
    write_random_llama(folder, 0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    made = {name: np.zeros_like(w) if w.ndim > 1 else w for name, w in weights.items()}
    made["model.embed_tokens.weight"][:, :2] = (1 + 6 * _STEP, 1)
    for names, row in ((IN_FP32 + "b", (1, 0)), (IN_BFLOAT16 + "y", (0, 1 + 3 * _STEP))):
        for name in names if tied else names[0]:
            made["lm_head.weight"][tokenizer.convert_tokens_to_ids(name), :2] = row
    save_file(made, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
