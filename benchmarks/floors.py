"""The TF-IDF floor on official files: macro-F1 and VAD skill by the number of training rows.

    python benchmarks/floors.py [--goemotions DIR] [--emobank FILE] [--rows 240 800 ...] [--all]
        [--draws 5] [--tokens]

Of `test`. With `--tokens` kinds of tokens are compared, and on dev, where the floor's tokens and
the strengths of its regressions were chosen. Each cell is the mean over draws of the training
rows, and the least and the largest of them.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np

from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.metrics.scoring import score
from emoloom.records import Row
from emoloom.row_sets.shared import mean_human_vad
from emoloom.screening.floors import FloorInputs, floor_outputs
from emoloom.supervision import tf_idf
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.tf_idf_tokens import tf_idf_tokens

ROWS = (240, 800, 2400, 8000)
SPACE = load_space("goemotions28")
METRICS = {"goemotions": "macro_f1", "emobank": "skill"}

Tokens = Callable[[str], Sequence[str]]


def words_of_two(text: str) -> list[str]:
    """scikit-learn's own tokens."""
    return re.findall(r"(?u)\b\w\w+\b", text.lower())


def without(pattern: str, text: str) -> list[str]:
    """The floor's tokens less those of a kind."""
    return [token for token in tf_idf_tokens(text) if not re.search(pattern, token)]


TOKENS: Mapping[str, Tokens] = {
    "words of two characters or more": words_of_two,
    "words": partial(without, r"[^\w']"),
    "words, `!` and `?`": partial(without, r"[^\w'!?]"),
    "words, emoji, emoticons": partial(without, r"^[!?]$"),
    "words, emoji, emoticons, `!` and `?`": tf_idf_tokens,
}
"""The first are scikit-learn's, the last the floor's."""


def draws(train: Sequence[Row], rows: int, count: int) -> Iterator[list[Row]]:
    """`count` draws of so many rows; the rows themselves, once, where they are all."""
    for seed in range(count if rows < len(train) else 1):
        yield [train[place] for place in np.random.default_rng(seed).permutation(len(train))[:rows]]


def measured(floor: str, metric: str, train: Sequence[Row], asked: Sequence[Row]) -> float:
    """One floor's strict score."""
    inputs = FloorInputs(train, SPACE, load_lexicon(), AffineMap.identity())
    answers = [parse_output(one.output, SPACE) for one in floor_outputs(floor, inputs, asked)]
    found = score(answers, asked, SPACE, vad_reference=mean_human_vad(train))
    return float(found.strict.values[metric] or 0.0)


def table(corpus: str, path: Path, asked: str, options: argparse.Namespace) -> None:
    """Print one corpus's table, a line as soon as it is known."""
    train, rows = (read_corpus(corpus, split, path).rows for split in ("train", asked))
    sizes = [n for n in options.rows if n < len(train)] + [len(train)] * options.all
    print(
        f"\n| {corpus}, {len(rows):,} rows of {asked}: {METRICS[corpus]} with training rows | ",
        end="",
    )
    print(" | ".join(f"{size:,}" for size in sizes) + " |\n|---" + "|---" * len(sizes) + "|")
    lines = TOKENS if options.tokens else {"tf-idf": tf_idf_tokens, "constant": tf_idf_tokens}
    for name, tokens in lines.items():
        floor = "constant" if name == "constant" else "tf-idf"
        cells = []
        for size in sizes:
            with mock.patch.object(tf_idf, "tf_idf_tokens", tokens):
                found = [
                    measured(floor, METRICS[corpus], drawn, rows)
                    for drawn in draws(train, size, options.draws)
                ]
            spread = f" ({min(found):.3f} to {max(found):.3f})" if len(found) > 1 else ""
            cells.append(f"{np.mean(found):.3f}{spread}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main(given: Sequence[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goemotions", type=Path)
    parser.add_argument("--emobank", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--all", action="store_true", help="all training rows, too")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--tokens", action="store_true", help="compare kinds of tokens, on dev")
    options = parser.parse_args(given)
    for corpus in METRICS:
        path = getattr(options, corpus)
        if path is not None:
            table(corpus, path, "dev" if options.tokens else "test", options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
