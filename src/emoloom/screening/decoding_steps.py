"""Decoding of one candidate's rows: kept row by row, audited, written whole."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emoloom.decoding.audit import Audit, audit, rows_to_audit
from emoloom.decoding.verified import may_be_packed
from emoloom.models.causal_lm import CausalLM
from emoloom.runs.directory import write_jsonl_atomic
from emoloom.runs.work import Advance
from emoloom.screening.answer_lines import COSTS, Line, from_cache, keep_lines
from emoloom.screening.answer_pass import answered, partial_file
from emoloom.screening.decode_job import DecodeJob, Event
from emoloom.screening.margins import with_own_margin
from emoloom.screening.widening import UNWIDENED, Widening, kept_widening


def decode(
    lm: CausalLM,
    job: DecodeJob,
    out: Path,
    advance: Advance,
    event: Event = lambda _name, **_details: None,
    begun: Widening = UNWIDENED,
) -> dict[str, float]:
    """Answer every row, and audit; rows finished before an interrupt are not decoded again.

    Each answer is appended to a partial file as soon as it is finished; the file of outputs, in
    the order of the rows, appears whole at the end. Where the audit finds a mismatch the near-tie
    margin is widened and all rows are decoded again, at last canonically.

    Args:
        lm: in the precision that defines the answers.
        job: rows and settings.
        out: the file of outputs.
        advance: told of each finished row; of 0 before one is audited, and where one is redone.
        event: told of each widening of the margin, and of each shrinking of the packs.
        begun: what the audit of other rows of this model has led to.

    Returns:
        Costs: counts over the lines, the margin and what it comes from, and of the audit.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice for one row.
    """
    _remove_partial(out, but=job)
    notes = partial_file(out, replace(job, turn=f"{job.turn}.widening"))
    widening, tell = kept_widening(notes) or begun, advance
    job = replace(job, canonical=job.canonical or widening.canonical)
    job, margins = with_own_margin(lm, job)
    while True:
        asked = widening.applied(job)
        lines = answered(lm, asked, out, tell, event)
        checked = _audited(lm, asked, lines, advance)
        if not checked.mismatches:
            break
        widening = widening.after(len(checked.mismatches))
        widening.keep(notes)
        margin = widening.applied(job).certificate.tie_margin
        event("margin_widened", rows=list(checked.mismatches), tie_margin=margin)
        tell = lambda _: advance(0)  # noqa: E731
    _keep(out, asked, lines)
    return {**_costs(asked, lines), **margins, **_audit_costs(checked, widening)}


def _keep(out: Path, job: DecodeJob, lines: Sequence[Line]) -> None:
    """The outputs, whole; in the cache too."""
    write_jsonl_atomic(out, [{"id": line["id"], "output": line["output"]} for line in lines])
    _remove_partial(out)
    keep_lines(job.cache, job.rows, lines)


def _remove_partial(out: Path, but: DecodeJob | None = None) -> None:
    """What passes kept of their answers, but those of one job."""
    own = None if but is None else f"{out.stem}.{but.inputs[:16]}."
    for kept in out.parent.glob(f"{out.stem}.*.partial"):
        if own is None or not kept.name.startswith(own):
            kept.unlink()


def _costs(job: DecodeJob, lines: Sequence[Line]) -> dict[str, float]:
    return {
        "rows": len(lines),
        "cached_rows": from_cache(lines),
        **{key: sum(line[key] for line in lines) for key in COSTS},
        "tie_margin": job.certificate.tie_margin,
    }


def _audit_costs(checked: Audit, widening: Widening) -> dict[str, float]:
    return {
        "audited_rows": checked.rows,
        "audited_tokens": checked.tokens,
        "audit_mismatches": widening.mismatches,
        "widenings": widening.times,
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
    partial = job.settings.partial
    return audit(lm, asked, outputs, limit, lambda: advance(0), partial=partial)
