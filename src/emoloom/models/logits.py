"""Logits worked out a few positions at a time: K x V of them may not fit in memory.

Where a model's output layer can be run apart from its body, positions are kept as hidden states,
a few hundred numbers each, and become fp32 logits in chunks. A vocabulary of 262,144 makes a
position's logits 1 MiB (Gemma-3), and a pack asks for hundreds of positions.

Shape legend: K positions, D hidden size, V vocabulary, k positions of a chunk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

CHUNK_ELEMENTS = 2**25
"""Logits in one chunk, at most: 128 MiB in fp32 (ours)."""


class ModelError(Exception):
    """The model itself failed (NaN logits): its candidate stops, the screen goes on."""


class NonFiniteError(ModelError):
    """A position has no largest logit."""

    def __init__(self, name: str, kind: str, position: int) -> None:
        super().__init__(f"{name} gave {kind} logits")
        self.position = position
        """Index of the position among those that were asked for."""


@dataclass(frozen=True, slots=True)
class OutputLayer:
    """The last linear layer of a language model, in fp32 whatever the body's precision."""

    weight_VD: torch.Tensor
    """fp32; the model's own tensor where that is fp32."""
    bias_V: torch.Tensor | None
    """fp32, where the layer has one."""

    def __call__(self, hidden_KD: torch.Tensor) -> torch.Tensor:
        """logits_KV in fp32."""
        return torch.nn.functional.linear(hidden_KD.float(), self.weight_VD, self.bias_V)


@dataclass(frozen=True, slots=True)
class Split:
    """A model whose body and output layer can be run one after the other."""

    body: Any
    """Gives hidden states, as the model itself would hand them to its output layer."""
    layer: OutputLayer
    """Turns them into logits."""


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits at K positions, not yet spelled out."""

    states: torch.Tensor
    """hidden_KD; logits_KV where the model's output layer cannot be run apart."""
    layer: OutputLayer | None
    """None where `states` are logits."""
    name: str
    """What the model is, for messages."""
    hidden: torch.Tensor | None = None
    """hidden_KD, where they were asked for."""

    def __len__(self) -> int:
        """K."""
        return self.states.shape[0]

    def __getitem__(self, part: slice) -> "Logits":
        """The logits of some of the positions, in order."""
        hidden = None if self.hidden is None else self.hidden[part]
        return replace(self, states=self.states[part], hidden=hidden)

    @property
    def at_once(self) -> int:
        """Positions that may be spelled out at once; all, where they are spelled out already."""
        if self.layer is None:
            return max(1, len(self))
        return max(1, CHUNK_ELEMENTS // self.layer.weight_VD.shape[0])

    def pieces(self) -> "Iterator[Logits]":
        """The same positions, in order, few enough at a time to be spelled out."""
        for start in range(0, len(self), self.at_once):
            yield self[start : start + self.at_once]

    def spelled(self) -> torch.Tensor:
        """logits_KV in fp32 on the model's device, unchecked; gradients flow where enabled."""
        return self.states.float() if self.layer is None else self.layer(self.states)

    def checked(self) -> Iterator[torch.Tensor]:
        """`spelled`, piece by piece, each seen to have a largest logit at every position.

        A token may be forbidden by a logit of minus infinity.

        Raises:
            NonFiniteError: a position has none (NaN, or infinite).
        """
        done = 0
        for piece in self.pieces():
            logits_kV = piece.spelled()
            largest_k = logits_kV.amax(dim=-1)  # NaN where any of its row is
            bad = (~torch.isfinite(largest_k)).nonzero()
            if len(bad):
                at = int(bad[0])
                kind = "NaN" if bool(torch.isnan(largest_k[at])) else "infinite"
                raise NonFiniteError(self.name, kind, done + at)
            done += len(piece)
            yield logits_kV

    def whole(self) -> torch.Tensor:
        """logits_KV in fp32 on the CPU, checked: for few positions, or small vocabularies."""
        return torch.cat([logits_kV.cpu() for logits_kV in self.checked()])


def join(parts: Sequence[Logits]) -> Logits:
    """The logits of one model at all the positions of its parts, in order."""
    return replace(parts[0], states=torch.cat([part.states for part in parts]), hidden=None)


def greedy(logits: Logits) -> tuple[list[int], list[float]]:
    """Argmax over the whole vocabulary and the margin to the runner-up.

    Exact ties go to the lowest id (`torch.argmax` does not promise which).

    Returns:
        K token ids and K gaps between the largest and the second largest logit (0 on a tie).

    Raises:
        NonFiniteError: a position has no largest logit.
    """
    tokens: list[int] = []
    gaps: list[float] = []
    for logits_kV in logits.checked():
        top_k2, index_k2 = logits_kV.topk(2, dim=-1)
        found = index_k2[:, 0].tolist()
        margins = (top_k2[:, 0] - top_k2[:, 1]).tolist()
        for row, gap in enumerate(margins):
            if not gap > 0.0:
                found[row] = int((logits_kV[row] == top_k2[row, 0]).nonzero()[0])
        tokens.extend(found)
        gaps.extend(margins)
    return tokens, gaps


@torch.no_grad()
def find_split(model: Any) -> Split | None:
    """Body and output layer of a model, if running them apart gives the model's own logits.

    Tried on three tokens: models that scale or cap their logits afterwards do not pass, and are
    run whole.
    """
    try:
        layer, body = model.get_output_embeddings(), model.base_model
        if type(layer) is not torch.nn.Linear or body is model:
            return None
        bias = None if layer.bias is None else layer.bias.float()
        split = Split(body, OutputLayer(layer.weight.float(), bias))
        ids_13 = torch.tensor([[0, 1, 2]], device=model.device)
        own_3V = model(input_ids=ids_13, use_cache=False).logits[0].float()
        hidden_3D = body(input_ids=ids_13, use_cache=False).last_hidden_state[0]
    except (AttributeError, TypeError, ValueError, RuntimeError, IndexError):
        return None  # a model of an unusual build: run it whole
    exact = layer.weight.dtype == torch.float32
    tolerance = (1e-5 if exact else 5e-2) * float(own_3V.std())
    same = torch.allclose(split.layer(hidden_3D), own_3V, rtol=0.0, atol=tolerance)
    return split if same else None
