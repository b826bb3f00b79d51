"""Short supervised fine-tuning of one model with LoRA (Hu et al. 2021, arXiv 2106.09685).

Loss on answer tokens only, normalised by the trained tokens of the optimiser step; shared-prefix
packs; AdamW with warm-up, constant rate, and a linear decay at the end. Further terms of the loss
are each normalised by what the step has of theirs.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from emoloom.models.causal_lm import CausalLM, pack_rows, packed_forward, run
from emoloom.models.logits import Logits, ModelError
from emoloom.models.memory import out_of_memory
from emoloom.models.packing import fill_packs
from emoloom.training.answer_fields import Field
from emoloom.training.examples import Example
from emoloom.training.label_watch import Watch
from emoloom.training.prior_shift import prior_shifts
from emoloom.training.readings import Group, log_probabilities, make_group
from emoloom.training.schedule import (
    Draw,
    EpochSampler,
    FitSettings,
    Sampler,
    StepLog,
    batches,
    learning_rate_at,
)
from emoloom.training.terms import Reader, Weights, term_counts, term_sums

Shrunk = Callable[[int], None]
"""Told the new limit in tokens when memory runs out and packs shrink."""


@dataclass(frozen=True, slots=True)
class _Measured:
    loss: float
    """Weighted sum of the terms' means."""
    terms: dict[str, float]
    """Mean of each."""


