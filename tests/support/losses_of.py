"""The loss of examples by one forward, as a training step would work it out."""

from collections.abc import Sequence

import torch

from emoloom.models.causal_lm import CausalLM
from emoloom.training.examples import Example
from emoloom.training.fit import packed_logits, single_logits
from emoloom.training.readings import make_group
from emoloom.training.terms import Reader, Weights, term_sums

PLAIN = Reader(Weights(), None, None)


def packed_loss(lm: CausalLM, examples: Sequence[Example]) -> torch.Tensor:
    """Summed cross-entropy of examples in one shared-prefix pack."""
    group = make_group(examples)
    return term_sums(PLAIN, packed_logits(lm, group), group)["lm"]


def single_loss(lm: CausalLM, example: Example) -> torch.Tensor:
    """Summed cross-entropy of one example as a plain sequence."""
    group = make_group([example])
    return term_sums(PLAIN, single_logits(lm, group), group)["lm"]
