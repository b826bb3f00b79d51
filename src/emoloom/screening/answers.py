"""What each candidate takes to have answers: units of work and what they depend on.

A unit's inputs hold the hash of everything that affects its outputs: weights, tokenizer,
instruction, rows, settings, packages, threads. Pack sizes are left out: they change no answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from emoloom.config_sections import DecodingConfig
from emoloom.decoding.verified import DecodeSettings
from emoloom.models.device import device_facts
from emoloom.models.logits import ModelError
from emoloom.records import Prediction, Row
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.polarity_set import POLARITY
from emoloom.row_sets.spread import spread
from emoloom.runs.directory import Stage, sha256_file, write_text_atomic
from emoloom.runs.work import Meter, Outcome, Work
from emoloom.screening.cache_facts import answer_cache
from emoloom.screening.candidate_run import CandidateRun, has_heads
from emoloom.screening.candidates import preflight, read_certificate, with_adapter
from emoloom.screening.decode_job import DecodeJob
from emoloom.screening.decoding_steps import decode
from emoloom.screening.head_answers import HEADS, SUFFIX, head_outputs
from emoloom.screening.outputs import SELECT, read_answers, write_parts
from emoloom.screening.training_work import train_work, trial_works
from emoloom.supervision.weak_vad import rationale, weak_vad


def candidate_work(job: CandidateRun) -> Iterator[Work]:
    """Certificate, then training where the recipe says so, then answers.

    Each unit must be done before the next is asked for: its inputs hold the hashes of what came
    before.

    Raises:
        ModelError: the certificate refuses the model.
    """
    yield from certificate_work(job)
    if job.candidate.trained:
        yield from trial_works(job)
        yield train_work(job)
        if has_heads(job):
            yield _heads_work(job)
    yield _decode_work(job, SELECT)


def certificate_work(job: CandidateRun) -> Iterator[Work]:
    """The certificate, and the end of all work where it refuses the model.

    Raises:
        ModelError: the certificate refuses the model.
    """
    yield _preflight_work(job)
    certificate = read_certificate(job.folder() / "preflight.json")
    if certificate.verdict == "refused":
        raise ModelError(f"{job.model.display_name} is refused: {certificate.reason}")


def rung_work(job: CandidateRun, rung: int) -> Iterator[Work]:
    """Training up to a rung, from 1, and answers to the rows that it is scored on."""
    yield from certificate_work(job)
    yield from trial_works(job)
    yield train_work(job, rung)
    yield _decode_work(job, SELECT, rung)


def pair_work(job: CandidateRun) -> Iterator[Work]:
    """Answers to the polarity pairs, after `candidate_work`; none where none are to be asked."""
    if job.candidate.kind == "candidate" and job.rows.polarity:
        yield _decode_work(job, POLARITY)


def cross_work(job: CandidateRun) -> Iterator[Work]:
    """Answers to corpora never trained on, after `candidate_work`; none where none are asked."""
    if job.candidate.kind == "candidate" and job.rows.cross:
        yield _decode_work(job, CROSS)


def _preflight_work(job: CandidateRun) -> Work:
    out = job.run.candidate(job.candidate.name) / "preflight.json"
    decoding = job.config.decoding
    asked = [decoding.max_new_tokens, decoding.dtype]
    stage = job.stage("preflight", job.rows.hashes["train"], asked)

    def make(advance: Meter) -> Outcome:
        for sibling in sorted((job.run.root / "candidates").iterdir()):
            # Another recipe of the same model: same inputs, same certificate.
            if Stage(sibling, stage.name, stage.inputs).done():
                write_text_atomic(out, (sibling / out.name).read_text(encoding="utf-8"))
                break
        else:
            preflight(job.load(advance), job.rows.train, job.config, out)
        advance(1)
        return Outcome((out,))

    return Work(stage, job.candidate.name, 1, "certificate", make)


def _heads_work(job: CandidateRun) -> Work:
    """Answers of the heads alone, in a folder of their own, like any floor's."""
    name, folder = job.candidate.name + SUFFIX, job.run.candidate(job.candidate.name)
    checkpoint = folder / "checkpoint"
    packed_up_to = read_certificate(folder / "preflight.json").packed_up_to
    hashes = [sha256_file(path) for path in sorted(checkpoint.glob("*.safetensors"))]
    asked = job.rows.all_asked
    sets = [job.rows.hashes[SELECT], job.rows.hashes.get(POLARITY)]
    sets += [job.rows.hashes[CROSS]] if job.rows.cross else []
    base = job.stage("heads", hashes, sets, packed_up_to, job.lexicon.sha256)
    stage = replace(base, folder=job.run.candidate(name), name=SELECT)

    def make(advance: Meter) -> Outcome:
        lm = with_adapter(job.load(advance), folder)
        outputs = head_outputs(lm, checkpoint / HEADS, asked, job.lexicon, packed_up_to, advance)
        outs = write_parts(job.run, name, job.rows, outputs)
        counts = {"rows": len(asked), "answers": len(outputs)}
        return Outcome(outs, counts, made_on=device_facts(lm))

    return Work(stage, name, len(asked), "rows", make)


