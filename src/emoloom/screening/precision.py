"""In which precision a candidate answers, decided once for all its row sets.

bfloat16 is of no use where many tokens are near-ties: each takes a forward of its own, and
another card may decide it otherwise (DESIGN 5). What is looked at is the same whatever sizes of
packs and whatever decoder a config has, so that these cannot change an answer.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows, may_be_packed
from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import ModelError
from emoloom.models.memory import at_least
from emoloom.models.precision import in_bfloat16
from emoloom.screening.decode_job import DecodeJob, Event
from emoloom.screening.margins import with_own_margin
from emoloom.screening.precision_record import Dtype, Precision

MOST_TIES = 0.2
"""Share of decided tokens that may be near-ties in bfloat16; above it fp32 is used (DESIGN 5)."""

WHOLE = "its output layer cannot be run apart from its body"
"""Then its logits would not be fp32."""

PROBED_ROWS = 16
"""Rows at which that share is looked at: the first that may be packed (ours)."""


def in_precision(lm: CausalLM, dtype: Dtype) -> CausalLM:
    """A model in the precision that was decided.

    Raises:
        ModelError: its output layer cannot be run apart, or memory does not suffice for the copy.
    """
    if dtype == "float32":
        return lm
    with at_least(lm.name, "a copy of it in bfloat16"):
        half = in_bfloat16(lm)
    if half is None:
        raise ModelError(f"{lm.name}: {WHOLE}")
    return half


def choose_precision(
    lm: CausalLM,
    job: DecodeJob,
    advance: Callable[[int], None],
    event: Event = lambda _name, **_details: None,
) -> tuple[Precision, dict[str, float]]:
    """Decode a few rows in bfloat16 and count near-ties.

    Args:
        lm: the model in fp32, as it was trained.
        job: the candidate's rows and drafts; sizes and decoder are those of `DecodeSettings`.
        advance: told of each row that was decoded, and of 0 before the first.
        event: told where packs shrink: then memory has a part in what is decided.

    Returns:
        The precision, and what it was decided by: rows, near-ties, decided tokens, margin. A model
        that may not be packed has no near-ties: its answers are canonical in either precision.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice for the copy or for one row.
    """
    if lm.split is None:
        return Precision("float32", WHOLE), {}
    half = in_precision(lm, "bfloat16")
    limit = job.settings.max_new_tokens
    packed = (row for row in job.rows if may_be_packed(lm, row.text, job.certificate, limit))
    rows = [(row.id, row.text) for row in islice(packed, PROBED_ROWS)]
    plain = replace(
        job,
        canonical=False,
        settings=DecodeSettings(limit, partial=job.settings.partial),
        measured=True,
    )
    asked, margins = with_own_margin(half, plain)
    drafter = contract_drafter(half.prompter, job.hints, job.taught)
    ties = decided = 0
    advance(0)
    shrunk = lambda tokens: event("pack_shrunk", pack_tokens=tokens)  # noqa: E731
    for answer in decode_rows(half, rows, asked.certificate, asked.settings, drafter, shrunk):
        ties += answer.near_ties
        decided += len(answer.ids)
        advance(1)
    costs = {**margins, "tie_margin": asked.certificate.tie_margin}
    costs |= {"probed_rows": len(rows), "near_ties": ties, "decided": decided}
    if ties > MOST_TIES * decided:
        reason = f"in bfloat16 over {MOST_TIES:.0%} of the tokens are near-ties"
        return Precision("float32", reason), costs
    return Precision("bfloat16", ""), costs
