"""What each candidate takes to have answers: units of work and what they depend on.

A unit's inputs hold the hash of everything that affects its outputs: weights, tokenizer,
instruction, rows, settings, packages, threads. Pack sizes are left out: they change no answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from emoloom.models.causal_lm import CausalLM
from emoloom.models.device import device_facts
from emoloom.models.logits import ModelError
from emoloom.recipes import FROZEN_PROBE
from emoloom.records import Prediction, Row
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.polarity_set import POLARITY
from emoloom.runs.directory import (
    Stage,
    sha256_file,
    write_json_atomic,
    write_jsonl_atomic,
    write_text_atomic,
)
from emoloom.runs.work import Meter, Outcome, Work
from emoloom.screening.cache_facts import answer_cache
from emoloom.screening.candidate_run import CandidateRun, has_heads
from emoloom.screening.candidates import preflight
from emoloom.screening.decode_inputs import asked_rows, decided_dtype, decode_job
from emoloom.screening.decoding_steps import decode
from emoloom.screening.frozen_probe import frozen_probe_work
from emoloom.screening.head_answers import HEADS, SUFFIX, PackLimits, head_outputs
from emoloom.screening.outputs import FORCED, SELECT, read_answers, write_parts
from emoloom.screening.precision import PROBED_ROWS, choose_precision, in_precision
from emoloom.screening.precision_record import PRECISION, PRECISION_STAGE
from emoloom.screening.teacher_forced import forced_lines
from emoloom.screening.training_work import train_work, trial_works
from emoloom.screening.widening import UNWIDENED, Widening

WIDENED = "widened"
"""In a marker's counts: how often an audit widened the margin; left out where it never did."""


def candidate_work(job: CandidateRun) -> Iterator[Work]:
    """Certificate, then training where the recipe says so, then answers.

    Each unit must be done before the next is asked for: its inputs hold the hashes of what came
    before.

    Raises:
        ModelError: the certificate refuses the model.
    """
    yield from certificate_work(job)
    if job.candidate.recipe == FROZEN_PROBE:
        yield frozen_probe_work(job)
        return
    if job.candidate.trained:
        yield from trial_works(job)
        yield train_work(job)
        if has_heads(job):
            yield _heads_work(job)
    yield from _precision_work(job)
    yield _decode_work(job, SELECT)


def certificate_work(job: CandidateRun) -> Iterator[Work]:
    """The certificate, and the end of all work where it refuses the model.

    Raises:
        ModelError: the certificate refuses the model.
    """
    yield _preflight_work(job)
    certificate = job.certificate()
    if certificate.verdict == "refused":
        raise ModelError(f"{job.model.display_name} is refused: {certificate.reason}")


def rung_work(job: CandidateRun, rung: int) -> Iterator[Work]:
    """Training up to a rung, from 1, and answers to the rows that it is scored on."""
    yield from certificate_work(job)
    yield from trial_works(job)
    yield train_work(job, rung)
    yield from _precision_work(job, rung)
    yield _decode_work(job, SELECT, rung)


def pair_work(job: CandidateRun) -> Iterator[Work]:
    """Answers to the polarity pairs, after `candidate_work`; none where none are to be asked."""
    if job.candidate.kind == "candidate" and job.rows.polarity:
        yield _decode_work(job, POLARITY)


def cross_work(job: CandidateRun) -> Iterator[Work]:
    """Answers to corpora never trained on, after `candidate_work`; none where none are asked."""
    if job.candidate.kind == "candidate" and job.rows.cross:
        yield _decode_work(job, CROSS)


def test_work(job: CandidateRun) -> Iterator[Work]:
    """Answers to `test`, after `candidate_work`, for one that is of the best set."""
    if job.candidate.kind == "candidate" and job.rows.test:
        yield _decode_work(job, TEST)


def _preflight_work(job: CandidateRun) -> Work:
    out = job.run.candidate(job.candidate.name) / "preflight.json"
    longest = job.config.decoding.max_new_tokens
    stage = job.stage("preflight", job.rows.hashes["train"], longest)

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
    packed_up_to = job.certificate().packed_up_to
    limits = PackLimits(job.config.training.pack_tokens, packed_up_to)
    hashes = [sha256_file(path) for path in sorted(checkpoint.glob("*.safetensors"))]
    asked = job.rows.all_asked
    sets = [job.rows.hashes[SELECT], job.rows.hashes.get(POLARITY)]
    sets += [job.rows.hashes[CROSS]] if job.rows.cross else []
    sets += [job.rows.hashes[TEST]] if job.rows.test else []
    base = job.stage("heads", hashes, sets, packed_up_to, job.lexicon.sha256)
    stage = replace(base, folder=job.run.candidate(name), name=SELECT)

    def make(advance: Meter) -> Outcome:
        lm = job.load_tuned(advance)
        outputs = head_outputs(lm, checkpoint / HEADS, asked, job.lexicon, limits, advance)
        outs = write_parts(job.run, name, job.rows, outputs)
        counts = {"rows": len(asked), "answers": len(outputs)}
        return Outcome(outs, counts, made_on=device_facts(lm))

    return Work(stage, name, len(asked), "rows", make)


