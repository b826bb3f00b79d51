"""The preflight certificate: what must hold of a model before it may be ranked.

Of the prompt: its *template is stable* (rendered again it gives the same ids), its *end token is
known* to the model. Measured on the model itself, against rows alone, without padding or cache:
*no NaN*, *causality* (a later token changes no earlier logit) and *packing* (a row of a
shared-prefix pack has the logits of the row alone). The verdict says up to how many tokens packing
is exact; the near-tie margin of the verified decoder comes from the largest error seen here.
*Batches*, *padding* and the *cache* are tried too. We use none of them: a model that fails there
is warned of, and ranked. Criteria are ours (DESIGN, KV-off decoding).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest

import torch

from emoloom.contract.prompt import Prompter, make_prompter
from emoloom.models import comparisons
from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import Certificate, Check
from emoloom.models.comparisons import single_logits
from emoloom.models.logits import Logits, NonFiniteError
from emoloom.models.memory import at_least, out_of_memory
from emoloom.sizes import MIN_POSITIONS, OTHER_ROWS, PACK_ROWS, PACK_TOKENS

RELATIVE_LIMIT = 1e-3
"""Largest logit gap allowed, in standard deviations of the model's logits. fp32 rounding stays a
hundred times below it; a dropped sliding window or a leaking row lies far above."""

BF16_LIMIT = 0.25
"""The same for a copy in bfloat16, whose rounding alone moves SmolLM2-135M's logits by 0.11."""

TIE_FACTOR = 8.0
"""The near-tie margin is this many times the largest error of a top-8 logit difference."""

SHORTEST = 16
"""Tokens behind the head below which packing is not worth a try."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """Rows to measure with, and their canonical logits."""

    rows: tuple[tuple[int, ...], ...]
    """Ids behind the head; the longest row that a run may have comes first."""
    singles: Mapping[int, Logits]
    """Of rows alone, at each of their tokens, by number: the first rows, and the pack's last."""
    limit: float
    """Largest gap allowed."""


@torch.no_grad()
def certify(
    lm: CausalLM,
    texts: Sequence[str],
    answers: Sequence[str],
    max_new_tokens: int,
    *,
    bf16: bool = False,
) -> Certificate:
    """Measure a model and give its verdict.

    Args:
        lm: the model.
        texts: ordinary texts; repeated to reach the longest row, 512 positions and a pack of the
            decoder's usual size, or of what memory allows.
        answers: contract lines, as training would show them.
        max_new_tokens: the longest answer; with the longest text it makes the longest row.
        bf16: also measure a copy of the model in bfloat16.

    Raises:
        ModelError: memory does not suffice for a row alone, or for a pack of two.
    """
    rows = probe_rows(lm, texts, answers, max_new_tokens, (PACK_ROWS, PACK_TOKENS))
    prompter = lm.prompter
    stable, known = _template_stable(prompter), _end_known(lm)
    if not stable.passed:
        found = _refused("its chat template renders differently each time")
    elif not known.passed:
        found = _refused(f"it has no logit for its end token, id {prompter.end_id}")
    else:
        found = _measured(lm, rows, bf16=bf16)
    return replace(
        found,
        checks=(stable, known, *found.checks),
        prompt_head=prompter.head,
        prompt_head_sha256=hashlib.sha256(prompter.head.encode("utf-8")).hexdigest(),
        prompt_tail=prompter.tail,
        system_turn=prompter.system_turn,
    )