class Training:
    """One training: holds the optimiser and the log, and takes one step at a time."""

    def __init__(
        self,
        lm: CausalLM,
        examples: Sequence[Example],
        packed_up_to: int,
        settings: FitSettings,
        *,
        sampler: Sampler | None = None,
        reader: Reader | None = None,
        watch: Watch | None = None,
        on_shrink: Shrunk = lambda _: None,
        end: int | None = None,
        apart: bool = False,
    ) -> None:
        """Take up a model whose adapter is in place.

        Args:
            lm: the model.
            examples: proved sequences.
            packed_up_to: longest head + row that may be packed (from the certificate).
            settings: the recipe.
            sampler: chooses the rows of each step; every row once an epoch when left out.
            reader: of the terms; `lm` alone when left out.
            watch: what is measured besides, for a sampler that follows it.
            on_shrink: told when packs shrink because memory ran out.
            end: last step, where it is to end before the sampler does.
            apart: whether it then is a training of its own, warm-up included, as a trial is; a
                rung has the warm-up of the whole training, to be gone on with.
        """
        self.lm, self.examples, self.settings = lm, examples, settings
        self.packed_up_to, self.pack_tokens = packed_up_to, settings.pack_tokens
        self.sampler = sampler or EpochSampler(tuple(batches(len(examples), settings)))
        self.reader = reader or Reader(Weights(), None, None)
        self.watch = watch
        self.log: list[StepLog] = []
        self.whole = True
        """Whether the parameters are those of the last step in the log: not amid an update."""
        self.end = min(end or self.sampler.steps, self.sampler.steps)
        self._of_steps = self.end if apart else self.sampler.steps
        self._on_shrink = on_shrink
        self._named = trained_parameters(lm, self.reader)
        self._optimizer = torch.optim.AdamW(
            self._named.values(), lr=settings.learning_rate, weight_decay=0.0
        )
        lm.model.eval()  # no dropout: it would draw from the global generator
        if settings.recompute:
            _recompute_activations(lm)

    @property
    def finished(self) -> bool:
        """Whether every step is taken."""
        return len(self.log) == self.end

    def step(self) -> StepLog:
        """Take one step.

        Raises:
            ModelError: a loss or a gradient is not finite, or memory does not suffice for one row.
        """
        number = len(self.log) + 1
        draw = self.sampler.draw(self.log)
        rate = learning_rate_at(number, self._of_steps, self.settings, self.end)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        chosen = [self.examples[index] for index in draw.indices]
        if draw.priors:
            pairs = zip(chosen, draw.priors, strict=True)
            chosen = [replace(example, priors=priors) for example, priors in pairs]
        measured = self._accumulated(chosen)
        norm = float(torch.nn.utils.clip_grad_norm_(self._named.values(), self.settings.clip_norm))
        for what, value in (("loss", measured.loss), ("the gradient's norm", norm)):
            if not math.isfinite(value):
                raise ModelError(
                    f"{self.lm.name}: {what} is {value} at step {number} (rows {_names(chosen)})"
                    f"; terms: {_said(measured.terms)}"
                )
        self.whole = False
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.log.append(
            StepLog(
                step=number,
                loss=measured.loss,
                learning_rate=rate,
                rows=len(chosen),
                answer_tokens=sum(sum(example.trained) for example in chosen),
                terms=measured.terms,
                excess=self._excess(number),
                tau=draw.tau,
                share_a=draw.share_a,
                strata=_counted(draw),
                drawn=draw.indices,
            )
        )
        self.whole = True
        return self.log[-1]

    def _accumulated(self, chosen: Sequence[Example]) -> "_Measured":
        """Backward through the step's packs, in smaller ones where memory runs out."""
        while True:
            try:
                return self._backward(chosen)
            except (RuntimeError, MemoryError) as fault:
                if not out_of_memory(fault):
                    raise
                fault.__traceback__ = None  # it holds the tensors of the pack that did not fit
            self._optimizer.zero_grad(set_to_none=True)
            longest = max(len(e.ids) for e in chosen) + len(self.lm.prompter.head_ids)
            if self.pack_tokens <= longest:
                raise ModelError(
                    f"{self.lm.name}: memory does not suffice to train on one row at a time "
                    f"(rows {_names(chosen)})"
                )
            self.pack_tokens = max(longest, self.pack_tokens // 2)
            self._on_shrink(self.pack_tokens)

    def _backward(self, chosen: Sequence[Example]) -> "_Measured":
        counts = term_counts(self.reader, chosen)
        sums = dict.fromkeys(counts, 0.0)
        loss = 0.0
        for group, forward in self._forwards(chosen):
            logits = forward()
            parts = term_sums(self.reader, logits, group)
            weighted = weighted_loss(parts, counts, self.reader.weights)
            if weighted is not None:
                weighted.backward()  # type: ignore[no-untyped-call]
                loss += float(weighted.detach())
            for part, value in parts.items():
                sums[part] += float(value.detach())
        terms = {part: sums[part] / count for part, count in counts.items()}
        return _Measured(loss, terms)

    @torch.no_grad()
    def losses_on(self, examples: Sequence[Example]) -> dict[Field, float]:
        """Mean cross-entropy of the trained tokens of each field, in nats; nothing is learnt.

        A field of which these examples train no token is absent; `labels` is of labelled rows.
        """
        found: dict[Field, list[float]] = {}
        for example, at, loss in self._token_losses(examples):
            found.setdefault(example.fields[at], []).append(loss)
        return {field: math.fsum(each) / len(each) for field, each in found.items()}

    @torch.no_grad()
    def _excess(self, step: int) -> float | None:
        """Loss of the rows watched less that of base rates, after the steps where it is due."""
        if self.watch is None or not self.watch.due(step):
            return None
        losses = [loss for *_, loss in self._token_losses(self.watch.examples)]
        return math.fsum(losses) / len(losses) - self.watch.base_loss

    def _token_losses(self, examples: Sequence[Example]) -> Iterator[tuple[Example, int, float]]:
        """(example, index in its answer, cross-entropy) of each trained token.

        Of examples with `priors` it is the natural cross-entropy, whatever rates answers follow.
        """
        for group, forward in self._forwards(examples):
            logits, wanted = forward(), torch.tensor(group.targets, device=self.lm.device)
            logp_K1 = log_probabilities(logits, range(len(wanted)), wanted[:, None])
            loss_K = -logp_K1[:, 0]
            if self.reader.tree is not None:
                asked, added_k = prior_shifts(self.reader.tree, logits, group)
                loss_K[asked] += added_k
            for (row, place), loss in zip(group.places, loss_K.tolist(), strict=True):
                example = group.examples[row]
                at = place - example.answer_start
                if at >= 0 and example.trained[at]:
                    yield example, at, loss

    def _forwards(self, chosen: Sequence[Example]) -> Iterator[tuple[Group, Callable[[], Logits]]]:
        """Packs of the rows that may be packed, then the others one by one."""
        head = len(self.lm.prompter.head_ids)
        short = [e for e in chosen if head + len(e.ids) <= self.packed_up_to]
        alone = [e for e in chosen if head + len(e.ids) > self.packed_up_to]
        lengths = [len(example.ids) for example in short]
        for pack in fill_packs(lengths, head, self.pack_tokens):
            group = make_group([short[i] for i in pack])
            yield group, partial(self._cast, packed_logits, group)
        for example in alone:
            group = make_group([example])
            yield group, partial(self._cast, single_logits, group)

    def _cast(self, forward: Callable[..., Logits], group: Group) -> Logits:
        low = self.settings.dtype == "bfloat16"
        with torch.autocast(self.lm.device.type, torch.bfloat16, enabled=low):
            return forward(self.lm, group, hidden=self.reader.heads is not None)

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors that a later step depends on: parameters and the optimiser's moments."""
        tensors = {f"parameter.{name}": p.detach() for name, p in self._named.items()}
        for name, parameter in self._named.items():
            for key, value in self._optimizer.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = value
        return tensors

    def restore(
        self, tensors: Mapping[str, torch.Tensor], log: Sequence[StepLog], pack_tokens: int
    ) -> None:
        """Go on where `state`, `log` and `pack_tokens` were taken."""
        with torch.no_grad():
            for name, parameter in self._named.items():
                parameter.copy_(tensors[f"parameter.{name}"])
        moments = ("step", "exp_avg", "exp_avg_sq")
        for name, parameter in self._named.items():
            if f"step.{name}" in tensors:
                self._optimizer.state[parameter] = {
                    key: tensors[f"{key}.{name}"].clone().to(_home(key, parameter))
                    for key in moments
                }
        self.log, self.pack_tokens = list(log), pack_tokens


def fit(
    lm: CausalLM, examples: Sequence[Example], packed_up_to: int, settings: FitSettings
) -> Iterator[StepLog]:
    """Train the adapter by `lm` alone, yielding after every step; see `Training`."""
    training = Training(lm, examples, packed_up_to, settings)
    while not training.finished:
        yield training.step()


def trained_parameters(lm: CausalLM, reader: Reader) -> dict[str, torch.nn.Parameter]:
    """Every parameter that has a gradient, by name: the adapter's, then the heads'."""
    named = {name: p for name, p in lm.model.named_parameters() if p.requires_grad}
    heads = {} if reader.heads is None else dict(reader.heads.named_parameters())
    return {**named, **{f"heads.{name}": p for name, p in heads.items()}}


def weighted_loss(
    sums: Mapping[str, torch.Tensor], counts: Mapping[str, int], weights: Weights
) -> torch.Tensor | None:
    """Each term's sum by the step's count and its weight; None where no term is on."""
    terms = [value * (weights.of(part) / counts[part]) for part, value in sums.items()]
    return torch.stack(terms).sum() if terms else None


def packed_logits(lm: CausalLM, group: Group, *, hidden: bool = False) -> Logits:
    """Logits of examples in one shared-prefix pack, at the group's asked positions."""
    pack = pack_rows(lm, [e.ids for e in group.examples])
    positions = [
        start + place - 1
        for start, asked in zip(pack.starts, group.asked, strict=True)
        for place in asked
    ]
    return packed_forward(lm, pack, positions, hidden=hidden)


def single_logits(lm: CausalLM, group: Group, *, hidden: bool = False) -> Logits:
    """Logits of one example as a plain sequence, for rows packing is not exact on."""
    (example,), (asked,) = group.examples, group.asked
    head = lm.prompter.head_ids
    ids_1T = torch.tensor([[*head, *example.ids]], device=lm.device)
    return run(lm, [len(head) + place - 1 for place in asked], hidden=hidden, input_ids=ids_1T)


def _recompute_activations(lm: CausalLM) -> None:
    """Switch recomputing on without the training mode of the model, which may bring dropout."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    model = lm.model
    layers = [m for m in model.modules() if isinstance(m, GradientCheckpointingLayer)]
    if not layers or not getattr(model, "supports_gradient_checkpointing", False):
        raise ModelError(f"{lm.name} cannot recompute activations: set `recompute: false`")
    # Named anew in the course of transformers 5; both take the same first argument.
    old: Any = getattr(model, "gradient_checkpointing_enable", None)
    getattr(model, "activation_checkpointing_enable", old)({"use_reentrant": False})
    for layer in layers:
        layer.training = True  # the layer itself, and none of its parts


def _home(key: str, parameter: torch.nn.Parameter) -> torch.device:
    """AdamW keeps its count of steps on the CPU."""
    return torch.device("cpu") if key == "step" else parameter.device


def _names(chosen: Sequence[Example]) -> str:
    return ", ".join(example.id for example in chosen)


def _said(terms: Mapping[str, float]) -> str:
    return ", ".join(f"{part} {value:g}" for part, value in terms.items())


def _counted(draw: Draw) -> dict[str, int]:
    return {name: draw.strata.count(name) for name in sorted(set(draw.strata))}
