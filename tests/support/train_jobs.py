"""A small training of one candidate, for tests of its steps and of its rungs."""

from dataclasses import replace

from emoloom.records import VAD
from emoloom.screening.training_steps import TrainJob
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon
from emoloom.training.schedule import FitSettings
from tiny_lm import varied_rows


def train_job(settings: FitSettings, **changes: object) -> TrainJob:
    """12 rows, a checkpoint every second step, no atoms and no mixture unless changed."""
    job = TrainJob(
        rows=tuple(varied_rows(12)),
        fill_labels={},
        fill_vad=VAD(0.5, 0.5, 0.5),
        packed_up_to=10_000,
        settings=settings,
        base="random:tiny",
        lexicon=load_lexicon(),
        scale=AffineMap.identity(),
        atoms=None,
        mixture=None,
        checkpoint_steps=2,
        inputs="fingerprint",
    )
    return replace(job, **changes)
