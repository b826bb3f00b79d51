"""What a plan will cost on this machine: counts of the plan times the rates of the probes.

Every stage that runs a model is a number of tokens (positions computed in forwards) at a rate that
was measured, and a load. What cannot be known before is assumed, and said: how many forwards a
trained candidate's row takes, and how long an untrained model writes where the probe did not see
its end.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emoloom.config import Config
from emoloom.planning.plan import PlannedStage
from emoloom.planning.probe_record import Probe

FORWARDS = 3.3
"""Packed forwards for a row of a trained candidate (ours: DESIGN 5, SmolLM2-135M)."""

COMPARED = 512
"""Positions that a margin is measured at (`preflight.MIN_POSITIONS`)."""

TRIED = 3
"""Rows that batches and padding are tried with (`preflight.OTHER_ROWS`)."""

BYTES = 4
"""Of one parameter on the disk."""

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class StageForecast:
    """One stage."""

    stage: str
    """Name of the stage."""
    candidate: str
    """Whose it is."""
    seconds: float
    """That it will hold a model, loading included."""
    tokens: int
    """That it will compute."""
    once_promoted: bool
    """Whether it is done only for those that a rung promotes."""
    copied: bool = False
    """Whether it is copied from another candidate of the same model."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is left to be done, and what it will take."""

    stages: tuple[StageForecast, ...]
    """In the order of the plan."""
    expected: tuple[StageForecast, ...]
    """Without those of candidates that rungs will drop: of each stage the dearest stay."""
    wall_seconds: float
    """Of the expected stages on all workers."""
    accelerator_seconds: float
    """Of the expected stages, summed."""
    tokens: int
    """Of the expected stages."""
    memory_mb: float
    """The largest of any model, in MiB, for each worker."""
    disk_mb: float
    """What adapters and checkpoints will take, in MiB."""
    unknown: tuple[str, ...]
    """Models without a probe: their stages are not in any sum."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order."""
        found = asdict(self)
        del found["expected"]
        return found


def make_forecast(
    config: Config,
    stages: Sequence[PlannedStage],
    probes: Mapping[str, Probe],
    is_done: Callable[[PlannedStage], bool],
) -> Forecast:
    """Forecast what is left of a plan.

    Args:
        config: the screen.
        stages: of the plan.
        probes: by name of the model.
        is_done: whether a stage needs no more work.
    """
    left = [stage for stage in stages if not is_done(stage)]
    known = [stage for stage in left if stage.model in probes]
    made = tuple(_stage(config, stage, probes[stage.model]) for stage in known)
    expected = _expected(config, known, made, stages)
    seconds = sum(stage.seconds for stage in expected)
    by_candidate: dict[str, float] = {}
    for one in expected:
        by_candidate[one.candidate] = by_candidate.get(one.candidate, 0.0) + one.seconds
    longest = max(by_candidate.values(), default=0.0)
    trained = {stage.candidate: probes[stage.model] for stage in known if stage.kind == "training"}
    return Forecast(
        stages=made,
        expected=expected,
        wall_seconds=max(seconds / max(1, config.workers), longest),
        accelerator_seconds=seconds,
        tokens=sum(stage.tokens for stage in expected),
        memory_mb=max((_memory(config, probe) for probe in probes.values()), default=0.0),
        disk_mb=_disk(config, trained.values()),
        unknown=tuple(dict.fromkeys(s.model for s in left if s.model not in probes)),
    )


def _expected(
    config: Config,
    known: Sequence[PlannedStage],
    made: Sequence[StageForecast],
    stages: Sequence[PlannedStage],
) -> tuple[StageForecast, ...]:
    """Of the stages that only promoted candidates reach, as many as rungs keep, the dearest."""
    count = len({stage.candidate for stage in stages if stage.kind == "training"})
    reach = {0: count}
    for rung in range(1, config.halving.rungs):
        reach[rung] = count
        count = max(1, math.ceil(config.halving.keep * count)) if count else 0
    reach[0] = count
    groups: dict[str, list[int]] = {}
    for index, stage in enumerate(known):
        if stage.once_promoted:
            groups.setdefault(f"{stage.stage} {stage.kind}", []).append(index)
    dropped: set[int] = set()
    for members in groups.values():
        dearest = sorted(members, key=lambda index: -made[index].seconds)
        dropped |= set(dearest[reach[known[members[0]].rung] :])
    return tuple(one for index, one in enumerate(made) if index not in dropped)


def _stage(config: Config, stage: PlannedStage, probe: Probe) -> StageForecast:
    if stage.copied:
        return StageForecast(stage.stage, stage.candidate, 0.0, 0, stage.once_promoted, copied=True)
    parts = _PARTS[stage.kind](config, stage, probe)
    seconds = probe.load_seconds + sum(tokens * rate for tokens, rate in parts)
    tokens = round(sum(tokens for tokens, _ in parts))
    return StageForecast(
        stage.stage, stage.candidate, round(seconds, 3), tokens, stage.once_promoted
    )


