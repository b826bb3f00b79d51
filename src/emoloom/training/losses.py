"""Loss terms: pure functions, each returned apart and unweighted.

Sums, not means: the caller divides by what the whole optimiser step has of a thing, so that no
gradient depends on how rows were packed. Every function keeps the dtype that it is given.

Shape legend: K positions, C tokens that are shifted, V vocabulary, R rows, L labels, T first tokens
of labels, M written values, J tokens of a value, N tokens that may go on with it, A appraisal
atoms.
"""

import torch
from torch.nn import functional

_TINY = 1e-12
"""Under a square root, so that a distance of 0 has a gradient (of 0)."""


def answer_cross_entropy(logits_KV: torch.Tensor, targets_K: torch.Tensor) -> torch.Tensor:
    """Sum of the cross-entropies of the trained answer tokens, in nats: the term `lm`.

    Args:
        logits_KV: fp32 logits that predict the targets.
        targets_K: token ids in [0, V).

    Returns:
        A scalar >= 0; 0 for K = 0.
    """
    return functional.cross_entropy(logits_KV, targets_K, reduction="sum")


def soft_cross_entropy(logp_KN: torch.Tensor, shares_KN: torch.Tensor) -> torch.Tensor:
    """Sum of the cross-entropies of tokens of which several are right, in nats.

    Args:
        logp_KN: log-probabilities, over the whole vocabulary, of the tokens that are wanted.
        shares_KN: how much each is wanted; rows sum to 1, 0 behind a row's last token.

    Returns:
        A scalar >= 0, at its least the entropy of the shares.
    """
    return -(shares_KN * logp_KN).sum()


def shifted_normaliser(
    logits_KV: torch.Tensor, ids_KC: torch.Tensor, shift_KC: torch.Tensor
) -> torch.Tensor:
    """How much larger the logsumexp of logits is once some tokens' are shifted, [K].

    Less the target's own shift it is what logit adjustment adds to the cross-entropy (Menon et al.
    2020, arXiv 2007.07314).

    Args:
        logits_KV: fp32 logits.
        ids_KC: tokens that are shifted; one that stands twice has the same shift twice.
        shift_KC: what is added to each; minus infinity forbids it.
    """
    shifted_KV = logits_KV + torch.zeros_like(logits_KV).scatter(1, ids_KC, shift_KC)
    return shifted_KV.logsumexp(dim=1) - logits_KV.logsumexp(dim=1)


def label_bce(logits_RL: torch.Tensor, targets_RL: torch.Tensor) -> torch.Tensor:
    """Sum over rows of the mean binary cross-entropy of the labels: the term `labels`.

    Args:
        logits_RL: of the head.
        targets_RL: 1 where the row has the label, else 0.
    """
    each_RL = functional.binary_cross_entropy_with_logits(logits_RL, targets_RL, reduction="none")
    return each_RL.mean(dim=1).sum()


def vad_distance(
    vad_R3: torch.Tensor, targets_R3: torch.Tensor, known_R3: torch.Tensor
) -> torch.Tensor:
    """Sum over rows of the Euclidean distance in VAD space: the term `vad`.

    Args:
        vad_R3: of the head.
        targets_R3: VAD of the rows; any number where it is not known.
        known_R3: 1 where the target is known, else 0: only there does the distance grow, so a row
            of k known dimensions has one in [0, sqrt k].
    """
    return _length((vad_R3 - targets_R3) * known_R3).sum()


def missed_distance(
    logp_MJN: torch.Tensor,
    distances_MJN: torch.Tensor,
    logp_gold_MJ: torch.Tensor,
    farthest_M: torch.Tensor,
) -> torch.Tensor:
    """Expected distance if a value's token is the first that is not the gold one.

    Sum over the tokens that may go on with the value, each with the distance that it leaves; what
    is left of the probability writes no number, which counts as the farthest value, as in the
    strict scores.

    Args:
        logp_MJN: log-probabilities of those tokens, the gold one not among them; minus infinity
            where there are fewer than N.
        distances_MJN: in [0, 1]; 0 where there are fewer.
        logp_gold_MJ: log-probability of the gold token.
        farthest_M: max(t, 1 - t) of each value's target t.

    Returns:
        [M, J], in [0, 1] for each token.
    """
    p_MJN = logp_MJN.exp()
    no_number_MJ = (1 - logp_gold_MJ.exp() - p_MJN.sum(dim=2)).clamp(min=0)
    return (p_MJN * distances_MJN).sum(dim=2) + no_number_MJ * farthest_M[:, None]


def expected_distance(logp_gold_MJ: torch.Tensor, missed_MJ: torch.Tensor) -> torch.Tensor:
    """E|v - t| of each written value under the model's own tokens: `vad_preserving` (a), ours.

    sum over j of (product over i < j of p_i(gold)) x missed_j: a later digit counts as far as the
    earlier ones are right. It is the expectation of the distance, not the distance of the
    expectation, which two wrong digits can cancel.

    Args:
        logp_gold_MJ: log-probability of each gold token; 0 behind a value's last token.
        missed_MJ: of `missed_distance`; 0 behind a value's last token.

    Returns:
        [M], in [0, 1].
    """
    before_MJ = functional.pad(logp_gold_MJ.cumsum(dim=1), (1, -1))
    return (before_MJ.exp() * missed_MJ).sum(dim=1)


def label_distribution(logp_RT: torch.Tensor, shares_TL: torch.Tensor) -> torch.Tensor:
    """The model's label distribution at the first token of the labels, [R, L], rows sum to 1.

    Args:
        logp_RT: log-probabilities, or logits, of the labels' first tokens.
        shares_TL: how each token's mass is divided among the labels that begin with it.
    """
    return functional.softmax(logp_RT, dim=1) @ shares_TL.to(logp_RT.dtype)


def implied_distance(
    weights_RL: torch.Tensor,
    points_L3: torch.Tensor,
    targets_R3: torch.Tensor,
    known_R3: torch.Tensor,
) -> torch.Tensor:
    """Distance of the expected VAD of labels or words: `vad_preserving` (b), [R] in [0, 1], ours.

    Args:
        weights_RL: a distribution over labels or words; rows sum to 1.
        points_L3: VAD of each, in [0, 1].
        targets_R3: VAD of the rows; any number where it is not known.
        known_R3: 1 where the target is known, else 0; of each row k >= 1 dimensions are.

    Returns:
        Euclidean distance over the known dimensions, divided by its largest, sqrt k.
    """
    implied_R3 = weights_RL @ points_L3.to(weights_RL.dtype)
    return _length((implied_R3 - targets_R3) * known_R3) / known_R3.sum(dim=1).sqrt()


def appraisal_bce(
    labels_RL: torch.Tensor, profile_LA: torch.Tensor, atoms_RA: torch.Tensor
) -> torch.Tensor:
    """Sum over rows of the mean BCE of the atoms that the labels imply: the term `appraisal`.

    Args:
        labels_RL: the model's label distribution.
        profile_LA: mean atoms of the rows with each label, in [0, 1].
        atoms_RA: the verifier's probabilities for the text, in [0, 1].
    """
    # A rounding error may leave [0, 1], where the logarithm is.
    implied_RA = (labels_RL @ profile_LA.to(labels_RL.dtype)).clamp(1e-6, 1 - 1e-6)
    each_RA = functional.binary_cross_entropy(implied_RA, atoms_RA, reduction="none")
    return each_RA.mean(dim=1).sum()


def _length(difference_R3: torch.Tensor) -> torch.Tensor:
    return (difference_R3.square().sum(dim=1) + _TINY).sqrt()
