"""transformers' `generate`, as `decode.py` compares with it."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from trained_model import LIMIT
from transformers import DynamicCache, GenerationConfig, StoppingCriteria

from emoloom.contract.parse import object_closed
from emoloom.models.causal_lm import CausalLM
from emoloom.records import Row


class AtBrace(StoppingCriteria):
    """Ends each row of a batch at the closing brace of its object, as ours does."""

    def __init__(self, lm: CausalLM, start: int) -> None:
        self.lm, self.start = lm, start
        self.done: set[int] = set()

    def __call__(self, input_ids: torch.Tensor, _scores: Any, **_: Any) -> torch.Tensor:
        """Which rows are finished."""
        for number, ids in enumerate(input_ids[:, self.start :].tolist()):
            closing = "}" in self.lm.prompter.decode(ids[-1:])
            if number not in self.done and closing and object_closed(self.lm.prompter.decode(ids)):
                self.done.add(number)
        size = input_ids.shape[0]
        return torch.tensor([k in self.done for k in range(size)], device=input_ids.device)


@torch.no_grad()
def head_cache(lm: CausalLM) -> DynamicCache:
    """The shared head's keys and values, for one row."""
    ids_1T = torch.tensor([lm.prompter.head_ids], device=lm.device)
    return lm.model(input_ids=ids_1T, use_cache=True).past_key_values


def generate(lm: CausalLM, rows: Sequence[Row], kind: str, batch: int) -> dict[str, str]:
    """transformers, greedy, padded on the left, batches of rows of like length.

    With the head's cache the padding stands between the head and the text.
    """
    prompter, head = lm.prompter, list(lm.prompter.head_ids)
    lm.model.generation_config = GenerationConfig()  # what is not set below falls back on it
    shared = head_cache(lm) if kind == "prefix" else None
    ordered = sorted(rows, key=lambda row: len(prompter.prompt(row.text).ids))
    settings = GenerationConfig(
        do_sample=False,
        max_new_tokens=LIMIT,
        use_cache=kind != "uncached",
        eos_token_id=sorted(prompter.stop_ids),
        pad_token_id=prompter.end_id,
    )
    answers = {}
    for at in range(0, len(ordered), batch):
        part = ordered[at : at + batch]
        inner = [list(prompter.prompt(row.text).ids) for row in part]
        first = [] if shared is None else head
        ids = inner if shared is not None else [head + row for row in inner]
        widest = max(map(len, ids))
        padded = [first + [prompter.end_id] * (widest - len(x)) + x for x in ids]
        mask = [[1] * len(first) + [0] * (widest - len(x)) + [1] * len(x) for x in ids]
        longest, more = len(padded[0]), {}
        if shared is not None:
            more["past_key_values"] = copy.deepcopy(shared)
            more["past_key_values"].batch_repeat_interleave(len(part))
        out = lm.model.generate(
            torch.tensor(padded, device=lm.device),
            attention_mask=torch.tensor(mask, device=lm.device),
            generation_config=settings,
            stopping_criteria=[AtBrace(lm, longest)],
            **more,
        )
        for row, line in zip(part, out[:, longest:].tolist(), strict=True):
            answers[row.id] = _cut(prompter.decode(line))
    return answers


def _cut(text: str) -> str:
    """Up to the brace that closes the object: what follows is padding."""
    for stop in (k + 1 for k, char in enumerate(text) if char == "}"):
        if object_closed(text[:stop]):
            return text[:stop]
    return text
