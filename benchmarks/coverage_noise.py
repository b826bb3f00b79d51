"""One model under two names, each trained once: how often a screen tells them apart.

They are drawn from one pool of simulated trainings (`coverage_seeds.py`), so whoever tells them
apart is wrong. The product adds the spread between a few trainings of the first of the two, as
`seeds_for_noise` does; beside it stands what rows alone say.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from coverage_seeds import POOL, ROWS, SEED_SCENES, pool
from coverage_table import head, row
from superpopulation import Population

from emoloom.metrics.resampling import Bootstrap, resample
from emoloom.metrics.seeds import SeedScores, p_of_zero
from emoloom.metrics.training_noise import noisy_variance, training_noise
from emoloom.ranking.rule import RankingSettings, rank_measure, ranking_rule

ALPHA, LEAST = 0.05, 0.95
"""Level of the best set; the share of screens in which the two must be inseparable."""

KEY = "score"


def twins(name: str, trainings: int, reps: int, draws: int) -> dict[str, Any]:
    """Draw two trainings as rivals and `trainings` - 1 more of the first, again and again."""
    people = pool(SEED_SCENES[name])
    kept = {"noise": 0, "rows": 0}
    for rep in range(reps):
        generator = np.random.default_rng([97, list(SEED_SCENES).index(name), trainings, rep])
        for method, p in _compared(people, trainings, generator, draws).items():
            kept[method] += p > ALPHA
    return {
        "scene": name,
        "n": ROWS,
        "trainings": trainings,
        "reps": reps,
        "inseparable": {method: round(count / reps, 4) for method, count in kept.items()},
    }


def _compared(
    people: Population, trainings: int, generator: np.random.Generator, draws: int
) -> dict[str, float]:
    """Two-sided p of "no difference" between the first two, by method."""
    index = people.draw(ROWS, generator)
    rows = [people.rows[i] for i in index]
    bootstrap = Bootstrap(draws, int(generator.integers(2**31)))
    settings = RankingSettings(bootstrap=bootstrap)
    rule = ranking_rule(rows, people.space, settings, vad_reference=people.reference)
    measure = rank_measure(rule, people.space)
    # The rival, then the first and its further trainings, all of the first family's pool.
    chosen = generator.choice(POOL, trainings + 1, replace=False)
    tables = [people.drawn(int(one), index) for one in chosen]
    drawn = resample(tables, [one.source for one in rows], bootstrap, measure)
    values = [float(measure(table.totals())[KEY]) for table in tables]
    scores = SeedScores(
        np.array(values[1:]),
        np.stack([one[KEY].draws_B for one in drawn[1:]]),
        np.mean([one[KEY].influence_N for one in drawn[1:]], axis=0),
    )
    noise, pair = training_noise(scores), drawn[1][KEY].less(drawn[0][KEY])
    assert noise is not None
    found = noisy_variance(pair, noise, 2.0)
    assert found is not None
    return {"noise": p_of_zero(values[1] - values[0], found, draws), "rows": pair.p()}


def twins_table(parts: Sequence[dict[str, Any]]) -> str:
    """Share of screens in which the two are inseparable, in Markdown."""
    lines = [f"One model under two names, n = {ROWS:,}: inseparable in percent of screens", ""]
    lines += head(["trainings vary", "trainings that tell it", "with their spread", "rows alone"])
    for part in parts:
        shares = (f"{100 * part['inseparable'][key]:.1f}" for key in ("noise", "rows"))
        lines.append(row([part["scene"], str(part["trainings"]), *shares]))
    return "\n".join(lines) + "\n" if parts else ""


def twins_missed(parts: Sequence[dict[str, Any]]) -> list[str]:
    """Scenes in which they are told apart too often."""
    return [
        f"{part['scene']}: inseparable in {part['inseparable']['noise']:.1%} of screens"
        for part in parts
        if part["inseparable"]["noise"] < LEAST
    ]
