"""Coverage of the mean over seeds: candidates trained several times, all on the same rows.

A candidate is a pool of simulated trainings; a screen draws a few of them and n rows. The truth is
the mean of the pool on the population. Trainings differ by chance in each label's recall and in how
well they say VAD (`Spread`), and by which rows they get right.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from coverage_table import LEVEL, Ends, Tally
from superpopulation import Ability, Population, Shape, population

from emoloom.metrics.intervals import percentile_interval
from emoloom.metrics.resampling import Bootstrap, resample
from emoloom.metrics.seeds import SeedScores, seed_interval, two_level_draws
from emoloom.ranking.rule import RankingSettings, rank_measure, ranking_rule

KEYS = ("score", "strict.micro_f1", "strict.skill")

POOL = 16
"""Trainings of a candidate; a screen draws from them with replacement."""

ROWS = 1000


@dataclass(frozen=True)
class Spread:
    """How much trainings vary."""

    wobble: float
    """Standard deviation of a label's log odds of being found."""
    all_labels: float
    """The same, shared by all labels of a training."""
    slope: float
    """Standard deviation of the slope of said VAD."""


SEED_SCENES: Mapping[str, Spread] = {
    "little": Spread(0.1, 0.05, 0.01),
    "as much as rows": Spread(0.3, 0.2, 0.05),
    "far more than rows": Spread(0.6, 0.8, 0.10),
}


def _rows_alone(one: SeedScores) -> Ends:
    return one.over_rows.interval(LEVEL)


def _resampled(one: SeedScores) -> Ends:
    return percentile_interval(two_level_draws([one], 0)[0], LEVEL)


SEED_METHODS: Mapping[str, Callable[[SeedScores], Ends]] = {
    "two-level, t": lambda one: seed_interval(one, LEVEL),
    "two-level, percentile": _resampled,
    "rows alone": _rows_alone,
}
"""The product's first; the others beside it."""


def pool(spread: Spread) -> Population:
    """Two candidates, `POOL` trainings each: A's first."""
    generator = np.random.default_rng(11)
    abilities = []
    for family, (recall, slope) in enumerate(((0.5, 0.30), (0.45, 0.26))):
        for _ in range(POOL):
            odds = np.log(recall / (1 - recall)) + spread.all_labels * generator.standard_normal()
            own = slope + spread.slope * generator.standard_normal()
            found = float(1 / (1 + np.exp(-odds)))
            ability = Ability(found, max(0.0, own), 0.42, wobble=spread.wobble, family=family)
            abilities.append(ability)
    return population(abilities, Shape(rows=8000, together=0.5, kin=0.25))


def covered_by_seeds(name: str, seeds: int, reps: int, draws: int) -> dict[str, Any]:
    """Draw trainings and rows again and again; coverage by score and method."""
    people = pool(SEED_SCENES[name])
    tallies: dict[tuple[str, str, str], Tally] = {}
    ratios = []
    for rep in range(reps):
        generator = np.random.default_rng([list(SEED_SCENES).index(name), seeds, rep])
        pair, truths = _screened(people, seeds, generator, draws)
        for key in KEYS:
            (a, b), (true_a, true_b) = pair[key], truths[key]
            for what, one, truth in (("A", a, true_a), ("A-B", a.less(b), true_a - true_b)):
                for method, interval in SEED_METHODS.items():
                    tally = tallies.setdefault((key, what, method), Tally())
                    tally.add(interval(one), truth, one.mean)
        a = pair["score"][0]
        rows = float(np.var(a.draws_SB.mean(axis=0), ddof=1))
        ratios.append(float(np.var(a.values_S, ddof=1)) / seeds / rows)
    return {
        "scene": name,
        "n": ROWS,
        "seeds": seeds,
        "method": next(iter(SEED_METHODS)),
        "variance_between_seeds_over_rows": round(float(np.mean(ratios)), 3),
        "found": [
            {"key": key, "of": what, "method": method} | tally.to_dict()
            for (key, what, method), tally in tallies.items()
        ],
    }


def _screened(
    people: Population, seeds: int, generator: np.random.Generator, draws: int
) -> tuple[dict[str, list[SeedScores]], dict[str, list[float]]]:
    """Both candidates' scores by seed, and the true means of their pools."""
    index = people.draw(ROWS, generator)
    rows = [people.rows[i] for i in index]
    bootstrap = Bootstrap(draws, int(generator.integers(2**31)), LEVEL)
    settings = RankingSettings(bootstrap=bootstrap)
    rule = ranking_rule(rows, people.space, settings, vad_reference=people.reference)
    measure = rank_measure(rule, people.space)
    chosen = [generator.integers(0, POOL, seeds) + POOL * family for family in (0, 1)]
    tables = [people.drawn(int(one), index) for family in chosen for one in family]
    drawn = resample(tables, [row.source for row in rows], bootstrap, measure)
    values = [measure(table.totals()) for table in tables]
    whole = [measure(totals) for totals in people.totals]
    found: dict[str, list[SeedScores]] = {}
    truths: dict[str, list[float]] = {}
    for key in KEYS:
        for family in (0, 1):
            mine = slice(family * seeds, (family + 1) * seeds)
            scores = SeedScores(
                np.array([float(one[key]) for one in values[mine]]),
                np.stack([one[key].draws_B for one in drawn[mine]]),
                np.mean([one[key].influence_N for one in drawn[mine]], axis=0),
            )
            found.setdefault(key, []).append(scores)
            pooled = [float(one[key]) for one in whole[family * POOL : (family + 1) * POOL]]
            truths.setdefault(key, []).append(float(np.mean(pooled)))
    return found, truths
