"""The preflight certificate: what must hold of a model before it may be ranked.

Of the prompt: its *template is stable* (rendered again it gives the same ids), its *end token is
known* to the model. Measured on the model itself: *no NaN*, *causality* (a later token changes no
earlier logit) and *packing* (a row of a shared-prefix pack has the logits of the row alone). The
verdict says up to how many tokens packing is exact; the near-tie margin of the verified decoder
comes from the largest error seen here. Criteria are ours (DESIGN, KV-off decoding).

Shape legend: K positions, V vocabulary.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

import torch

from emoloom.contract.prompt import Prompter, make_prompter
from emoloom.models.causal_lm import CausalLM, ModelError, full_forward
from emoloom.models.packing import make_pack, packed_forward

Verdict = Literal["packed", "canonical only", "refused"]

RELATIVE_LIMIT = 1e-3
"""Largest logit gap allowed, in standard deviations of the model's logits. fp32 rounding stays a
hundred times below it; a dropped sliding window or a leaking row lies far above."""

TIE_FACTOR = 8.0
"""The near-tie margin is this many times the largest error of a top-8 logit difference."""

MIN_POSITIONS = 512
"""Positions compared, at least, where the texts allow it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One measured property."""

    name: str
    """What was checked."""
    passed: bool
    """Whether the value is within the limit."""
    value: float
    """What was found: the largest absolute logit gap; of the template, ids that differ; of the end
    token, its id; of NaN, forwards that gave one."""
    limit: float
    """Largest value allowed."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the checks say of one model."""

    verdict: Verdict
    """`packed` (up to `packed_up_to`), `canonical only`, or `refused`."""
    reason: str
    """The verdict in words."""
    packed_up_to: int
    """Prefix and row together, in tokens, up to which packing was seen exact; 0 if not at all."""
    tie_margin: float
    """Top-2 logit gap at or below which a packed argmax is decided again canonically."""
    positions: int
    """Positions compared between packed and single."""
    checks: tuple[Check, ...]
    """Each check with its numbers."""
    prompt_head: str = ""
    """What stands before every row's text, verbatim: template start and instruction."""
    prompt_head_sha256: str = ""
    """Of that text in UTF-8, 64 hex digits."""
    prompt_tail: str = ""
    """What stands between every row's text and the answer, verbatim."""
    system_turn: str = ""
    """The part of the head that the template put before the user's turn of its own accord."""

    def to_dict(self) -> dict[str, Any]:
        """For preflight.json."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks]}

    @staticmethod
    def from_dict(value: dict[str, Any]) -> "Certificate":
        """Inverse of `to_dict`."""
        checks = tuple(Check(**check) for check in value["checks"])
        return Certificate(**{**value, "checks": checks})


@dataclass(frozen=True, slots=True)
class _Gap:
    """How far two computations of the same logits lie apart."""

    largest: float
    top8: float
    positions: int


@torch.no_grad()
def certify(
    lm: CausalLM, texts: Sequence[str], answers: Sequence[str], max_new_tokens: int
) -> Certificate:
    """Measure a model and give its verdict.

    Args:
        lm: the model.
        texts: ordinary texts; repeated to reach the longest row allowed and 512 positions.
        answers: contract lines, as training would show them.
        max_new_tokens: the longest answer; with the longest text it makes the longest row.
    """
    rows = _probe_rows(lm, texts, answers, max_new_tokens)
    prompter = lm.prompter
    stable, known = _template_stable(prompter), _end_known(lm)
    if not stable.passed:
        found = _refused("its chat template renders differently each time")
    elif not known.passed:
        found = _refused(f"it has no logit for its end token, id {prompter.end_id}")
    else:
        found = _measured(lm, rows)
    return replace(
        found,
        checks=(stable, known, *found.checks),
        prompt_head=prompter.head,
        prompt_head_sha256=hashlib.sha256(prompter.head.encode("utf-8")).hexdigest(),
        prompt_tail=prompter.tail,
        system_turn=prompter.system_turn,
    )


def _template_stable(prompter: Prompter) -> Check:
    """Render and encode the prompt again; a template may hold chance."""
    space, limit = prompter.space, prompter.max_text_tokens
    again = make_prompter(prompter.tokenizer, space, max_text_tokens=limit)
    first = (*prompter.head_ids, *prompter.tail_ids)
    second = (*again.head_ids, *again.tail_ids)
    differ = sum(one != other for one, other in zip_longest(first, second))
    return Check("template stable", differ == 0, float(differ), 0.0)


def _end_known(lm: CausalLM) -> Check:
    """A model that has no logit for its end token can never stop by itself."""
    end, largest = lm.prompter.end_id, lm.model.config.vocab_size - 1
    return Check("end token known", end <= largest, float(end), float(largest))


def _measured(lm: CausalLM, rows: Sequence[tuple[int, ...]]) -> Certificate:
    """The verdict on the model's own logits."""
    head = lm.prompter.head_ids
    longest = rows[0]
    context = getattr(lm.model.config, "max_position_embeddings", None)
    if isinstance(context, int) and context < len(head) + len(longest):
        return _refused(
            f"its context of {context} tokens is shorter than the longest row, "
            f"{len(head) + len(longest)} tokens"
        )
    try:
        singles = [
            full_forward(lm, [*head, *row], range(len(head), len(head) + len(row))) for row in rows
        ]
        finite = Check("no NaN", True, 0.0, 0.0)
        limit = RELATIVE_LIMIT * float(singles[0][singles[0].isfinite()].std())
        causal = Check("causality", *_causality(lm, [*head, *longest], singles[0], limit), limit)
        if not causal.passed:
            reason = "a later token changes earlier logits: not a causal model"
            return _refused(reason, finite, causal)
        verdict = _packing_verdict(lm, rows, singles, causal)
        return replace(verdict, checks=(finite, *verdict.checks))
    except ModelError as fault:
        return _refused(str(fault), Check("no NaN", False, 1.0, 0.0))


