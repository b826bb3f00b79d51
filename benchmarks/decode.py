"""Verified decoding against transformers' `generate`, one run, every ratio.

    emoloom screen benchmarks/trained.yaml        # once: the trained model (20 minutes, two cores)
    python benchmarks/decode.py [--rows 64] [--slow-rows 8] [--json FILE]

Ours is measured with drafts from the model's heads, and as if it had none: then TF-IDF's labels and
the weak formulas draft. Same model, rows, precision, threads and limit for all; the model's own
generation settings are neutralised; every answer is compared with ours. Peers stop at end tokens
only, where we also stop at the closing brace, so a peer's answer counts as the same up to that
brace, and its time is taken with a stopping criterion that ends each row there. What a requirement
compares is run twice, in turn, and the faster run counts: other users of a machine only ever make
it slower.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from decode_peers import generate
from decode_required import required
from exactness import kept_canonical
from trained_model import LIMIT, Trained, trained

from emoloom.contract.schema import write_answer
from emoloom.decoding.drafts import NoDrafts
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.margin import PackSizes, measure_margin
from emoloom.models.precision import in_bfloat16

ZERO_SHOT = 32
"""Longest answer of the base model: it ends none by itself, and one more token is like another."""


@dataclass(frozen=True)
class Way:
    """One way of decoding, as a process of its own is told of it."""

    kind: str
    """`verified`, `uncached`, `cached` or `prefix` (a cache that begins with the shared head); of
    the base model, which nobody taught: `zero-shot` (verified) and `undrafted` (a token a forward,
    in the same packs)."""
    batch: int
    rows: int
    dtype: str = "float32"
    of: int = 0
    """The rows are drawn evenly from so many, which the other ways decode; 0 for all of them."""
    heads: bool = True
    """Whether the model's heads draft."""

    @property
    def name(self) -> str:
        """For the table."""
        said = {
            "verified": "verified, packs of {}",
            "uncached": "generate(use_cache=False), batch {}",
            "cached": "generate(use_cache=True), batch {}",
            "prefix": "generate, the head's cache filled before, batch {}",
            "zero-shot": "zero-shot, verified, packs of {}",
            "undrafted": "zero-shot, a token a forward, packs of {}",
        }
        precision = "" if self.dtype == "float32" else ", bf16"
        return said[self.kind].format(self.batch) + precision + ("" if self.heads else ", no heads")


@dataclass(frozen=True)
class Timed:
    """What one way took. Its peak memory is its own: no other way ran in its process."""

    way: Way
    seconds: float
    answers: dict[str, str]
    peak_mb: float
    device_mb: float
    costs: dict[str, float]
    canonical: tuple[int, int] = (0, 0)
    """Answers whose canonical ones `exactness.py` has kept, and how many of them are equal."""

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.way.rows / self.seconds


def verified(model: Trained, way: Way) -> tuple[dict[str, str], dict[str, float]]:
    """Ours; in bfloat16 with the margin of the model in bfloat16."""
    base = way.kind != "verified"
    settings = DecodeSettings(ZERO_SHOT if base else LIMIT, pack_rows=way.batch)
    settings, certificate = settings.untrained() if base else settings, model.certificate
    if way.dtype != "float32":
        sizes = PackSizes(LIMIT, way.batch, settings.pack_tokens, certificate.packed_up_to)
        lines = [write_answer(answer) for answer in model.taught[:16]]
        margin = measure_margin(model.lm, [row.text for row in model.rows], lines, sizes)
        certificate = replace(certificate, tie_margin=max(margin.value, certificate.tie_margin))
    pairs = [(row.id, row.text) for row in model.rows]
    drafter = NoDrafts() if way.kind == "undrafted" else model.drafter()
    done = list(decode_rows(model.lm, pairs, certificate, settings, drafter))
    keys = ("forwards", "tokens_computed", "near_ties")
    costs = {key: sum(getattr(one, key) for one in done) / len(done) for key in keys}
    costs["tokens_of_a_row"] = sum(one.prompt_tokens + len(one.ids) for one in done) / len(done)
    own = costs["tokens_of_a_row"] - len(model.lm.prompter.head_ids)
    costs["bound_by_prefix"] = costs["tokens_of_a_row"] / own
    return {answer.id: answer.output for answer in done}, costs


