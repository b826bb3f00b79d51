"""What one model takes on this machine, measured for seconds before any work is planned in time.

Load, forward, step, decoded row: each on real rows in the shapes that the stages use, but few of
them. The rates are seconds a token (a computed position); `forecast` multiplies them by counts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TypeVar

import torch

from emoloom.decoding.canonical import decode_canonical
from emoloom.models import comparisons
from emoloom.models.causal_lm import CausalLM, full_forward, pack_rows, packed_forward
from emoloom.models.logits import ModelError
from emoloom.models.memory import peak_mb, reset_peak, resident_mb
from emoloom.planning.probe_record import PROBE, Probe
from emoloom.recipes import RECIPES, ZERO_SHOT
from emoloom.row_sets.shared import untrained_vad
from emoloom.row_sets.spread import spread
from emoloom.runs.work import Meter, Outcome, Work
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.recipe_settings import fit_settings
from emoloom.supervision.likely_labels import commonest_label
from emoloom.training.adapters import add_adapter
from emoloom.training.examples import Example, Examples
from emoloom.training.fit import Training, trained_parameters
from emoloom.training.schedule import EpochSampler

PART_SECONDS = 2.0
"""About how long each part may take, where a single row does not take longer."""

DECODE_SECONDS = 8.0
"""About how long the one row may take that an untrained model decodes."""

MOST_ROWS = 8
"""Rows of a pack, at most."""

LONGEST = 10**9
"""Stands for what packing is exact on, which is not known yet and does not matter to the clock."""

SAMPLE = 256
"""Rows whose lengths are taken for those of all."""


def probe_work(job: CandidateRun) -> Work:
    """Measure a candidate's model. The figures are costs: no file holds them but costs.json."""
    stage = job.stage(PROBE, job.rows.hashes["train"], job.config.training.batch_rows)

    def make(meter: Meter) -> Outcome:
        try:
            probe = measure(job, meter)
        except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            # What is wrong with it is for its own stages to say; it must not stop the others'.
            raise ModelError(" ".join(str(error).split()) or repr(error)) from error
        meter(1)
        return Outcome((), {}, {k: round(v, 9) for k, v in asdict(probe).items()})

    return Work(stage, job.candidate.name, 1, "model", make)


def measure(job: CandidateRun, meter: Meter) -> Probe:
    """Load the model and time it.

    Raises:
        ModelError: it cannot be loaded, run or trained.
    """
    load_seconds, lm = timed(lambda: job.load(meter))
    label = commonest_label(job.rows.train, job.space)  # its tokens alone are clocked
    examples = Examples(
        lm.prompter,
        job.rows.train,
        {row.id: label for row in job.rows.train if row.answer.labels is None},
        untrained_vad(job.rows.train),
    )
    sample = [examples[i] for i in spaced(len(examples), SAMPLE)]
    chosen = [sample[i] for i in spaced(len(sample), MOST_ROWS)]
    row = [*lm.prompter.head_ids, *chosen[0].ids]
    reset_peak()
    seconds = steady(lambda: full_forward(lm, row, [len(row) - 1]))
    fits = max(1, min(len(chosen), int(PART_SECONDS / max(seconds, 1e-9))))
    packed = _pack_seconds(lm, chosen[:fits])
    compared = steady(lambda: _compare(lm, chosen[0].ids))
    lengths = {**_lengths(job, lm, sample), "shown_tokens": _shown_tokens(job, lm, seconds)}
    loaded = resident_mb(lm.device)
    forward = max(0.0, peak_mb(lm.device) - loaded)
    reset_peak()
    step, tokens, parameters = _step_seconds(job, lm, chosen[:fits], packs=packed is not None)
    return Probe(
        load_seconds=load_seconds,
        pack_seconds=-1.0 if packed is None else packed,
        single_seconds=seconds / len(row),
        compare_seconds=compared / len(row),
        step_seconds=step / tokens,
        **lengths,
        adapter_parameters=parameters,
        loaded_mb=loaded,
        forward_mb=forward,
        forward_probe_tokens=len(row) if packed is None else _pack_tokens(lm, chosen[:fits]),
        step_mb=max(0.0, peak_mb(lm.device) - loaded),
        step_probe_tokens=tokens,
    )