def _probe_rows(
    lm: CausalLM, texts: Sequence[str], answers: Sequence[str], max_new_tokens: int
) -> list[tuple[int, ...]]:
    """Ids after the head: the longest row first, then ordinary rows up to 512 positions."""
    assert texts and answers, "a certificate needs texts and answers to probe with"
    prompter = lm.prompter
    long_text = " ".join([*texts] * (1 + prompter.max_text_tokens // len(texts)))
    long_answer = prompter.answer(answers[0] * (1 + max_new_tokens)).ids[:max_new_tokens]
    rows = [(*prompter.prompt(long_text).ids, *long_answer)]
    total = len(rows[0])
    index = 0
    while total < MIN_POSITIONS or len(rows) < 3:
        text, answer = texts[index % len(texts)], answers[index % len(answers)]
        rows.append((*prompter.prompt(text).ids, *prompter.answer(answer).ids))
        total += len(rows[-1])
        index += 1
    return rows


def _causality(
    lm: CausalLM, ids: Sequence[int], whole_KV: torch.Tensor, limit: float
) -> tuple[bool, float]:
    """Cut the sequence in the middle of the row: what is left must keep its logits."""
    start = len(ids) - whole_KV.shape[0]
    half = whole_KV.shape[0] // 2
    cut_KV = full_forward(lm, ids[: start + half], range(start, start + half))
    # Tokens forbidden both times (minus infinity) do not differ.
    gap = float(torch.nan_to_num(cut_KV - whole_KV[:half], nan=0.0).abs().max())
    return gap <= limit, gap


def _packing_verdict(
    lm: CausalLM,
    rows: Sequence[tuple[int, ...]],
    singles: Sequence[torch.Tensor],
    causal: Check,
) -> Certificate:
    """Compare packed with single, shortening the longest row until packing is exact."""
    head = len(lm.prompter.head_ids)
    keep = max(len(row) for row in rows)
    while keep >= 16:
        try:
            gap = _packing_gap(lm, rows, singles, keep)
        except (TypeError, ValueError, RuntimeError) as fault:
            # Bloom, Falcon with ALiBi, Mamba: no positions, or no mask of four dimensions.
            return _canonical_only(f"packed rows cannot be computed: {_first_line(fault)}", causal)
        packed_up_to = head + min(keep, max(len(row) for row in rows))
        check = Check(
            f"packed equals single, {packed_up_to} tokens",
            gap.largest <= causal.limit,
            gap.largest,
            causal.limit,
        )
        if check.passed:
            return Certificate(
                verdict="packed",
                reason=f"packing is exact up to {packed_up_to} tokens",
                packed_up_to=packed_up_to,
                tie_margin=TIE_FACTOR * gap.top8,
                positions=gap.positions,
                checks=(causal, check),
            )
        keep //= 2
    return _canonical_only(
        "packed rows differ from rows alone at every length tried",
        causal,
        check,
        positions=gap.positions,
    )


def _packing_gap(
    lm: CausalLM, rows: Sequence[tuple[int, ...]], singles: Sequence[torch.Tensor], keep: int
) -> _Gap:
    kept = [row[:keep] for row in rows]
    pack = make_pack(lm.prompter.head_ids, kept, device=lm.device)
    positions = [
        start + k for start, row in zip(pack.starts, kept, strict=True) for k in range(len(row))
    ]
    packed_KV = packed_forward(lm, pack, positions).cpu()
    single_KV = torch.cat([single[: len(row)] for single, row in zip(singles, kept, strict=True)])
    if not bool(torch.isfinite(packed_KV).all()):
        most = torch.finfo(torch.float64).max  # JSON has no infinity
        return _Gap(most, most, len(positions))
    top_K8, index_K8 = single_KV.topk(min(8, single_KV.shape[-1]), dim=-1)
    same_K8 = packed_KV.gather(-1, index_K8)
    difference_K8 = (same_K8 - same_K8[:, :1]) - (top_K8 - top_K8[:, :1])
    return _Gap(
        largest=float((packed_KV - single_KV).abs().max()),
        top8=float(difference_K8.abs().max()),
        positions=len(positions),
    )


def _canonical_only(reason: str, *checks: Check, positions: int = 0) -> Certificate:
    return Certificate("canonical only", reason, 0, 0.0, positions, checks)


def _first_line(fault: Exception) -> str:
    return (str(fault).strip() or repr(fault)).splitlines()[0]


def _refused(reason: str, *checks: Check) -> Certificate:
    return Certificate("refused", reason, 0, 0.0, 0, checks)
