"""How often the best of k candidates "beats" a floor that is as good: simulated, seeded.

    python benchmarks/coverage_floors.py [--reps 180] [--json FILE] [--out FILE.md]

Candidates and floors of one ability answer the rows of `superpopulation.py`. Each repetition draws
n rows and deals the answers to every row anew among them: all then have the very same true score,
and their errors stay correlated. Of k candidates the one with the best score is compared with each
floor. Counted is how often it is said to beat one: by the product's family (max-T), by Holm over
the same family (its p not bounded by the number of draws), and by Holm over the floors alone, as if
the leader had not been chosen. Who is a floor is dealt several times for each draw of rows.

*Power*: one of the candidates is truly better than the rest, and is said to beat a floor.

Exit code 1 where the product's rate is above 2.5% by more than two standard errors, but for rare
failures, which are published as measured, as in `coverage.py`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from coverage_table import LEVEL, head, row
from superpopulation import Ability, Population, Shape, population

from emoloom.metrics.intervals import Resampled, normal_below
from emoloom.metrics.max_t import max_t
from emoloom.metrics.resampling import Bootstrap, holm, resample
from emoloom.metrics.row_table import RowTable
from emoloom.ranking.rule import RankingSettings, ranking_rule, score_measure
from emoloom.runs.directory import write_json_atomic, write_text_atomic

CANDIDATES = (1, 2, 5, 10, 20)
FLOORS = 3
ALPHA = 1 - LEVEL
ALLOWED = ALPHA / 2

EQUAL = Ability(recall=0.35, slope=0.2, noise=0.4)
BETTER = Ability(recall=0.39, slope=0.22, noise=0.4)
DEALS = 2
"""Ways in which the equal ones are floors and candidates, for each draw of rows."""


@dataclass(frozen=True)
class Scene:
    """What all of a scene's answers have in common."""

    fails: float
    """Share of rows that do not parse: with few, little is known of the variance of skill."""
    together: float
    """Share of the variance of an answer that is common to all."""


RARE = "rare failures"
SCENES: Mapping[str, Scene] = {
    "alike": Scene(0.0, 0.7),
    "unlike": Scene(0.0, 0.3),
    RARE: Scene(0.01, 0.7),
}

WAYS = ("max-T", "Holm", "floors alone")
"""The product's first."""


@dataclass(frozen=True)
class Drawn:
    """Scores of one draw of rows."""

    values: Sequence[float]
    """Floors first, then candidates."""
    draws: Sequence[Resampled]
    """Of the same."""

    def less(self, one: int, other: int) -> Resampled:
        """The paired difference."""
        return self.draws[one].less(self.draws[other])


def people_of(scene: Scene) -> Population:
    """The better one, then floors and candidates of one ability."""
    equal = [replace(EQUAL, fails=scene.fails)] * (FLOORS + max(CANDIDATES))
    better = replace(BETTER, fails=scene.fails)
    return population([better, *equal], Shape(rows=8000, together=scene.together))


def sampled(people: Population, n: int, seed: Sequence[int], draws: int) -> tuple[Drawn, int]:
    """One draw of rows, the equal ones' answers dealt anew; and the place of the better one."""
    generator = np.random.default_rng(seed)
    index = people.draw(n, generator)
    better, *equal = [people.drawn(one, index) for one in range(len(people.tables))]
    columns_ENK = np.stack([table.columns_NK for table in equal])
    deal_EN = np.argsort(generator.random((len(equal), n)), axis=0)
    dealt = [
        RowTable(columns_ENK[deal_N, np.arange(n)], better.centre_gap_3, better.n_labels)
        for deal_N in deal_EN
    ]
    rows = [people.rows[i] for i in index]
    bootstrap = Bootstrap(draws, int(generator.integers(2**31)), LEVEL)
    settings = RankingSettings(bootstrap=bootstrap)
    rule = ranking_rule(rows, people.space, settings, vad_reference=people.reference)
    measure = score_measure(rule, people.space)
    tables = [*dealt, better]
    drawn = resample(tables, [row.source for row in rows], bootstrap, measure)
    values = [float(measure(table.totals())["score"]) for table in tables]
    return Drawn(values, [one["score"] for one in drawn]), len(tables) - 1


def beaten(drawn: Drawn, floors: Sequence[int], candidates: Sequence[int]) -> dict[str, bool]:
    """Whether the leader is said to beat any of these floors, by each way."""
    leader = max(candidates, key=lambda one: drawn.values[one])
    family = [(one, floor) for one in candidates for floor in floors]
    differences = [drawn.less(*pair) for pair in family]
    own = [2.0 * normal_below(-one.z()) for one in differences]
    mine = [at for at, (one, _) in enumerate(family) if one == leader]
    adjusted = {"max-T": max_t(differences, ALPHA).p, "Holm": holm(own)}
    ps = {way: [p[at] for at in mine] for way, p in adjusted.items()}
    ps["floors alone"] = holm([own[at] for at in mine])
    above = [drawn.values[leader] > drawn.values[floor] for floor in floors]
    return {
        way: any(p <= ALPHA and up for p, up in zip(ps[way], above, strict=True)) for way in WAYS
    }


