"""In which precision a candidate answers, decided once for all its row sets.

bfloat16 is of no use where many tokens are near-ties: each takes a forward of its own, and
another card may decide it otherwise (DESIGN 5). What is looked at is the same whatever sizes of
packs and whatever decoder a config has, so that these cannot change an answer.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows, may_be_packed
from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import ModelError
from emoloom.models.memory import at_least
from emoloom.models.precision import in_bfloat16
from emoloom.screening.decode_job import DecodeJob
from emoloom.screening.margins import with_own_margin

Dtype = Literal["float32", "bfloat16"]
"""Of a model's body. Head and logits are always fp32."""

PRECISION = "precision.json"
"""Beside the checkpoint that it is of; only where the config asks for bfloat16."""

PRECISION_STAGE = "precision"
"""Name of the stage that decides it; a rung's has the rung's number behind it."""

MOST_TIES = 0.2
"""Share of decided tokens that may be near-ties in bfloat16; above it fp32 is used (DESIGN 5)."""

WHOLE = "its output layer cannot be run apart from its body"
"""Then its logits would not be fp32."""

PROBED_ROWS = 16
"""Rows at which that share is looked at: the first that may be packed (ours)."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What was decided. How many near-ties there were is in costs.json."""

    dtype: Dtype
    """It defines the answers."""
    reason: str
    """Why it is not bfloat16; empty where it is."""

    def to_dict(self) -> dict[str, str]:
        """The JSON object of `PRECISION`."""
        return asdict(self)


def read_precision(path: Path) -> Precision:
    """What is decided.

    Raises:
        OSError, ValueError: it is not there, or is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        decided = Precision(found["dtype"], str(found["reason"]))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path.name} is no record of a precision") from error
    if decided.dtype not in get_args(Dtype):
        raise ValueError(f"{path.name} has {decided.dtype!r}: float32 or bfloat16 is allowed")
    return decided


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
    lm: CausalLM, job: DecodeJob, advance: Callable[[int], None]
) -> tuple[Precision, dict[str, float]]:
    """Decode a few rows in bfloat16 and count near-ties.

    Args:
        lm: the model in fp32, as it was trained.
        job: the candidate's rows and drafts; sizes and decoder are those of `DecodeSettings`.
        advance: told of each row that was decoded.

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
    plain = replace(job, canonical=False, settings=DecodeSettings(limit), tuned=True)
    asked, margins = with_own_margin(half, plain)
    drafter = contract_drafter(half.prompter, job.hints, job.taught)
    ties = decided = 0
    for answer in decode_rows(half, rows, asked.certificate, asked.settings, drafter):
        ties += answer.near_ties
        decided += len(answer.ids)
        advance(1)
    costs = {
        **margins,
        "tie_margin": asked.certificate.tie_margin,
        "probed_rows": len(rows),
        "near_ties": ties,
        "decided": decided,
    }
    if ties > MOST_TIES * decided:
        reason = f"in bfloat16 over {MOST_TIES:.0%} of the tokens are near-ties"
        return Precision("float32", reason), costs
    return Precision("bfloat16", ""), costs
