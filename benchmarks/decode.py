"""Verified decoding against transformers' `generate`, one run, every ratio.

    emoloom screen benchmarks/trained.yaml        # once: the trained model (20 minutes, two cores)
    python benchmarks/decode.py [--rows 64] [--slow-rows 16] [--json FILE]

Same model, rows, precision, threads and limit for all; the model's own generation settings are
neutralised; every answer is compared with ours. Peers stop at end tokens only, where we also stop
at the closing brace, so a peer's answer counts as the same up to that brace, and its time is
taken with a stopping criterion that ends each row there.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria

from emoloom.config import load_config
from emoloom.contract.parse import object_closed
from emoloom.corpora.labels import load_space
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.causal_lm import CausalLM
from emoloom.records import Row
from emoloom.runs.directory import RunDirectory
from emoloom.screening.answers import CandidateRun, draft_hints, taught_answers
from emoloom.screening.candidates import list_candidates, load, read_certificate, with_adapter
from emoloom.screening.row_sets import read_row_sets
from emoloom.sources.model_files import get_model
from emoloom.supervision.lexicon import load_lexicon

CONFIG = Path(__file__).with_name("trained.yaml")
LIMIT = 96


@dataclass(frozen=True)
class Timed:
    """One way of decoding."""

    name: str
    rows: int
    seconds: float
    answers: dict[str, str]
    peak_mb: float

    @property
    def one_by_one(self) -> bool:
        """Latency is compared with latency."""
        return self.name.endswith(("batch 1", "one row at a time"))

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


class AtBrace(StoppingCriteria):
    """Ends each row of a batch at the closing brace of its object, as ours does."""

    def __init__(self, lm: CausalLM, start: int) -> None:
        self.lm, self.start = lm, start
        self.done: set[int] = set()

    def __call__(self, input_ids: torch.Tensor, _scores: Any, **_: Any) -> torch.Tensor:
        """Which rows are finished."""
        for number, ids in enumerate(input_ids[:, self.start :].tolist()):
            closing = "}" in self.lm.prompter.decode(ids[-1:])
            if number not in self.done and closing and object_closed(self.lm.prompter.decode(ids)):
                self.done.add(number)
        size = input_ids.shape[0]
        return torch.tensor([k in self.done for k in range(size)], device=input_ids.device)


def timed(name: str, rows: Sequence[Row], work: Callable[[], dict[str, str]]) -> Timed:
    """Run once and take the time."""
    start = time.perf_counter()
    answers = work()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {len(rows)} rows in {seconds:.1f} s", file=sys.stderr, flush=True)
    return Timed(name, len(rows), seconds, answers, peak)


def generate(lm: CausalLM, rows: Sequence[Row], batch: int, *, cache: bool) -> dict[str, str]:
    """transformers, greedy, padded on the left, batches of rows of like length."""
    prompter = lm.prompter
    ordered = sorted(rows, key=lambda row: len(prompter.prompt(row.text).ids))
    settings = GenerationConfig(
        do_sample=False,
        max_new_tokens=LIMIT,
        use_cache=cache,
        eos_token_id=sorted(prompter.stop_ids),
        pad_token_id=prompter.end_id,
    )
    answers = {}
    for at in range(0, len(ordered), batch):
        part = ordered[at : at + batch]
        ids = [[*prompter.head_ids, *prompter.prompt(row.text).ids] for row in part]
        longest = max(map(len, ids))
        padded = [[prompter.end_id] * (longest - len(x)) + x for x in ids]
        mask = [[0] * (longest - len(x)) + [1] * len(x) for x in ids]
        out = lm.model.generate(
            torch.tensor(padded, device=lm.device),
            attention_mask=torch.tensor(mask, device=lm.device),
            generation_config=settings,
            stopping_criteria=[AtBrace(lm, longest)],
        )
        for row, line in zip(part, out[:, longest:].tolist(), strict=True):
            answers[row.id] = _cut(prompter.decode(line))
    return answers


def _cut(text: str) -> str:
    """Up to the brace that closes the object: what follows is padding."""
    for stop in (k + 1 for k, char in enumerate(text) if char == "}"):
        if object_closed(text[:stop]):
            return text[:stop]
    return text


def _shown(way: Timed, ours: Timed) -> dict[str, Any]:
    """A line of the result; every answer is compared with ours on the same row."""
    return {
        "name": way.name,
        "rows": way.rows,
        "rows_per_second": round(way.rate, 3),
        "ours_is_times": round(ours.rate / way.rate, 2),
        "same_answers": sum(way.answers[row] == ours.answers[row] for row in way.answers),
        "peak_mb_so_far": round(way.peak_mb),
    }


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/trained"))
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--slow-rows", type=int, default=16, help="rows of the peers without cache")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 16, 32, 64])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    config, run = load_config(CONFIG), RunDirectory(given.run)
    space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
    sets = read_row_sets(run.root / "data", space)
    candidate = list_candidates(config)[0]
    files, folder = get_model(candidate.model), run.candidate(candidate.name)
    lm = with_adapter(load(files, config, space), folder)
    certificate = read_certificate(folder / "preflight.json")
    rows = sets.select[:: max(1, len(sets.select) // given.rows)][: given.rows]
    hints = draft_hints(CandidateRun(candidate, files, config, run, space, lexicon, sets), rows)
    decoded = []

    def ours(part: Sequence[Row], **sizes: int) -> dict[str, str]:
        drafter = contract_drafter(lm.prompter, hints, taught_answers(sets.train))
        pairs = [(row.id, row.text) for row in part]
        settings = DecodeSettings(LIMIT, **sizes)
        decoded[:] = decode_rows(lm, pairs, certificate, settings, drafter)
        return {answer.id: answer.output for answer in decoded}

    verified = timed("verified", rows, lambda: ours(rows))
    forwards = sum(answer.forwards for answer in decoded) / len(rows)
    computed = sum(answer.tokens_computed for answer in decoded) / len(rows)
    of_row = sum(a.prompt_tokens + len(a.ids) for a in decoded) / len(rows)
    few = rows[: given.slow_rows]
    one = timed("verified, one row at a time", few, lambda: ours(few, pack_rows=1))
    plan = [(True, batch, few if batch == 1 else rows) for batch in given.batches]
    plan += [(False, batch, few) for batch in (8, 16) if batch <= len(few)]
    peers = [
        timed(
            f"generate(use_cache={cache}), batch {batch}",
            part,
            partial(generate, lm, part, batch, cache=cache),
        )
        for cache, batch, part in plan
    ]
    ways = (verified, one, *peers)
    head = len(lm.prompter.head_ids)
    result = {
        "device": str(lm.device),
        "threads": torch.get_num_threads(),
        "rows": len(rows),
        "forwards_per_row": round(forwards, 2),
        "tokens_computed_per_row": round(computed),
        "tokens_of_a_row": round(of_row),
        "bound_from_the_prefix": round(of_row / (of_row - head), 2),
        "ways": [_shown(way, one if way.one_by_one else verified) for way in ways],
    }
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
