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

_LOST = 1 + 3 * 2.0**-10
"""1 in bfloat16, whose next number is 1 + 2^-7."""

_SHARP = 32.0
"""A power of two, so that nothing is rounded by it."""

_OTHERS = (-0.1, -1.6)
"""What the second number is times for all other tokens: logits far below, and far from one another,
so that what parts the two is small beside their spread, and the model may be ranked."""


def write_rounded_llama(folder: Path, *, tied: bool) -> Path:
    """`random:tiny` with weights that make its next token a matter of its precision alone.

    Every token's embedding is (`_LOST`, 1, 0, ...), and no layer adds to it. One token's logit is
    the difference of the first two numbers, much enlarged; the other's is half of that, read from
    the second alone. So the first has twice the other's logit in fp32, and nought in bfloat16,
    where both numbers are 1. None of these products and sums is rounded: their order has no say.

    Args:
        folder: to write; it must not exist.
        tied: whether each of the two has a twin with its very weights: every token is a near-tie.
    """
    write_random_llama(folder, 0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    made = {name: np.zeros_like(w) if w.ndim > 1 else w for name, w in weights.items()}
    made["model.embed_tokens.weight"][:, :2] = (_LOST, 1)
    made["lm_head.weight"][:, 1] = np.linspace(*_OTHERS, len(made["lm_head.weight"]))
    half = _SHARP * (_LOST - 1) / 2
    for names, row in ((IN_FP32 + "b", (_SHARP, -_SHARP)), (IN_BFLOAT16 + "y", (0, half))):
        for name in names if tied else names[0]:
            made["lm_head.weight"][tokenizer.convert_tokens_to_ids(name), :2] = row
    save_file(made, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
