"""What one stage of a plan takes: tokens at measured rates, memory, disk.

What cannot be known before is assumed: how many forwards a trained candidate's row takes, and how
long an untrained model writes where the probe did not see its end.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emoloom.config import Config
from emoloom.models.encoder import BATCH, MOST_TOKENS
from emoloom.planning.plan import PlannedStage
from emoloom.planning.probe_record import Probe
from emoloom.screening.outputs import SELECT
from emoloom.sizes import MIN_POSITIONS, OTHER_ROWS, PACK_ROWS, PACK_TOKENS

FORWARDS = 3.0
"""Packed forwards for a row of a trained candidate (ours: benchmarks/decode.py, SmolLM2-135M)."""

CERTIFIED = (PACK_ROWS, PACK_TOKENS)
"""Rows and tokens of the pack that a certificate compares."""

BYTES = 4
"""Of one parameter on the disk, and about those of a token's text."""

OPEN = 6
"""Adapters' worth of what a training has open: two checkpoints of parameters and two moments."""

LINE = 64
"""Bytes of a line of answers beside the answer: its id and the keys."""

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
    memory_mb: float
    """The most that its process will hold, in MiB."""
    disk_mb: float
    """What it will leave on the disk, in MiB."""
    once_promoted: bool
    """Whether it is done only for those that a rung promotes."""
    copied: bool = False
    """Whether it is copied from another candidate of the same model."""
    once_best: bool = False
    """Whether it is done only for the best set."""