def _decode_job(job: CandidateRun, row_set: str, rows: tuple[Row, ...], rung: int) -> DecodeJob:
    decoding, trained = job.config.decoding, job.candidate.trained
    # Zero-shot is shown, a rung drops, pairs and cross rows are side figures: the least number
    # holds where it ranks.
    least = decoding.audit_rows if row_set == SELECT and not rung else 0
    return DecodeJob(
        rows=rows,
        certificate=read_certificate(job.folder() / "preflight.json"),
        canonical=decoding.decoder == "canonical",
        settings=_decode_settings(decoding, learns=trained),
        hints=draft_hints(job, rows, row_set, heads=not rung) if trained else {},
        taught=taught_answers(job.rows.train) if trained else (),
        inputs="",
        audit_share=decoding.audit_share if trained else 0.0,
        audit_rows=least if trained else 0,
        tuned=trained,
        dtype=decoding.dtype,
    )


def _decode_settings(decoding: DecodingConfig, *, learns: bool) -> DecodeSettings:
    """An untrained model follows no habit: its first pack need not be small."""
    sizes = DecodeSettings(decoding.max_new_tokens, decoding.pack_rows, decoding.pack_tokens)
    return sizes if learns else replace(sizes, first_rows=decoding.pack_rows)


def _decode_work(job: CandidateRun, row_set: str, rung: int = 0) -> Work:
    name, decoding = job.candidate.name, job.config.decoding
    folder, trained = job.folder(rung), job.candidate.trained
    adapter = sha256_file(folder / "checkpoint" / "adapter_model.safetensors") if trained else ""
    rows = asked_rows(job, row_set, rung)
    certificate = read_certificate(job.folder() / "preflight.json")
    stage = job.stage(
        f"{row_set}-{rung}" if rung else row_set,
        adapter,
        job.rows.hashes[row_set],
        [row.id for row in rows],
        [decoding.decoder, decoding.max_new_tokens, decoding.audit_share, decoding.audit_rows],
        decoding.dtype,
        certificate.to_dict(),
    )

    def make(advance: Meter) -> Outcome:
        lm = job.load(advance)
        if trained:
            lm = with_adapter(lm, folder)
        cache = answer_cache(job, lm, adapter, certificate)
        task = replace(_decode_job(job, row_set, rows, rung), inputs=stage.inputs, cache=cache)
        out = job.run.rows(name, stage.name)
        costs = decode(lm, task, out, advance, partial(job.run.event, candidate=name))
        counts = {"rows": len(rows), "answers": len(rows)}
        return Outcome((out,), counts, costs, device_facts(lm))

    return Work(stage, name, len(rows), "rows", make)


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
        if row.answer.labels is not None and row.answer.vad is not None
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
            weak = weak_vad(row.text, job.lexicon, labels[row.id])
            vad = job.rows.scale.apply(weak.vad)
            hints[row.id] = Prediction(labels[row.id], vad, rationale(weak.cues))
    return hints
