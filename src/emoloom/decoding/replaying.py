"""One row decoded again by the definition, and held against an answer that is kept. Ours."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from emoloom.decoding.canonical import decode_canonical
from emoloom.models.causal_lm import CausalLM, full_forward
from emoloom.models.comparisons import spread as spread_of
from emoloom.models.logits import greedy


@dataclass(frozen=True, slots=True)
class Again:
    """What decoding again showed."""

    output: str
    """The raw text that it gave."""
    same: bool
    """Whether it is the kept one, byte for byte."""
    gap: float = 0.0
    """Top-2 logit gap at the first token that differs, at least 0; 0 where none does."""
    spread: float = 0.0
    """Standard deviation of the logits there; 0 where no token differs."""


def decode_again(
    lm: CausalLM, row_id: str, text: str, kept: str, max_new_tokens: int, *, partial: bool = False
) -> Again:
    """Decode a row canonically and compare with a kept output, partial or whole.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice; the row is named.
    """
    found = decode_canonical(lm, row_id, text, max_new_tokens, partial=partial)
    if found.output == kept:
        return Again(found.output, same=True)
    gap, spread = _at_parting(lm, text, found.ids, kept)
    return Again(found.output, same=False, gap=gap, spread=spread)


@torch.no_grad()
def _at_parting(lm: CausalLM, text: str, ids: Sequence[int], kept: str) -> tuple[float, float]:
    """Gap and spread, from one forward over the prompt and the answer."""
    start = [*lm.prompter.head_ids, *lm.prompter.prompt(text).ids]
    parting = len(ids)  # where the kept text only goes on, or stops before
    for count in range(1, len(ids) + 1):
        if not kept.startswith(lm.prompter.decode(ids[:count])):
            parting = count - 1
            break
    whole = [*start, *ids]
    logits = full_forward(lm, whole, [min(len(start) - 1 + parting, len(whole) - 1)])
    _, gaps = greedy(logits)
    return gaps[0], spread_of(logits)
