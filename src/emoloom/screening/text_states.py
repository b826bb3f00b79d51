"""Texts as vectors, read off a causal model that nobody trains: one forward a prompt.

The mean of a text's own tokens over all layers, as they stand in the prompt behind the instruction.
Each state is brought to mean 0 and variance 1 first, as later layers are many times larger (ours).
A mean over all layers tells models apart better than the last layer (Garbaciauskas et al. 2024,
Findings of ACL).

Shape legend: N texts, R prompts of a pack, T tokens of a pack, D size of a state.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from emoloom.models.causal_lm import CausalLM, layer_states, pack_rows
from emoloom.models.logits import ModelError
from emoloom.models.packed_attention import packed_inputs
from emoloom.runs.work import Advance
from emoloom.screening.head_answers import PackLimits, prompt_packs, read_pack


@torch.no_grad()
def text_states(
    lm: CausalLM, texts: Sequence[str], limits: PackLimits, advance: Advance
) -> npt.NDArray[np.float64]:
    """The vector of each text, vectors_ND; layers and tokens are added up as they come.

    Args:
        lm: the model, as it was published.
        texts: N texts, cut as all prompts are.
        limits: of the packs.
        advance: told of each finished text.

    Raises:
        ModelError: a state is NaN or infinite, the model hands out none, or memory does not suffice
            for one prompt.
    """
    prompts = [lm.prompter.prompt(text).ids for text in texts]
    vectors: dict[int, npt.NDArray[np.float64]] = {}
    for pack in prompt_packs(prompts, len(lm.prompter.head_ids), limits):
        pooled_RD = read_pack(lm, [prompts[index] for index in pack], _pooled)
        if not bool(pooled_RD.isfinite().all()):
            raise ModelError(f"{lm.name} gives a text a state that is NaN or infinite")
        vectors |= zip(pack, pooled_RD.double().cpu().numpy(), strict=True)
        advance(len(pack))
    return np.stack([vectors[index] for index in range(len(texts))])


def _pooled(lm: CausalLM, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    """pooled_RD of prompts in one forward, in fp32."""
    head, tail = lm.prompter.head_ids, len(lm.prompter.tail_ids)
    if len(prompts) == 1:
        starts: tuple[int, ...] = (len(head),)
        layers = layer_states(lm, input_ids=torch.tensor([[*head, *prompts[0]]], device=lm.device))
    else:
        pack = pack_rows(lm, prompts)
        starts = pack.starts
        layers = layer_states(lm, **packed_inputs(lm.model, pack))
    # Of a text without a token, the first one behind it.
    spans = [(s, s + max(1, len(ids) - tail)) for s, ids in zip(starts, prompts, strict=True)]
    total_RD = torch.zeros(len(prompts), layers[0].shape[-1], device=layers[0].device)
    for states_1TD in layers:
        for row, (start, stop) in enumerate(spans):
            own_TD = states_1TD[0, start:stop].float()
            even_TD = torch.nn.functional.layer_norm(own_TD, own_TD.shape[-1:])
            total_RD[row] += even_TD.mean(dim=0)
    return total_RD / len(layers)
