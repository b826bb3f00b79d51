"""The corrected loss of labels in a world of a few texts, where every chance is known."""

import numpy as np
import torch

from emoloom.training import losses
from emoloom.training.label_tree import Branch, Priors


def distribution(values: list[float]) -> np.ndarray:
    return np.array(values) / np.sum(values)


def corrected_loss(logits_XL: torch.Tensor, joint_XL: torch.Tensor, branch: Branch, priors: Priors):
    """Expected corrected cross-entropy of labels with a token each, drawn by a joint chance."""
    shifts = branch.shifts(priors)
    ids = torch.tensor([list(shifts)] * len(logits_XL))
    shift_XL = torch.tensor([list(shifts.values())] * len(logits_XL), dtype=logits_XL.dtype)
    normaliser_X = losses.shifted_normaliser(logits_XL, ids, shift_XL)
    plain_XL = -logits_XL.log_softmax(dim=1)
    return (joint_XL * (plain_XL + normaliser_X[:, None] - shift_XL)).sum()
