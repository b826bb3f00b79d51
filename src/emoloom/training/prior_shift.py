"""What is added to `lm` where labels were drawn otherwise than they occur; see `label_tree`.

And a margin against what is no label (ours). A greedy answer with a word beside the labels, `happy`
for `joy`, parses nowhere and is wrong on everything. So the loss sees the logit of every token that
begins a label, or goes on with one, lowered by the margin: to reach the same loss they must stand
that much higher above all other tokens, and the odds among labels stay as they are.

Shape legend: k places where labels part, n distinct corrections, C tokens that one corrects, V
vocabulary.
"""

import math

import torch

from emoloom.models.logits import Logits
from emoloom.training import losses
from emoloom.training.label_tree import LabelTree
from emoloom.training.readings import Group, at, in_pieces


def prior_shift(tree: LabelTree, logits: Logits, group: Group, margin: float = 0.0) -> torch.Tensor:
    """Sum over the places of what the correction adds to the cross-entropy, with gradients."""
    return prior_shifts(tree, logits, group, margin)[1].sum()


def prior_shifts(
    tree: LabelTree, logits: Logits, group: Group, margin: float = 0.0
) -> tuple[list[int], torch.Tensor]:
    """What the correction adds at each place, [k], with gradients, and which asked position it is.

    Args:
        tree: of the model.
        logits: at the group's asked positions.
        group: its rows without labels, or whose draw changed nothing, have no places.
        margin: against other tokens, in nats; not where a label may end, as any token with a quote
            in front may stand there.
    """
    device = logits.states.device
    places: list[int] = []
    which: list[int] = []
    golds: list[float] = []
    known: dict[tuple[tuple[int, ...], int], int] = {}
    shifts: list[dict[int, float]] = []
    for row, example in enumerate(group.examples):
        priors, answer = example.priors, example.ids[example.answer_start :]
        if not priors or not example.labelled:
            continue
        for place, key in tree.along(answer):
            branch = tree.branches[key]
            number = known.setdefault((key, id(priors)), len(shifts))
            if number == len(shifts):
                less = margin if branch.ending is None else 0.0
                shifts.append({t: shift - less for t, shift in branch.shifts(priors).items()})
            gold = shifts[number].get(answer[place], None if branch.ending is None else 0.0)
            if gold is not None and math.isfinite(gold):
                places.append(group.index(row, example.answer_start + place))
                which.append(number)
                golds.append(gold)
    if not places:
        return [], torch.zeros(0, device=device)
    ids_nC, shift_nC = _padded(shifts, device)

    def of_piece(logits_kV: torch.Tensor, which_k: torch.Tensor) -> torch.Tensor:
        return losses.shifted_normaliser(logits_kV, ids_nC[which_k], shift_nC[which_k])

    which_k, gold_k = torch.tensor(which, device=device), torch.tensor(golds, device=device)
    return places, in_pieces(at(logits, torch.tensor(places)), which_k, of_piece) - gold_k


def _padded(
    shifts: list[dict[int, float]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and what is added to each, the first again where one has fewer."""
    widest = max(map(len, shifts))
    lines = [[*one.items(), *[next(iter(one.items()))] * (widest - len(one))] for one in shifts]
    ids = torch.tensor([[token for token, _ in line] for line in lines], device=device)
    return ids, torch.tensor([[shift for _, shift in line] for line in lines], device=device)
