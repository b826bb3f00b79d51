"""One way of training, measured in a process of its own: `train.py` starts it.

    python benchmarks/train_ways.py JOB_AS_JSON RESULT_FILE

Whatever is asked of emoloom's trainer is asked in `settings_of`, `prepared`, `run_ours`, `growth`.
"""

import hashlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch

from emoloom.config import Config, load_config
from emoloom.corpora.labels import load_space
from emoloom.models.causal_lm import CausalLM
from emoloom.records import VAD, LabelSpace, Row
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.row_sets.shared import read_row_sets
from emoloom.screening.candidates import list_candidates, load, preflight, read_certificate
from emoloom.screening.recipe_settings import fit_settings
from emoloom.sources.model_files import get_model
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.likely_labels import likely_labels
from emoloom.training.adapters import add_adapter
from emoloom.training.examples import Example, Examples, make_example
from emoloom.training.fit import fit
from emoloom.training.schedule import FitSettings, batches
from emoloom.training.target_proof import prove_targets

FILL = VAD(0.5, 0.5, 0.5)
"""Stands, untrained, where a row has no VAD."""

PlainRow = tuple[list[int], list[int]]
"""Ids and labels of a row as a sequence of its own; -100 where the loss does not count."""


@dataclass(frozen=True)
class Way:
    """How a step is computed."""

    trl: bool = False
    packed: bool = False
    """TRL: the rows of a forward in one sequence, and not padded to the longest."""
    recompute: bool = False
    """Gradient checkpointing."""
    rows_at_once: int | None = None
    """TRL: rows of a forward, gradients accumulated to the whole step; None for all of a step."""


WAYS = {
    "emoloom": Way(),
    "trl-padded": Way(trl=True),
    "trl-packed": Way(trl=True, packed=True),
    "trl-padded-2-rows": Way(trl=True, rows_at_once=2),
    "trl-packed-2-rows": Way(trl=True, packed=True, rows_at_once=2),
    "emoloom-recompute": Way(recompute=True),
    "trl-padded-recompute": Way(trl=True, recompute=True),
    "trl-packed-recompute": Way(trl=True, packed=True, recompute=True),
}


@dataclass(frozen=True)
class Job:
    """What a process is asked for."""

    work: str
    """A way, or `certificate` or `growth`."""
    config: str
    """Path of the config that gives model, rows and recipe."""
    rows: int
    """Rows trained on; for `growth`, rows of the whole set."""
    threads: int
    batch_rows: int = 8
    dtype: Literal["float32", "bfloat16"] = "float32"
    packed_up_to: int = 0
    """From `certificate`."""
    steps: int = 0
    """Of `growth`."""


@dataclass(frozen=True)
class Prepared:
    """A model with its fresh adapter, and proved examples."""

    lm: CausalLM
    wrapper: Any
    settings: FitSettings
    examples: list[Example]

    @property
    def plan(self) -> list[tuple[int, ...]]:
        """Row indices of every step."""
        return batches(len(self.examples), self.settings)

    def plain(self, index: int) -> PlainRow:
        """The sequence of a row with its head."""
        example, head = self.examples[index], self.lm.prompter.head_ids
        untrained = [-100] * (len(head) + example.answer_start)
        answer = zip(example.ids[example.answer_start :], example.trained, strict=True)
        return [*head, *example.ids], [*untrained, *(i if on else -100 for i, on in answer)]


@dataclass
class Meter:
    """What a way did."""

    losses: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    """Time at the end of each step, in seconds."""
    rows: list[PlainRow] = field(default_factory=list)
    """The rows in the order in which they were trained on."""
    before_mb: float = 0.0
    """Peak memory before the first step."""

    def lap(self, device: torch.device) -> None:
        """A step has ended."""
        if device.type == "cuda":
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def main() -> None:
    """Do the job and write what was found."""
    job = Job(**json.loads(sys.argv[1]))
    special = {"certificate": certificate, "growth": growth}
    found = special.get(job.work, measured)(job)
    Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")


