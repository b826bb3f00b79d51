"""Whether what rows are trained on agrees with people and with their labels, on the samples.

    python benchmarks/targets.py [--json FILE]

Weak VAD brought to people's scale (slope 1: of one scale), out of fold. Labels of the rows that
people rated are the likeliest by TF-IDF, as in a screen. Then, of the terms that read labels, how
often another label than the row's own has the least loss. docs/decisions/0021-measured-targets.md.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from targets_labels import print_labels

from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.records import VAD, RatedVAD, Row
from emoloom.supervision.affine import fit_affine
from emoloom.supervision.lexicon import Lexicon, load_lexicon
from emoloom.supervision.likely_labels import likely_labels
from emoloom.supervision.matching import DEFAULT
from emoloom.supervision.weak_vad import WeakReader, label_prior

FOLDS = 5
DRAWS, FEW = 200, 80
"""Draws of so few rated rows, for how sure the map of a small screen is."""

Array = NDArray[np.float64]


def weak_values(rows: Sequence[Row], labels: dict[str, str] | None, lexicon: Lexicon) -> Array:
    """(rows, 3): weak VAD of each text; shrunk to the prior of its label where labels are given."""
    reader, k = WeakReader(lexicon), DEFAULT.prior_weight
    centre, found = np.array(lexicon.centre.as_tuple()), []
    for row in rows:
        terms = reader.find(row.text)
        value = np.array(reader.vad(terms).as_tuple())
        if labels is not None:
            prior = np.array(label_prior([labels[row.id]], lexicon).as_tuple())
            weight = math.fsum(match.weight for match in terms.matches) + k
            value = value + k * (prior - centre) / weight
        found.append(value)
    return np.clip(found, 0.0, 1.0)


def mapped(fit_on: Array, people: Array, values: Array) -> Array:
    """Values brought to people's scale by the product's map of `fit_on`."""
    rated: list[RatedVAD] = [VAD(*line) for line in people.tolist()]
    scale = fit_affine([VAD(*line) for line in fit_on.tolist()], rated)
    return np.array([scale.apply(VAD(*line)).as_tuple() for line in values.tolist()])


def out_of_fold(fit_on: Array, people: Array, values: Array) -> Array:
    """The same, each fifth of the rows by a map that was fitted without it."""
    fold, found = np.arange(len(people)) % FOLDS, np.empty_like(values)
    for number in range(FOLDS):
        out = fold == number
        found[out] = mapped(fit_on[~out], people[~out], values[out])
    return found


def slopes(targets: Array, people: Array) -> list[float]:
    """Slope of people's ratings on targets, of v, a and d."""
    centred = targets - targets.mean(axis=0)
    slope: Array = (centred * people).sum(axis=0) / (centred**2).sum(axis=0)
    return [round(value, 3) for value in slope.tolist()]


def skill(targets: Array, people: Array, constant: Array) -> float:
    """1 - RMSE / RMSE of train's mean."""
    of_targets, of_mean = ((targets - people) ** 2).mean(), ((constant - people) ** 2).mean()
    return round(1 - math.sqrt(of_targets / of_mean), 3)


def human(rows: Sequence[Row]) -> Array:
    """(rows, 3): what people rated."""
    return np.array([row.answer.vad.as_tuple() for row in rows if row.answer.vad is not None])


def maps() -> dict[str, Any]:
    """Weak VAD of the text alone and of text and label, by maps of one kind and of another."""
    lexicon, space = load_lexicon(), load_space("goemotions28")
    labelled = read_corpus("goemotions-sample", "train").rows
    train, dev = (read_corpus("emobank-sample", split).rows for split in ("train", "dev"))
    labels = likely_labels([*labelled, *train, *dev], space)
    text, with_label = (
        {"train": weak_values(train, given, lexicon), "dev": weak_values(dev, given, lexicon)}
        for given in (None, labels)
    )
    people, unseen = human(train), human(dev)
    found = {}
    for name, fit_on, values in (
        ("the text alone, a map of it", text, text),
        ("text and label, the map of the text alone", text, with_label),
        ("text and label, a map of them", with_label, with_label),
    ):
        on_dev = mapped(fit_on["train"], people, values["dev"])
        found[name] = {
            "slope": slopes(out_of_fold(fit_on["train"], people, values["train"]), people),
            "slope_dev": slopes(on_dev, unseen),
            "sd": [round(value, 3) for value in on_dev.std(axis=0).tolist()],
            "skill_dev": skill(on_dev, unseen, people.mean(axis=0)),
        }
    shown = [labels[row.id] for row in train]
    return {
        "rows": {"labelled": len(labelled), "rated": len(train), "dev": len(dev)},
        "weak": found,
        "unknown": unknown(train, text["train"], people, lexicon),
        "few": few(text, people, unseen),
        "cues": cue_words([*labelled, *train], lexicon),
        "filled": {
            "labels": len(set(shown)),
            "neutral": round(shown.count("neutral") / len(shown), 3),
        },
    }


