"""A/B mixture with a temperature that follows what is learnt (ours, after arXiv 2601.01112).

Two pools, their labelled rows in strata by the first label. Until the model tells the labels of
rows held out better than base rates do, labelled rows are drawn flat over strata and equally from
both pools, so that rare labels are covered; as it learns, the draw cools to the natural shares.
Rows without labels are drawn at their natural share throughout. What a draw does to the labels'
base rates is told with it, and undone in the loss (`label_tree`).

Legend: n rows of a stratum, excess the held-out label loss less that of base rates, in nats.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from emoloom.draws import generator
from emoloom.training.label_tree import Priors
from emoloom.training.pools import UNLABELLED, Pools
from emoloom.training.schedule import Draw, StepLog


@dataclass(frozen=True, slots=True)
class MixtureSettings:
    """How the draw heats and cools."""

    tau0: float = 5.0
    """Temperature before anything is learnt, at least 1: p(stratum) ~ n^(1 / tau)."""
    excess_low: float = -0.5
    """At this excess, or below, the draw is natural."""
    excess_high: float = 0.0
    """At this excess, or above, the draw is the flattest."""
    memory: float = 0.5
    """Weight of the past in the running mean of the excess, in [0, 1)."""
    most_draws: int = 4
    """Times that a row may be drawn in an epoch; more only where too few rows would be left."""
    held_out: int = 32
    """Labelled rows that are held out, about."""
    measure_steps: int = 10
    """Steps from one measurement of the excess to the next."""


@dataclass(slots=True)
class _Stratum:
    """Rows in an order of chance: each comes once before any comes again."""

    rows: list[int]
    place: int = 0
    rounds: int = 0

    def draw(self, chance: float) -> int:
        """The next row; `chance` is uniform in [0, 1)."""
        other = self.place + int(chance * (len(self.rows) - self.place))
        row = self.rows[other]
        self.rows[other], self.rows[self.place] = self.rows[self.place], row
        self.place += 1
        if self.place == len(self.rows):
            self.place, self.rounds = 0, self.rounds + 1
        return row


class _Pool:
    """Strata of a pool that may still be drawn from in this epoch."""

    def __init__(self, prefix: str, strata: Mapping[str, Sequence[int]], most: int) -> None:
        self.names = [f"{prefix}:{name}" for name in strata]
        self.labels = list(strata)
        self.size = sum(map(len, strata.values()))
        self._ends: list[float] = []
        self.priors: Priors = {}
        self._strata = [_Stratum(list(rows)) for rows in strata.values()]
        self._open = [k for k, stratum in enumerate(self._strata) if stratum.rows]
        self._most, self._tau = most, 0.0

    @property
    def open(self) -> bool:
        """Whether a row is left that may be drawn."""
        return bool(self._open)

    def heat(self, tau: float) -> None:
        """Draw at a temperature from now on."""
        if tau != self._tau:
            self._tau = tau
            self._weigh()

    def draw(self, stratum: float, row: float) -> tuple[int, str]:
        """A row and the name of its stratum; both chances are uniform in [0, 1)."""
        k = self._open[bisect_right(self._ends, stratum * self._ends[-1], hi=len(self._open) - 1)]
        found = self._strata[k].draw(row)
        if self._strata[k].rounds == self._most:
            self._open.remove(k)
            self._weigh()
        return found, self.names[k]

    def _weigh(self) -> None:
        weights = [len(self._strata[k].rows) ** (1 / self._tau) for k in self._open]
        self._ends = list(accumulate(weights))
        drawn = dict(zip(self._open, weights, strict=True))
        total = sum(weights)
        self.priors = {
            label: (
                drawn.get(k, 0.0) / total if total else 0.0,
                len(stratum.rows) / max(1, self.size),
            )
            for k, (label, stratum) in enumerate(zip(self.labels, self._strata, strict=True))
        }


@dataclass(slots=True)
class _State:
    """How far the draws of an epoch are: a function of the seed and the log, kept between steps."""

    log: Sequence[StepLog]
    """Whose draws these are."""
    at: int
    """Steps drawn."""
    mean: float
    """Running mean of the excess over the steps before the last drawn."""
    labelled: list[_Pool]
    bare: list[_Pool]
    rows: int
    """Rows that an epoch draws."""
    left: int
    """Rows that this one still draws."""
    last: Draw
    """The last step drawn; empty before the first."""


@dataclass(slots=True)
class MixtureSampler:
    """Draws the rows of each step; a pure function of seed, step and what the log measured.

    It keeps where an epoch is, so that a step costs its own rows. What it keeps is made anew from
    any other log, as when a training is continued, at the cost of the epoch's draws so far.
    """

    pools: Pools
    """What is drawn from."""
    seed: int
    """Of every draw."""
    epochs: int
    """An epoch draws as many rows as there are, those held out counted."""
    batch_rows: int
    """Rows in one step."""
    settings: MixtureSettings
    """Heating and cooling."""
    _state: _State | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def steps_an_epoch(self) -> int:
        """Optimiser steps of one epoch."""
        return -(-self.pools.rows // self.batch_rows)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.epochs * self.steps_an_epoch

    def heat(self, log: Sequence[StepLog]) -> float:
        """How far from the natural draw, in [0, 1]: 1 before anything is measured."""
        return self._heat(self._mean(self.settings.excess_high, log))

    def draw(self, log: Sequence[StepLog]) -> Draw:
        """Rows of the step after those of the log. A log given again may only have grown."""
        state = self._state
        if state is None or state.log is not log or state.at > len(log) + 1:
            state = self._state = self._begun(log)
        while state.at <= len(log):
            self._step(state)
        return state.last

    def _begun(self, log: Sequence[StepLog]) -> _State:
        """Before the first step of the epoch that the log stands in."""
        first = len(log) - len(log) % self.steps_an_epoch
        mean = self._mean(self.settings.excess_high, log[: max(0, first - 1)])
        return _State(log, first, mean, [], [], self.pools.rows, 0, Draw(()))

    def _step(self, state: _State) -> None:
        """Draw one more step."""
        at, log = state.at, state.log
        if at % self.steps_an_epoch == 0:
            self._open_epoch(state)
        state.mean = self._mean(state.mean, log[at - 1 : at] if at else ())
        heat = self._heat(state.mean)
        tau = 1 + (self.settings.tau0 - 1) * heat
        for pool in (*state.labelled, *state.bare):
            pool.heat(tau)
        sizes = [pool.size for pool in state.labelled]
        share_a = float(sizes[0] > 0)
        if all(sizes):
            share_a = heat * 0.5 + (1 - heat) * sizes[0] / sum(sizes)
        rows = min(self.batch_rows, state.left)
        chances = generator(self.seed, "mixture", at).random((rows, 4)).tolist()
        drawn = [self._one(state, share_a, *four) for four in chances]
        state.left -= rows
        state.at += 1
        state.last = Draw(
            indices=tuple(index for index, _, _ in drawn),
            tau=tau,
            share_a=share_a,
            strata=tuple(stratum for _, stratum, _ in drawn),
            priors=tuple(priors for _, _, priors in drawn),
        )

    def _open_epoch(self, state: _State) -> None:
        pools = self.pools
        drawable = max(1, pools.rows - len(pools.held_out))
        most = max(self.settings.most_draws, -(-pools.rows // drawable))
        both = zip("AB", pools.strata, pools.unlabelled, strict=True)
        pairs = [
            (_Pool(name, strata, most), _Pool(name, {UNLABELLED: bare}, most))
            for name, strata, bare in both
        ]
        state.labelled, state.bare = [one for one, _ in pairs], [one for _, one in pairs]
        state.left = state.rows

    def _one(
        self, state: _State, share_a: float, kind: float, pool: float, stratum: float, row: float
    ) -> tuple[int, str, Priors]:
        """A row that may be drawn once more, its stratum, and what the draw did to base rates."""
        bare = state.bare[0].size + state.bare[1].size
        labelled_open = any(one.open for one in state.labelled)
        bare_open = any(one.open for one in state.bare)
        if bare_open and (kind * state.rows < bare or not labelled_open):
            chosen = _either(state.bare, pool, state.bare[0].size / bare)
            return (*chosen.draw(stratum, row), {})
        chosen = _either(state.labelled, pool, share_a)
        priors = chosen.priors
        return (*chosen.draw(stratum, row), priors)

    def _mean(self, mean: float, log: Iterable[StepLog]) -> float:
        """The running mean after more steps."""
        for step in log:
            if step.excess is not None:
                mean = self.settings.memory * mean + (1 - self.settings.memory) * step.excess
        return mean

    def _heat(self, mean: float) -> float:
        low, high = self.settings.excess_low, self.settings.excess_high
        return min(1.0, max(0.0, (mean - low) / (high - low)))


def _either(pools: Sequence[_Pool], chance: float, share_a: float) -> _Pool:
    """Pool A with its share, unless only the other is open."""
    a, b = pools
    if not (a.open and b.open):
        return a if a.open else b
    return a if chance < share_a else b
