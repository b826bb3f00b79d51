"""The near-tie margin of a model as it is decoded: tuned, in its own precision, in real packs.

The certificate measures the base model. Tuning and bfloat16 move the rounding errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from emoloom.models import comparisons
from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import Logits
from emoloom.models.preflight import TIE_FACTOR, compared_rows, probe_rows

BF16_STEP = 2.0**-8
"""Half the distance of two neighbours in bfloat16, as a share of the number rounded."""


@dataclass(frozen=True, slots=True)
class Margin:
    """What was measured."""

    value: float
    """`TIE_FACTOR` times the largest error of a top-8 logit difference; in bfloat16 at least that
    of a rounding step."""
    positions: int
    """Positions compared."""
    forwards: int
    """What that took: a pack, and each compared row alone."""


@dataclass(frozen=True, slots=True)
class PackSizes:
    """The decoder's own."""

    max_new_tokens: int
    """Longest answer."""
    pack_rows: int
    """Rows in a pack, at most."""
    pack_tokens: int
    """Tokens in a pack, at most."""
    packed_up_to: int
    """From the certificate: head and row together, in tokens."""


@torch.no_grad()
def measure_margin(
    lm: CausalLM, texts: Sequence[str], answers: Sequence[str], sizes: PackSizes
) -> Margin:
    """Compare one pack of real size with rows alone: the longest, then others from the pack's end.

    Args:
        lm: the model that is to be decoded.
        texts: ordinary texts; repeated to fill the pack.
        answers: contract lines.
        sizes: of the decoder.

    Raises:
        ModelError: memory does not suffice for two rows.
    """
    room = sizes.packed_up_to - len(lm.prompter.head_ids)
    pack = (sizes.pack_rows, sizes.pack_tokens)
    probed = probe_rows(lm, texts, answers, sizes.max_new_tokens, pack)
    rows = [row[:room] for row in probed]
    singles = {k: comparisons.single_logits(lm, rows[k]) for k in compared_rows(rows)}
    gap = comparisons.packing_gap(lm, rows, singles)
    error = max(gap.top8, _least_error(lm, singles[0]))
    return Margin(min(TIE_FACTOR * error, comparisons.MOST), gap.positions, len(singles) + 1)


def _least_error(lm: CausalLM, single: Logits) -> float:
    """What may be expected of a logit difference where none was seen to move (ours).

    In bfloat16 a number either is rounded as before or moves by a whole step. In a small model
    that happens in a few places of a thousand, and none of them need be among those compared.
    """
    if all(weight.dtype != torch.bfloat16 for weight in lm.model.parameters()):
        return 0.0
    return BF16_STEP * comparisons.spread(single)
