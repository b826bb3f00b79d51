"""A/B mixture with an entropy-aware temperature (ours, after the idea of arXiv 2601.01112).

Two pools, strata by a row's rarest label. Early, while the model is unsure of its labels, rows are
drawn flat over strata and equally from both pools, so that rare labels are covered; as its entropy
falls the draw cools to the natural proportions.

Legend: n rows of a stratum, H entropy at the labels' first token, a share in [0, 1].
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emoloom.draws import generator
from emoloom.records import Row
from emoloom.supervision.valence_flip import SUFFIX
from emoloom.training.label_chart import label_counts
from emoloom.training.schedule import Draw, StepLog

UNLABELLED = "(no labels)"
"""Stratum of the rows that nobody labelled."""


@dataclass(frozen=True, slots=True)
class MixtureSettings:
    """How the draw heats and cools."""

    tau0: float = 5.0
    """Temperature while the model is unsure, at least 1: p(stratum) ~ n^(1 / tau)."""
    entropy_low: float = 0.3
    """At this entropy, or below, the draw is natural."""
    entropy_high: float = 0.8
    """At this entropy, or above, the draw is the flattest."""
    memory: float = 0.9
    """Weight of the past in the running mean of the entropy, in [0, 1)."""
    most_draws: int = 4
    """Times that a row may be drawn in an epoch."""


@dataclass(frozen=True, slots=True)
class MixtureSampler:
    """Draws the rows of each step; a pure function of seed, step and the log so far."""

    pools: tuple[Mapping[str, tuple[int, ...]], ...]
    """Of A, then B: row indices of each stratum."""
    seed: int
    """Of every draw."""
    epochs: int
    """An epoch draws as many rows as there are."""
    batch_rows: int
    """Rows in one step."""
    settings: MixtureSettings
    """Heating and cooling."""

    @property
    def rows(self) -> int:
        """Rows of both pools."""
        return sum(len(rows) for pool in self.pools for rows in pool.values())

    @property
    def steps_an_epoch(self) -> int:
        """Optimiser steps of one epoch."""
        return -(-self.rows // self.batch_rows)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.epochs * self.steps_an_epoch

    def heat(self, log: Sequence[StepLog]) -> float:
        """How far from the natural draw, in [0, 1]: 1 before the first step."""
        mean = self.settings.entropy_high
        for step in log:
            if step.entropy is not None:
                mean = self.settings.memory * mean + (1 - self.settings.memory) * step.entropy
        low, high = self.settings.entropy_low, self.settings.entropy_high
        return min(1.0, max(0.0, (mean - low) / (high - low)))

    def draw(self, log: Sequence[StepLog]) -> Draw:
        """Rows of the step after those of the log."""
        at = len(log)
        first = at - at % self.steps_an_epoch
        used = Counter(index for step in log[first:] for index in step.drawn)
        left = min(self.batch_rows, self.rows - used.total())
        heat = self.heat(log)
        tau = 1 + (self.settings.tau0 - 1) * heat
        sizes = [sum(map(len, pool.values())) for pool in self.pools]
        natural = sizes[0] / sum(sizes)
        share_a = heat * 0.5 + (1 - heat) * natural if all(sizes) else float(sizes[0] > 0)
        chance = generator(self.seed, "mixture", at)
        drawn = []
        for _ in range(left):
            index, stratum = self._one(chance, share_a, tau, used)
            used[index] += 1
            drawn.append((index, stratum))
        return Draw(
            indices=tuple(index for index, _ in drawn),
            tau=tau,
            share_a=share_a,
            strata=tuple(stratum for _, stratum in drawn),
        )

    def _one(
        self, chance: np.random.Generator, share_a: float, tau: float, used: Mapping[int, int]
    ) -> tuple[int, str]:
        """A row that may be drawn once more: pool, then stratum, then one of its least drawn."""
        most = self.settings.most_draws
        open_strata = [
            [name for name, rows in pool.items() if any(used[row] < most for row in rows)]
            for pool in self.pools
        ]
        wanted = 0 if chance.random() < share_a else 1
        pool = wanted if open_strata[wanted] else 1 - wanted
        names = open_strata[pool]
        sizes = np.array([len(self.pools[pool][name]) for name in names], dtype=np.float64)
        weights = sizes ** (1 / tau)
        stratum = names[int(chance.choice(len(names), p=weights / weights.sum()))]
        rows = self.pools[pool][stratum]
        fewest = min(used[row] for row in rows)
        open_rows = [row for row in rows if used[row] == fewest]
        return open_rows[int(chance.integers(len(open_rows)))], f"{'AB'[pool]}:{stratum}"


def make_pools(
    rows: Sequence[Row], pool_a: Sequence[str]
) -> tuple[Mapping[str, tuple[int, ...]], ...]:
    """Pools A and B with their strata.

    Args:
        rows: the training rows.
        pool_a: names of the corpora of pool A; a flipped row is in the pool of its original. All
            other corpora are pool B.
    """
    counts = label_counts(rows)
    pools: tuple[dict[str, list[int]], ...] = ({}, {})
    for index, row in enumerate(rows):
        labels = row.answer.labels
        # Ties go to the name, so that the order of a row's labels cannot matter.
        rarest = min(labels, key=lambda name: (counts[name], name)) if labels else UNLABELLED
        pool = pools[0] if row.source.removesuffix(SUFFIX) in pool_a else pools[1]
        pool.setdefault(rarest, []).append(index)
    return tuple({name: tuple(rows) for name, rows in sorted(pool.items())} for pool in pools)
