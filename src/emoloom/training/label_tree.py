"""What a draw does to the base rates of labels, undone in the loss.

A draw that changes how often labels occur, and not what texts of a label are like, has the
posterior p_draw(l | x) ~ p(l | x) p_draw(l) / p(l). So log p_draw(l) - log p(l) is added to the
label's logit in the loss alone, which then is least where the model itself has the natural
posterior (logit adjustment; Menon et al. 2020, arXiv 2007.07314).

A label is decided token by token, so the logits are those of the tokens that begin labels, each
with the mass of the labels behind it, wherever labels part (ours). Summed along a label it is the
label's own correction. It is exact where a token has one label, or labels that were drawn in
their natural proportion, behind it, and right on average elsewhere.

Legend of suffixes: C tokens at a place where labels part, L labels.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoloom.contract.prompt import Prompter
from emoloom.training.label_chart import answer_with, common_length, distinct_ids

Priors = Mapping[str, tuple[float, float]]
"""First label -> the chance with which it was drawn, and its natural share, in the row's pool."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A place where labels part."""

    token_ids_C: NDArray[np.int64]
    """Tokens with which at least one label goes on, ascending."""
    labels_C: tuple[tuple[str, ...], ...]
    """Labels behind each."""
    ending: int | None
    """Which token, if it is one alone, ends a label; any other that may stand here ends it too, as
    `","` does where this one is `"],"`."""

    def shifts(self, priors: Priors) -> dict[int, float]:
        """Token -> what the loss adds to its logit; minus infinity where nothing was drawn.

        0 at a token whose labels have no rows at all. Less that of the label that ends here, so
        that all tokens that end it have the same, 0; where none does, less that of all together.
        """
        found = [_log_ratio(labels, priors) for labels in self.labels_C]
        every = [label for labels in self.labels_C for label in labels]
        base = _log_ratio(every, priors) if self.ending is None else found[self.ending]
        less = base if math.isfinite(base) else 0.0
        return {
            token: shift - less
            for token, shift in zip(self.token_ids_C.tolist(), found, strict=True)
        }


@dataclass(frozen=True, slots=True)
class LabelTree:
    """For one tokenizer and label space: every place of an answer where labels part."""

    before: tuple[int, ...]
    """Ids that every answer begins with, whatever its labels."""
    branches: Mapping[tuple[int, ...], Branch]
    """Ids behind them -> what may follow."""

    def along(self, answer: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
        """(index, key of its branch) of the tokens of an answer that decide its first label."""
        place = len(self.before)
        if tuple(answer[:place]) != self.before:
            return
        written: tuple[int, ...] = ()
        while written in self.branches and place + len(written) < len(answer):
            if len(self.branches[written].token_ids_C) > 1:
                yield place + len(written), written
            written = (*written, answer[place + len(written)])


def _log_ratio(labels: Sequence[str], priors: Priors) -> float:
    """Of the chance with which labels were drawn to their natural share, together."""
    known = [priors[label] for label in labels if label in priors]
    drawn, natural = (math.fsum(pair[which] for pair in known) for which in (0, 1))
    if natural == 0:
        return 0.0
    return math.log(drawn / natural) if drawn > 0 else -math.inf


def label_tree(prompter: Prompter) -> LabelTree:
    """The tree of the labels in force.

    Raises:
        UserError: the tokenizer writes two labels with the same tokens.
    """
    names, ids = prompter.space.labels, distinct_ids(prompter)
    labels = [_label(prompter, name, own) for name, own in zip(names, ids, strict=True)]
    place = common_length(ids)
    branches: dict[tuple[int, ...], Branch] = {}
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        written = waiting.pop()
        stop = place + len(written)
        here = [one for one in labels if one.ids[place:stop] == written]
        if len(here) > 1:
            branches[written] = branch = _branch(here, stop)
            waiting += [(*written, token) for token in branch.token_ids_C.tolist()]
    return LabelTree(labels[0].ids[:place], branches)


@dataclass(frozen=True, slots=True)
class _Label:
    name: str
    ids: tuple[int, ...]
    """Of an answer with this label alone."""
    closed_at: int
    """Index of the token that holds the quote behind the label."""


def _label(prompter: Prompter, name: str, ids: tuple[int, ...]) -> _Label:
    text = answer_with(name)
    quote = text.index(f'["{name}"') + len(name) + 2
    spans = prompter.answer(text).spans
    closed = [at for at, (start, stop) in enumerate(spans) if start <= quote < stop]
    return _Label(name, ids, closed[0])


def _branch(here: Sequence[_Label], at: int) -> Branch:
    """What may stand at one index, of labels that are written alike before it."""
    groups: dict[int, list[_Label]] = {}
    for one in here:
        groups.setdefault(one.ids[at], []).append(one)
    tokens = sorted(groups)
    ending = [k for k, t in enumerate(tokens) if any(one.closed_at == at for one in groups[t])]
    return Branch(
        np.array(tokens, dtype=np.int64),
        tuple(tuple(one.name for one in groups[token]) for token in tokens),
        ending[0] if len(ending) == 1 else None,
    )
