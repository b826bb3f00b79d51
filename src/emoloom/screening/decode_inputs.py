"""What a candidate is to answer, and what helps to draft it: rows, sizes, hints, taught answers."""

from collections.abc import Sequence

from emoloom.decoding.verified import DecodeSettings
from emoloom.records import VAD, Prediction, Row
from emoloom.row_sets.spread import spread
from emoloom.screening.candidate_run import CandidateRun, has_heads
from emoloom.screening.decode_job import DecodeJob
from emoloom.screening.head_answers import SUFFIX
from emoloom.screening.outputs import SELECT, read_answers
from emoloom.screening.precision_record import PRECISION, Dtype, read_precision
from emoloom.sizes import PACK_ROWS, PACK_TOKENS
from emoloom.supervision.weak_vad import rationale, weak_vad


def decode_job(
    job: CandidateRun, row_set: str, rows: tuple[Row, ...], rung: int, dtype: Dtype
) -> DecodeJob:
    """What decoding a row set needs, but for what names its files.

    Args:
        job: the candidate.
        row_set: `select`, `polarity`, `cross` or `test`.
        rows: of it, that are asked.
        rung: from 1; 0 for the whole training.
        dtype: precision in which they are answered.
    """
    decoding, trained = job.config.decoding, job.candidate.trained
    sizes = DecodeSettings(
        decoding.max_new_tokens,
        decoding.pack_rows,
        decoding.pack_tokens,
        partial=decoding.partial,
    )
    larger = sizes.pack_rows > PACK_ROWS or sizes.pack_tokens > PACK_TOKENS
    # Zero-shot is shown, a rung drops, pairs and cross rows are side figures: the least number
    # holds where it ranks.
    least = decoding.audit_rows if row_set == SELECT and not rung else 0
    return DecodeJob(
        rows=rows,
        certificate=job.certificate(),
        canonical=decoding.decoder == "canonical",
        settings=sizes if trained else sizes.untrained(),
        hints=draft_hints(job, rows, row_set, heads=not rung) if trained else {},
        taught=taught_answers(job.rows.train) if trained else (),
        inputs="",
        audit_share=decoding.audit_share if trained else 0.0,
        audit_rows=least if trained else 0,
        measured=trained or dtype != "float32" or larger,
    )


def decided_dtype(job: CandidateRun, rung: int) -> Dtype:
    """Precision in which every row set of a checkpoint is answered."""
    if job.config.decoding.dtype == "float32":
        return "float32"
    return read_precision(job.folder(rung) / PRECISION).dtype


def asked_rows(job: CandidateRun, row_set: str, rung: int = 0) -> tuple[Row, ...]:
    """The rows that a candidate answers: fewer for a rung, and for what is shown only."""
    asked = job.rows.asked[row_set]
    if not job.candidate.trained:
        return spread(asked, job.config.zero_shot.rows)
    return spread(asked, job.config.halving.rows) if rung else asked


def taught_answers(train: Sequence[Row]) -> tuple[Prediction, ...]:
    """What the model was trained to write, of the rows that are annotated in full."""
    return tuple(
        Prediction(row.answer.labels, row.answer.vad, row.answer.rationale)
        for row in train
        if row.answer.labels is not None and isinstance(row.answer.vad, VAD)
    )


def draft_hints(
    job: CandidateRun, rows: Sequence[Row], row_set: str = SELECT, *, heads: bool = True
) -> dict[str, Prediction]:
    """First drafts: the heads' answers; without heads TF-IDF's labels and the weak formulas."""
    if heads and has_heads(job):
        answers, ids = read_answers(job.run, job.candidate.name + SUFFIX, job.space, row_set)
        pairs = zip(ids, answers, strict=True)
        return {row_id: one for row_id, one in pairs if isinstance(one, Prediction)}
    answers, ids = read_answers(job.run, "tf-idf", job.space, row_set)
    labels = {
        row_id: answer.labels
        for row_id, answer in zip(ids, answers, strict=True)
        if isinstance(answer, Prediction)
    }
    hints = {}
    for row in rows:
        if row.id in labels:
            weak = weak_vad(row.text, job.lexicon)
            vad = job.rows.scale.apply(weak.vad)
            hints[row.id] = Prediction(labels[row.id], vad, rationale(weak.cues))
    return hints
