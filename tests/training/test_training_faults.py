"""A training that cannot go on says so, names its rows, and leaves the adapter as it was."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import ModelError
from emoloom.training.adapters import add_adapter
from emoloom.training.fit import fit
from emoloom.training.schedule import FitSettings, batches
from tiny_lm import make_examples, make_tiny, reload, train_rows

PACKED = 10_000
SHORT = FitSettings(seed=3, epochs=2, batch_rows=4, learning_rate=1e-2, lora_rank=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("faults") / "model"
    make_tiny(made)
    return made


def adapter_weights(wrapper) -> dict[str, torch.Tensor]:
    return {
        name: parameter.detach().clone()
        for name, parameter in wrapper.named_parameters()
        if parameter.requires_grad
    }


def poison(lm: CausalLM) -> None:
    with torch.no_grad():
        lm.model.lm_head.weight[4, 0] = float("nan")


def test_a_nan_loss_stops_and_names_step_and_rows(folder):
    lm = reload(folder)
    wrapper = add_adapter(lm, SHORT)
    steps = fit(lm, make_examples(lm, train_rows()), PACKED, replace(SHORT, batch_rows=2))
    next(steps)
    poison(lm)
    before = adapter_weights(wrapper)
    with pytest.raises(ModelError, match=r"loss is nan at step 2 \(rows r\d, r\d\)") as caught:
        next(steps)
    plan = batches(6, replace(SHORT, batch_rows=2))
    names = ", ".join(f"r{k}" for k in plan[1])
    assert str(caught.value).endswith(f"(rows {names}); terms: lm nan")
    assert all(torch.equal(before[name], now) for name, now in adapter_weights(wrapper).items())


def test_a_gradient_that_is_not_finite_stops_too(folder):
    """The loss of the last step may be fine while its step would fill the adapter with NaN."""
    lm = reload(folder)
    wrapper = add_adapter(lm, SHORT)
    parameter = next(p for p in wrapper.parameters() if p.requires_grad)
    parameter.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(ModelError, match=r"gradient's norm is (nan|inf) at step 1 \(rows r"):
        list(fit(lm, make_examples(lm, train_rows()), PACKED, SHORT))
    assert all(bool(torch.isfinite(now).all()) for now in adapter_weights(wrapper).values())


def test_no_rows_no_steps(folder):
    lm = reload(folder)
    add_adapter(lm, SHORT)
    assert list(fit(lm, [], PACKED, SHORT)) == []
