"""How the verified decoder grows: time and peak memory against rows, answer length, pack size.

    python benchmarks/decode_growth.py [--rows 100 1000 10000] [--json FILE]

On the random model, each point in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from emoloom.corpora.labels import load_space
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.causal_lm import load_causal_lm
from emoloom.models.preflight import certify
from emoloom.sources.tiny import write_random_llama

ANSWER = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love"}'
WORDS = ("I love this puppy", "he lied to me again", "the meeting is on Tuesday", "what a day")
USUAL = (1000, 16, 32)
"""Rows, tokens of an answer, rows of a pack."""


def texts(count: int) -> Iterator[tuple[str, str]]:
    """Rows made as they are needed: nothing holds them all."""
    chance = random.Random(1)  # noqa: S311
    for number in range(count):
        yield f"r{number}", " ".join(chance.choices(WORDS, k=chance.randint(1, 4)))


def point(rows: int, answer_tokens: int, pack_rows: int) -> dict[str, Any]:
    """One measurement, in this process."""
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        write_random_llama(Path(folder) / "model", 0)
        space = load_space("goemotions28")
        lm = load_causal_lm(Path(folder) / "model", space, name="random", max_text_tokens=48)
    certificate = certify(lm, [text for _, text in texts(40)], [ANSWER], answer_tokens)
    settings = DecodeSettings(answer_tokens, pack_rows=pack_rows)
    start, forwards, tokens = time.perf_counter(), 0, 0
    for answer in decode_rows(lm, texts(rows), certificate, settings):
        forwards += answer.forwards
        tokens += answer.tokens_computed
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "rows": rows,
        "answer_tokens": answer_tokens,
        "pack_rows": pack_rows,
        "seconds": round(time.perf_counter() - start, 2),
        "forwards_per_row": round(forwards / rows, 2),
        "tokens_per_row": round(tokens / rows, 1),
        "peak_mb": round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1),
    }


def apart(*sizes: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--point", *map(str, sizes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout)
    print(found, file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure each point, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--answer-tokens", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--pack-rows", type=int, nargs="+", default=[1, 4, 16, 32, 64])
    parser.add_argument("--usual-rows", type=int, default=USUAL[0], help="where rows do not vary")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--point", type=int, nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.point:
        print(json.dumps(point(*given.point)))
        return
    _, length, pack = USUAL
    plan = [(rows, length, pack) for rows in given.rows]
    plan += [(given.usual_rows, tokens, pack) for tokens in given.answer_tokens]
    plan += [(given.usual_rows, length, rows) for rows in given.pack_rows]
    found = [apart(*sizes) for sizes in dict.fromkeys(plan)]
    print("| " + " | ".join(found[0]) + " |")
    print("|" + "---|" * len(found[0]))
    for one in found:
        print("| " + " | ".join(map(str, one.values())) + " |")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
