"""The frozen probe: what a linear head reads off a model that nobody trained (ours).

The vectors of `text_states.py` under the linear models of `floor_fit.py`, fitted on train rows. Its
answers to `select` are shown beside the floors and never ranked: a candidate that stands below its
own model's probe has not learnt yet what the model knows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from emoloom.config import Config
from emoloom.contract.schema import write_answer
from emoloom.metrics.cross_corpus import score_cross
from emoloom.metrics.resampling import Bootstrap
from emoloom.metrics.row_table import HUMAN_VAD, VadScoring
from emoloom.models.device import device_facts
from emoloom.records import LabelSpace, Prediction, Row
from emoloom.row_sets.shared import SharedRows, mean_human_vad
from emoloom.row_sets.spread import spread
from emoloom.runs.directory import write_json_atomic, write_jsonl_atomic
from emoloom.runs.work import Meter, Outcome, Work
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.floor_fit import Strengths, linear_predictions, vector_features
from emoloom.screening.head_answers import PackLimits
from emoloom.screening.outputs import SELECT
from emoloom.screening.text_states import text_states

STRENGTHS = Strengths(logistic_c=3.0, ridge_alpha=2.0)
"""Of the regressions."""

FOLDS = 5
"""Parts of the train rows; each is answered by a fit on the others."""

RECORD = "frozen_probe.json"
"""In the probe's folder: what it was fitted on, and its scores on train rows held out."""

Vectors = Mapping[str, npt.NDArray[np.float64]]
"""The vector of each text."""


def probed_rows(config: Config, train: Sequence[Row]) -> tuple[Row, ...]:
    """The train rows that it is fitted on: with labels, or rated by people."""
    known = [r for r in train if r.answer.labels is not None or r.human_vad is not None]
    return spread(known, config.frozen_probe.rows)


def probed_texts(config: Config, rows: SharedRows) -> tuple[str, ...]:
    """Every text that the model reads, once each, in the order of the rows."""
    read = (*probed_rows(config, rows.train), *rows.select)
    return tuple(dict.fromkeys(row.text for row in read))


def frozen_probe_work(job: CandidateRun) -> Work:
    """Answers of one model's probe to `select`, behind the model's certificate."""
    name, config, packed_up_to = job.candidate.name, job.config, job.certificate().packed_up_to
    limits = PackLimits(config.training.pack_tokens, packed_up_to)
    train, texts = probed_rows(config, job.rows.train), probed_texts(config, job.rows)

    def make(meter: Meter) -> Outcome:
        lm = job.load(meter)
        vectors = dict(zip(texts, text_states(lm, texts, limits, meter), strict=True))
        answers = probe_answers(train, job.space, vectors, job.rows.select)
        found = [
            {"id": row.id, "output": write_answer(answer)}
            for row, answer in zip(job.rows.select, answers, strict=True)
        ]
        out, record = job.run.rows(name, SELECT), job.folder() / RECORD
        bootstrap = Bootstrap(draws=config.ranking.bootstrap, seed=config.seed)
        write_json_atomic(record, {"rows": len(train)} | held_out(train, job, vectors, bootstrap))
        write_jsonl_atomic(out, found)
        counts = {"rows": len(found), "answers": len(found), "texts": len(texts)}
        return Outcome((out, record), counts, made_on=device_facts(lm))

    stage = job.stage(
        SELECT,
        [job.rows.hashes["train"], job.rows.hashes[SELECT]],
        [config.frozen_probe.rows, config.ranking.bootstrap, config.seed],
        # They move a vector's last bits, and a probability beside 0.5 then falls otherwise.
        [packed_up_to, limits.tokens],
    )
    return Work(stage, name, len(texts), "texts", make)


def probe_answers(
    train: Sequence[Row], space: LabelSpace, vectors: Vectors, rows: Sequence[Row]
) -> list[Prediction]:
    """Fit on `train` and answer `rows`, of which only the text is read.

    Raises:
        UserError: a label of `train` is not in the space.
    """
    features = vector_features(vectors, standardised=True)
    return linear_predictions(train, [row.text for row in rows], space, features, STRENGTHS)


def held_out(
    train: Sequence[Row], job: CandidateRun, vectors: Vectors, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Scores on the train rows, each answered by a fit on the other folds; texts stay together.

    Returns:
        `out_of_fold` as `CrossScores.to_dict`, null with fewer texts than folds, and `folds`.
    """
    texts = list(dict.fromkeys(row.text for row in train))
    if len(texts) < FOLDS:
        return {"folds": FOLDS, "out_of_fold": None}
    fold = {text: place % FOLDS for place, text in enumerate(texts)}
    gold: list[Row] = []
    answers: list[Prediction] = []
    for part in range(FOLDS):
        asked = [row for row in train if fold[row.text] == part]
        known = [row for row in train if fold[row.text] != part]
        gold += asked
        answers += probe_answers(known, job.space, vectors, asked)
    vad = VadScoring(mean_human_vad(train), HUMAN_VAD)
    scores = score_cross(answers, gold, job.space, vad, bootstrap)
    return {"folds": FOLDS, "out_of_fold": scores.to_dict()}
