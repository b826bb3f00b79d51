"""How well weak VAD follows people: r against EmoBank's human VAD, with each part of it off.

    python benchmarks/weak_vad.py --emobank PATH [--lexicon NAME=PATH ...] [--json FILE]
        [--doc docs/weak-vad.md]

The formula is chosen on train and dev together; test is reported. `--doc` puts the tables into
the page, between its two marks.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from weak_vad_tables import fill, markdown

from emoloom.corpora.readers import read_emobank
from emoloom.records import VAD, Row
from emoloom.runs.directory import sha256_file
from emoloom.runs.provenance import package_versions
from emoloom.supervision.affine import AffineMap, fit_affine
from emoloom.supervision.lexicon import Lexicon, load_lexicon
from emoloom.supervision.matching import DEFAULT, Formula, match_terms
from emoloom.supervision.tokens import tokenise
from emoloom.supervision.weak_vad import weak_vad

Array = NDArray[np.float64]

PARTS: Mapping[str, Formula] = {
    "the formula": DEFAULT,
    "no negators": replace(DEFAULT, window=0),
    "no lemmas": replace(DEFAULT, lemmas=False),
    "no weights": replace(DEFAULT, weight_power=0.0),
    "no shrinkage": replace(DEFAULT, prior_weight=0.0),
}
"""The formula, and with each of its parts off."""

K = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0)
POWERS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
WINDOWS = (0, 1, 2, 3, 4, 5, 8, 1000)

DRAWS, SEED = 1000, 7


class Hits(NamedTuple):
    """The terms found in all texts, as columns: one tokenisation serves every k and power."""

    row: NDArray[np.int64]
    """Index of the text of each term."""
    vad: Array
    """(terms, 3), valence mirrored behind a negator."""
    distance: Array
    """(terms,) from the lexicon's centre, as listed."""
    rows: int
    """Number of texts."""


def human(rows: Sequence[Row]) -> Array:
    """(rows, 3): what people rated."""
    return np.array([row.answer.vad.as_tuple() for row in rows if row.answer.vad is not None])


def measured(rows: Sequence[Row], lexicon: Lexicon, formula: Formula) -> tuple[Array, float]:
    """((rows, 3) weak VAD, share of tokens hit), by the product's own function."""
    found = [weak_vad(row.text, lexicon, formula=formula) for row in rows]
    rate = sum(one.hits for one in found) / max(1, sum(one.tokens for one in found))
    return np.array([one.vad.as_tuple() for one in found]), rate


def r_of(weak: Array, people: Array) -> list[float]:
    """Pearson's r of v, a and d."""
    return [float(np.corrcoef(weak[:, i], people[:, i])[0, 1]) for i in range(3)]


def hits(rows: Sequence[Row], lexicon: Lexicon, window: int) -> Hits:
    """Every term of every text."""
    index, vad, distance = [], [], []
    centre = np.array(lexicon.centre.as_tuple())
    for number, row in enumerate(rows):
        for match in match_terms(tokenise(row.text), lexicon, replace(DEFAULT, window=window)):
            v, a, d = match.vad.as_tuple()
            index.append(number)
            vad.append((1.0 - v if match.negated else v, a, d))
            distance.append(float(np.linalg.norm(np.array((v, a, d)) - centre)))
    return Hits(np.array(index), np.array(vad), np.array(distance), len(rows))


def predicted(found: Hits, centre: VAD, k: float, power: float) -> Array:
    """(rows, 3): the formula without labels, over columns."""
    weight = found.distance**power
    total = np.bincount(found.row, weight, found.rows)[:, None] + k
    prior = np.array(centre.as_tuple())
    sums = np.column_stack(
        [np.bincount(found.row, weight * found.vad[:, i], found.rows) for i in range(3)]
    )
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, (sums + k * prior) / np.where(total > 0, total, 1.0), prior)


def search(rows: Sequence[Row], lexicon: Lexicon) -> list[dict[str, Any]]:
    """R of every formula of the grid on these rows."""
    people, found = human(rows), []
    by_window = {window: hits(rows, lexicon, window) for window in WINDOWS}
    check = predicted(by_window[DEFAULT.window], lexicon.centre, DEFAULT.prior_weight, 1.0)
    assert np.allclose(check, measured(rows, lexicon, DEFAULT)[0]), "columns are not the formula"
    for window, k, power in _grid():
        r = r_of(predicted(by_window[window], lexicon.centre, k, power), people)
        found.append({"window": window, "k": k, "power": power, "r": r})
    return found


def _grid() -> Iterator[tuple[int, float, float]]:
    """K and power together in the window in force, then the windows."""
    for k in K:
        for power in POWERS:
            yield DEFAULT.window, k, power
    for window in WINDOWS:
        if window != DEFAULT.window:
            yield window, DEFAULT.prior_weight, DEFAULT.weight_power


