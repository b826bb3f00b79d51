"""A model's copy in bfloat16: half the memory of the weights; head and logits stay in fp32."""

import copy
from dataclasses import replace

import torch

from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import Split


def in_bfloat16(lm: CausalLM) -> CausalLM | None:
    """The model with its body's weights rounded to bfloat16.

    Buffers stay as they are (rounded rotary frequencies would move late positions), and so does
    the output layer. The given model is left alone; no second copy in fp32 is made on the way.

    Returns:
        The copy; None where the output layer cannot be run apart, so that logits would not be fp32.
    """
    if lm.split is None:
        return None
    known: dict[int, object] = {
        id(weight): torch.nn.Parameter(weight.to(torch.bfloat16), requires_grad=False)
        for weight in lm.model.parameters()
    }
    model = copy.deepcopy(lm.model, known)
    return replace(lm, model=model, split=Split(model.base_model, lm.split.layer))
