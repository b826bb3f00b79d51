"""What each candidate takes to have answers: units of work and what they depend on.

A unit's inputs hold the hash of everything that affects its outputs: weights, tokenizer,
instruction, rows, settings, packages, threads. Pack sizes are left out: they change no answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial

from emoloom import __version__
from emoloom.config import Config
from emoloom.contract.prompt import instruction_sha256
from emoloom.decoding.audit import rows_to_audit
from emoloom.decoding.verified import DecodeSettings
from emoloom.models.logits import ModelError
from emoloom.recipes import RECIPES
from emoloom.records import VAD, LabelSpace, Prediction, Row
from emoloom.runs.directory import (
    RunDirectory,
    Stage,
    fingerprint,
    sha256_file,
    write_text_atomic,
)
from emoloom.runs.provenance import package_versions
from emoloom.runs.work import Advance, Outcome, Work
from emoloom.screening.candidates import (
    Candidate,
    load,
    preflight,
    read_certificate,
    with_adapter,
)
from emoloom.screening.decoding_steps import DecodeJob, decode
from emoloom.screening.extras import Extras
from emoloom.screening.head_answers import HEADS, SUFFIX, head_outputs
from emoloom.screening.outputs import SELECT, read_answers, write_parts
from emoloom.screening.polarity_set import POLARITY
from emoloom.screening.row_sets import SharedRows, mean_human_vad
from emoloom.screening.training_steps import (
    TrainJob,
    fit_settings,
    mixture_of,
    train,
    train_steps,
    trains_heads,
)
from emoloom.sources.model_files import ModelFiles
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import rationale, weak_vad


@dataclass(frozen=True, slots=True)
class CandidateRun:
    """One candidate and all it is given."""

    candidate: Candidate
    model: ModelFiles
    config: Config
    run: RunDirectory
    space: LabelSpace
    lexicon: Lexicon
    rows: SharedRows
    extras: Extras = field(default_factory=Extras)

    def stage(self, name: str, *inputs: object) -> Stage:
        """A stage of this candidate that depends on the model, the prompt and `inputs`."""
        shared = {
            "weights": self.model.weights_sha256,
            "tokenizer": self.model.tokenizer_sha256,
            "config": self.model.config_sha256,
            "instruction": instruction_sha256(self.space),
            "max_text_tokens": self.config.training.max_text_tokens,
            "threads": self.config.threads,
            "packages": package_versions(),
            "emoloom": __version__,
        }
        folder = self.run.candidate(self.candidate.name)
        return Stage(folder, name, fingerprint([name, shared, *inputs]))


def candidate_work(job: CandidateRun) -> Iterator[Work]:
    """Certificate, then training where the recipe says so, then answers.

    Each unit must be done before the next is asked for: its inputs hold the hashes of what came
    before.

    Raises:
        ModelError: the certificate refuses the model.
    """
    folder = job.run.candidate(job.candidate.name)
    yield _preflight_work(job)
    certificate = read_certificate(folder / "preflight.json")
    if certificate.verdict == "refused":
        raise ModelError(f"{job.model.display_name} is refused: {certificate.reason}")
    if job.candidate.trained:
        yield _train_work(job)
        if has_heads(job):
            yield _heads_work(job)
    yield _decode_work(job, SELECT)


def pair_work(job: CandidateRun) -> Iterator[Work]:
    """Answers to the polarity pairs, after `candidate_work`; none where none are to be asked."""
    if job.candidate.kind == "candidate" and job.rows.polarity:
        yield _decode_work(job, POLARITY)


def _preflight_work(job: CandidateRun) -> Work:
    out = job.run.candidate(job.candidate.name) / "preflight.json"
    longest = job.config.decoding.max_new_tokens
    stage = job.stage("preflight", job.rows.hashes["train"], longest)

    def make(advance: Advance) -> Outcome:
        for sibling in sorted((job.run.root / "candidates").iterdir()):
            # Another recipe of the same model: same inputs, same certificate.
            if Stage(sibling, stage.name, stage.inputs).done():
                write_text_atomic(out, (sibling / out.name).read_text(encoding="utf-8"))
                break
        else:
            preflight(load(job.model, job.config, job.space), job.rows.train, job.config, out)
        advance(1)
        return Outcome((out,))

    return Work(stage, job.candidate.name, 1, "certificate", make)


def _train_work(job: CandidateRun) -> Work:
    folder = job.run.candidate(job.candidate.name)
    recipe, config = job.candidate.recipe, job.config
    settings, mixture = fit_settings(config, recipe), mixture_of(config, recipe)
    certificate = read_certificate(folder / "preflight.json")
    flips = job.extras.flips if "flip" in RECIPES[recipe] else ()
    appraised = settings.weights.appraisal > 0
    rows = (*job.rows.train, *flips)
    stage = job.stage(
        "train",
        job.rows.hashes["train"],
        {k: v for k, v in asdict(settings).items() if k != "pack_tokens"},
        certificate.packed_up_to,
        job.extras.hashes["flips"] if "flip" in RECIPES[recipe] else "",
        job.extras.hashes["verifier"] if appraised else "",
        None if mixture is None else asdict(mixture),
        [job.lexicon.sha256, asdict(job.rows.scale)] if settings.weights.charts else [],
    )

    def make(advance: Advance) -> Outcome:
        task = TrainJob(
            rows=rows,
            fill_vad=mean_human_vad(job.rows.train) or VAD(0.5, 0.5, 0.5),
            packed_up_to=certificate.packed_up_to,
            settings=settings,
            base=job.model.source,
            lexicon=job.lexicon,
            scale=job.rows.scale,
            verifier=job.extras.verifier if appraised else None,
            theory=config.training.appraisal.theory,
            mixture=mixture,
            checkpoint_steps=config.training.checkpoint_steps,
            inputs=stage.inputs,
        )
        event = partial(job.run.event, candidate=job.candidate.name)
        counts = train(load(job.model, config, job.space), task, folder, advance, event)
        checkpoint = tuple(sorted((folder / "checkpoint").iterdir()))
        return Outcome((folder / "steps.jsonl", *checkpoint), counts)

    return Work(stage, job.candidate.name, train_steps(config, len(rows)), "steps", make)


def has_heads(job: CandidateRun) -> bool:
    """Whether the candidate's recipe trains heads, which then are a floor of their own."""
    return trains_heads(job.config, job.candidate.recipe)


