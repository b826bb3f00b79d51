"""A causal language model whose every word is written down: for decoders, without weights.

It honours the attention mask: what it says at a position depends on the tokens that the position
may see, and on nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch

from emoloom.contract.prompt import Prompter
from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import Certificate

Nudge = Callable[[torch.Tensor, tuple[int, ...], bool], None]
"""Changes logits_V in place, given what is seen and whether the forward is a packed one."""


@dataclass
class ScriptedModel:
    """Says the k-th token of a prompt's script after k answer tokens, whatever those were."""

    scripts: dict[tuple[int, ...], tuple[int, ...]]
    """Answer by prompt, head included."""
    vocabulary: int
    """Number of tokens."""
    nudge: Nudge = lambda logits_V, seen, packed: None
    """A disturbance."""
    calls: list[tuple[int, bool]] = field(default_factory=list)
    """Tokens of each forward, and whether it was packed."""
    device: str = "cpu"
    config: Any = None

    def __call__(self, **inputs: Any) -> SimpleNamespace:
        assert inputs["use_cache"] is False
        ids = inputs["input_ids"][0].tolist()
        mask = inputs.get("attention_mask")
        self.calls.append((len(ids), mask is not None))
        logits = [
            self._logits(self._seen(ids, mask, at), mask is not None)
            for at in inputs["logits_to_keep"].tolist()
        ]
        return SimpleNamespace(logits=torch.stack(logits)[None])

    def _seen(self, ids: list[int], mask: torch.Tensor | None, at: int) -> tuple[int, ...]:
        if mask is None:
            return tuple(ids[: at + 1])
        visible = (mask[0, 0, at] == 0).tolist()
        return tuple(token for token, shown in zip(ids, visible, strict=True) if shown)

    def _logits(self, seen: tuple[int, ...], packed: bool) -> torch.Tensor:
        logits_V = torch.zeros(self.vocabulary)
        for prompt, script in self.scripts.items():
            if seen[: len(prompt)] == prompt:
                written = len(seen) - len(prompt)
                logits_V[script[written % len(script)]] = 10.0
                break
        self.nudge(logits_V, seen, packed)
        return logits_V


def scripted(
    prompter: Prompter, answers: dict[str, Sequence[int]], nudge: Nudge | None = None
) -> tuple[CausalLM, ScriptedModel]:
    """A model that gives each text its answer's ids, over and over.

    The texts must not be prefixes of one another.
    """
    model = ScriptedModel(
        scripts={
            (*prompter.head_ids, *prompter.prompt(text).ids): tuple(ids)
            for text, ids in answers.items()
        },
        vocabulary=len(prompter.tokenizer),
    )
    if nudge is not None:
        model.nudge = nudge
    return CausalLM(model, prompter, "scripted"), model


def packs(packed_up_to: int = 10_000, tie_margin: float = 0.0) -> Certificate:
    """A certificate that lets rows be packed."""
    return Certificate("packed", "by decree", packed_up_to, tie_margin, 512, ())
