"""Learning curves from steps.jsonl: loss terms, and what the mixture did. Long ones are thinned."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from emoloom.report.formats import field, finite, visible
from emoloom.report.inputs import Record, mapping

POINTS = 160
"""At most this many points of a curve; a longer training is drawn as means over blocks of steps."""

STRATA = 60
"""At most this many strata are shown, those drawn most."""

OTHER_TERMS = 6
"""Terms that we do not know are shown up to so many."""

LARGEST = 1e9
"""A number of larger size is damage, and counts as absent."""

TERMS: Mapping[str, str] = MappingProxyType(
    {
        "loss": "loss: all terms, weighted",
        "lm": "lm: cross-entropy of the answer tokens, in nats",
        "lm_labels": "lm_labels: of the label tokens alone, in nats",
        "lm_digits": "lm_digits: of the digits of VAD alone, in nats",
        "lm_rationale": "lm_rationale: of cue words and the end alone, in nats",
        "lm_skeleton": "lm_skeleton: of the JSON around them alone, in nats",
        "labels": "labels: cross-entropy of the labels' head, in nats",
        "vad": "vad: distance of the VAD head",
        "vad_digits": "vad_digits: distance of the numbers written",
        "vad_words": "vad_words: distance of the VAD that labels and cue words imply",
        "appraisal": "appraisal: cross-entropy of the atoms that the labels imply, in nats",
    }
)
"""Terms in the order of the selector; all but the first are means without weights."""

MIXTURE: Mapping[str, str] = MappingProxyType(
    {
        "excess": "Held-out label loss less base rates'",
        "tau": "Temperature τ",
        "share_a": "Share of pool A",
    }
)
"""What a mixture logs at each step."""

Values = tuple[float | None, ...]
"""One value a point; None where no step of the block has one."""


@dataclass(frozen=True, slots=True)
class Learning:
    """The curves of one candidate."""

    name: str
    """Name of the candidate."""
    count: int
    """Optimiser steps recorded."""
    block: int
    """Steps in each point; 1 where nothing is thinned."""
    steps: tuple[float, ...]
    """The middle of each block."""
    series: Mapping[str, Values]
    """By term and by the keys of `MIXTURE`: the mean over each block."""
    strata: Mapping[str, int]
    """Rows drawn from each stratum of the mixture, over the whole training."""

    @property
    def mixed(self) -> bool:
        """Whether it was trained with the mixture."""
        return any(key in self.series for key in MIXTURE)

    def ends(self, key: str) -> tuple[float, float] | None:
        """First and last point of a curve."""
        known = [value for value in self.series.get(key, ()) if value is not None]
        return (known[0], known[-1]) if known else None


@dataclass(frozen=True, slots=True)
class LearningCurves:
    """All of them; empty where no training logged its terms."""

    curves: tuple[Learning, ...]
    """One for each candidate with steps."""
    terms: tuple[str, ...]
    """Terms that any candidate has, as in `TERMS`, then others by name."""
    strata: tuple[str, ...]
    """Strata that are shown, pool A first, the largest of each first."""
    left_out: int
    """Strata that are not shown."""

    @property
    def mixed(self) -> tuple[Learning, ...]:
        """Those with a mixture."""
        return tuple(one for one in self.curves if one.mixed)

    @property
    def strata_height(self) -> int:
        """Height in pixels of the plot of strata."""
        return 56 + 19 * len(self.strata)


def learning_curves(steps: Iterable[tuple[str, Sequence[Record]]]) -> LearningCurves:
    """Curves of (name, records of steps.jsonl), where any of them logged terms or a mixture."""
    curves = [_learning(name, records) for name, records in steps if records]
    found = {key for one in curves for key in one.series} - MIXTURE.keys()
    if not found - {"loss"} and not any(one.mixed for one in curves):
        return LearningCurves((), (), (), 0)
    known = [key for key in TERMS if key in found]
    drawn: Counter[str] = Counter()
    for one in curves:
        drawn.update(one.strata)
    largest = sorted(drawn, key=lambda name: (-drawn[name], name))[:STRATA]
    return LearningCurves(
        curves=tuple(one for one in curves if one.series),
        terms=(*known, *sorted(found - TERMS.keys())[:OTHER_TERMS]),
        strata=tuple(sorted(largest, key=lambda name: (name[:1], -drawn[name], name))),
        left_out=len(drawn) - len(largest),
    )


def term_said(term: str) -> str:
    """What a term is, for the selector."""
    return TERMS.get(term) or field(term)


def learning_payload(learning: LearningCurves) -> Record:
    """What the script draws: curves by candidate, four digits of each value."""
    return {
        "terms": [[visible(key), visible(term_said(key))] for key in learning.terms],
        "strata": [visible(key) for key in learning.strata],
        "curves": [
            {
                "name": visible(one.name),
                "count": one.count,
                "block": one.block,
                "steps": one.steps,
                "terms": [_digits(one.series.get(key)) for key in learning.terms],
                "mixture": {key: _digits(one.series.get(key)) for key in MIXTURE},
                "strata": [one.strata.get(key, 0) for key in learning.strata],
                "mixed": one.mixed,
            }
            for one in learning.curves
        ],
    }


def block_means(values: Sequence[float | None], block: int) -> Values:
    """The mean of each block of so many values, over those that are there."""
    blocks = [values[start : start + block] for start in range(0, len(values), block)]
    known = [[value for value in one if value is not None] for one in blocks]
    return tuple(math.fsum(one) / len(one) if one else None for one in known)


def _learning(name: str, records: Sequence[Record]) -> Learning:
    pairs = [(_number(record.get("step")), record) for record in records]
    placed = sorted(((s, r) for s, r in pairs if s is not None), key=lambda pair: pair[0])
    logged = [record for _, record in placed]
    block = max(1, math.ceil(len(placed) / POINTS))
    terms = dict.fromkeys(key for record in logged for key in mapping(record.get("terms")))
    raw = {key: [_number(mapping(r.get("terms")).get(key)) for r in logged] for key in terms}
    raw |= {key: [_number(r.get(key)) for r in logged] for key in ("loss", *MIXTURE)}
    means = {key: block_means(values, block) for key, values in raw.items()}
    middles = block_means([step for step, _ in placed], block)
    return Learning(
        name=name,
        count=len(placed),
        block=block,
        steps=tuple(step for step in middles if step is not None),
        series={k: v for k, v in means.items() if any(value is not None for value in v)},
        strata=_strata(logged),
    )


def _strata(records: Sequence[Record]) -> dict[str, int]:
    drawn: Counter[str] = Counter()
    for record in records:
        for name, count in mapping(record.get("strata")).items():
            rows = _number(count)
            if rows is not None and rows > 0:
                drawn[name] += int(rows)
    return dict(drawn)


def _number(value: object) -> float | None:
    got = finite(value)
    return None if got is None or abs(got) > LARGEST else got


def _digits(values: Values | None) -> list[float | None] | None:
    if values is None:
        return None
    return [None if value is None else float(f"{value:.4g}") for value in values]
