"""Near duplicates, exactly and by MinHash: seconds, peak memory, what is found and what is missed.

    python benchmarks/near_duplicates.py --goemotions DIR [--rows 100000 1000000] [--json FILE]

The texts are GoEmotions' own, then copies with one word in eight left out, doubled or replaced,
until there are enough; a tenth stands for the other sets, the rest for train. Each point runs in a
process of its own. The peers, datasketch and rensa, are left out where they are not installed.
"""

import argparse
import importlib.util
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emoloom.corpora.lines import normalise_text
from emoloom.corpora.near_duplicates import NEAR_DUPLICATE, NearIndex, near_duplicate_groups
from emoloom.corpora.registry import read_corpus

PERMUTATIONS = 128
CHANGED = 0.125
"""Share of the words of a copy that are changed."""

Flags = Sequence[bool]
"""For each train text, whether the other sets hold a near duplicate."""


def texts(folder: Path, count: int) -> list[str]:
    """`count` texts: the corpus's own in random order, then copies of them with words changed."""
    chance = random.Random(7)  # noqa: S311
    own = [
        row.text
        for s in ("train", "dev", "test")
        for row in read_corpus("goemotions", s, folder).rows
    ]
    chance.shuffle(own)
    vocabulary = sorted({word for text in own for word in text.split()})
    while len(own) < count:
        own.append(_changed(chance.choice(own), vocabulary, chance))
    own = own[:count]
    chance.shuffle(own)
    return own


def _changed(text: str, vocabulary: Sequence[str], chance: random.Random) -> str:
    words = []
    for word in text.split():
        what = chance.random() / CHANGED
        if what >= 1:
            words.append(word)
        elif what < 1 / 3:
            words += [word, word]
        elif what < 2 / 3:
            words.append(chance.choice(vocabulary))
    return " ".join(words)


def exact(train: Sequence[str], others: Sequence[str]) -> Flags:
    """Ours: all pairs, none by chance."""
    index = NearIndex(dict.fromkeys(map(normalise_text, others)))
    return [bool(index.near(text)) for text in train]


def by_datasketch(train: Sequence[str], others: Sequence[str]) -> Flags:
    """MinHash LSH, candidates checked by their estimated Jaccard index."""
    from datasketch import MinHash, MinHashLSH

    def sketch(text: str) -> Any:
        made = MinHash(num_perm=PERMUTATIONS)
        made.update_batch([word.encode() for word in set(normalise_text(text).split())])
        return made

    index = MinHashLSH(threshold=NEAR_DUPLICATE, num_perm=PERMUTATIONS)
    sketches = [sketch(text) for text in others]
    for number, made in enumerate(sketches):
        index.insert(number, made)
    found = []
    for text in train:
        made = sketch(text)
        near = (made.jaccard(sketches[number]) for number in index.query(made))
        found.append(any(value >= NEAR_DUPLICATE for value in near))
    return found


def by_rensa(train: Sequence[str], others: Sequence[str]) -> Flags:
    """R-MinHash LSH, candidates checked by their estimated Jaccard index."""
    from rensa import RMinHashDeduplicator

    index = RMinHashDeduplicator(threshold=NEAR_DUPLICATE, num_perm=PERMUTATIONS, use_lsh=True)
    index.add_pairs((str(n), normalise_text(text).split()) for n, text in enumerate(others))
    pairs = [(str(n), normalise_text(text).split()) for n, text in enumerate(train)]
    return list(index.is_duplicate_pairs(pairs))


def groups(train: Sequence[str], others: Sequence[str]) -> Flags:
    """Ours, all texts in one collection: whether a text is not the first of its group."""
    found = near_duplicate_groups([*others, *train])
    return [group != number for number, group in enumerate(found)][len(others) :]


METHODS: Mapping[str, Callable[[Sequence[str], Sequence[str]], Flags]] = {
    "exact": exact,
    "exact, groups": groups,
    "datasketch": by_datasketch,
    "rensa": by_rensa,
}


def point(folder: Path, rows: int, method: str) -> dict[str, Any]:
    """One measurement, in this process."""
    all_texts = texts(folder, rows)
    others, train = all_texts[: rows // 10], all_texts[rows // 10 :]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    flags = METHODS[method](train, others)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        "method": method,
        "rows": rows,
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds),
        "peak_mb": round(peak / 1024),
        "peak_mb_of_texts_alone": round(before / 1024),
        "found": sum(flags),
    }
    if method not in ("exact", "exact, groups"):
        truth = exact(train, others)
        pairs = list(zip(flags, truth, strict=True))
        found["missed"] = sum(true and not flag for flag, true in pairs)
        found["wrong"] = sum(flag and not true for flag, true in pairs)
    return found


def main(given: Sequence[str]) -> int:
    """Each method at each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goemotions", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--point", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.point:
        print(json.dumps(point(options.goemotions, options.rows[0], options.methods[0])))
        return 0
    points = []
    for rows in options.rows:
        for method in options.methods:
            if method in ("datasketch", "rensa") and not importlib.util.find_spec(method):
                print(f"{method} is not installed and left out", file=sys.stderr)
                continue
            command = [sys.executable, __file__, "--point", "--goemotions", str(options.goemotions)]
            command += ["--rows", str(rows), "--methods", method]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
            points.append(json.loads(done.stdout))
            print(points[-1], flush=True)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
