"""What a model would say of the gold answers: one forward a row, nothing decoded (ours).

Two losses of the training read off `select`: -log p of the first gold label, and the distance that
the digits are expected to have from a rating. They rank nobody. A model can know more than its
greedy answers show: then a longer training, or another loss, brings it out; where these are no
better than base rates, it does not know.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from emoloom.contract.schema import write_answer
from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import ModelError
from emoloom.models.memory import at_least, out_of_memory, release
from emoloom.records import Prediction, Row, fill_vad
from emoloom.runs.work import Advance
from emoloom.screening.head_answers import PackLimits, prompt_packs
from emoloom.supervision.mean_vad import MIDPOINT
from emoloom.training.charts import Targets
from emoloom.training.examples import Example
from emoloom.training.fit import packed_logits, single_logits
from emoloom.training.label_tree import LabelTree, label_tree
from emoloom.training.number_chart import NumberChart, number_chart, number_tokens
from emoloom.training.readings import Group, log_probabilities, make_group
from emoloom.training.terms import digit_distances

_DECIMALS = 4
"""Packs of other sizes round logits otherwise."""

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row's answer up to the last token that is asked for."""

    example: Example
    labels: tuple[int, ...]
    """Indices into its ids of the tokens that decide the first gold label."""


@torch.no_grad()
def forced_lines(
    lm: CausalLM,
    rows: Sequence[Row],
    context: Mapping[str, str],
    limits: PackLimits,
    advance: Advance,
) -> list[Line]:
    """A line for each row, in order.

    `label_nll` is in nats, over the whole vocabulary and all tokens where the first label parts
    from others; null without labels, or where the tokenizer does not decide it there.
    `vad_distance` is E|v - t| of v, a, d in [0, 1] as `losses.expected_distance` has it, behind
    the gold labels, else behind a likely one; null where nobody rated.

    Args:
        lm: the model, in the precision in which it answers.
        rows: of `select`.
        context: row id -> what stands for the labels of a row without any; the last of the space
            where it has none.
        limits: of the packs.
        advance: told of 0 before each forward: a border.

    Raises:
        ModelError: a logit is NaN or infinite, or memory does not suffice for one row.
    """
    tree, numbers = label_tree(lm.prompter), number_chart(lm.prompter.tokenizer)
    plain = lm.prompter.space.labels[-1]
    asked = [_asked(lm, row, context.get(row.id, plain), tree) for row in rows]
    found: dict[int, Line] = {}
    wanted = [k for k, one in enumerate(asked) if one.labels or _rated(one.example)]
    ids = [asked[k].example.ids for k in wanted]
    for pack in prompt_packs(ids, len(lm.prompter.head_ids), limits):
        advance(0)
        own = [wanted[k] for k in pack]
        found |= zip(own, _read(lm, [asked[k] for k in own], numbers), strict=True)
    nothing: Line = {"label_nll": None, "vad_distance": [None] * 3}
    return [{"id": row.id, **found.get(k, nothing)} for k, row in enumerate(rows)]


def _asked(lm: CausalLM, row: Row, label: str, tree: LabelTree) -> _Asked:
    given = row.answer
    known = (None, None, None) if given.vad is None else given.vad.as_tuple()
    pairs = zip(known, row.sources, strict=True)
    v, a, d = (value if source == "human" else None for value, source in pairs)
    said = Prediction(given.labels or (label,), fill_vad(given.vad, MIDPOINT), given.rationale)
    text = write_answer(said)
    answer, prompt = lm.prompter.answer(text), lm.prompter.prompt(row.text).ids
    start = len(prompt)
    numbers = tuple(
        (start + token.at, token)
        for token in number_tokens(text, answer)
        if (v, a, d)[token.dimension] is not None
    )
    deciding = () if not given.labels else tuple(start + at for at, _ in tree.along(answer.ids))
    stop = max((start, *deciding, *(place for place, _ in numbers))) + 1
    ids = (*prompt, *answer.ids)[:stop]
    example = Example(
        id=row.id,
        ids=ids,
        answer_start=start,
        trained=tuple(place in deciding for place in range(start, stop)),
        targets=Targets(
            labels=None,
            vad=(v, a, d),
            atoms=None,
            first_label=None,
            numbers=numbers,
            cues=(),
        ),
    )
    return _Asked(example, deciding)


def _rated(example: Example) -> list[int]:
    """Dimensions that people rated."""
    assert example.targets is not None and example.targets.vad is not None
    return [axis for axis, value in enumerate(example.targets.vad) if value is not None]


def _read(lm: CausalLM, asked: Sequence[_Asked], numbers: NumberChart) -> list[Line]:
    """What one forward says of rows; halves where memory runs out.

    A NaN may reach the rows behind it in a pack: each alone tells whose it is.
    """
    try:
        return list(_lines(lm, asked, numbers))
    except ModelError:
        if len(asked) == 1:
            raise
        return [line for one in asked for line in _read(lm, [one], numbers)]
    except (RuntimeError, MemoryError) as fault:
        if not out_of_memory(fault):
            raise
        with at_least(lm.name, f"row {asked[0].example.id} alone"):
            if len(asked) == 1:
                raise
    release()
    half = len(asked) // 2
    return [line for part in (asked[:half], asked[half:]) for line in _read(lm, part, numbers)]


def _lines(lm: CausalLM, asked: Sequence[_Asked], numbers: NumberChart) -> Iterator[Line]:
    group = make_group([one.example for one in asked])
    logits = packed_logits(lm, group) if len(asked) > 1 else single_logits(lm, group)
    places = [group.index(row, at) for row, one in enumerate(asked) for at in one.labels]
    losses = iter(_losses(group, places, logits))
    rated = any(_rated(one.example) for one in asked)
    distances = iter(digit_distances(numbers, logits, group).tolist() if rated else ())
    for one in asked:
        vad: list[float | None] = [None] * 3
        for axis in _rated(one.example):
            vad[axis] = _finite(lm, one, next(distances))
        own = [next(losses) for _ in one.labels]
        nll = _finite(lm, one, math.fsum(own)) if own else None
        yield {"label_nll": nll, "vad_distance": vad}


def _losses(group: Group, places: Sequence[int], logits: Any) -> list[float]:
    if not places:
        return []
    targets = group.targets
    wanted = torch.tensor([[targets[at]] for at in places], device=logits.states.device)
    losses: list[float] = (-log_probabilities(logits, places, wanted)[:, 0]).tolist()
    return losses


def _finite(lm: CausalLM, one: _Asked, value: float) -> float:
    if not math.isfinite(value):
        raise ModelError(f"{lm.name} gave NaN logits on row {one.example.id}")
    return round(value, _DECIMALS)
