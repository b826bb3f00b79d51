"""Answers that follow base rates less, so that rare labels are said (ours, by logit adjustment).

A greedy answer is the commonest label wherever a text is unclear, and macro-F1 pays for each label
alike. So the loss teaches the posterior under levelled base rates q(l) ~ p(l)^(1 - level): in the
loss alone log p(l) - log q(l) is added to the logits (Menon et al. 2020, arXiv 2007.07314, there
with level 1), token by token as `label_tree` says. Level 0 leaves the natural posterior.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emoloom.records import Row
from emoloom.training.label_tree import Priors
from emoloom.training.schedule import Draw, Sampler, StepLog


def natural_priors(rows: Sequence[Row]) -> Priors:
    """First label -> its share of the labelled rows, twice: as drawn, and as it occurs."""
    counts = Counter(row.answer.labels[0] for row in rows if row.answer.labels)
    total = counts.total()
    return {label: (count / total, count / total) for label, count in counts.items()}


def levelled(priors: Priors, level: float) -> Priors:
    """The same draw, with the base rates that answers shall follow.

    Args:
        priors: of a draw.
        level: from 0, base rates as they are, to 1, all labels alike.
    """
    mass = {label: natural ** (1 - level) for label, (_, natural) in priors.items() if natural > 0}
    total = math.fsum(mass.values())
    return {
        label: (drawn, mass[label] / total if label in mass else natural)
        for label, (drawn, natural) in priors.items()
    }


@dataclass(frozen=True, slots=True)
class LevellingSampler:
    """The rows of another sampler, taught under levelled base rates."""

    inner: Sampler
    """Chooses the rows."""
    natural: Priors
    """Of rows that it draws as they occur."""
    level: float
    """In (0, 1]."""

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.inner.steps

    def draw(self, log: Sequence[StepLog]) -> Draw:
        """Rows of the step after those of the log."""
        draw = self.inner.draw(log)
        priors = draw.priors or (self.natural,) * len(draw.indices)
        own = {id(one): one for one in priors}  # one record for each, so that losses share it
        made = {key: levelled(one, self.level) for key, one in own.items()}
        return replace(draw, priors=tuple(made[id(one)] for one in priors))
