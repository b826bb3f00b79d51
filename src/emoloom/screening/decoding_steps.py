"""Decoding of one candidate's rows: kept row by row, audited, written whole."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from emoloom.contract.schema import write_answer
from emoloom.decoding.audit import Audit, audit
from emoloom.decoding.canonical import Decoded, decode_canonical
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import Certificate
from emoloom.models.margin import PackSizes, measure_margin
from emoloom.models.precision import in_bfloat16
from emoloom.records import VAD, Prediction, Row
from emoloom.runs.directory import (
    append_json_line,
    fingerprint,
    read_complete_lines,
    write_jsonl_atomic,
)
from emoloom.runs.work import Advance
from emoloom.screening.answer_cache import AnswerCache
from emoloom.screening.answer_lines import (
    COSTS,
    cached_lines,
    from_cache,
    is_line,
    keep_lines,
    line_of,
)


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
    tuned: bool = False
    """True where the certificate is of another model, the base: the margin is measured again."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the model's body; it defines the answer. Head and logits are always fp32."""
    cache: AnswerCache | None = None
    """Answers of earlier runs; None to decode every row."""


Event = Callable[..., None]
"""Told an event's name and, by keyword, its details."""

MOST_WIDENINGS = 3
"""Times that the near-tie margin is widened before a candidate is decoded canonically."""

WIDER = 8.0
"""Factor of a widening."""

PROBE_ANSWERS = 16
"""Training answers that the margin is measured with, at most."""

MOST_TIES = 0.2
"""Share of decided tokens that may be near-ties in bfloat16; above it fp32 is used (DESIGN 5)."""

ENOUGH_TOKENS = 512
"""Decided tokens at which that share is looked at first."""


class _NearTiesError(Exception):
    """bfloat16 is no use for this candidate."""

    def __init__(self, near_ties: int, tokens: int) -> None:
        super().__init__(near_ties, tokens)
        self.details = {"near_ties": near_ties, "tokens": tokens}


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
    if job.dtype == "float32":
        return _decoded(lm, job, out, advance, event)
    plain = replace(job, dtype="float32", inputs=fingerprint([job.inputs, "float32"]), cache=None)
    told: list[int] = []
    if not _partial(out, plain).exists():  # else an interrupted call has widened it already
        half = in_bfloat16(lm)
        try:
            if half is not None:
                return _decoded(half, job, out, _noted(advance, told), event)
            event("dtype_widened", reason="its output layer cannot be run apart")
        except _NearTiesError as found:
            event("dtype_widened", **found.details)
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
    lines = _answered(lm, job, out, advance, event)
    checked = _audited(lm, job, lines, advance)
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
            cache=None,
        )
        event("margin_widened", rows=list(checked.mismatches), tie_margin=wider)
        lines = _answered(lm, job, out, lambda _: advance(0), event)
        checked = _audited(lm, job, lines, advance)
    write_jsonl_atomic(out, [{"id": line["id"], "output": line["output"]} for line in lines])
    _partial(out, job).unlink()
    keep_lines(job.cache, job.rows, lines)
    return {
        "rows": len(lines),
        "cached_rows": from_cache(lines),
        **{key: sum(line[key] for line in lines) for key in COSTS},
        "tie_margin": job.certificate.tie_margin,
        **margins,
        "dtype_widened": 0,
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
    if found := cached_lines(job.cache, [row for row in job.rows if row.id not in done]):
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
            _see_few_ties(job, list(done.values()))
    return [done[row.id] for row in job.rows]


def _see_few_ties(job: DecodeJob, lines: Sequence[dict[str, Any]]) -> None:
    ties, tokens = (sum(line[key] for line in lines) for key in ("near_ties", "decided"))
    enough = tokens >= ENOUGH_TOKENS or len(lines) == len(job.rows)
    if job.dtype == "bfloat16" and enough and ties > MOST_TIES * tokens:
        raise _NearTiesError(ties, tokens)


def _audited(
    lm: CausalLM, job: DecodeJob, lines: Sequence[dict[str, Any]], advance: Advance
) -> Audit:
    """Canonical answers need no audit."""
    chosen = set() if job.canonical else set(job.audit)
    texts = {row.id: row.text for row in job.rows if row.id in chosen}
    outputs = {line["id"]: line["output"] for line in lines}
    return audit(lm, texts, outputs, job.settings.max_new_tokens, lambda: advance(0))


def _kept(path: Path) -> list[dict[str, Any]]:
    """Answers of an interrupted call; none where the file is damaged, so they are made again."""
    try:
        lines = read_complete_lines(path)
    except ValueError:
        return []
    return lines if all(is_line(line) for line in lines) else []


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
