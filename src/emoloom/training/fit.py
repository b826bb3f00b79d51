"""Short supervised fine-tuning of one model with LoRA (Hu et al. 2021, arXiv 2106.09685).

Loss on answer tokens only, normalised by the trained tokens of the optimiser step; shared-prefix
packs; AdamW with warm-up, constant rate, and a linear decay at the end.

Shape legend: K trained positions, V vocabulary.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from emoloom.models.causal_lm import CausalLM, pack_rows, packed_forward, run
from emoloom.models.logits import Logits, ModelError, find_split
from emoloom.models.packing import fill_packs
from emoloom.sources.quiet import quiet_transformers
from emoloom.training.examples import Example
from emoloom.training.losses import answer_cross_entropy


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Everything about training that affects the adapter, beside the rows."""

    seed: int
    """Of the row order and the adapter's initial values."""
    epochs: int = 1
    """Passes over the rows."""
    batch_rows: int = 8
    """Rows in one optimiser step."""
    pack_tokens: int = 1200
    """Tokens in one packed forward; several packs may make one step."""
    learning_rate: float = 1e-3
    """Peak rate of AdamW."""
    warmup_share: float = 0.1
    """Share of the steps with a rising rate, in [0, 1]."""
    decay_share: float = 0.2
    """Share of the steps with a falling rate, in [0, 1]."""
    lora_rank: int = 16
    """Rank of each adapter matrix; alpha is twice the rank, dropout 0."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient."""


@dataclass(frozen=True, slots=True)
class StepLog:
    """One optimiser step. No times: they live in costs.json."""

    step: int
    """From 1."""
    loss: float
    """Mean cross-entropy of the step's trained tokens, in nats."""
    learning_rate: float
    """Rate of this step."""
    rows: int
    """Rows of this step."""
    answer_tokens: int
    """Trained tokens of this step."""


def learning_rate_at(step: int, steps: int, settings: FitSettings) -> float:
    """Warm-up, constant, linear decay (trapezoid; Hägele et al. 2024, arXiv 2405.18392).

    Args:
        step: from 1 to `steps`.
        steps: of the whole training.
        settings: peak rate and shares.
    """
    warmup = max(1, math.ceil(settings.warmup_share * steps))
    decay = math.ceil(settings.decay_share * steps)
    rise = min(1.0, step / warmup)
    fall = min(1.0, (steps - step + 1) / (decay + 1))
    return settings.learning_rate * min(rise, fall)


def batches(count: int, settings: FitSettings) -> list[tuple[int, ...]]:
    """Row indices of every step: each epoch a new permutation, the last step may be smaller."""
    generator = np.random.default_rng(settings.seed)
    steps: list[tuple[int, ...]] = []
    for _ in range(settings.epochs):
        order = generator.permutation(count).tolist()
        steps.extend(
            tuple(order[start : start + settings.batch_rows])
            for start in range(0, count, settings.batch_rows)
        )
    return steps


def add_adapter(lm: CausalLM, settings: FitSettings) -> Any:
    """Put fresh LoRA matrices into the model (in place) and return the peft wrapper.

    Raises:
        ModelError: peft has no adapter for this architecture.
    """
    from peft import LoraConfig, get_peft_model

    state_space = "mamba" in str(getattr(lm.model.config, "model_type", ""))
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        # peft refuses this one in state-space models, whose kernels read its weight directly.
        exclude_modules=["out_proj"] if state_space else None,
        task_type="CAUSAL_LM",
    )
    try:
        with torch.random.fork_rng(), quiet_transformers():
            torch.manual_seed(settings.seed)
            return get_peft_model(lm.model, config)
    except ValueError as error:  # an architecture that peft refuses
        raise ModelError(f"{lm.name} takes no LoRA adapter: {error}") from error


