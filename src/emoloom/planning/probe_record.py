"""The figures of a probe: rates of one model on this machine, and lengths of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

PROBE = "probe"
"""Name of the stage."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Times in seconds, lengths in tokens."""

    load_seconds: float
    """Reading the weights."""
    pack_seconds: float
    """A token of a packed forward, logits at the answers' positions; -1 where it cannot pack."""
    single_seconds: float
    """A token of a row alone, one logit: the canonical decoder's forward."""
    compare_seconds: float
    """A token of a row alone whose every logit is compared: certificates and margins."""
    step_seconds: float
    """A token of a training step."""
    head_tokens: float
    """The shared prefix."""
    train_tokens: float
    """A training row behind it: mean."""
    prompt_tokens: float
    """A prompt behind it: mean over `select`."""
    answer_tokens: float
    """An answer: mean over `train`, the end token included."""
    shown_tokens: float
    """What the untrained model answered to one row; -1 where it is not shown, or had not ended."""
    adapter_parameters: float
    """Trained with the adapter."""
    loaded_mb: float
    """Memory with the model loaded, in MiB."""
    forward_mb: float
    """Memory that the largest forward took beside that, in MiB."""
    forward_probe_tokens: float
    """Tokens of that forward."""
    step_mb: float
    """Memory that a step took beside that, in MiB."""
    step_probe_tokens: float
    """Tokens of that step."""

    @property
    def packs(self) -> bool:
        """Whether rows of this model can share a forward."""
        return self.pack_seconds >= 0


def read_probe(figures: Mapping[str, Any]) -> Probe | None:
    """What a probe left in costs.json; None where something is missing."""
    names = [field.name for field in fields(Probe)]
    if any(name not in figures for name in names):
        return None
    return Probe(**{name: float(figures[name]) for name in names})