def cue_words(rows: Sequence[Row], lexicon: Lexicon) -> dict[str, dict[str, float]]:
    """At how many cue words all cues together are nearer to the row's VAD than the word itself.

    Of a word as the lexicon lists it and as a text of that word alone, both brought to people's
    scale by the map of texts.
    """
    reader = WeakReader(lexicon)
    found = [(row, reader.find(row.text)) for row in rows]
    rated = [(reader.vad(terms), vad) for row, terms in found if (vad := row.human_vad) is not None]
    scale = fit_affine([weak for weak, _ in rated], [vad for _, vad in rated])
    words, targets = [], []
    for row, terms in found:
        vad = row.answer.vad if isinstance(row.answer.vad, VAD) else scale.apply(reader.vad(terms))
        cues = [cue for cue in terms.cues() if cue in lexicon.entries and " " not in cue]
        words += cues
        targets += [vad.as_tuple()] * len(cues)
    ways: dict[str, list[VAD]] = {
        "as listed": [lexicon.entries[word] for word in words],
        "as a text": [reader.read(word).vad for word in words],
    }
    shares = {}
    for name, values in ways.items():
        points = np.array([scale.apply(vad).as_tuple() for vad in values])
        own = np.linalg.norm(points - targets, axis=1)
        together = np.linalg.norm(points.mean(axis=0) - targets, axis=1)
        shares[name] = {
            "beaten": round(float((together < own).mean()), 3),
            "sd_v": round(float(points[:, 0].std()), 3),
        }
    return shares


def unknown(rows: Sequence[Row], weak: Array, people: Array, lexicon: Lexicon) -> dict[str, Any]:
    """Texts in which the lexicon knows no word: what they are given, and what people say."""
    reader = WeakReader(lexicon)
    none = np.array([not reader.find(row.text).hits for row in rows])
    given = mapped(weak, people, np.array([lexicon.centre.as_tuple()]))[0]
    mean, error = people[none].mean(axis=0), people[none].std(axis=0) / math.sqrt(none.sum())
    named = {"given": given, "people": mean, "error": error, "all": people.mean(axis=0)}
    return {"rows": int(none.sum()), **{k: v.round(3).tolist() for k, v in named.items()}}


def few(text: dict[str, Array], people: Array, unseen: Array) -> dict[str, Any]:
    """RMSE on dev by maps of few rows, and by their mean; mean over draws."""
    chance, by_map, by_mean = np.random.default_rng(7), [], []
    for _ in range(DRAWS):
        drawn = chance.permutation(len(people))[:FEW]
        on_dev = mapped(text["train"][drawn], people[drawn], text["dev"])
        for kept, values in ((by_map, on_dev), (by_mean, people[drawn].mean(axis=0))):
            kept.append(np.sqrt(((values - unseen) ** 2).mean(axis=0)))
    means = {"map": np.mean(by_map, axis=0), "mean": np.mean(by_mean, axis=0)}
    return {"rows": FEW, **{k: v.round(4).tolist() for k, v in means.items()}}


def three(values: Sequence[float], digits: int = 2) -> str:
    """V / a / d."""
    return " / ".join(f"{value:.{digits}f}" for value in values)


def print_maps(say: Callable[[str], object]) -> dict[str, Any]:
    """Measure the maps and print their table."""
    found = maps()
    say("| weak VAD | slope (v / a / d), out of fold | on dev | sd of it on dev | skill on dev |")
    say("| --- | --- | --- | --- | --- |")
    for name, one in found["weak"].items():
        cells = (three(one["slope"]), three(one["slope_dev"]), three(one["sd"], 3))
        say(f"| {name} | {' | '.join(cells)} | {one['skill_dev']:+.3f} |")
    for name, one in found["cues"].items():
        say(
            f"\nCue words {name}: sd of V {one['sd_v']:.3f}; all cues together are nearer to the "
            f"row's VAD than the cue itself in {one['beaten']:.1%}."
        )
    none, few_, filled = found["unknown"], found["few"], found["filled"]
    say(
        f"\nNo known word ({none['rows']} rows): given {three(none['given'], 3)}; people "
        f"{three(none['people'], 3)} (+- {three(none['error'], 3)}), of all rows "
        f"{three(none['all'], 3)}."
    )
    say(
        f"{few_['rows']} rated rows: RMSE on dev by the map {three(few_['map'], 4)}, by their mean "
        f"{three(few_['mean'], 4)}."
    )
    say(
        f"Labels that stand untrained in rated rows: {filled['labels']} of them, `neutral` in "
        f"{filled['neutral']:.1%}."
    )
    return found


def main(given: Sequence[str]) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(given)
    result = {"maps": print_maps(print), "labels": print_labels(print)}
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