def fit(
    lm: CausalLM,
    wrapper: Any,
    examples: Sequence[Example],
    packed_up_to: int,
    settings: FitSettings,
) -> Iterator[StepLog]:
    """Train the adapter, yielding after every step.

    Args:
        lm: the model, its adapter already in place.
        wrapper: the peft wrapper of `add_adapter`.
        examples: proved sequences.
        packed_up_to: longest head + row that may be packed (from the certificate).
        settings: the recipe.

    Raises:
        ModelError: a loss or a gradient is not finite.
    """
    parameters = [p for p in wrapper.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.0)
    plan = batches(len(examples), settings)
    lm.model.eval()  # no dropout: it would draw from the global generator
    for step, indices in enumerate(plan, start=1):
        rate = learning_rate_at(step, len(plan), settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = [examples[index] for index in indices]
        tokens = sum(sum(example.trained) for example in chosen)
        loss = _accumulate(lm, chosen, tokens, packed_up_to, settings.pack_tokens)
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm))
        for what, value in (("loss", loss), ("the gradient's norm", norm)):
            if not math.isfinite(value):
                names = ", ".join(example.id for example in chosen)
                raise ModelError(f"{lm.name}: {what} is {value} at step {step} (rows {names})")
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield StepLog(step, loss, rate, len(chosen), tokens)


def _accumulate(
    lm: CausalLM, chosen: Sequence[Example], tokens: int, packed_up_to: int, pack_tokens: int
) -> float:
    """Backward through the step's packs; returns the step's loss."""
    head = len(lm.prompter.head_ids)
    short = [e for e in chosen if head + len(e.ids) <= packed_up_to]
    alone = [e for e in chosen if head + len(e.ids) > packed_up_to]
    lengths = [len(example.ids) for example in short]
    groups = [[short[i] for i in pack] for pack in fill_packs(lengths, head, pack_tokens)]
    total = 0.0
    for group in groups:
        term = packed_loss(lm, group) / tokens
        term.backward()  # type: ignore[no-untyped-call]
        total += float(term.detach())
    for example in alone:
        term = single_loss(lm, example) / tokens
        term.backward()  # type: ignore[no-untyped-call]
        total += float(term.detach())
    return total


def packed_loss(lm: CausalLM, examples: Sequence[Example]) -> torch.Tensor:
    """Summed cross-entropy of examples in one shared-prefix pack."""
    pack = pack_rows(lm, [e.ids for e in examples])
    positions = [
        start + position - 1
        for start, example in zip(pack.starts, examples, strict=True)
        for position in example.trained_positions
    ]
    targets = [e.ids[position] for e in examples for position in e.trained_positions]
    return _cross_entropy(packed_forward(lm, pack, positions), targets)


def single_loss(lm: CausalLM, example: Example) -> torch.Tensor:
    """Summed cross-entropy of one example as a plain sequence, for rows packing is not exact on."""
    head = lm.prompter.head_ids
    ids_1T = torch.tensor([[*head, *example.ids]], device=lm.device)
    positions = [len(head) + position - 1 for position in example.trained_positions]
    targets = [example.ids[position] for position in example.trained_positions]
    return _cross_entropy(run(lm, positions, input_ids=ids_1T), targets)


def _cross_entropy(logits: Logits, targets: Sequence[int]) -> torch.Tensor:
    """Summed over the positions; a large vocabulary's logits are never all in memory at once."""
    targets_K = torch.tensor(targets, device=logits.states.device)
    if len(logits) <= logits.at_once:
        return answer_cross_entropy(logits.spelled(), targets_K)

    def of_piece(states: torch.Tensor, targets_k: torch.Tensor) -> torch.Tensor:
        return answer_cross_entropy(replace(logits, states=states).spelled(), targets_k)

    terms = [
        checkpoint(of_piece, piece.states, targets_k, use_reentrant=False)
        for piece, targets_k in zip(
            logits.pieces(), torch.split(targets_K, logits.at_once), strict=True
        )
    ]
    return torch.stack(terms).sum()


def save_adapter(wrapper: Any, folder: Path, base: str) -> None:
    """Write the adapter as safetensors.

    Args:
        wrapper: the peft wrapper.
        folder: an existing, empty folder.
        base: source string of the base model, written instead of a path of this machine.
    """
    for config in wrapper.peft_config.values():
        config.base_model_name_or_path = base
        # peft holds a set, whose order differs from process to process.
        config.target_modules = sorted(config.target_modules)
        config.exclude_modules = sorted(config.exclude_modules or ()) or None
    wrapper.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)


def load_adapter(lm: CausalLM, folder: Path) -> CausalLM:
    """The model with a saved adapter merged into its weights (the given model is used up)."""
    from peft import PeftModel

    with quiet_transformers():
        merged = PeftModel.from_pretrained(lm.model, folder).merge_and_unload()
    merged.eval()
    merged.requires_grad_(False)
    return CausalLM(merged, lm.prompter, lm.name, find_split(merged))