def gain(weak: Array, other: Array, people: Array) -> dict[str, Any]:
    """R of `other` less r of `weak` by dimension and on average, with a paired 95% interval."""
    rng = np.random.default_rng(SEED)
    draws = np.empty((DRAWS, 3))
    for number in range(DRAWS):
        chosen = rng.integers(len(people), size=len(people))
        sample = people[chosen]
        draws[number] = np.subtract(r_of(other[chosen], sample), r_of(weak[chosen], sample))
    point = np.subtract(r_of(other, people), r_of(weak, people))
    columns = np.column_stack([draws, draws.mean(axis=1)])
    low, high = np.percentile(columns, (2.5, 97.5), axis=0).tolist()
    return {"gain": [*point.tolist(), float(point.mean())], "low": low, "high": high}


def parts_of(splits: Mapping[str, Sequence[Row]], lexicon: Lexicon) -> list[dict[str, Any]]:
    """R of the formula and with each part off, on the rows that choose and on test."""
    chosen_on, test = [*splits["train"], *splits["dev"]], splits["test"]
    whole: dict[str, Array] = {}
    found = []
    for name, formula in PARTS.items():
        weak, rate = measured(chosen_on, lexicon, formula)
        on_test, _ = measured(test, lexicon, formula)
        whole.setdefault("test", on_test)
        entry = {
            "part": name,
            "formula": asdict(formula),
            "hit_rate": rate,
            "r": r_of(weak, human(chosen_on)),
            "r_test": r_of(on_test, human(test)),
        }
        if formula is not DEFAULT:
            entry["change_test"] = gain(whole["test"], on_test, human(test))
        found.append(entry)
    return found


def scale_of(splits: Mapping[str, Sequence[Row]], lexicon: Lexicon) -> dict[str, Any]:
    """The affine map of train, and the RMSE on test without it, with it, and of train's mean."""
    train, test = splits["train"], splits["test"]
    weak = [VAD(*line) for line in measured(train, lexicon, DEFAULT)[0].tolist()]
    fitted: AffineMap = fit_affine(weak, [VAD(*line) for line in human(train).tolist()])
    plain = measured(test, lexicon, DEFAULT)[0]
    mapped = np.array([fitted.apply(VAD(*line)).as_tuple() for line in plain.tolist()])
    constant = np.broadcast_to(human(train).mean(axis=0), plain.shape)
    people = human(test)

    def rmse(values: Array) -> list[float]:
        by_dimension = np.sqrt(((values - people) ** 2).mean(axis=0)).tolist()
        return [*by_dimension, float(np.sqrt(((values - people) ** 2).mean()))]

    return {
        **asdict(fitted),
        "sd_weak": plain.std(axis=0).tolist(),
        "sd_human": people.std(axis=0).tolist(),
        "rmse_unmapped": rmse(plain),
        "rmse_mapped": rmse(mapped),
        "rmse_constant": rmse(constant),
    }


def measure(emobank: Path, lexicons: Mapping[str, Lexicon]) -> dict[str, Any]:
    """Everything, in one run."""
    file = emobank / "emobank.csv" if emobank.is_dir() else emobank
    splits = {split: read_emobank(file, split).rows for split in ("train", "dev", "test")}
    chosen_on = [*splits["train"], *splits["dev"]]
    found = {}
    for name, lexicon in lexicons.items():
        print(f"{name}: {len(lexicon.entries)} terms", file=sys.stderr, flush=True)
        grid = search(chosen_on, lexicon)
        best = max(grid, key=lambda one: sum(one["r"]))
        rows = hits(chosen_on, lexicon, best["window"])
        other = predicted(rows, lexicon.centre, best["k"], best["power"])
        default = measured(chosen_on, lexicon, DEFAULT)[0]
        found[name] = {
            "sha256": lexicon.sha256,
            "terms": len(lexicon.entries),
            "centre": lexicon.centre.as_tuple(),
            "parts": parts_of(splits, lexicon),
            "scale": scale_of(splits, lexicon),
            "search": grid,
            "best": {**best, **gain(default, other, human(chosen_on))},
        }
    return {
        "command": "python benchmarks/weak_vad.py",
        "packages": package_versions(),
        "emobank_sha256": sha256_file(file),
        "rows": {split: len(rows) for split, rows in splits.items()},
        "formula": asdict(DEFAULT),
        "bootstrap": {"draws": DRAWS, "seed": SEED, "level": 0.95},
        "lexicons": found,
    }


def main(given: Sequence[str]) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emobank", type=Path, required=True)
    parser.add_argument("--lexicon", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--doc", type=Path, help="the page whose tables are replaced")
    options = parser.parse_args(given)
    named = dict(pair.split("=", 1) for pair in options.lexicon)
    lexicons = {"shipped": load_lexicon()}
    lexicons |= {name: load_lexicon(Path(path)) for name, path in named.items()}
    result = measure(options.emobank, lexicons)
    print(markdown(result))
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.doc is not None:
        page = fill(options.doc.read_text(encoding="utf-8"), result)
        options.doc.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
