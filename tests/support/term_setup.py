"""A tiny model with everything that the loss terms need."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emoloom.models.causal_lm import CausalLM
from emoloom.records import VAD, Appraisal, Row
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon
from emoloom.training.charts import make_charts
from emoloom.training.examples import Examples
from emoloom.training.fit import Training
from emoloom.training.heads import Heads
from emoloom.training.label_chart import log_odds
from emoloom.training.schedule import FitSettings
from emoloom.training.terms import Reader, Weights
from tiny_lm import SPACE

PROFILE_LA = np.array(
    [[0.9, 0.6, 0.7, 0.8], [0.1, 0.2, 0.6, 0.3], [0.1, 0.4, 0.7, 0.1], [0.5, 0.5, 0.5, 0.5]]
)
"""Made-up atoms of the four labels."""

ALL = Weights(labels=0.3, vad=0.2, vad_preserving=0.5, appraisal=0.4)


@dataclass(frozen=True, slots=True)
class Setup:
    """One model and its examples, targets of every term included."""

    lm: CausalLM
    examples: Examples
    reader: Reader

    def training(self, settings: FitSettings, packed_up_to: int = 10_000, **options) -> Training:
        """A training by these terms."""
        return Training(
            self.lm, self.examples, packed_up_to, settings, reader=self.reader, **options
        )


def set_up(lm: CausalLM, rows: Sequence[Row], weights: Weights, **options) -> Setup:
    """Charts, examples and heads; the verifier says of each text what the labels' profile says."""
    appraisals = [appraisal_of(row) for row in rows]
    charts = make_charts(lm.prompter, rows, load_lexicon(), AffineMap.identity(), appraisals)
    fill = {row.id: SPACE.labels[-1] for row in rows if row.answer.labels is None}
    examples = Examples(lm.prompter, rows, fill, VAD(0.5, 0.5, 0.5), charts, appraisals)
    heads = None
    if weights.heads:
        hidden = lm.model.get_output_embeddings().weight.shape[1]
        heads = Heads(hidden, log_odds(rows, SPACE), VAD(0.4, 0.6, 0.5))
    return Setup(lm, examples, Reader(weights, charts, heads, **options))


def appraisal_of(row: Row) -> Appraisal:
    """The mean profile of a row's labels; the last label's where it has none."""
    labels = row.answer.labels or SPACE.labels[-1:]
    lines = PROFILE_LA[[SPACE.labels.index(label) for label in labels]]
    return Appraisal(*lines.mean(axis=0).tolist())
