"""Make the embedded samples of GoEmotions and EmoBank, byte for byte the same each time.

Usage: make_samples.py --goemotions DIR --emobank DIR --out src/emoloom/data/samples [--check]

For each corpus: screen out texts with identity slurs, take duplicates across the official sets
out of train (and of dev, where they stand in test), draw in natural proportions, and swap in
few rows, so that every label stands in train. `--check` writes nothing and compares.
"""

import argparse
import codecs
import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emoloom.corpora.labels import load_space
from emoloom.corpora.readers import SPLITS
from emoloom.corpora.registry import read_corpus
from emoloom.corpora.splits import conflicting_duplicates, draw, positives, remove_overlap
from emoloom.records import LabelSpace, Row
from emoloom.runs.directory import dumps, write_text_atomic

SEED = 20200705
SIZES: Mapping[str, Mapping[str, int]] = {
    "goemotions": {"train": 2000, "dev": 500, "test": 500},
    "emobank": {"train": 800, "dev": 300, "test": 300},
}
SLURS = Path(__file__).with_name("slurs.rot13.txt")
_LOOKALIKES = str.maketrans("013457@$", "oieastas")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Screen:
    """Identity slurs to look for."""

    words: frozenset[str]
    """Whole words."""
    stems: tuple[str, ...]
    """Beginnings of words."""

    def finds(self, text: str) -> bool:
        """Whether a word of the text is on the list, digits read as letters too (`3` as `e`)."""
        folded = text.casefold()
        words = {*_WORD.findall(folded), *_WORD.findall(folded.translate(_LOOKALIKES))}
        return any(word in self.words or word.startswith(self.stems) for word in words)


@dataclass(frozen=True, slots=True)
class Count:
    """What became of one official split."""

    corpus: str
    split: str
    official: int
    """Rows of the official split."""
    screened: int
    """Rows left out for a slur."""
    overlapping: int
    """Further rows left out because their text stands in a later split."""
    swapped: int
    """Rows swapped in to cover the labels."""
    written: int
    """Rows of the sample."""
    conflicting: int
    """Rows of the sample whose text stands there with other labels too."""


def load_screen(path: Path = SLURS) -> Screen:
    """Read the ROT13 list: one word a line, `~` behind a stem, `#` before a comment."""
    lines = [codecs.encode(line, "rot13") for line in path.read_text("utf-8").splitlines()]
    entries = [line for line in lines if line and not line.startswith("#")]
    stems = tuple(entry.removesuffix("~") for entry in entries if entry.endswith("~"))
    return Screen(frozenset(e for e in entries if not e.endswith("~")), stems)


def cover_labels(
    drawn: Sequence[Row], pool: Sequence[Row], space: LabelSpace, rng: np.random.Generator
) -> tuple[tuple[Row, ...], int]:
    """Swap in few rows of `pool`, so that every label stands in `drawn` (greedily, ours).

    While a label is missing: of the rows that carry the most missing labels take one by chance,
    and put it in the place of a row, by chance, all of whose labels stand in another row too.

    Returns:
        The rows, and how many were swapped.
    """
    rows = list(drawn)
    swapped = 0
    while missing := {label for label, n in positives(rows, space).items() if n == 0}:
        held = {row.id for row in rows}
        gains = [len(missing.intersection(row.answer.labels or ())) for row in pool]
        most = max(gains, default=0)
        if most == 0:
            raise SystemExit(f"no row carries {sorted(missing)}")
        best = [row for row, n in zip(pool, gains, strict=True) if n == most and row.id not in held]
        counts = positives(rows, space)
        spare = [
            i for i, row in enumerate(rows) if all(counts[x] > 1 for x in row.answer.labels or ())
        ]
        rows[spare[rng.integers(len(spare))]] = best[rng.integers(len(best))]
        swapped += 1
    return tuple(rows), swapped