def measured(job: Job) -> dict[str, Any]:
    """One way: its first step warms up, the time is that of the others."""
    way, ready = WAYS[job.work], prepared(job)
    trained = [p for p in ready.wrapper.parameters() if p.requires_grad]
    adapter = digest(p.detach().cpu().numpy().tobytes() for p in trained)
    tokens: list[int] = []
    ready.lm.model.get_input_embeddings().register_forward_hook(
        lambda _module, given, _out: tokens.append(given[0].numel())
    )
    if way.trl:
        from train_trl import run_trl  # the peer is imported in its own processes alone

        meter = run_trl(ready, way)
    else:
        meter = run_ours(ready, job.packed_up_to)
    seconds = meter.ends[-1] - meter.ends[0]
    return {
        "rows_per_second": (job.rows - job.batch_rows) / seconds,
        "tokens_per_row": sum(tokens) / job.rows,
        "peak_mb": peak_mb(ready.lm.device),
        "peak_before_mb": meter.before_mb,
        "losses": meter.losses,
        "adapter_sha256": adapter,
        "rows_sha256": digest(json.dumps(row).encode() for row in meter.rows),
        "head_tokens": len(ready.lm.prompter.head_ids),
        "sequence_tokens": sum(len(ids) for ids, _ in meter.rows) / len(meter.rows),
    }


def settings_of(job: Job) -> tuple[Config, LabelSpace, FitSettings]:
    """The config in force, its labels, and the recipe `sft` in the trainer's terms."""
    config = load_config(Path(job.config)).model_copy(update={"threads": job.threads})
    settings = replace(
        fit_settings(config, "sft"),
        epochs=1,
        batch_rows=job.batch_rows,
        dtype=job.dtype,
        recompute=WAYS.get(job.work, Way()).recompute,
    )
    return config, load_space(config.labels), settings


def model_of(config: Config, space: LabelSpace) -> CausalLM:
    """The config's first model."""
    return load(get_model(list_candidates(config)[0].model), config, space)


def rows_of(config: Config, space: LabelSpace, count: int | None = None) -> list[Row]:
    """The config's train rows, or so many of them, evenly spread over the corpora."""
    with tempfile.TemporaryDirectory() as folder:
        drawing = Drawing(config.data, {}, config.seed)
        write_row_sets(Path(folder), drawing, space, load_lexicon(config.lexicon))
        sets = read_row_sets(Path(folder), space)
    have = len(sets.train)
    wanted = have if count is None else count
    if wanted > have:
        raise SystemExit(f"{wanted} rows are asked for; the config has {have}")
    return [sets.train[k * have // wanted] for k in range(wanted)]


def prepared(job: Job) -> Prepared:
    """Load, make and prove the examples, put the adapter in: the same for every way."""
    config, space, settings = settings_of(job)
    lm = model_of(config, space)
    rows = rows_of(config, space, job.rows)
    fill = likely_labels(rows, space)
    examples = [
        make_example(lm.prompter, row, label=fill.get(row.id, ""), vad=FILL) for row in rows
    ]
    prove_targets(lm.prompter, rows, examples)
    return Prepared(lm, add_adapter(lm, settings), settings, examples)


def run_ours(ready: Prepared, packed_up_to: int) -> Meter:
    """The product's trainer."""
    meter = Meter(before_mb=peak_mb(ready.lm.device))
    for log in fit(ready.lm, ready.examples, packed_up_to, ready.settings):
        meter.lap(ready.lm.device)
        meter.losses.append(log.loss)
        meter.rows.extend(ready.plain(index) for index in log.drawn)
    return meter


def certificate(job: Job) -> dict[str, Any]:
    """Up to which length the model may be packed, as `emoloom screen` finds it."""
    config, space, _ = settings_of(job)
    lm = model_of(config, space)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "preflight.json"
        preflight(lm, rows_of(config, space), config, path)
        return {"packed_up_to": read_certificate(path).packed_up_to, "device": str(lm.device)}


def growth(job: Job) -> dict[str, Any]:
    """Peak memory of a few steps on a set of many rows, whose texts all differ."""
    config, space, settings = settings_of(job)
    lm, sample = model_of(config, space), rows_of(config, space)
    spread = (sample[k % len(sample)] for k in range(job.rows))
    rows = [replace(row, id=f"r{k}", text=f"{row.text} {k}") for k, row in enumerate(spread)]
    examples = Examples(lm.prompter, rows, likely_labels(rows, space), FILL)
    prove_targets(lm.prompter, rows, examples)
    add_adapter(lm, settings)
    steps = list(islice(fit(lm, examples, job.packed_up_to, settings), job.steps))
    return {"rows": job.rows, "steps": len(steps), "peak_mb": round(peak_mb(lm.device), 1)}


def peak_mb(device: torch.device) -> float:
    """Of the GPU's memory where there is one, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def digest(parts: Iterable[bytes]) -> str:
    """sha256 of all parts in turn."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


if __name__ == "__main__":
    main()
