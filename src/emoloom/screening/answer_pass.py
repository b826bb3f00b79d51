"""One pass over a row set: each answer is kept as soon as it is finished."""

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from emoloom.decoding.canonical import Decoded, decode_canonical
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import decode_rows
from emoloom.models.causal_lm import CausalLM
from emoloom.runs.directory import append_json_line, read_complete_lines, write_jsonl_atomic
from emoloom.runs.work import Advance
from emoloom.screening.answer_lines import cached_lines, is_line, line_of
from emoloom.screening.decode_job import DecodeJob, Event


def partial_file(out: Path, job: DecodeJob) -> Path:
    """Where a pass keeps its answers until all are there."""
    return out.with_suffix(f".{job.inputs[:16]}{job.turn}.partial")


def answered(
    lm: CausalLM, job: DecodeJob, out: Path, advance: Advance, event: Event
) -> list[dict[str, Any]]:
    """A line for each row, in order; those that an interrupted pass kept are not decoded again.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice for one row.
    """
    kept = partial_file(out, job)
    wanted = {row.id for row in job.rows}
    done = {line["id"]: line for line in _kept(kept) if line["id"] in wanted}
    free = [row for row in job.rows if row.id not in done]
    if found := cached_lines(job.cache, free):
        event("answers_from_cache", rows=len(found))
    done |= found
    write_jsonl_atomic(kept, done.values())
    advance(len(done))
    left = [(row.id, row.text) for row in job.rows if row.id not in done]
    with closing(_decoder(lm, job, left, event)) as answers:
        for answer in answers:
            done[answer.id] = line_of(answer)
            append_json_line(kept, done[answer.id])
            advance(1)
    return [done[row.id] for row in job.rows]


def _kept(path: Path) -> list[dict[str, Any]]:
    """Answers of an interrupted call; none where the file is damaged, so they are made again."""
    try:
        lines = read_complete_lines(path)
    except (ValueError, RecursionError):
        return []
    return lines if all(is_line(line) for line in lines) else []


def _decoder(
    lm: CausalLM, job: DecodeJob, rows: Sequence[tuple[str, str]], event: Event
) -> Generator[Decoded, None, None]:
    if job.canonical:
        limit, scored = job.settings.max_new_tokens, job.settings.partial
        for row_id, text in rows:
            yield decode_canonical(lm, row_id, text, limit, partial=scored)
    else:
        drafter = contract_drafter(lm.prompter, job.hints, job.taught)
        shrunk = partial(event, "pack_shrunk")
        yield from decode_rows(
            lm, rows, job.certificate, job.settings, drafter, lambda t: shrunk(pack_tokens=t)
        )
