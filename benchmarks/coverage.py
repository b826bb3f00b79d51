"""How often an interval of nominal 95% holds the true score: simulated. `--json FILE`, seeded.

    python benchmarks/coverage.py [--reps 1000] [--json FILE] [--out FILE.md]

From a population whose scores are known (`superpopulation.py`) n rows are drawn, scored, ranked
and resampled by the product's own code, again and again. Counted: how often the interval of a
score, and of the paired difference of two candidates, holds the population's. The labels that rank
are listed from the rows drawn, as in a screen, and the truth is over the same labels. Candidates of
several trainings are in `coverage_seeds.py`, one model under two names in `coverage_noise.py`; one
call runs all.

Each repetition has a generator of its own, and what stands in `--json FILE` already is kept: a call
that was cut goes on.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bca import acceleration, bca_interval
from coverage_noise import twins_missed, twins_table
from coverage_table import LEVEL, Ends, Tally, failed, to_markdown
from superpopulation import Ability, Floats, Population, Shape, population

from emoloom.metrics.intervals import Resampled, percentile_interval
from emoloom.metrics.resampling import Bootstrap, resample
from emoloom.ranking.rule import RankingSettings, rank_measure, ranking_rule
from emoloom.runs.directory import write_json_atomic, write_text_atomic

STRONG = Ability(recall=0.5, slope=0.30, noise=0.42)
SECOND = Ability(recall=0.47, slope=0.28, noise=0.43)
RARE = "rare failures"
SCENES: Mapping[str, tuple[Ability, Ability, Shape]] = {
    RARE: (replace(STRONG, fails=0.01), replace(SECOND, fails=0.01), Shape(together=0.7)),
    "close": (STRONG, SECOND, Shape(together=0.7)),
    "apart": (STRONG, Ability(0.35, 0.15, 0.45), Shape(together=0.5)),
    "weak": (Ability(0.2, 0.12, 0.38), Ability(0.15, 0.05, 0.31), Shape(together=0.3)),
}
"""Two candidates each: nearly alike, far apart, and hardly better than the floors; and nearly alike
with 1% failed parses, of which nothing is required (see `docs/statistics.md`)."""

REQUIRED = ("score", "strict.micro_f1", "strict.skill", *(f"parsed.pearson_{a}" for a in "vad"))
"""Must be covered in 92 to 97% at n of 1,000 and more, alone and as a difference."""

PUBLISHED = ("rank.labels", "strict.macro_f1", "strict.subset_accuracy", "parsed.ccc_v", "parse_ok")
"""Published as measured."""

KEYS = (*REQUIRED, *PUBLISHED)


@dataclass(frozen=True)
class Sampled:
    """One score on one draw of rows: what an interval is made of, and what it should hold."""

    value: float
    drawn: Resampled
    left_out_N: Floats
    strata: npt.NDArray[np.str_]
    truth: float

    def less(self, other: "Sampled") -> "Sampled":
        """The paired difference."""
        return Sampled(
            self.value - other.value,
            self.drawn.less(other.drawn),
            self.left_out_N - other.left_out_N,
            self.strata,
            self.truth - other.truth,
        )


def _expanded(one: Sampled) -> Ends:
    return one.drawn.interval(LEVEL)


def _percentile(one: Sampled) -> Ends:
    return percentile_interval(one.drawn.draws_B, LEVEL)


def _bca(one: Sampled) -> Ends:
    a = acceleration(one.left_out_N, one.strata)
    return bca_interval(one.value, one.drawn.draws_B, a, LEVEL)


def _basic(one: Sampled) -> Ends:
    ends = _percentile(one)
    return ends and (2 * one.value - ends[1], 2 * one.value - ends[0])


def _normal(one: Sampled) -> Ends:
    half = 1.959964 * float(np.nanstd(one.drawn.draws_B, ddof=1))
    return one.value - half, one.value + half


METHODS: Mapping[str, Callable[[Sampled], Ends]] = {
    "expanded": _expanded,
    "percentile": _percentile,
    "bca": _bca,
    "basic": _basic,
    "normal": _normal,
}
"""The product's first; the others beside it."""