def measure(run: Path, way: Way) -> Timed:
    """One way, in this process."""
    taught = way.kind not in ("zero-shot", "undrafted")
    model = trained(run, way.of or way.rows, heads=way.heads, adapter=taught)
    every = max(1, len(model.rows) // way.rows)
    model = replace(model, rows=model.rows[::every][: way.rows])
    if way.dtype != "float32":
        half = in_bfloat16(model.lm)
        assert half is not None, "SmolLM2's output layer can be run apart"
        model = replace(model, lm=half)
    costs: dict[str, float] = {}
    start = time.perf_counter()
    if way.kind in ("verified", "zero-shot", "undrafted"):
        answers, costs = verified(model, way)
    else:
        answers = generate(model.lm, model.rows, way.kind, way.batch)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / (2**20 if sys.platform == "darwin" else 2**10)
    on_device = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
    known = kept_canonical(model) if taught and way.dtype == "float32" else {}
    equal = [known[row] == said for row, said in answers.items() if row in known]
    return Timed(way, seconds, answers, peak_mb, on_device, costs, (len(equal), sum(equal)))


def apart(run: Path, way: Way) -> Timed:
    """The same in a process of its own."""
    told = json.dumps(asdict(way))
    command = [sys.executable, __file__, "--run", str(run), "--way", told]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    found = json.loads(done.stdout.splitlines()[-1])
    timed = Timed(**{**found, "way": way})
    print(f"{way.name}: {way.rows} rows in {timed.seconds:.1f} s", file=sys.stderr, flush=True)
    return timed


def table(run: Path, given: argparse.Namespace, dtype: str) -> list[dict[str, Any]]:
    """Every way in one precision; latency is compared with latency, the rest with packs of 32."""
    few, rows = min(given.slow_rows, given.rows), given.rows
    both = (True, False)
    ours = [Way("verified", n, rows, dtype, heads=heads) for heads in both for n in (32, 1)]
    cached = [Way("cached", batch, rows, dtype) for batch in given.batches]
    others = [Way("prefix", batch, rows, dtype) for batch in given.batches if batch > 1]
    slow = (1, 2, 4, 8)
    others += [Way("uncached", batch, few, dtype, of=rows) for batch in slow if batch <= few]
    kinds = ("zero-shot", "undrafted") if dtype == "float32" else ()
    base = [Way(kind, 16, min(16, rows), dtype) for kind in kinds]
    found = {way: apart(run, way) for way in [*ours, *cached, *others, *base]}
    best = max(cached, key=lambda way: found[way].rate)
    again = [*ours, *dict.fromkeys([cached[0], best]), *base]
    for way in again * (given.repeats - 1):
        found[way] = min(found[way], apart(run, way), key=lambda timed: timed.seconds)
    trained_ways = [way for way in found if way not in base]
    shown = [_shown(found[way], [found[one] for one in ours]) for way in trained_ways]
    return shown + [_shown(found[way], [found[base[0]]]) for way in base]


def _shown(timed: Timed, ours: Sequence[Timed]) -> dict[str, Any]:
    """A line of the result; every answer is compared with ours on the same row."""
    like = [one for one in ours if (one.way.batch == 1) == (timed.way.batch == 1)]
    ratios = {one.way.heads: round(one.rate / timed.rate, 2) for one in like}
    memory = [one.peak_mb / timed.peak_mb for one in ours if one.way.batch == timed.way.batch]
    known = ours[0].answers
    more: dict[str, Any] = {}
    if memory:  # the larger, with heads or without
        more["our_peak_memory_is_times"] = round(max(memory), 2)
    if timed.costs:
        computed = timed.costs["tokens_computed"] / timed.costs["tokens_of_a_row"]
        more["computed_per_token_of_the_row"] = round(computed, 2)
    if timed.canonical[0]:
        more["canonical"] = dict(zip(("known", "equal"), timed.canonical, strict=True))
    return {
        "name": timed.way.name,
        "rows": timed.way.rows,
        "rows_per_second": round(timed.rate, 3),
        "ours_is_times": ratios[True],
        **({"ours_without_heads_is_times": ratios[False]} if False in ratios else {}),
        "prefix_alone_allows_times": round(ours[0].costs["bound_by_prefix"], 2),
        "same_answers": sum(known.get(row) == said for row, said in timed.answers.items()),
        "peak_mb": round(timed.peak_mb),
        "device_mb": round(timed.device_mb),
        "costs_per_row": {key: round(value, 2) for key, value in timed.costs.items()},
        **more,
    }


def main() -> int:
    """Measure, compare, print; 1 where a requirement is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/trained"))
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--slow-rows", type=int, default=8, help="rows without a cache")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 16, 32, 64])
    parser.add_argument("--repeats", type=int, default=2, help="of what a requirement compares")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(asdict(measure(given.run, Way(**json.loads(given.way))))))
        return 0
    gpu = torch.cuda.is_available()
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "float32": table(given.run, given, "float32"),
    }
    result["required"] = required(result["float32"])
    if gpu:
        result["bfloat16"] = table(given.run, given, "bfloat16")
    print(json.dumps(result, indent=2))
    for one in result["required"]:
        met = "met" if one["met"] else "MISSED"
        print(f"{one['what']}: {one['measured']} ({one['required']}): {met}")
    if not gpu:
        print("no GPU here: the bf16 table was not made")
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(not all(one["met"] for one in result["required"]))


if __name__ == "__main__":
    sys.exit(main())
