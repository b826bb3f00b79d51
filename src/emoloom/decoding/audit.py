"""The audit of verified decoding: some rows are decoded again by the definition, and compared.

The claim that goes with it is "no mismatch in N tokens", never a proof. Ours.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from emoloom.decoding.canonical import decode_canonical
from emoloom.models.causal_lm import CausalLM


@dataclass(frozen=True, slots=True)
class Audit:
    """What decoding again showed."""

    rows: int
    """Rows decoded again."""
    tokens: int
    """Tokens of their canonical answers."""
    mismatches: tuple[str, ...]
    """Ids of rows whose answers differ."""


def rows_to_audit(ids: Sequence[str], share: float, least: int) -> tuple[str, ...]:
    """Which rows: fixed by their ids alone, so that a continued run audits the same.

    Args:
        ids: of all rows.
        share: of them, in [0, 1].
        least: at least so many, or all.
    """
    count = min(len(ids), max(least, math.ceil(share * len(ids))))
    ordered = sorted(ids, key=lambda row_id: hashlib.sha256(row_id.encode("utf-8")).hexdigest())
    return tuple(ordered[:count])


def audit(
    lm: CausalLM,
    texts: Mapping[str, str],
    outputs: Mapping[str, str],
    max_new_tokens: int,
    before_row: Callable[[], None] = lambda: None,
    *,
    partial: bool = False,
) -> Audit:
    """Decode rows canonically and compare.

    Args:
        lm: the model.
        texts: of the rows to audit, by id.
        outputs: their verified answers, by id.
        max_new_tokens: longest answer.
        before_row: called before each row; may raise to stop there.
        partial: whether answers end as soon as labels and VAD are written.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice; the row is named.
    """
    mismatches, tokens = [], 0
    for row_id, text in texts.items():
        before_row()
        expected = decode_canonical(lm, row_id, text, max_new_tokens, partial=partial)
        tokens += len(expected.ids)
        if outputs[row_id] != expected.output:
            mismatches.append(row_id)
    return Audit(len(texts), tokens, tuple(mismatches))
