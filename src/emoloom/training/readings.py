"""What is read of one forward: the asked positions, and log-probabilities at some of them.

Shape legend: K asked positions, k some of them, R rows, L labels, T first tokens of labels, N
tokens asked for, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch.utils.checkpoint import checkpoint

from emoloom.models.logits import Logits
from emoloom.training import losses
from emoloom.training.charts import Charts
from emoloom.training.examples import Example


@dataclass(frozen=True, slots=True)
class Group:
    """Examples of one forward and the positions that are asked of it."""

    examples: tuple[Example, ...]
    """In the order of the forward."""
    asked: tuple[tuple[int, ...], ...]
    """For each example: indices into its `ids`, ascending, of the tokens to be predicted."""

    def index(self, row: int, place: int) -> int:
        """Where the position that predicts a token stands among all asked positions."""
        before = sum(len(asked) for asked in self.asked[:row])
        return before + self.asked[row].index(place)

    @property
    def places(self) -> list[tuple[int, int]]:
        """(row, index into its `ids`) of every asked token, in the order of the positions."""
        return [(row, place) for row, asked in enumerate(self.asked) for place in asked]

    @property
    def targets(self) -> list[int]:
        """Ids of the tokens to be predicted."""
        pairs = zip(self.examples, self.asked, strict=True)
        return [example.ids[place] for example, asked in pairs for place in asked]


def make_group(examples: Sequence[Example]) -> Group:
    """The positions that the terms read: those of `lm`, and what the targets need besides."""
    asked = []
    for example in examples:
        places = set(example.trained_positions)
        targets = example.targets
        if targets is not None:
            places |= {place for place, _ in targets.numbers} | set(targets.cues)
            places.add(example.answer_start)  # predicted at the last prompt position
            if targets.first_label is not None:
                places.add(targets.first_label)
        asked.append(tuple(sorted(places)))
    return Group(tuple(examples), tuple(asked))


def label_distributions(
    charts: Charts, logits: Logits, group: Group, rows: Sequence[int]
) -> torch.Tensor:
    """The model's label distribution [R, L] for some of the group's rows."""
    shares_TL = torch.from_numpy(charts.labels.shares_TL).to(logits.states.device)
    return losses.label_distribution(first_tokens(charts, logits, group, rows), shares_TL)


def first_tokens(charts: Charts, logits: Logits, group: Group, rows: Sequence[int]) -> torch.Tensor:
    """Log-probabilities [R, T] of the labels' first tokens."""
    places = []
    for row in rows:
        targets = group.examples[row].targets
        assert targets is not None and targets.first_label is not None
        places.append(group.index(row, targets.first_label))
    ids_T = torch.from_numpy(charts.labels.token_ids_T).to(logits.states.device)
    return log_probabilities(logits, places, ids_T.expand(len(places), -1))


def log_probabilities(logits: Logits, places: Sequence[int], ids_kN: torch.Tensor) -> torch.Tensor:
    """Log-probabilities [k, N] of given tokens at some of the positions."""

    def of_piece(logits_kV: torch.Tensor, ids_kN: torch.Tensor) -> torch.Tensor:
        return logits_kV.gather(1, ids_kN) - logits_kV.logsumexp(dim=1, keepdim=True)

    return in_pieces(at(logits, torch.tensor(places)), ids_kN, of_piece)


def at(logits: Logits, places_k: torch.Tensor) -> Logits:
    """The logits at some of the positions."""
    return replace(logits, states=logits.states[places_k.to(logits.states.device)], hidden=None)


def in_pieces(
    logits: Logits,
    beside_K: torch.Tensor,
    read: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """`read` of the logits and what stands beside them; joined along the first axis.

    A large vocabulary's logits are never all in memory: pieces are spelled out again going back.
    """
    if len(logits) <= logits.at_once:
        return _line(read(logits.spelled(), beside_K))

    def of_states(states: torch.Tensor, beside_k: torch.Tensor) -> torch.Tensor:
        return _line(read(replace(logits, states=states).spelled(), beside_k))

    pieces = zip(logits.pieces(), torch.split(beside_K, logits.at_once), strict=True)
    read_again = partial(checkpoint, of_states, use_reentrant=False)
    return torch.cat([read_again(piece.states, beside_k) for piece, beside_k in pieces])


def _line(values: torch.Tensor) -> torch.Tensor:
    return values if values.ndim else values[None]
