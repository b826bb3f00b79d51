"""A made population of rows, gold answers and two candidates' answers, whose true scores are known.

Gold: label sets are drawn from the shipped GoEmotions rows (their natural frequencies), VAD from
the shipped EmoBank rows. The answers are simulated, all numbers below ours:

- A gold label l is found with probability recall(l), any other label is said with probability
  false(l). Recall falls with rarity and differs by label; false answers are as frequent as the
  label. Both come from a normal variable by row and label, of which the share `together` is the
  same for both candidates: they tend to fail on the same rows.
- Trainings of one candidate (`coverage_seeds.py`) share a further part of that variable, and each
  has its own change of every label's recall.
- VAD is said as mean + slope (gold - mean) + noise, of which the same share is common.
- A row fails to parse with probability `fails`; a row with no label said says `neutral`.

Every row of the population is equally likely to be drawn, so a score of the whole population is
the true value of what a draw of n rows estimates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.metrics.row_table import HUMAN_VAD, RowTable, Totals, VadScoring, row_table
from emoloom.records import VAD, Answer, LabelSpace, ParseFailure, Prediction, Row

Floats = npt.NDArray[np.float64]

LABELLED, RATED = "goemotions", "emobank"


@dataclass(frozen=True)
class Ability:
    """How good a simulated candidate is."""

    recall: float
    """Of a label that a tenth of the rows has, before the differences between labels; in (0, 1)."""
    slope: float
    """Of said against gold VAD, in [0, 1]."""
    noise: float
    """Standard deviation of said VAD, as a share of that of gold."""
    fails: float = 0.0
    """Share of rows that do not parse."""
    wobble: float = 0.0
    """Standard deviation of its own change of a label's log odds of being found: a training's."""
    family: int = 0
    """Trainings of one candidate have one number: they share more of their noise."""


@dataclass(frozen=True)
class Shape:
    """What all candidates of a population share."""

    rows: int = 24_000
    """Of the population: five eighths with labels, the rest with VAD."""
    together: float = 0.7
    """Share of the variance of an answer that is common to the candidates."""
    kin: float = 0.0
    """Further share that is common to the trainings of one candidate."""
    seed: int = 0
    """Of everything."""


@dataclass(frozen=True)
class Population:
    """Rows, and each candidate's table of them."""

    rows: tuple[Row, ...]
    tables: tuple[RowTable, ...]
    """In single precision, to hold many; `drawn` gives double."""
    totals: tuple[Totals, ...]
    """Of the whole population: true scores are functions of these."""
    space: LabelSpace
    reference: VAD
    """Mean of the gold VAD: the constant of skill."""

    def drawn(self, candidate: int, index: npt.NDArray[np.int64]) -> RowTable:
        """A candidate's table of these rows."""
        table = self.tables[candidate]
        columns = table.columns_NK[index].astype(np.float64)
        return replace(table, columns_NK=columns)

    def draw(self, n: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw n rows with replacement, each corpus at its share."""
        labelled = sum(row.source == LABELLED for row in self.rows)
        first = round(n * labelled / len(self.rows))
        return np.concatenate(
            [
                generator.integers(0, labelled, first),
                generator.integers(labelled, len(self.rows), n - first),
            ]
        )


def population(abilities: Sequence[Ability], shape: Shape) -> Population:
    """Make rows and answers; the labelled rows come first."""
    space = load_space("goemotions28")
    generator = np.random.default_rng(shape.seed)
    gold = _gold(shape.rows, generator)
    labelled = [row.answer.labels is not None for row in gold]
    reference = VAD(*np.mean(_vad(gold[labelled.count(True) :]), axis=0).tolist())
    answers = _answers(gold, abilities, space, shape, generator)
    scoring = VadScoring(reference, HUMAN_VAD)
    tables, totals = [], []
    for said in answers:
        table = row_table(said, gold, space, scoring)
        single = table.columns_NK.astype(np.float32)
        tables.append(replace(table, columns_NK=single))  # type: ignore[arg-type]
        totals.append(table.totals())
    return Population(tuple(gold), tuple(tables), tuple(totals), space, reference)


def _gold(rows: int, generator: np.random.Generator) -> list[Row]:
    made: list[Row] = []
    for source, share in ((LABELLED, 5 / 8), (RATED, 3 / 8)):
        found = [
            row
            for split in ("train", "dev", "test")
            for row in read_corpus(f"{source}-sample", split, None).rows
        ]
        for i in generator.integers(0, len(found), round(rows * share)):
            one = found[i].answer
            given = Answer(one.labels, None if one.labels else one.vad, "")
            origin = "human" if given.vad else None
            made.append(Row(f"{source}{len(made)}", "t", given, source, "dev", origin, "g"))
    return made


def _answers(
    gold: Sequence[Row],
    abilities: Sequence[Ability],
    space: LabelSpace,
    shape: Shape,
    generator: np.random.Generator,
) -> Iterator[list[Prediction | ParseFailure]]:
    """One list of answers for each ability."""
    gold_NL = np.array(
        [[label in (row.answer.labels or ()) for label in space.labels] for row in gold]
    )
    vad_N3 = _vad(gold)
    rated_N = np.array([row.answer.vad is not None for row in gold])
    share_L = gold_NL[~rated_N].mean(axis=0)
    # How hard a label is, apart from being rare: the same for all candidates.
    hard_L = generator.normal(0.0, 0.8, len(space.labels))
    noises = _noises(gold_NL.shape, [ability.family for ability in abilities], shape, generator)
    for ability, (noise_NL, noise_N3, noise_N) in zip(abilities, noises, strict=True):
        odds_L = np.log(ability.recall / (1 - ability.recall)) + 0.35 * np.log(share_L / 0.1)
        own_L = ability.wobble * generator.standard_normal(len(share_L))
        found_L = _quantile(1.0 / (1.0 + np.exp(-(odds_L + hard_L + own_L))))
        false_L = _quantile(share_L * (1.0 - ability.recall))
        said_NL = noise_NL < np.where(gold_NL, found_L, false_L)
        said_NL[~said_NL.any(axis=1), space.labels.index("neutral")] = True
        centre_3, spread_3 = vad_N3[rated_N].mean(axis=0), vad_N3[rated_N].std(axis=0)
        said_N3 = centre_3 + ability.slope * (vad_N3 - centre_3)
        said_N3 = np.clip(said_N3 + ability.noise * spread_3 * noise_N3, 0.0, 1.0).round(2)
        failed_N = noise_N < (NormalDist().inv_cdf(ability.fails) if ability.fails else -np.inf)
        yield _records(said_NL, said_N3, failed_N, space)


def _noises(
    size: tuple[int, int], families: Sequence[int], shape: Shape, generator: np.random.Generator
) -> Iterator[list[Floats]]:
    """For each candidate normal variables of variance 1: by label, by VAD dimension, by row."""
    sizes = (size, (size[0], 3), (size[0],))

    def normal() -> list[Floats]:
        return [generator.standard_normal(one) for one in sizes]

    shares = (shape.together, shape.kin, 1.0 - shape.together - shape.kin)
    common, kin = normal(), {family: normal() for family in sorted(set(families))}
    for family in families:
        parts = zip(common, kin[family], normal(), strict=True)
        yield [
            sum((s**0.5 * one for s, one in zip(shares, part, strict=True)), np.zeros(()))
            for part in parts
        ]


def _records(
    said_NL: npt.NDArray[np.bool_],
    said_N3: Floats,
    failed_N: npt.NDArray[np.bool_],
    space: LabelSpace,
) -> list[Prediction | ParseFailure]:
    return [
        ParseFailure("no_json")
        if failed
        else Prediction(
            tuple(label for label, said in zip(space.labels, said_L, strict=True) if said),
            VAD(*map(float, said_3)),
            "",
        )
        for said_L, said_3, failed in zip(said_NL, said_N3, failed_N, strict=True)
    ]


def _quantile(probability_L: Floats) -> Floats:
    return np.array([NormalDist().inv_cdf(min(max(p, 1e-6), 1 - 1e-6)) for p in probability_L])


def _vad(rows: Sequence[Row]) -> Floats:
    return np.array([row.answer.vad.as_tuple() if row.answer.vad else (0.5,) * 3 for row in rows])