def _lengths(job: CandidateRun, lm: CausalLM, sample: Sequence[Example]) -> dict[str, float]:
    prompts = [len(lm.prompter.prompt(r.text).ids) for r in spread(job.rows.select, SAMPLE)]
    return {
        "head_tokens": len(lm.prompter.head_ids),
        "train_tokens": _mean([len(e.ids) for e in sample]),
        "prompt_tokens": _mean(prompts),
        "answer_tokens": _mean([len(e.ids) - e.answer_start for e in sample]),
    }


_Made = TypeVar("_Made")


def timed(do: Callable[[], _Made]) -> tuple[float, _Made]:
    """Seconds that it takes, and what it makes; a GPU is waited for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    made = do()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, made


def steady(do: Callable[[], object]) -> float:
    """Seconds once kernels and memory are prepared: the less of two, where the first is short."""
    first, _ = timed(do)
    return first if first > PART_SECONDS / 2 else min(first, timed(do)[0])


@torch.no_grad()
def _pack_seconds(lm: CausalLM, chosen: Sequence[Example]) -> float | None:
    """As the verified decoder drafts whole answers, so logits are asked at all their tokens."""
    pack = pack_rows(lm, [example.ids for example in chosen])
    positions = [
        start + place - 1
        for start, example in zip(pack.starts, chosen, strict=True)
        for place in range(example.answer_start, len(example.ids))
    ]

    def forward() -> None:
        for _ in packed_forward(lm, pack, positions).checked():
            pass

    try:
        seconds = steady(forward)
    except (TypeError, ValueError, RuntimeError):
        return None  # as `preflight`: no positions, or no mask of four dimensions
    return seconds / pack.ids_1T.numel()


def _pack_tokens(lm: CausalLM, chosen: Sequence[Example]) -> int:
    return len(lm.prompter.head_ids) + sum(len(example.ids) for example in chosen)


def _compare(lm: CausalLM, ids: Sequence[int]) -> None:
    with torch.no_grad():
        single = comparisons.single_logits(lm, ids)
        comparisons.gap_between(single, single)


def _shown_tokens(job: CandidateRun, lm: CausalLM, seconds: float) -> float:
    """How long an untrained answer is: some models stop at once, others never."""
    if ZERO_SHOT not in job.config.recipes:
        return -1.0
    longest = job.config.decoding.max_new_tokens
    limit = max(1, min(longest, int(DECODE_SECONDS / max(seconds, 1e-9))))
    partial = job.config.decoding.partial
    decoded = decode_canonical(lm, "probe", job.rows.select[0].text, limit, partial=partial)
    return float(len(decoded.ids)) if len(decoded.ids) < limit or limit == longest else -1.0


def _step_seconds(
    job: CandidateRun, lm: CausalLM, chosen: Sequence[Example], *, packs: bool
) -> tuple[float, int, int]:
    """Seconds and tokens of one step of plain fine-tuning, and the parameters it trains."""
    recipe = next((name for name in job.config.recipes if name in RECIPES), None)
    if recipe is None:
        return 0.0, 1, 0
    settings = fit_settings(job.config, "sft")
    add_adapter(lm, settings)
    # The first step of all makes the optimiser's moments; the second is timed.
    sampler = EpochSampler(((0,), tuple(range(len(chosen)))))
    training = Training(lm, chosen, LONGEST if packs else 0, settings, sampler=sampler)
    parameters = sum(p.numel() for p in trained_parameters(lm, training.reader).values())
    training.step()
    seconds, _ = timed(training.step)
    heads = 1 if packs else len(chosen)
    tokens = heads * len(lm.prompter.head_ids) + sum(len(e.ids) for e in chosen)
    return seconds, tokens, parameters


def spaced(count: int, most: int) -> list[int]:
    """Up to `most` indices, evenly spaced."""
    take = min(count, most)
    return [index * count // take for index in range(take)]


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)
