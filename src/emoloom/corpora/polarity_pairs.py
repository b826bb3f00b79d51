"""The polarity pairs that ship: held-out texts and their flips, read one by one.

They come from dev and test of GoEmotions; see `data/polarity_pairs/README.md`. Never train on them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emoloom.corpora.lines import read_lines, text_group
from emoloom.records import Answer, Row

POLARITY_DATA = Path(__file__).resolve().parents[1] / "data" / "polarity_pairs"
"""Where the pairs, their licence and their README are."""

FLIP_SUFFIX = "+flip"
"""Marks the id of a pair's second text."""

POLARITY_SOURCE = "goemotions-polarity"
"""Source of the pairs' rows."""

POLARITY_LICENCE = "CC BY 4.0"
"""Of the pairs; the text lies beside them."""

PAIRS_FILE = POLARITY_DATA / "goemotions.jsonl"
"""The pairs, one a line."""


@dataclass(frozen=True, slots=True)
class PolarityPair:
    """A text of GoEmotions and the same text with its polarity turned over."""

    id: str
    """Of the original, as in the corpus; unique."""
    split: str
    """`dev` or `test`: where the original stands."""
    text: str
    """The original."""
    flip: str
    """Its flip: the rewriter's, or mended by hand."""
    labels: tuple[str, ...]
    """The annotators' labels of the original, of `goemotions28`."""
    flip_labels: tuple[str, ...]
    """Their mirrors; nobody annotated the flip."""
    polarity: Literal["pleasant", "unpleasant"]
    """Of the original; the flip has the other."""
    edited: bool
    """Whether the flip was mended by hand."""


def load_polarity_pairs() -> tuple[PolarityPair, ...]:
    """The pairs that ship, in the order of their file."""
    return tuple(_pair(line) for _, line in read_lines(PAIRS_FILE))


def polarity_rows(pairs: Sequence[PolarityPair]) -> tuple[Row, ...]:
    """The texts to decode: two rows a pair, the original, then its flip (id marked `+flip`).

    Both have the group of the original, and no VAD: nobody rated them.
    """
    return tuple(
        Row(
            id=row_id,
            text=text,
            answer=Answer(labels, None, ""),
            source=POLARITY_SOURCE,
            split=pair.split,
            vad_source=None,
            group=text_group(pair.text),
        )
        for pair in pairs
        for row_id, text, labels in (
            (pair.id, pair.text, pair.labels),
            (pair.id + FLIP_SUFFIX, pair.flip, pair.flip_labels),
        )
    )


def _pair(line: str) -> PolarityPair:
    record = json.loads(line)
    record["labels"], record["flip_labels"] = tuple(record["labels"]), tuple(record["flip_labels"])
    return PolarityPair(**record)
