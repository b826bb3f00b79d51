"""Decoding of one candidate's rows: kept row by row, audited, written whole."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from emoloom.decoding.audit import Audit, audit
from emoloom.decoding.canonical import Decoded, decode_canonical
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import Certificate
from emoloom.records import Prediction, Row
from emoloom.runs.directory import (
    append_json_line,
    fingerprint,
    read_complete_lines,
    write_jsonl_atomic,
)
from emoloom.runs.work import Advance


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """What decoding one row set needs."""

    rows: tuple[Row, ...]
    """Rows to be answered."""
    certificate: Certificate
    """Of the base model."""
    canonical: bool
    """True for one forward a token, by definition; False for the verified decoder."""
    settings: DecodeSettings
    """Sizes."""
    hints: Mapping[str, Prediction]
    """First drafts by row id."""
    taught: tuple[Prediction, ...]
    """Answers that the model was trained to write, for the drafts."""
    audit: tuple[str, ...]
    """Ids of the rows that are decoded again canonically and compared."""
    inputs: str
    """Fingerprint of all that affects an answer: rows kept from before must have the same."""


Event = Callable[..., None]
"""Told an event's name and, by keyword, its details."""

MOST_WIDENINGS = 3
"""Times that the near-tie margin is widened before a candidate is decoded canonically."""

WIDER = 8.0
"""Factor of a widening."""


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
    margin is widened and all rows are decoded again, at last canonically.

    Args:
        lm: the model.
        job: rows and settings.
        out: the file of outputs.
        advance: told of each finished row.
        event: told of each widening of the margin, and of each shrinking of the packs.

    Returns:
        Costs: rows, forwards, tokens computed, near-ties, truncated texts, and of the audit.
    """
    lines = _answered(lm, job, out, advance, event)
    checked = _audited(lm, job, lines)
    widenings = mismatches = 0
    while checked.mismatches:
        widenings += 1
        mismatches += len(checked.mismatches)
        wider = max(job.certificate.tie_margin, 1e-6) * WIDER
        job = replace(
            job,
            certificate=replace(job.certificate, tie_margin=wider),
            canonical=widenings > MOST_WIDENINGS,
            inputs=fingerprint([job.inputs, wider, widenings]),
        )
        event("margin_widened", rows=list(checked.mismatches), tie_margin=wider)
        lines = _answered(lm, job, out, lambda _: None, event)
        checked = _audited(lm, job, lines)
    write_jsonl_atomic(out, [{"id": line["id"], "output": line["output"]} for line in lines])
    _partial(out, job).unlink()
    return {
        "rows": len(lines),
        **{key: sum(line[key] for line in lines) for key in _COSTS},
        "tie_margin": job.certificate.tie_margin,
        "audited_rows": checked.rows,
        "audited_tokens": checked.tokens,
        "audit_mismatches": mismatches,
    }


def _partial(out: Path, job: DecodeJob) -> Path:
    return out.with_suffix(f".{job.inputs[:16]}.partial")


def _answered(
    lm: CausalLM, job: DecodeJob, out: Path, advance: Advance, event: Event
) -> list[dict[str, Any]]:
    """A line for each row, in order."""
    kept = _partial(out, job)
    for other in set(out.parent.glob(f"{out.stem}.*.partial")) - {kept}:
        other.unlink()
    wanted = {row.id for row in job.rows}
    done = {line["id"]: line for line in _kept(kept) if line["id"] in wanted}
    write_jsonl_atomic(kept, done.values())
    advance(len(done))
    left = [(row.id, row.text) for row in job.rows if row.id not in done]
    with closing(_decoder(lm, job, left, event)) as answers:
        for answer in answers:
            done[answer.id] = _line(answer)
            append_json_line(kept, done[answer.id])
            advance(1)
    return [done[row.id] for row in job.rows]


def _audited(lm: CausalLM, job: DecodeJob, lines: Sequence[dict[str, Any]]) -> Audit:
    """Canonical answers need no audit."""
    chosen = set() if job.canonical else set(job.audit)
    texts = {row.id: row.text for row in job.rows if row.id in chosen}
    outputs = {line["id"]: line["output"] for line in lines}
    return audit(lm, texts, outputs, job.settings.max_new_tokens)


def _kept(path: Path) -> list[dict[str, Any]]:
    """Answers of an interrupted call; none where the file is damaged, so they are made again."""
    try:
        lines = read_complete_lines(path)
    except ValueError:
        return []
    return lines if all(_is_line(line) for line in lines) else []


def _is_line(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"id", "output", *_COSTS}
        and all(isinstance(value[key], str) for key in ("id", "output"))
        and all(isinstance(value[key], int) for key in _COSTS)
    )


_COSTS = ("forwards", "tokens_computed", "near_ties", "truncated")


def _decoder(
    lm: CausalLM, job: DecodeJob, rows: Sequence[tuple[str, str]], event: Event
) -> Generator[Decoded, None, None]:
    if job.canonical:
        limit = job.settings.max_new_tokens
        for row_id, text in rows:
            yield decode_canonical(lm, row_id, text, limit)
    else:
        drafter = contract_drafter(lm.prompter, job.hints, job.taught)
        shrunk = partial(event, "pack_shrunk")
        yield from decode_rows(
            lm, rows, job.certificate, job.settings, drafter, lambda t: shrunk(pack_tokens=t)
        )


def _line(answer: Decoded) -> dict[str, object]:
    return {
        "id": answer.id,
        "output": answer.output,
        "forwards": answer.forwards,
        "tokens_computed": answer.tokens_computed,
        "near_ties": answer.near_ties,
        "truncated": int(answer.truncated),
    }
