"""Recomputed activations and bfloat16: less memory, the same or nearly the same training."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from emoloom.models.logits import ModelError
from emoloom.training.adapters import add_adapter
from emoloom.training.fit import fit
from emoloom.training.schedule import FitSettings
from tiny_lm import make_examples, make_tiny, reload, train_rows

PLAIN = FitSettings(seed=3, epochs=3, batch_rows=3, learning_rate=1e-2, lora_rank=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("options") / "model"
    make_tiny(made)
    return made


def trained(folder: Path, settings: FitSettings):
    """Losses, adapter, and how often a layer was run."""
    lm = reload(folder)
    wrapper = add_adapter(lm, settings)
    layer = next(m for m in lm.model.modules() if isinstance(m, GradientCheckpointingLayer))
    runs = []
    layer.self_attn.register_forward_hook(lambda *_: runs.append(1))
    losses = [step.loss for step in fit(lm, make_examples(lm, train_rows()), 10_000, settings)]
    weights = torch.cat([p.detach().flatten() for p in wrapper.parameters() if p.requires_grad])
    return losses, weights, len(runs), lm


@pytest.fixture(scope="module")
def plain(folder):
    return trained(folder, PLAIN)


def test_recomputing_runs_every_layer_twice_and_changes_nothing(folder, plain):
    losses, weights, runs, lm = trained(folder, replace(PLAIN, recompute=True))
    assert runs == 2 * plain[2]
    assert losses == pytest.approx(plain[0], abs=1e-6)
    assert torch.allclose(weights, plain[1], atol=1e-5)
    dropouts = [m for m in lm.model.modules() if isinstance(m, torch.nn.Dropout)]
    assert not any(module.training for module in dropouts)


def test_bfloat16_is_near_and_keeps_weights_in_fp32(folder, plain):
    losses, weights, _, lm = trained(folder, replace(PLAIN, dtype="bfloat16"))
    assert losses != plain[0]
    assert losses == pytest.approx(plain[0], rel=0.05)
    assert weights.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in lm.model.parameters())


def test_a_model_that_cannot_recompute_says_so(folder):
    lm = reload(folder)
    settings = replace(PLAIN, recompute=True)
    add_adapter(lm, settings)
    lm.model.supports_gradient_checkpointing = False
    with pytest.raises(ModelError, match="set `recompute: false`"):
        next(fit(lm, make_examples(lm, train_rows()), 10_000, settings))
