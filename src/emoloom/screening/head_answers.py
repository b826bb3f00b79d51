"""What the heads say alone, without a line being written: a floor, and drafts for the decoder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from emoloom.contract.schema import write_answer
from emoloom.models.causal_lm import CausalLM, pack_rows, packed_forward, run
from emoloom.models.memory import at_least, out_of_memory, release
from emoloom.models.packing import fill_packs
from emoloom.records import VAD, Output, Prediction, Row
from emoloom.runs.work import Advance
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import rationale, weak_vad
from emoloom.training.heads import Heads, load_heads

HEADS = "heads.safetensors"
"""Name of the heads' file beside the adapter."""

SUFFIX = ".head"
"""Marks the floor that a candidate's heads are."""

LIKELY = 0.5
"""A label is answered from this probability on; the likeliest one always."""


Read = Callable[[CausalLM, Sequence[Sequence[int]]], torch.Tensor]
"""From R prompts, ids after the head, to a vector for each, [R, D], in one forward."""


@dataclass(frozen=True, slots=True)
class PackLimits:
    """How far prompts may share a forward, in tokens."""

    tokens: int
    """Of one pack; a longer prompt goes alone."""
    packed_up_to: int
    """Longest head + row that may be packed at all."""


@torch.no_grad()
def head_outputs(
    lm: CausalLM,
    heads_file: Path,
    rows: Sequence[Row],
    lexicon: Lexicon,
    limits: PackLimits,
    advance: Advance,
) -> list[Output]:
    """A contract line for each row, from one forward over its prompt.

    Args:
        lm: the trained model.
        heads_file: of `training.heads.save_heads`.
        rows: to be answered.
        lexicon: for the cue words, which no head gives.
        limits: of the packs.
        advance: told of each finished row.
    """
    heads = load_heads(heads_file).to(lm.device)
    prompts = [lm.prompter.prompt(row.text).ids for row in rows]
    answers: dict[int, Prediction] = {}
    for pack in prompt_packs(prompts, len(lm.prompter.head_ids), limits):
        hidden_RD = read_pack(lm, [prompts[index] for index in pack], _states)
        for index, labels_vad in zip(pack, _read(heads, hidden_RD), strict=True):
            answers[index] = _answer(lm, rows[index], labels_vad, lexicon)
        advance(len(pack))
    return [Output(row.id, write_answer(answers[index])) for index, row in enumerate(rows)]


def prompt_packs(
    prompts: Sequence[Sequence[int]], head: int, limits: PackLimits
) -> list[tuple[int, ...]]:
    """Prompts that may be packed together behind a head of so many tokens; the others alone.

    Returns:
        The numbers of each pack's prompts.
    """
    short = [k for k, ids in enumerate(prompts) if head + len(ids) <= limits.packed_up_to]
    alone = [(k,) for k, ids in enumerate(prompts) if head + len(ids) > limits.packed_up_to]
    packs = fill_packs([len(prompts[k]) for k in short], head, limits.tokens)
    return [tuple(short[k] for k in pack) for pack in packs] + alone


def read_pack(lm: CausalLM, prompts: Sequence[Sequence[int]], read: Read) -> torch.Tensor:
    """What `read` makes of prompts that share a forward, [R, D]; halves where memory runs out.

    Raises:
        ModelError: memory does not suffice for one prompt.
    """
    try:
        return read(lm, prompts)
    except (RuntimeError, MemoryError) as fault:
        if not out_of_memory(fault):
            raise
        with at_least(lm.name, f"a prompt of {len(prompts[0])} tokens"):
            if len(prompts) == 1:
                raise
    release()
    half = len(prompts) // 2
    return torch.cat([read_pack(lm, part, read) for part in (prompts[:half], prompts[half:])])


def _states(lm: CausalLM, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Hidden states [R, D] at the last position of each prompt."""
    if len(prompts) == 1:
        ids_1T = torch.tensor([[*lm.prompter.head_ids, *prompts[0]]], device=lm.device)
        logits = run(lm, [ids_1T.shape[1] - 1], hidden=True, input_ids=ids_1T)
    else:
        pack = pack_rows(lm, prompts)
        ends = [s + len(ids) - 1 for s, ids in zip(pack.starts, prompts, strict=True)]
        logits = packed_forward(lm, pack, ends, hidden=True)
    assert logits.hidden is not None
    return logits.hidden


def _read(heads: Heads, hidden_RD: torch.Tensor) -> list[tuple[list[float], list[float]]]:
    """Label probabilities and VAD of each row."""
    logits_RL, vad_R3 = heads(hidden_RD)
    return list(zip(logits_RL.sigmoid().tolist(), vad_R3.tolist(), strict=True))


def _answer(
    lm: CausalLM, row: Row, labels_vad: tuple[list[float], list[float]], lexicon: Lexicon
) -> Prediction:
    likely, (v, a, d) = labels_vad
    top = max(likely)
    labels = tuple(
        name
        for name, p in zip(lm.prompter.space.labels, likely, strict=True)
        if p >= min(LIKELY, top)
    )
    return Prediction(labels, VAD(v, a, d), rationale(weak_vad(row.text, lexicon).cues))
