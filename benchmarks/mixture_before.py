"""The mixture's sampler as it was, for `mixture.py`: each draw looks through its stratum."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emoloom.draws import generator
from emoloom.training.schedule import Draw, StepLog


@dataclass(frozen=True, slots=True)
class MixtureBefore:
    """Pools of strata, rows without labels one of them, at a fixed heat."""

    pools: tuple[Mapping[str, tuple[int, ...]], ...]
    seed: int
    epochs: int
    batch_rows: int
    share_a: float = 0.58
    tau: float = 3.0
    most: int = 4

    @property
    def rows(self) -> int:
        """Rows of both pools."""
        return sum(len(rows) for pool in self.pools for rows in pool.values())

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.epochs * -(-self.rows // self.batch_rows)

    def draw(self, log: Sequence[StepLog]) -> Draw:
        """Rows of the step after those of the log."""
        at = len(log)
        used = Counter(index for step in log for index in step.drawn)
        left = min(self.batch_rows, self.rows - used.total())
        chance = generator(self.seed, "mixture", at)
        drawn = []
        for _ in range(left):
            index, stratum = self._one(chance, used)
            used[index] += 1
            drawn.append((index, stratum))
        return Draw(tuple(index for index, _ in drawn), strata=tuple(name for _, name in drawn))

    def _one(self, chance: np.random.Generator, used: Mapping[int, int]) -> tuple[int, str]:
        open_strata = [
            [name for name, rows in pool.items() if any(used[row] < self.most for row in rows)]
            for pool in self.pools
        ]
        wanted = 0 if chance.random() < self.share_a else 1
        pool = wanted if open_strata[wanted] else 1 - wanted
        names = open_strata[pool]
        sizes = np.array([len(self.pools[pool][name]) for name in names], dtype=np.float64)
        weights = sizes ** (1 / self.tau)
        stratum = names[int(chance.choice(len(names), p=weights / weights.sum()))]
        rows = self.pools[pool][stratum]
        fewest = min(used[row] for row in rows)
        open_rows = [row for row in rows if used[row] == fewest]
        return open_rows[int(chance.integers(len(open_rows)))], f"{'AB'[pool]}:{stratum}"