def sampled(
    people: Population, n: int, seed: Sequence[int], draws: int
) -> list[dict[str, Sampled]]:
    """One draw of rows: each candidate's scores by key."""
    generator = np.random.default_rng(seed)
    index = people.draw(n, generator)
    rows = [people.rows[i] for i in index]
    tables = [people.drawn(candidate, index) for candidate in range(len(people.tables))]
    bootstrap = Bootstrap(draws, int(generator.integers(2**31)), LEVEL)
    settings = RankingSettings(bootstrap=bootstrap)
    rule = ranking_rule(rows, people.space, settings, vad_reference=people.reference)
    measure = rank_measure(rule, people.space)
    strata = np.array([row.source for row in rows])
    made = []
    drawn = resample(tables, strata, bootstrap, measure)
    for whole, table, values in zip(people.totals, tables, drawn, strict=True):
        without_NK = table.columns_NK.sum(axis=0) - table.columns_NK
        value, left_out, truth = map(measure, (table.totals(), table.split(without_NK), whole))
        made.append(
            {
                key: Sampled(
                    float(value[key]), values[key], left_out[key], strata, float(truth[key])
                )
                for key in KEYS
            }
        )
    return made


def covered(name: str, n: int, reps: int, draws: int) -> dict[str, Any]:
    """Draw rows again and again; coverage by score, by what it is of, and by method."""
    a, b, shape = SCENES[name]
    people = population((a, b), shape)
    tallies: dict[tuple[str, str, str], Tally] = {}
    lost = told = 0
    for rep in range(reps):
        first, second = sampled(people, n, (list(SCENES).index(name), n, rep), draws)
        for key in KEYS:
            of = {"A": first[key], "B": second[key], "A-B": first[key].less(second[key])}
            for what, one in of.items():
                for method, interval in METHODS.items():
                    tally = tallies.setdefault((key, what, method), Tally())
                    tally.add(interval(one), one.truth, one.value)
        gap = first["score"].less(second["score"])
        apart = gap.drawn.p() <= 1 - LEVEL
        lost += apart and gap.value * gap.truth < 0
        told += apart and gap.value * gap.truth > 0
    return {
        "scene": name,
        "n": n,
        "better_lost": lost / reps,
        "worse_told": told / reps,
        "found": [
            {"key": key, "of": what, "method": method} | tally.to_dict()
            for (key, what, method), tally in tallies.items()
        ],
    }


def parts(given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Every part by its name, and how it is worked out."""
    from coverage_noise import twins
    from coverage_seeds import SEED_SCENES, covered_by_seeds

    for n in given.n:
        for name in given.scenes:
            yield (
                f"{name}, n={n}, reps={given.reps}, draws={given.draws}",
                lambda name=name, n=n: covered(name, n, given.reps, given.draws),
            )
    for name in SEED_SCENES:
        for seeds in given.seeds:
            yield (
                f"{name}, seeds={seeds}, reps={given.reps}, draws={given.draws}",
                lambda name=name, s=seeds: covered_by_seeds(name, s, given.reps, given.draws),
            )
        for trainings in given.trainings:
            yield (
                f"{name}, twins={trainings}, reps={given.reps}, draws={given.draws}",
                lambda name=name, t=trainings: twins(name, t, given.reps, given.draws),
            )


def main() -> None:
    """Work out what is missing; print the table; exit 1 where a required coverage is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="*", default=[200, 500, 1000, 2000])
    parser.add_argument("--scenes", nargs="*", choices=list(SCENES), default=list(SCENES))
    parser.add_argument("--seeds", type=int, nargs="*", default=[3, 5])
    parser.add_argument("--trainings", type=int, nargs="*", default=[3, 5], help="tell the noise")
    parser.add_argument("--reps", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="kept as it grows")
    parser.add_argument("--out", type=Path, help="the table in Markdown")
    given = parser.parse_args()
    done: dict[str, Any] = {}
    if given.json and given.json.exists():
        done = json.loads(given.json.read_text(encoding="utf-8"))
    wanted = {}
    for name, work in parts(given):
        if name not in done:
            print(name, file=sys.stderr, flush=True)
            done[name] = work()
            if given.json:
                write_json_atomic(given.json, done)
        wanted[name] = done[name]
    pairs = [part for part in wanted.values() if "trainings" in part]
    others = [part for part in wanted.values() if "trainings" not in part]
    table = "\n".join(
        filter(None, (to_markdown(others, tuple(METHODS), REQUIRED), twins_table(pairs)))
    )
    required = [p for p in others if p["scene"] != RARE and "seeds" not in p]
    missed = failed(required, REQUIRED) + twins_missed(pairs)
    print(table)
    if given.out:
        write_text_atomic(given.out, table)
    for one in missed:
        print(f"missed: {one}", file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