def _precision_work(job: CandidateRun, rung: int = 0) -> Iterator[Work]:
    """The precision that all row sets of a checkpoint are answered in; none where fp32 is asked."""
    decoding = job.config.decoding
    if decoding.dtype == "float32":
        return
    rows, out = asked_rows(job, SELECT, rung), job.folder(rung) / PRECISION
    stage = job.stage(
        f"{PRECISION_STAGE}-{rung}" if rung else PRECISION_STAGE,
        job.adapter_sha256(rung),
        job.rows.hashes[SELECT],
        [row.id for row in rows],
        decoding.max_new_tokens,
        job.certificate().to_dict(),
        *(["partial"] if decoding.partial else ()),
    )

    def make(advance: Meter) -> Outcome:
        lm = job.load_tuned(advance, rung)
        task = decode_job(job, SELECT, rows, rung, "bfloat16")
        event = partial(job.run.event, candidate=job.candidate.name)
        precision, costs = choose_precision(lm, task, advance, event)
        if precision.reason and not out.exists():  # else a killed call has told it
            told = {key: costs[key] for key in ("near_ties", "decided") if key in costs}
            event("dtype_widened", reason=precision.reason, **told)
        write_json_atomic(out, precision.to_dict())
        return Outcome((out,), costs=costs, made_on=device_facts(lm))

    yield Work(stage, job.candidate.name, min(PROBED_ROWS, len(rows)), "rows", make)


def _begun(job: CandidateRun, row_set: str) -> Widening:
    """Rows that never rank begin with what the audit of the ranked ones led to."""
    if row_set == SELECT:
        return UNWIDENED
    marker = _decode_work(job, SELECT).stage.done() or {}
    return Widening(int(marker.get("counts", {}).get(WIDENED, 0)))


def _decode_work(job: CandidateRun, row_set: str, rung: int = 0) -> Work:
    name, decoding = job.candidate.name, job.config.decoding
    rows, certificate = asked_rows(job, row_set, rung), job.certificate()
    adapter, dtype, begun = job.adapter_sha256(rung), decided_dtype(job, rung), _begun(job, row_set)
    stage = job.stage(
        f"{row_set}-{rung}" if rung else row_set,
        adapter,
        job.rows.hashes[row_set],
        [row.id for row in rows],
        [decoding.decoder, decoding.max_new_tokens, decoding.audit_share, decoding.audit_rows],
        dtype if dtype == "float32" else ["answers in", dtype],
        certificate.to_dict(),
        *(["partial"] if decoding.partial else ()),
        *([WIDENED, begun.times] if begun.times else ()),
    )

    def make(advance: Meter) -> Outcome:
        lm = in_precision(job.load_tuned(advance, rung), dtype)
        cache = answer_cache(job, lm, adapter, certificate, dtype)
        plain = decode_job(job, row_set, rows, rung, dtype)
        task = replace(plain, inputs=stage.inputs, cache=cache)
        out = job.run.rows(name, stage.name)
        beside = (_forced(job, lm, rows, advance),) if stage.name == SELECT else ()
        costs = decode(lm, task, out, advance, partial(job.run.event, candidate=name), begun)
        counts = {"rows": len(rows), "answers": len(rows)}
        if times := int(costs.get("widenings", 0)):
            counts[WIDENED] = times
        return Outcome((out, *beside), counts, costs, device_facts(lm))

    return Work(stage, name, len(rows), "rows", make)


def _forced(job: CandidateRun, lm: CausalLM, rows: Sequence[Row], advance: Meter) -> Path:
    """Losses of the gold answers, before any is decoded: a stop then costs no answer.

    Rows without labels have TF-IDF's, as they have in training.
    """
    answers, ids = read_answers(job.run, "tf-idf", job.space)
    pairs = zip(ids, answers, strict=True)
    likely = {row_id: one.labels[0] for row_id, one in pairs if isinstance(one, Prediction)}
    limits = PackLimits(job.config.training.pack_tokens, job.certificate().packed_up_to)
    out = job.folder() / FORCED
    write_jsonl_atomic(out, forced_lines(lm, rows, likely, limits, advance))
    return out
