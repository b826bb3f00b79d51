"""Light heads on the last prompt position: labels and VAD without writing a line (ours).

They train beside the language model, are dropped when it answers, and may draft for it. Scored
alone they say whether generating is worth it.

Legend of suffixes: R rows, D hidden size, L labels.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from emoloom.records import VAD


class Heads(nn.Module):
    """Two linear layers on hidden states brought to one length; no random initial values."""

    def __init__(self, hidden: int, log_odds: Sequence[float], vad: VAD) -> None:
        """Start at the base rates, so that the first loss is that of the constant answer.

        Args:
            hidden: D.
            log_odds: of each label among the training rows.
            vad: mean of the training rows, each in [0, 1].
        """
        super().__init__()
        self.labels = nn.Linear(hidden, len(log_odds))
        self.vad = nn.Linear(hidden, 3)
        start = torch.tensor(vad.as_tuple()).clamp(0.01, 0.99)
        with torch.no_grad():
            self.labels.weight.zero_()
            self.labels.bias.copy_(torch.tensor(log_odds))
            self.vad.weight.zero_()
            self.vad.bias.copy_(torch.logit(start))

    def forward(self, hidden_RD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Label logits [R, L] and VAD [R, 3] in [0, 1], both fp32."""
        # Hidden states differ in size a hundredfold from model to model.
        even_RD = nn.functional.layer_norm(hidden_RD.float(), hidden_RD.shape[-1:])
        return self.labels(even_RD), self.vad(even_RD).sigmoid()


def save_heads(heads: Heads, path: Path) -> None:
    """Write the heads as safetensors."""
    save_file({name: tensor.contiguous() for name, tensor in heads.state_dict().items()}, path)


def load_heads(path: Path) -> Heads:
    """What `save_heads` wrote, on the CPU."""
    tensors = load_file(path)
    labels, hidden = tensors["labels.weight"].shape
    heads = Heads(hidden, [0.0] * labels, VAD(0.5, 0.5, 0.5))
    heads.load_state_dict(tensors)
    return heads.requires_grad_(False)
