"""The fitted floors on official files: macro-F1 and VAD skill by the number of training rows.

    python benchmarks/floors.py [--goemotions DIR] [--emobank FILE] [--rows 240 800 ...] [--all]
        [--draws 5] [--encoder SRC] [--tokens | --strengths]

Of `test`: TF-IDF, an encoder (minilm-l6; `--encoder ''` for none), the constant. With `--tokens`
kinds of TF-IDF's tokens are compared, and with `--strengths` those of the encoder's regressions,
each on dev, where they were chosen. Without files the shipped samples are read. Each cell is the
mean over draws of the training rows, and the least and the largest of them.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from sklearn.linear_model import LogisticRegression

from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.metrics.scoring import score
from emoloom.models.encoder import embed, load_encoder
from emoloom.records import Output, Row
from emoloom.row_sets.shared import mean_human_vad
from emoloom.screening import encoder_floor
from emoloom.screening.encoder_floor import Vectors, encoder_outputs
from emoloom.screening.floor_fit import Strengths
from emoloom.screening.floors import FloorInputs, floor_outputs
from emoloom.sources.model_files import get_model, parse_source
from emoloom.supervision import label_regressions, tf_idf
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


Answer = Callable[[Sequence[Row], Sequence[Row]], Sequence[Output]]
"""Fits one floor on training rows and answers others."""


def answer_of(floor: str) -> Answer:
    """One of the floors that need no model."""

    def answer(train: Sequence[Row], asked: Sequence[Row]) -> Sequence[Output]:
        return floor_outputs(
            floor, FloorInputs(train, SPACE, load_lexicon(), AffineMap.identity()), asked
        )

    return answer


def with_tokens(tokens: Tokens) -> Answer:
    """TF-IDF of these tokens."""

    def answer(train: Sequence[Row], asked: Sequence[Row]) -> Sequence[Output]:
        with mock.patch.object(tf_idf, "tf_idf_tokens", tokens):
            return answer_of("tf-idf")(train, asked)

    return answer


def vectors_of(source: str, rows: Sequence[Row]) -> Vectors:
    """The vector of each text, from the encoder of this source."""
    files = get_model(parse_source(source, encoder=True), say=print)
    encoder = load_encoder(files.folder, name=files.display_name)
    texts = list(dict.fromkeys(row.text for row in rows))
    return dict(zip(texts, embed(encoder, texts).vectors_ND.astype(np.float64), strict=True))


def with_strengths(vectors: Vectors, strengths: Strengths, weight: str | None) -> Answer:
    """The encoder floor with these strengths; `weight` is `balanced` in the floor."""

    def logistic(**given: object) -> LogisticRegression:
        return LogisticRegression(**{**given, "class_weight": weight})

    def answer(train: Sequence[Row], asked: Sequence[Row]) -> Sequence[Output]:
        with (
            mock.patch.object(encoder_floor, "STRENGTHS", strengths),
            mock.patch.object(label_regressions, "LogisticRegression", logistic),
        ):
            return encoder_outputs(train, SPACE, vectors, asked)

    return answer


def lines_of(corpus: str, rows: Sequence[Row], options: argparse.Namespace) -> dict[str, Answer]:
    """What stands in the table of a corpus, each line a floor."""
    if options.tokens:
        return {name: with_tokens(tokens) for name, tokens in TOKENS.items()}
    vectors = vectors_of(options.encoder, rows) if options.encoder else {}
    if options.strengths and METRICS[corpus] == "macro_f1":
        return {
            f"C {c:g}, {weight or 'unweighted'}": with_strengths(vectors, Strengths(c, 1.0), weight)
            for weight in ("balanced", None)
            for c in (1.0, 3.0, 10.0, 30.0)
        }
    if options.strengths:
        return {
            f"alpha {alpha:g}": with_strengths(vectors, Strengths(3.0, alpha), "balanced")
            for alpha in (0.5, 1.0, 2.0, 3.0, 5.0)
        }
    as_it_is = with_strengths(vectors, encoder_floor.STRENGTHS, "balanced")
    own = {options.encoder: as_it_is} if options.encoder else {}
    return {"tf-idf": answer_of("tf-idf"), **own, "constant": answer_of("constant")}


def measured(answer: Answer, metric: str, train: Sequence[Row], asked: Sequence[Row]) -> float:
    """One floor's strict score."""
    answers = [parse_output(one.output, SPACE) for one in answer(train, asked)]
    found = score(answers, asked, SPACE, vad_reference=mean_human_vad(train))
    return float(found.strict.values[metric] or 0.0)


def table(corpus: str, path: Path | None, asked: str, options: argparse.Namespace) -> None:
    """Print one corpus's table, a line as soon as it is known."""
    name = corpus if path else f"{corpus}-sample"
    train, rows = (read_corpus(name, split, path).rows for split in ("train", asked))
    sizes = [n for n in options.rows if n < len(train)] + [len(train)] * options.all
    head = f"{name}, {len(rows):,} rows of {asked}: {METRICS[corpus]} with training rows"
    lines = lines_of(corpus, [*train, *rows], options)
    print(f"\n| {head} | {' | '.join(f'{size:,}' for size in sizes)} |")
    print("|---" + "|---" * len(sizes) + "|")
    for line, answer in lines.items():
        cells = []
        for size in sizes:
            found = [
                measured(answer, METRICS[corpus], drawn, rows)
                for drawn in draws(train, size, options.draws)
            ]
            spread = f" ({min(found):.3f} to {max(found):.3f})" if len(found) > 1 else ""
            cells.append(f"{np.mean(found):.3f}{spread}")
        print(f"| {line} | {' | '.join(cells)} |", flush=True)


def main(given: Sequence[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goemotions", type=Path)
    parser.add_argument("--emobank", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--all", action="store_true", help="all training rows, too")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--encoder", default="minilm-l6", metavar="SRC")
    parser.add_argument("--tokens", action="store_true", help="compare kinds of tokens, on dev")
    parser.add_argument("--strengths", action="store_true", help="compare strengths, on dev")
    options = parser.parse_args(given)
    paths = {corpus: getattr(options, corpus) for corpus in METRICS}
    for corpus, path in paths.items():
        if path is not None or not any(paths.values()):
            table(corpus, path, "dev" if options.tokens or options.strengths else "test", options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