def make_corpus(
    name: str,
    official: Mapping[str, Mapping[str, Sequence[Row]]],
    screen: Screen,
    taken: Sequence[Row] = (),
) -> tuple[dict[str, tuple[Row, ...]], list[Count]]:
    """Build one corpus' sample.

    Args:
        name: The corpus to draw from.
        official: Corpus -> split -> rows. Texts are kept apart across corpora too.
        screen: What to leave out.
        taken: Rows of the other sample; their texts are left out of train.

    Returns:
        Split -> rows, and the counts of each split.
    """
    space = load_space("goemotions28")
    rng = np.random.default_rng(SEED)
    clean = {s: [r for r in rows if not screen.finds(r.text)] for s, rows in official[name].items()}
    tests = [splits["test"] for splits in official.values()]
    devs = [splits["dev"] for splits in official.values()]
    pools = {
        "train": remove_overlap(clean["train"], *devs, *tests, taken),
        "dev": remove_overlap(clean["dev"], *tests),
        "test": remove_overlap(clean["test"]),
    }
    sample: dict[str, tuple[Row, ...]] = {}
    counts: list[Count] = []
    for split, size in SIZES[name].items():
        kept, removed = pools[split]
        rows, swapped = draw(kept, size, rng), 0
        if split == "train" and name == "goemotions":
            rows, swapped = cover_labels(rows, kept, space, rng)
        sample[split] = tuple(replace(row, source=f"{name}-sample") for row in rows)
        n, conflicts = len(official[name][split]), conflicting_duplicates(rows)
        screened = n - len(clean[split])
        counts.append(Count(name, split, n, screened, len(removed), swapped, len(rows), conflicts))
    return sample, counts


def readme(counts: Sequence[Count]) -> str:
    """The folder's README, with the counts of this making."""
    header = (
        "corpus, split | official rows | screened out | duplicate of dev or test | swapped in"
        " | conflicting duplicates kept | written"
    )
    table = "\n".join(
        f"| {c.corpus}, {c.split} | {c.official:,} | {c.screened:,} | {c.overlapping:,} |"
        f" {c.swapped} | {c.conflicting} | {c.written:,} |"
        for c in counts
    )
    return f"""# Embedded samples

Small samples of two corpora, in the contract's dataset rows (JSON Lines). They are here so that
`emoloom` can be tried without a download; for a real screen give the official files.

- `goemotions/`: CC BY 4.0, Demszky et al. 2020. See `goemotions/LICENSE`.
- `emobank/`: CC BY-SA 4.0, Buechel and Hahn 2017. See `emobank/LICENSE`.

**The texts are from the open web. They hold profanity and strong views; none of it is ours.**
Texts with identity slurs (race, ethnicity, religion, sexual orientation, gender, disability) were
left out, by a list of words and stems: `scripts/slurs.rot13.txt`. A list misses some.

How they were made (`scripts/make_samples.py`, seed {SEED}):

1. Texts that the screen finds are left out.
2. Duplicates across the official sets go: from train those that stand in dev or test, from dev
   those that stand in test, of either corpus; and from EmoBank's train what stands in the
   GoEmotions sample. Texts are compared by their words, lower case, without punctuation.
3. Rows are drawn without replacement, each with the same chance: natural proportions. The file
   keeps the order of the draw, so its first n rows are a draw too.
4. GoEmotions train: while a label is missing, a row that carries it is swapped in for a row whose
   labels all stand elsewhere. The table says how many this took.

| {header} |
|---|---|---|---|---|---|---|
{table}

`SHA256SUMS` holds the hash of each file; `sha256sum -c SHA256SUMS` checks them.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the samples, or compare with `--check`. Returns 1 where a file differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--goemotions", type=Path, required=True)
    parser.add_argument("--emobank", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(argv)
    screen = load_screen()
    official = {
        name: {split: read_corpus(name, split, path).rows for split in SPLITS}
        for name, path in (("goemotions", given.goemotions), ("emobank", given.emobank))
    }
    files: dict[str, str] = {}
    counts: list[Count] = []
    taken: list[Row] = []
    for name in official:
        sample, more_counts = make_corpus(name, official, screen, taken)
        counts.extend(more_counts)
        for split, rows in sample.items():
            taken.extend(rows)
            files[f"{name}/{split}.jsonl"] = "".join(dumps(row.to_dict()) + "\n" for row in rows)
    files["README.md"] = readme(counts)
    sums = ((hashlib.sha256(text.encode("utf-8")).hexdigest(), f) for f, text in files.items())
    files["SHA256SUMS"] = "".join(f"{digest}  {file}\n" for digest, file in sums)
    for count in counts:
        print(count)
    return _check(files, given.out) if given.check else _write(files, given.out)


def _write(files: Mapping[str, str], out: Path) -> int:
    for file, text in files.items():
        write_text_atomic(out / file, text)
    return 0


def _check(files: Mapping[str, str], out: Path) -> int:
    differing = [f for f, text in files.items() if _bytes(out / f) != text.encode("utf-8")]
    for file in differing:
        print(f"differs: {file}", file=sys.stderr)
    return 1 if differing else 0


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    raise SystemExit(main())