def packs_of(rows: int, row_tokens: float, head_tokens: float, pack_tokens: int) -> int:
    """Packs that so many rows of mean length fill."""
    fit = max(1, math.floor((pack_tokens - head_tokens) / max(1.0, row_tokens)))
    return -(-rows // fit)


Parts = list[tuple[float, float]]
"""Tokens, and seconds for each."""


def _training(config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    rows = min(config.training.batch_rows, max(1, stage.train_rows))
    heads = rows
    if probe.packs:
        heads = packs_of(rows, probe.train_tokens, probe.head_tokens, config.training.pack_tokens)
    a_row = probe.train_tokens + probe.head_tokens * heads / rows
    return [(stage.train_rows * a_row, probe.step_seconds)]


def _certificate(config: Config, _stage: PlannedStage, probe: Probe) -> Parts:
    """`preflight`: rows alone, a pack with them, causality, batches, padding, a cache."""
    head, longest, a_row = (
        probe.head_tokens,
        _longest(config),
        probe.head_tokens + probe.train_tokens,
    )
    alone = TRIED + _others_compared(longest, probe)
    parts = [
        (head + longest + alone * a_row, probe.compare_seconds),
        (head + longest / 2 + 7 * a_row, probe.single_seconds),
    ]
    packed = (_compared_pack(config, probe), probe.pack_seconds)
    return [*parts, packed] if probe.packs else parts


def _others_compared(longest: float, probe: Probe) -> int:
    """Rows that are compared beside the longest."""
    return math.ceil(max(0.0, COMPARED - longest) / probe.train_tokens)


def _compared_pack(config: Config, probe: Probe) -> float:
    """Tokens of the pack that a margin is measured in: one of the decoder's size."""
    rows = (config.decoding.pack_rows - 1) * probe.train_tokens
    return min(probe.head_tokens + _longest(config) + rows, config.decoding.pack_tokens)


def _heads(config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    packs = packs_of(
        stage.units, probe.prompt_tokens, probe.head_tokens, config.training.pack_tokens
    )
    tokens = stage.units * probe.prompt_tokens + packs * probe.head_tokens
    return [(tokens, probe.pack_seconds if probe.packs else probe.single_seconds)]


def _answers(config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    """Packed forwards, the margin, the audit; or one forward a token."""
    if not probe.packs or config.decoding.decoder == "canonical":
        return [_canonical(stage.units, probe.answer_tokens, probe)]
    head, longest = probe.head_tokens, _longest(config)
    others = _others_compared(longest, probe)
    return [
        _drafted(config, stage.units, FORWARDS, probe),
        _canonical(stage.audited, probe.answer_tokens, probe),
        (head + longest + others * (head + probe.train_tokens), probe.compare_seconds),
        (_compared_pack(config, probe), probe.pack_seconds),
    ]


def _shown(config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    """An untrained model accepts few drafts: a forward for each token that it writes."""
    longest = config.decoding.max_new_tokens
    written = longest if probe.shown_tokens < 0 else max(1.0, probe.shown_tokens)
    if not probe.packs or config.decoding.decoder == "canonical":
        return [_canonical(stage.units, written, probe)]
    return [_drafted(config, stage.units, written, probe)]


_PARTS: Mapping[str, Callable[[Config, PlannedStage, Probe], Parts]] = {
    "training": _training,
    "certificate": _certificate,
    "heads": _heads,
    "answers": _answers,
    "shown": _shown,
}


def _drafted(config: Config, rows: int, forwards: float, probe: Probe) -> tuple[float, float]:
    """Rows that share packs: half of a full pack on average, as it fills and runs empty."""
    shared = max(1.0, min(config.decoding.pack_rows, rows) / 2)
    a_row = probe.prompt_tokens + probe.answer_tokens + probe.head_tokens / shared
    return rows * forwards * a_row, probe.pack_seconds


def _canonical(rows: int, written: float, probe: Probe) -> tuple[float, float]:
    prompt = probe.head_tokens + probe.prompt_tokens
    return rows * written * (prompt + written / 2), probe.single_seconds


def _longest(config: Config) -> int:
    """Tokens of the longest row behind the head, but for the template's few."""
    return config.training.max_text_tokens + config.decoding.max_new_tokens


def _memory(config: Config, probe: Probe) -> float:
    """The model, and a step whose activations grow with the tokens of its largest pack."""
    rows = config.training.batch_rows * probe.train_tokens
    largest = min(float(config.training.pack_tokens), probe.head_tokens + rows)
    return probe.loaded_mb + probe.step_mb * max(1.0, largest / max(1.0, probe.step_probe_tokens))


def _disk(config: Config, trained: Iterable[Probe]) -> float:
    """Adapters of trainings and rungs, the states that rungs go on from, two open checkpoints.

    A state is three times an adapter: parameters and two moments.
    """
    sizes = [probe.adapter_parameters * BYTES / _MIB for probe in trained]
    rungs = config.halving.rungs
    kept = sum(sizes) * (rungs + (3 if rungs > 1 else 0))
    return kept + max(sizes, default=0.0) * 6 * max(1, config.workers)