def cases(better: int, deal: int) -> Iterator[tuple[str, int, Sequence[int], Sequence[int]]]:
    """(what is asked, k, floors, candidates)."""
    equal = np.roll(np.arange(better), deal * better // DEALS).tolist()
    floors, others = equal[:FLOORS], equal[FLOORS:]
    for k in CANDIDATES:
        yield "1 floor", k, floors[:1], others[:k]
        yield f"{FLOORS} floors", k, floors, others[:k]
        yield "power", k, floors, [*others[: k - 1], better]


def counted(name: str, n: int, reps: int, draws: int) -> dict[str, Any]:
    """Draw rows again and again; shares of "beats" by case and way."""
    people = people_of(SCENES[name])
    found: dict[tuple[str, int, str], list[float]] = {}
    for rep in range(reps):
        drawn, better = sampled(people, n, (list(SCENES).index(name), n, rep), draws)
        for deal in range(DEALS):
            for what, k, floors, candidates in cases(better, deal):
                for way, said in beaten(drawn, floors, candidates).items():
                    shares_R = found.setdefault((what, k, way), [0.0] * reps)
                    shares_R[rep] += said / DEALS
    lines: dict[tuple[str, int], dict[str, Any]] = {}
    for (what, k, way), shares_R in found.items():
        error = float(np.std(shares_R, ddof=1)) / reps**0.5
        line = lines.setdefault((what, k), {"of": what, "k": k})
        line[way] = [round(float(np.mean(shares_R)), 5), round(error, 5)]
    return {"scene": name, "n": n, "reps": reps, "found": list(lines.values())}


def to_markdown(parts: Sequence[dict[str, Any]]) -> str:
    """False "beats" and power, in percent; the largest standard error of each part below."""
    blocks = []
    for part in parts:
        by = {(one["of"], one["k"]): one for one in part["found"]}
        asked = list(dict.fromkeys(of for of, _ in by))
        lines = [f"{part['scene']}, n = {part['n']:,}: max-T / Holm / floors alone, percent", ""]
        lines += head(["k", *asked])
        for k in dict.fromkeys(k for _, k in by):
            shares = [[f"{100 * by[of, k][way][0]:.1f}" for way in WAYS] for of in asked]
            lines.append(row([str(k), *(" / ".join(one) for one in shares)]))
        errors = (max(by[of, k][way][1] for way in WAYS for _, k in by) for of in asked)
        most = ", ".join(f"{of} {100 * e:.1f}" for of, e in zip(asked, errors, strict=True))
        blocks.append("\n".join([*lines, "", f"Standard errors of at most: {most}."]))
    return "\n\n".join(blocks) + "\n"


def missed(parts: Sequence[dict[str, Any]]) -> list[str]:
    """Where the product says "beats" too often."""
    found = []
    for part in (one for one in parts if one["scene"] != RARE):
        for line in part["found"]:
            share, error = line[WAYS[0]]
            if line["of"] != "power" and share > ALLOWED + 2 * error:
                found.append(f"{part['scene']}, n={part['n']}, {line['of']}, k={line['k']}")
    return found


def main() -> None:
    """Work out what is missing; print the table; exit 1 where a rate is too high."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="*", default=[1000])
    parser.add_argument("--scenes", nargs="*", choices=list(SCENES), default=list(SCENES))
    parser.add_argument("--reps", type=int, default=180)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="kept as it grows")
    parser.add_argument("--out", type=Path, help="the table in Markdown")
    given = parser.parse_args()
    done: dict[str, Any] = {}
    if given.json and given.json.exists():
        done = json.loads(given.json.read_text(encoding="utf-8"))
    wanted = []
    for n in given.n:
        for scene in given.scenes:
            name = f"{scene}, n={n}, reps={given.reps}, draws={given.draws}"
            if name not in done:
                print(name, file=sys.stderr, flush=True)
                done[name] = counted(scene, n, given.reps, given.draws)
                if given.json:
                    write_json_atomic(given.json, done)
            wanted.append(done[name])
    table = to_markdown(wanted)
    print(table)
    if given.out:
        write_text_atomic(given.out, table)
    for one in missed(wanted):
        print(f"too many: {one}", file=sys.stderr)
    sys.exit(1 if missed(wanted) else 0)


if __name__ == "__main__":
    main()