def probe_rows(
    lm: CausalLM,
    texts: Sequence[str],
    answers: Sequence[str],
    max_new_tokens: int,
    pack: tuple[int, int],
) -> tuple[tuple[int, ...], ...]:
    """Ids behind the head: the longest row first, then ordinary ones for a decoder's full pack.

    Args:
        lm: the model.
        texts: as of `certify`.
        answers: as of `certify`.
        max_new_tokens: as of `certify`.
        pack: rows and tokens of a full pack.
    """
    most_rows, pack_tokens = pack
    assert texts and answers, "a certificate needs texts and answers to probe with"
    prompter = lm.prompter
    long_text = " ".join([*texts] * (1 + prompter.max_text_tokens // len(texts)))
    long_answer = prompter.answer(answers[0] * (1 + max_new_tokens)).ids[:max_new_tokens]
    rows = [(*prompter.prompt(long_text).ids, *long_answer)]
    total = len(rows[0])
    while (
        total < MIN_POSITIONS
        or len(rows) < 3
        or (len(prompter.head_ids) + total < pack_tokens and len(rows) < most_rows)
    ):
        index = len(rows) - 1
        text, answer = texts[index % len(texts)], answers[index % len(answers)]
        rows.append((*prompter.prompt(text).ids, *prompter.answer(answer).ids))
        total += len(rows[-1])
    return tuple(rows)


def compared_rows(rows: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Which rows are compared with rows alone: the longest, then others from the pack's end."""
    chosen, positions = [0], len(rows[0])
    for number in range(len(rows) - 1, 0, -1):
        if positions >= MIN_POSITIONS:
            break
        chosen.append(number)
        positions += len(rows[number])
    return tuple(chosen)


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


def _measured(lm: CausalLM, rows: tuple[tuple[int, ...], ...], *, bf16: bool) -> Certificate:
    """The verdict on the model's own logits."""
    longest = len(lm.prompter.head_ids) + len(rows[0])
    context = getattr(lm.model.config, "max_position_embeddings", None)
    if isinstance(context, int) and context < longest:
        return _refused(
            f"its context of {context} tokens is shorter than the longest row, {longest} tokens"
        )
    numbers = sorted({*range(1 + OTHER_ROWS), *compared_rows(rows)} & {*range(len(rows))})
    singles = {number: single_logits(lm, rows[number]) for number in numbers}
    try:
        with at_least(lm.name, f"the logits of a row of {longest} tokens"):
            for single in singles.values():
                _see_finite(single)
            limit = RELATIVE_LIMIT * comparisons.spread(singles[0])
            gap = comparisons.causality_gap(lm, rows[0], singles[0])
    except NonFiniteError as fault:
        return _refused(str(fault), Check("no NaN", False, 1.0, 0.0))
    finite, probe = Check("no NaN", True, 0.0, 0.0), _Probe(rows, singles, limit)
    causal = Check("causality", gap <= probe.limit, gap, probe.limit)
    if not causal.passed:
        reason = "a later token changes earlier logits: not a causal model"
        return _refused(reason, finite, causal)
    verdict = _packing_verdict(lm, probe)
    others = _other_ways(lm, probe, bf16=bf16)
    warned = ", ".join(check.name for check in others if not check.passed)
    return replace(
        verdict,
        reason=verdict.reason + (f"; warning, for other uses: not {warned}" if warned else ""),
        checks=(finite, causal, *verdict.checks, *others),
    )


def _see_finite(single: Logits) -> None:
    for _ in single.checked():
        pass


def _packing_verdict(lm: CausalLM, probe: _Probe) -> Certificate:
    """Compare packed with single, shortening the longest row until packing is exact."""
    head = len(lm.prompter.head_ids)
    keep = max(map(len, probe.rows))
    while keep >= SHORTEST:
        try:
            rows = [row[:keep] for row in probe.rows]
            gap = comparisons.packing_gap(lm, rows, _singles(lm, probe, compared_rows(rows)))
        except (TypeError, ValueError, RuntimeError) as fault:
            # Bloom, Falcon with ALiBi, Mamba: no positions, or no mask of four dimensions.
            return _canonical_only(f"packed rows cannot be computed: {_first_line(fault)}")
        packed_up_to = head + max(map(len, rows))
        check = Check(
            f"packed equals single, {packed_up_to} tokens",
            gap.largest <= probe.limit,
            gap.largest,
            probe.limit,
        )
        if check.passed:
            return Certificate(
                verdict="packed",
                reason=f"packing is exact up to {packed_up_to} tokens",
                packed_up_to=packed_up_to,
                tie_margin=TIE_FACTOR * gap.top8,
                positions=gap.positions,
                checks=(check,),
            )
        keep //= 2
    return _canonical_only(
        "packed rows differ from rows alone at every length tried", check, positions=gap.positions
    )


def _singles(lm: CausalLM, probe: _Probe, numbers: Iterable[int]) -> dict[int, Logits]:
    """Rows alone: shorter ones have fewer positions, so more of them are compared."""
    more = {k: single_logits(lm, probe.rows[k]) for k in numbers if k not in probe.singles}
    return {**probe.singles, **more}


def _other_ways(lm: CausalLM, probe: _Probe, *, bf16: bool) -> tuple[Check, ...]:
    """What others do with a model, and whether it bears it."""
    rows = probe.rows[1 : 1 + OTHER_ROWS]
    singles = [probe.singles[number] for number in range(1, 1 + len(rows))]
    ways: dict[str, Callable[[], float]] = {
        "batched equals single": lambda: comparisons.batched_gap(lm, rows, singles),
        "padded equals unpadded": lambda: comparisons.padded_gap(lm, rows, singles),
        "cached equals uncached": lambda: comparisons.cached_gap(lm, rows[0], singles[0]),
    }
    checks = [_tried(name, way, probe.limit) for name, way in ways.items()]
    if bf16:
        limit = BF16_LIMIT / RELATIVE_LIMIT * probe.limit
        way = partial(comparisons.bf16_gap, lm, rows[0], singles[0])
        checks.append(_tried("bf16 is near fp32", way, limit))
    return tuple(checks)


def _tried(name: str, way: Callable[[], float], limit: float) -> Check:
    try:
        gap = way()
    except Exception as fault:  # not one of our ways: a model may fail there in any manner
        gap = comparisons.MOST
        if out_of_memory(fault) or out_of_memory(fault.__cause__ or fault):
            name += " (too little memory to try)"
    return Check(name, gap <= limit, gap, limit, needed=False)


def _canonical_only(reason: str, *checks: Check, positions: int = 0) -> Certificate:
    return Certificate("canonical only", reason, 0, 0.0, positions, checks)


def _first_line(fault: Exception) -> str:
    return (str(fault).strip() or repr(fault)).splitlines()[0]


def _refused(reason: str, *checks: Check) -> Certificate:
    return Certificate("refused", reason, 0, 0.0, 0, checks)