def forecast_stage(config: Config, stage: PlannedStage, probe: Probe) -> StageForecast:
    """One stage of a plan, on the machine that was probed."""
    if stage.copied:
        return StageForecast(
            stage.stage, stage.candidate, 0.0, 0, 0.0, 0.0, stage.once_promoted, copied=True
        )
    parts = _PARTS[stage.kind](config, stage, probe)
    seconds = probe.load_seconds + sum(tokens * rate for tokens, rate in parts)
    tokens = round(sum(tokens for tokens, _ in parts))
    return StageForecast(
        stage.stage,
        stage.candidate,
        round(seconds, 3),
        tokens,
        round(_memory(config, stage, probe), 3),
        round(_disk(stage, probe), 3),
        stage.once_promoted,
        once_best=stage.once_best,
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
    trained = (stage.train_rows * a_row, probe.step_seconds)
    if not stage.measured:
        return [trained]
    rate = probe.pack_seconds if probe.packs else probe.single_seconds
    return [trained, (stage.measured * a_row, rate)]


def _certificate(config: Config, _stage: PlannedStage, probe: Probe) -> Parts:
    """`preflight`: rows alone, a pack, causality, batches, padding, a cache, bfloat16."""
    head, longest, a_row = (
        probe.head_tokens,
        _longest(config),
        probe.head_tokens + probe.train_tokens,
    )
    alone = OTHER_ROWS + _others_compared(longest, probe)
    parts = [
        (head + longest + alone * a_row, probe.compare_seconds),
        (2 * head + 1.5 * longest + 7 * a_row, probe.single_seconds),
    ]
    packed = (_compared_pack(config, probe, CERTIFIED), probe.pack_seconds)
    return [*parts, packed] if probe.packs else parts


def _others_compared(longest: float, probe: Probe) -> int:
    """Rows that are compared beside the longest."""
    return math.ceil(max(0.0, MIN_POSITIONS - longest) / probe.train_tokens)


def _compared_pack(config: Config, probe: Probe, sizes: tuple[int, int]) -> float:
    """Tokens of a pack that a margin is measured in, of so many rows and tokens at most."""
    rows, tokens = sizes
    whole = probe.head_tokens + _longest(config) + (rows - 1) * probe.train_tokens
    return min(whole, tokens)


def _own_sizes(config: Config) -> tuple[int, int]:
    return config.decoding.pack_rows, config.decoding.pack_tokens


def _heads(config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    packs = packs_of(
        stage.units, probe.prompt_tokens, probe.head_tokens, config.training.pack_tokens
    )
    tokens = stage.units * probe.prompt_tokens + packs * probe.head_tokens
    return [(tokens, probe.pack_seconds if probe.packs else probe.single_seconds)]


def _answers(config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    """Packed forwards, the margin, the audit; or one forward a token. Of `select`, losses too."""
    forced = _heads(config, stage, probe) if stage.stage == SELECT else []
    if not probe.packs or config.decoding.decoder == "canonical":
        return [_canonical(stage.units, probe.answer_tokens, probe), *forced]
    return [
        *forced,
        _drafted(config.decoding.pack_rows, stage.units, FORWARDS, probe),
        _canonical(stage.audited, probe.answer_tokens, probe),
        *_margin(config, probe, _own_sizes(config)),
    ]


def _margin(config: Config, probe: Probe, sizes: tuple[int, int]) -> Parts:
    """Rows compared alone and in a pack of so many rows and tokens at most."""
    head, longest = probe.head_tokens, _longest(config)
    others = _others_compared(longest, probe)
    return [
        (head + longest + others * (head + probe.train_tokens), probe.compare_seconds),
        (_compared_pack(config, probe, sizes), probe.pack_seconds),
    ]


def _precision(config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    """A margin, and a few rows in packs of one size, whatever sizes and decoder the config has."""
    if not probe.packs:
        return []
    forwards = FORWARDS if stage.trained else _written(config, probe)
    decoded = _drafted(CERTIFIED[0], stage.units, forwards, probe)
    return [decoded, *_margin(config, probe, CERTIFIED)]


def _written(config: Config, probe: Probe) -> float:
    """Tokens that an untrained model writes."""
    longest = config.decoding.max_new_tokens
    return longest if probe.shown_tokens < 0 else max(1.0, probe.shown_tokens)


def _shown(config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    """An untrained model accepts few drafts: a forward for each token that it writes."""
    written, forced = _written(config, probe), _heads(config, stage, probe)
    if not probe.packs or config.decoding.decoder == "canonical":
        return [_canonical(stage.units, written, probe), *forced]
    decoded = _drafted(config.decoding.pack_rows, stage.units, written, probe)
    other = config.decoding.dtype != "float32"  # than the certificate's precision
    margin = _margin(config, probe, _own_sizes(config)) if other else []
    return [decoded, *forced, *margin]


def _vectors(_config: Config, stage: PlannedStage, probe: Probe) -> Parts:
    """An encoder's forwards; the fit on the vectors takes little beside them."""
    return [(stage.units * probe.prompt_tokens, probe.pack_seconds)]


_PARTS: Mapping[str, Callable[[Config, PlannedStage, Probe], Parts]] = {
    "training": _training,
    "certificate": _certificate,
    "heads": _heads,
    "precision": _precision,
    "answers": _answers,
    "shown": _shown,
    "vectors": _vectors,
    "states": _heads,
}


_PROMPTS = ("heads", "states")
"""Stages of one forward a prompt, in fp32."""


def _drafted(pack_rows: int, rows: int, forwards: float, probe: Probe) -> tuple[float, float]:
    """Rows that share packs: half of a full pack on average, as it fills and runs empty."""
    shared = max(1.0, min(pack_rows, rows) / 2)
    a_row = probe.prompt_tokens + probe.answer_tokens + probe.head_tokens / shared
    return rows * forwards * a_row, probe.pack_seconds


def _canonical(rows: int, written: float, probe: Probe) -> tuple[float, float]:
    prompt = probe.head_tokens + probe.prompt_tokens
    return rows * written * (prompt + written / 2), probe.single_seconds


def _longest(config: Config) -> int:
    """Tokens of the longest row behind the head, but for the template's few."""
    return config.training.max_text_tokens + config.decoding.max_new_tokens


def _memory(config: Config, stage: PlannedStage, probe: Probe) -> float:
    """The model, and a step or a forward whose activations grow with its largest pack's tokens."""
    if stage.kind == "vectors":
        longest = float(BATCH * MOST_TOKENS)
        return probe.loaded_mb + probe.forward_mb * _times(longest, probe.forward_probe_tokens)
    if stage.kind == "training":
        rows = config.training.batch_rows * probe.train_tokens
        largest = min(float(config.training.pack_tokens), probe.head_tokens + rows)
        return probe.loaded_mb + probe.step_mb * _times(largest, probe.step_probe_tokens)
    largest = _largest_forward(config, stage, probe)
    halved = stage.kind == "certificate" or (
        config.decoding.dtype == "bfloat16" and stage.kind not in _PROMPTS
    )
    held = probe.loaded_mb * (1.5 if halved else 1.0)  # a copy of the weights in half the bytes
    return held + probe.forward_mb * _times(largest, probe.forward_probe_tokens)


def _largest_forward(config: Config, stage: PlannedStage, probe: Probe) -> float:
    """Tokens: of a pack as large as may be, or of the longest row alone."""
    alone = probe.head_tokens + _longest(config)
    fixed = stage.kind in ("certificate", "precision")
    if not probe.packs or (config.decoding.decoder == "canonical" and not fixed):
        return alone
    if stage.kind in _PROMPTS:
        return float(config.training.pack_tokens)
    sizes = CERTIFIED if fixed else _own_sizes(config)
    return max(alone, _compared_pack(config, probe, sizes))


def _times(tokens: float, probed: float) -> float:
    return max(1.0, tokens / max(1.0, probed))


def adapter_mb(probe: Probe) -> float:
    """Size of a trained adapter, in MiB."""
    return probe.adapter_parameters * BYTES / _MIB


def _disk(stage: PlannedStage, probe: Probe) -> float:
    """An adapter, and behind the first rung the state that later ones go on from; or answers.

    A state is three times an adapter: parameters and two moments. A trial of a rate leaves its
    loss alone.
    """
    if stage.kind == "training":
        kept = 0 if stage.stage.startswith("rate-") else 4 if stage.rung == 1 else 1
        return kept * adapter_mb(probe)
    if stage.kind in ("certificate", "precision"):
        return 0.0
    return stage.units * (LINE + BYTES * probe.answer_tokens) / _MIB