def _heads_work(job: CandidateRun) -> Work:
    """Answers of the heads alone, in a folder of their own, like any floor's."""
    name, folder = job.candidate.name + SUFFIX, job.run.candidate(job.candidate.name)
    checkpoint = folder / "checkpoint"
    packed_up_to = read_certificate(folder / "preflight.json").packed_up_to
    hashes = [sha256_file(path) for path in sorted(checkpoint.glob("*.safetensors"))]
    asked = (*job.rows.select, *job.rows.polarity)
    sets = [job.rows.hashes[SELECT], job.rows.hashes.get(POLARITY)]
    base = job.stage("heads", hashes, sets, packed_up_to, job.lexicon.sha256)
    stage = replace(base, folder=job.run.candidate(name), name=SELECT)

    def make(advance: Advance) -> Outcome:
        lm = with_adapter(load(job.model, job.config, job.space), folder)
        outputs = head_outputs(lm, checkpoint / HEADS, asked, job.lexicon, packed_up_to, advance)
        outs = write_parts(job.run, name, job.rows, outputs)
        return Outcome(outs, {"rows": len(asked), "answers": len(outputs)})

    return Work(stage, name, len(asked), "rows", make)


def _decode_job(job: CandidateRun, row_set: str, rows: tuple[Row, ...], inputs: str) -> DecodeJob:
    decoding, trained = job.config.decoding, job.candidate.trained
    # Zero-shot is shown and the pairs are a side figure: the least number holds where it ranks.
    least = decoding.audit_rows if row_set == SELECT else 0
    chosen = rows_to_audit([row.id for row in rows], decoding.audit_share, least)
    certificate = job.run.candidate(job.candidate.name) / "preflight.json"
    return DecodeJob(
        rows=rows,
        certificate=read_certificate(certificate),
        canonical=decoding.decoder == "canonical",
        settings=DecodeSettings(decoding.max_new_tokens, decoding.pack_rows, decoding.pack_tokens),
        hints=draft_hints(job, rows, row_set) if trained else {},
        taught=taught_answers(job.rows.train) if trained else (),
        audit=chosen if trained else (),
        inputs=inputs,
        tuned=trained,
        dtype=decoding.dtype,
    )


def _decode_work(job: CandidateRun, row_set: str) -> Work:
    name, decoding = job.candidate.name, job.config.decoding
    folder = job.run.candidate(name)
    trained = job.candidate.trained
    adapter = sha256_file(folder / "checkpoint" / "adapter_model.safetensors") if trained else ""
    asked = job.rows.polarity if row_set == POLARITY else job.rows.select
    rows = asked if trained else spread(asked, job.config.zero_shot.rows)
    certificate = read_certificate(folder / "preflight.json")
    stage = job.stage(
        row_set,
        adapter,
        job.rows.hashes[row_set],
        [row.id for row in rows],
        [decoding.decoder, decoding.max_new_tokens, decoding.audit_share, decoding.audit_rows],
        decoding.dtype,
        certificate.to_dict(),
    )

    def make(advance: Advance) -> Outcome:
        lm = load(job.model, job.config, job.space)
        if trained:
            lm = with_adapter(lm, folder)
        task = _decode_job(job, row_set, rows, stage.inputs)
        out = job.run.rows(name, row_set)
        costs = decode(
            lm,
            task,
            out,
            advance,
            partial(job.run.event, candidate=name),
        )
        return Outcome((out,), {"rows": len(rows), "answers": len(rows)}, costs)

    return Work(stage, name, len(rows), "rows", make)


def spread(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
    """The first rows of each corpus in turn, `count` in all, in the order of `rows`."""
    seen: dict[str, int] = {}
    turns = []
    for place, row in enumerate(rows):
        turns.append((seen.get(row.source, 0), place))
        seen[row.source] = seen.get(row.source, 0) + 1
    chosen = sorted(place for _, place in sorted(turns)[:count])
    return tuple(rows[place] for place in chosen)


def taught_answers(train: Sequence[Row]) -> tuple[Prediction, ...]:
    """What the model was trained to write, of the rows that are annotated in full."""
    return tuple(
        Prediction(row.answer.labels, row.answer.vad, row.answer.rationale)
        for row in train
        if row.answer.labels is not None and row.answer.vad is not None
    )


def draft_hints(
    job: CandidateRun, rows: Sequence[Row], row_set: str = SELECT
) -> dict[str, Prediction]:
    """First drafts: the heads' answers; without heads TF-IDF's labels and the weak formulas."""
    if has_heads(job):
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
