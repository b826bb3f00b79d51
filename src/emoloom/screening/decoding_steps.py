"""Decoding of one candidate's rows: kept row by row, audited, written whole."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emoloom.contract.schema import write_answer
from emoloom.decoding.audit import Audit, audit, rows_to_audit
from emoloom.decoding.verified import may_be_packed
from emoloom.models.causal_lm import CausalLM
from emoloom.models.margin import PackSizes, measure_margin
from emoloom.models.memory import at_least
from emoloom.models.precision import in_bfloat16
from emoloom.records import VAD, Prediction
from emoloom.runs.directory import write_jsonl_atomic
from emoloom.runs.work import Advance
from emoloom.screening.answer_lines import COSTS, Line, from_cache, keep_lines
from emoloom.screening.answer_pass import NearTiesError, answered, partial_file
from emoloom.screening.decode_job import DecodeJob, Event
from emoloom.screening.widening import Widening, kept_widening

PROBE_ANSWERS = 16
"""Training answers that the margin is measured with, at most."""


def decode(
    lm: CausalLM,
    job: DecodeJob,
    out: Path,
    advance: Advance,
    event: Event = lambda _name, **_details: None,
) -> dict[str, float]:
    """Answer every row, and audit; rows finished before an interrupt are not decoded again.

    Each answer is appended to a partial file as soon as it is finished; the file of outputs, in
    the order of the rows, appears whole at the end. Where the audit finds a mismatch the near-tie
    margin is widened and all rows are decoded again, at last canonically. In bfloat16, where over
    `MOST_TIES` of the tokens are near-ties, all rows are decoded in fp32 instead.

    Args:
        lm: the model.
        job: rows and settings.
        out: the file of outputs.
        advance: told of each finished row; of 0 rows before each row that is audited, and at each
            that is decoded again.
        event: told of each widening of margin or dtype, and of each shrinking of the packs.

    Returns:
        Costs: rows, forwards, tokens computed, near-ties, truncated texts, decided tokens, the
        margin and what it comes from, and of the audit.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice for one row.
    """
    own = f"{out.stem}.{job.inputs[:16]}."
    for other in out.parent.glob(f"{out.stem}.*.partial"):
        if not other.name.startswith(own):
            other.unlink()
    if job.dtype == "float32":
        return _decoded(lm, job, out, advance, event)
    return _in_bfloat16(lm, job, out, advance, event)


def _in_bfloat16(
    lm: CausalLM, job: DecodeJob, out: Path, advance: Advance, event: Event
) -> dict[str, float]:
    """In bfloat16 where that is of use, else in fp32."""
    plain = replace(job, dtype="float32", turn=".fp32", cache=None)
    told: list[int] = []
    if not partial_file(out, plain).exists():  # else an interrupted call has widened it already
        with at_least(lm.name, "a copy of it in bfloat16"):
            half = in_bfloat16(lm)
        try:
            if half is not None:
                return _decoded(half, job, out, _noted(advance, told), event)
            why: dict[str, object] = {"reason": "its output layer cannot be run apart"}
        except NearTiesError as found:
            why = dict(found.details)
        write_jsonl_atomic(partial_file(out, plain), [])  # before it is told: told once
        event("dtype_widened", **why)
    costs = _decoded(lm, plain, out, _past(advance, sum(told)), event)
    return {**costs, "dtype_widened": 1}


def _noted(advance: Advance, told: list[int]) -> Advance:
    """Keeps what was told."""

    def tell(rows: int) -> None:
        told.append(rows)
        advance(rows)

    return tell


def _past(advance: Advance, told: int) -> Advance:
    """Tells of rows behind those that were told already."""
    seen = 0

    def tell(rows: int) -> None:
        nonlocal seen
        before, seen = max(seen, told), seen + rows
        advance(max(0, seen - before))

    return tell


def _measured(lm: CausalLM, job: DecodeJob) -> tuple[DecodeJob, dict[str, float]]:
    """The job with a margin that holds for this very model, and what that is made of."""
    certified = job.certificate.tie_margin
    costs = {"certified_margin": certified, "tuned_margin": 0.0, "margin_forwards": 0}
    packed = job.certificate.verdict == "packed" and not job.canonical
    if not packed or not job.rows or not (job.tuned or job.dtype != "float32"):
        return job, costs
    label = lm.prompter.space.labels[-1]
    plain = Prediction((label,), VAD(0.5, 0.5, 0.5), "cues: none")
    answers = [write_answer(answer) for answer in job.taught[:PROBE_ANSWERS] or (plain,)]
    settings, longest = job.settings, job.certificate.packed_up_to
    sizes = PackSizes(
        settings.max_new_tokens, settings.pack_rows, settings.pack_tokens, packed_up_to=longest
    )
    found = measure_margin(lm, [row.text for row in job.rows], answers, sizes)
    wider = replace(job.certificate, tie_margin=max(certified, found.value))
    costs |= {"tuned_margin": found.value, "margin_forwards": found.forwards}
    return replace(job, certificate=wider), costs


def _decoded(
    lm: CausalLM, job: DecodeJob, out: Path, advance: Advance, event: Event
) -> dict[str, float]:
    """`decode` in one precision."""
    job, margins = _measured(lm, job)
    notes = partial_file(out, replace(job, turn=f"{job.turn}.widening"))
    widening, tell = kept_widening(notes), advance
    while True:
        asked = widening.applied(job)
        lines = answered(lm, asked, out, tell, event)
        checked = _audited(lm, asked, lines, advance)
        if not checked.mismatches:
            break
        widening = widening.after(len(checked.mismatches), asked.certificate.tie_margin)
        widening.keep(notes)
        event("margin_widened", rows=list(checked.mismatches), tie_margin=widening.tie_margin)
        tell = lambda _: advance(0)  # noqa: E731
    write_jsonl_atomic(out, [{"id": line["id"], "output": line["output"]} for line in lines])
    for kept in out.parent.glob(f"{out.stem}.*.partial"):
        kept.unlink()
    keep_lines(asked.cache, job.rows, lines)
    return {**_costs(asked, lines), **margins, **_audit_costs(checked, widening)}


def _costs(job: DecodeJob, lines: Sequence[Line]) -> dict[str, float]:
    return {
        "rows": len(lines),
        "cached_rows": from_cache(lines),
        **{key: sum(line[key] for line in lines) for key in COSTS},
        "tie_margin": job.certificate.tie_margin,
        "dtype_widened": 0,
    }


def _audit_costs(checked: Audit, widening: Widening) -> dict[str, float]:
    return {
        "audited_rows": checked.rows,
        "audited_tokens": checked.tokens,
        "audit_mismatches": widening.mismatches,
    }


def _audited(lm: CausalLM, job: DecodeJob, lines: Sequence[Line], advance: Advance) -> Audit:
    """Of the packed rows: canonical answers need no audit."""
    wanted = not job.canonical and (job.audit_share or job.audit_rows)
    texts = {row.id: row.text for row in job.rows} if wanted else {}
    limit = job.settings.max_new_tokens
    packed = [k for k, text in texts.items() if may_be_packed(lm, text, job.certificate, limit)]
    chosen = set(rows_to_audit(packed, job.audit_share, job.audit_rows))
    outputs = {line["id"]: line["output"] for line in lines}
    asked = {row_id: text for row_id, text in texts.items() if row_id in chosen}
    return audit(lm, asked, outputs, limit, lambda: advance(0))
