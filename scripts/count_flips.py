"""Flip every training row of a GoEmotions folder: counts by reason, and a sample to read.

Usage: count_flips.py --goemotions DIR [--sample N --seed S]

The numbers of docs/decisions/0010-valence-flip.md are this script's.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.mirror_pairs import load_mirror_pairs
from emoloom.supervision.valence_flip import SUFFIX, flip_rows


def main(argv: Sequence[str] | None = None) -> int:
    """Print the counts, the labels of the flips, and N flips by chance, original first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--goemotions", type=Path, required=True)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    rows = read_corpus("goemotions", "train", given.goemotions).rows
    flipped = flip_rows(rows, load_mirror_pairs(load_space("goemotions28")), load_lexicon())
    print(f"rows {flipped.rows_in:,}, flipped {len(flipped.rows):,}")
    for reason, count in flipped.dropped.items():
        print(f"{reason} {count:,}")
    labels = Counter(label for row in flipped.rows for label in row.answer.labels or ())
    print(", ".join(f"{label} {count:,}" for label, count in labels.most_common()))
    originals = {row.id: row for row in rows}
    order = np.random.default_rng(given.seed).permutation(len(flipped.rows))[: given.sample]
    for number, at in enumerate(order, start=1):
        flip = flipped.rows[at]
        original = originals[flip.id.removesuffix(SUFFIX)]
        print(f"{number}. {original.answer.labels} {original.text!r}")
        print(f"   {flip.answer.labels} {flip.text!r}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
