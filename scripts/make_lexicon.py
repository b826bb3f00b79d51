"""Make the shipped lexicon from the Glasgow Norms and actdata, byte for byte the same each time.

Usage: make_lexicon.py --glasgow DIR --actdata DIR --out src/emoloom/data/lexicon [--check]

Glasgow's means x of 1..9 become (x - 1) / 8. actdata's E, A, P are mapped to Glasgow's valence,
arousal, dominance by least squares on the words both have, and clipped to [0, 1]. Glasgow wins.
Terms of `identity_terms.txt` are left out. `--check` writes nothing and compares.
"""

import argparse
import csv
import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emoloom.runs.directory import write_text_atomic

Triple = tuple[float, float, float]
GLASGOW = "13428_2018_1099_MOESM2_ESM.csv"
ACTDATA = ("behaviors", "identities", "mods")
TARGET = "glasgow-actdata.tsv"
IDENTITY_TERMS = Path(__file__).with_name("identity_terms.txt")
_SENSE = re.compile(r"(.+) \(.+\)")


class Fit(NamedTuple):
    """One dimension's line from actdata to Glasgow."""

    dimension: str
    n: int
    r: float
    slope: float
    intercept: float


def read_glasgow(path: Path) -> dict[str, Triple]:
    """Term -> valence, arousal, dominance in [0, 1]. Two header rows; A, V, D in columns 2, 5, 8.

    A sense row such as `bank (river)` counts only where the bare word is missing: then the mean
    of its senses stands for it.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))[2:]
    bare: dict[str, Triple] = {}
    senses: dict[str, list[Triple]] = {}
    for row in rows:
        a, v, d = ((float(row[column]) - 1) / 8 for column in (2, 5, 8))
        sense = _SENSE.fullmatch(row[0].casefold())
        if sense:
            senses.setdefault(sense[1], []).append((v, a, d))
        elif row[0].casefold() in bare:
            raise SystemExit(f"{row[0]} stands twice in {path}")
        else:
            bare[row[0].casefold()] = (v, a, d)
    return {word: _mean(triples) for word, triples in senses.items()} | bare


def read_actdata(folder: Path) -> dict[str, Triple]:
    """Term -> E, A, P as rated. A term of several files has the mean of its rows."""
    found: dict[str, list[Triple]] = {}
    for name in ACTDATA:
        path = folder / f"usfullsurveyor2015_{name}.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                term = row["term"].casefold().replace("_", " ")
                found.setdefault(term, []).append(
                    (float(row["E"]), float(row["A"]), float(row["P"]))
                )
    return {term: _mean(triples) for term, triples in found.items()}


def fit(glasgow: Mapping[str, Triple], actdata: Mapping[str, Triple]) -> list[Fit]:
    """Least squares of Glasgow on actdata for each dimension, over the shared words."""
    shared = sorted(set(glasgow) & set(actdata))
    y, x = (np.array([source[word] for word in shared]) for source in (glasgow, actdata))
    fits = []
    for i, dimension in enumerate(("valence", "arousal", "dominance")):
        slope, intercept = np.polyfit(x[:, i], y[:, i], 1)
        r = float(np.corrcoef(x[:, i], y[:, i])[0, 1])
        fits.append(Fit(dimension, len(shared), r, float(slope), float(intercept)))
    return fits


def merge(
    glasgow: Mapping[str, Triple], actdata: Mapping[str, Triple], fits: Sequence[Fit]
) -> dict[str, tuple[Triple, str]]:
    """Term -> (VAD in [0, 1], origin); Glasgow wins on shared words."""
    merged: dict[str, tuple[Triple, str]] = {}
    for term, triple in actdata.items():
        v, a, d = (
            min(max(line.slope * x + line.intercept, 0.0), 1.0)
            for line, x in zip(fits, triple, strict=True)
        )
        merged[term] = ((v, a, d), "actdata")
    return merged | {term: (triple, "glasgow") for term, triple in glasgow.items()}


def read_identity_terms(path: Path = IDENTITY_TERMS) -> frozenset[str]:
    """Terms to leave out: one a line, `#` before a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def write_tsv(entries: Mapping[str, tuple[Triple, str]]) -> str:
    """The file's text: sorted by term, four decimals."""
    lines = ["term\tvalence\tarousal\tdominance\torigin"]
    for term, ((v, a, d), origin) in sorted(entries.items()):
        lines.append(f"{term}\t{v:.4f}\t{a:.4f}\t{d:.4f}\t{origin}")
    return "\n".join(lines) + "\n"


def _mean(triples: Sequence[Triple]) -> Triple:
    v, a, d = (sum(column) / len(triples) for column in zip(*triples, strict=True))
    return v, a, d


def main(argv: Sequence[str] | None = None) -> int:
    """Write the lexicon, or compare with `--check`. Returns 1 where it differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--glasgow", type=Path, required=True)
    parser.add_argument("--actdata", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(argv)
    glasgow = read_glasgow(given.glasgow / GLASGOW)
    actdata = read_actdata(given.actdata)
    fits = fit(glasgow, actdata)
    merged = merge(glasgow, actdata, fits)
    left_out = read_identity_terms()
    unknown = sorted(left_out - set(merged))
    if unknown:
        raise SystemExit(f"in neither source, so not to be left out: {unknown}")
    entries = {term: entry for term, entry in merged.items() if term not in left_out}
    for line in fits:
        print(line)
    print(f"glasgow {len(glasgow)}, actdata {len(actdata)}, together {len(merged)}", end=", ")
    print(f"left out {len(left_out)}, written {len(entries)}")
    text = write_tsv(entries)
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    files = {TARGET: text, "SHA256SUMS": f"{digest}  {TARGET}\n"}
    return _check(files, given.out) if given.check else _write(files, given.out)


def _write(files: Mapping[str, str], out: Path) -> int:
    for file, text in files.items():
        write_text_atomic(out / file, text)
    return 0


def _check(files: Mapping[str, str], out: Path) -> int:
    differing = [
        file
        for file, text in files.items()
        if not (out / file).is_file() or (out / file).read_bytes() != text.encode("utf-8")
    ]
    for file in differing:
        print(f"differs: {file}", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
