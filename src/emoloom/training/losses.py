"""Loss terms: pure functions, returned apart and unweighted.

Shape legend: K trained positions, V vocabulary.
"""

import torch


def answer_cross_entropy(logits_KV: torch.Tensor, targets_K: torch.Tensor) -> torch.Tensor:
    """Sum of the cross-entropies of the trained answer tokens, in nats.

    A sum and not a mean: the caller divides by the trained tokens of the whole optimiser step, so
    that the gradient does not depend on how rows were packed.

    Args:
        logits_KV: fp32 logits that predict the targets.
        targets_K: token ids in [0, V).

    Returns:
        A scalar >= 0; 0 for K = 0.
    """
    return torch.nn.functional.cross_entropy(logits_KV, targets_K, reduction="sum")
