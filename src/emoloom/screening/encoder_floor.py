"""A frozen encoder of texts as a floor: what many would take in place of a small language model.

The vectors of `models/encoder.py` under the linear models of `floor_fit.py`. It reads the rows that
candidates train on, answers what they are asked, and runs a model: so its work is charged to the
budget, and where it cannot be done the floor fails alone and the verdict says that it is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from emoloom import __version__
from emoloom.config import Config
from emoloom.contract.schema import write_answer
from emoloom.errors import UserError
from emoloom.models.device import device_facts
from emoloom.models.encoder import MOST_TOKENS, Encoder, embed, load_encoder
from emoloom.records import LabelSpace, Output, Row
from emoloom.row_sets.shared import SharedRows
from emoloom.runs.directory import RunDirectory, Stage, fingerprint
from emoloom.runs.provenance import package_versions
from emoloom.runs.work import Meter, Outcome, Work
from emoloom.screening.candidates import deterministic, list_candidates
from emoloom.screening.floor_fit import Strengths, linear_predictions, vector_features
from emoloom.screening.floors import FLOORS
from emoloom.screening.outputs import SELECT, write_parts
from emoloom.sources.model_files import (
    ModelFiles,
    ModelSource,
    get_model,
    is_fetched,
    parse_source,
)
from emoloom.sources.origins import LocalFolder

# Both fixed on dev of the shipped samples, with 160 to 2,000 training rows (decision 0023). A
# screen may rank on these very rows, which favours the floor; so no candidate gains by it.
STRENGTHS = Strengths(logistic_c=3.0, ridge_alpha=2.0)
"""Of the regressions."""

CUT = "texts_cut"
"""Texts that were longer than the encoder reads: a count in the marker, and an event."""

READ = "tokens_read"
"""Tokens of a text that the encoder reads, at most: in the marker."""

Vectors = Mapping[str, npt.NDArray[np.float64]]
"""The vector of each text."""


@dataclass(frozen=True, slots=True)
class EncoderRun:
    """One encoder floor and all it is given."""

    source: ModelSource
    """Where it is from; its name is the floor's."""
    model: ModelFiles
    """On this disk."""
    config: Config
    run: RunDirectory
    space: LabelSpace
    rows: SharedRows

    @property
    def name(self) -> str:
        """The floor's, also its folder's."""
        return self.source.name

    def stage(self, name: str, *inputs: object) -> Stage:
        """A stage of this floor that depends on the encoder and `inputs`."""
        shared = {
            "weights": self.model.weights_sha256,
            "tokenizer": self.model.tokenizer_sha256,
            "config": self.model.config_sha256,
            "most_tokens": MOST_TOKENS,
            "threads": self.config.threads,
            "packages": package_versions(),
            "emoloom": __version__,
        }
        return Stage(self.run.candidate(self.name), name, fingerprint([name, shared, *inputs]))

    def load(self, meter: Meter) -> Encoder:
        """The encoder on this run's threads, its forwards charged."""
        deterministic(self.config)
        return load_encoder(self.model.folder, name=self.model.display_name, spend=meter.spend)

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that it reads, once each, in the order of the rows."""
        return tuple(dict.fromkeys(row.text for row in (*self.rows.train, *self.rows.all_asked)))


def list_encoders(config: Config) -> tuple[ModelSource, ...]:
    """The encoder floors of a config, in their order.

    Raises:
        UserError: an unknown source, or a name that another floor, a model or a candidate has.
    """
    found: list[ModelSource] = []
    # Names become folders, and some disks take `A` and `a` for one.
    models = {one.model.name.casefold() for one in list_candidates(config)}
    for floor in config.floors:
        source = parse_source(floor.source, name=floor.name, encoder=True)
        if floor.moved("source"):
            source = replace(source, source=floor.written("source"))
        name = source.name.casefold()
        taken = {*FLOORS, *models, *(one.name.casefold() for one in found)}
        if name in taken or any(name.startswith(f"{model}.") for model in models):
            raise UserError(
                "a floor has a name that is taken",
                got=source.name,
                allowed=f"another name than those of models, candidates and {', '.join(FLOORS)}",
                do="give it a `name` of its own",
            )
        found.append(source)
    return tuple(found)


def told_of_encoders(config: Config) -> list[str]:
    """Of encoders that are not at hand: their floors would fail, and nothing else."""
    told = []
    for index, encoder in enumerate(list_encoders(config)):
        if not is_fetched(encoder):
            told.append(
                f"floors.{index}: {encoder.name} is not in the cache; `screen` fetches it, or "
                f"`emoloom models get` does before: without it that floor is missing"
            )
        elif isinstance(encoder.origin, LocalFolder):
            try:
                get_model(encoder)
            except UserError as error:
                told.append(f"floors.{index}: {error}; without it that floor is missing")
    return told


def encoder_outputs(
    train: Sequence[Row], space: LabelSpace, vectors: Vectors, rows: Sequence[Row]
) -> list[Output]:
    """Fit on `train` and answer `rows`, of which only id and text are read.

    Raises:
        UserError: a label of `train` is not in the space.
    """
    texts = [row.text for row in rows]
    predictions = linear_predictions(train, texts, space, vector_features(vectors), STRENGTHS)
    return [Output(r.id, write_answer(p)) for r, p in zip(rows, predictions, strict=True)]


def cut_text(cut: int, texts: int, tokens: int) -> str:
    """For people: how many texts were longer than the encoder reads."""
    return f"{cut} of {texts} texts cut at {tokens} tokens"


def encoder_work(job: EncoderRun) -> Work:
    """Answers of one encoder floor on every row set that is asked, from one pass and one fit."""
    asked, texts = job.rows.all_asked, job.texts

    def make(meter: Meter) -> Outcome:
        encoder = job.load(meter)
        made = embed(encoder, texts, meter)
        if made.cut:
            message = cut_text(made.cut, len(texts), encoder.most_tokens)
            job.run.event(CUT, candidate=job.name, message=message)
        vectors = dict(zip(texts, made.vectors_ND.astype(np.float64), strict=True))
        outputs = encoder_outputs(job.rows.train, job.space, vectors, asked)
        outs = write_parts(job.run, job.name, job.rows, outputs)
        counts = {"rows": len(asked), "answers": len(outputs), "texts": len(texts)}
        counts |= {CUT: made.cut, READ: encoder.most_tokens}
        return Outcome(outs, counts, made_on=device_facts(encoder))

    stage = job.stage(SELECT, job.rows.hashes, job.space.labels)
    return Work(stage, job.name, len(texts), "texts", make)
