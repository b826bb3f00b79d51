"""Packed and separate rows must give the same loss and the same gradients."""

from types import SimpleNamespace

import pytest
import torch

from architectures import CONFIGS, tiny_model
from emoloom.models.causal_lm import CausalLM, ready
from emoloom.training.examples import Example
from losses_of import packed_loss, single_loss

HEAD = tuple(range(10, 50))


def _lm(architecture: str, make=ready) -> CausalLM:
    model = tiny_model(CONFIGS[architecture]())
    return make(model, SimpleNamespace(head_ids=HEAD), architecture)


def _examples(seed: int) -> list[Example]:
    generator = torch.Generator().manual_seed(seed)
    examples = []
    for number, (text, answer) in enumerate([(12, 20), (3, 25), (30, 8), (7, 7)]):
        ids = torch.randint(3, 300, (text + answer,), generator=generator).tolist()
        trained = tuple(bool(k % 3) for k in range(answer))
        examples.append(Example(str(number), tuple(ids), text, trained))
    return examples


def _loss_and_gradients(lm: CausalLM, loss: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
    lm.model.zero_grad()
    loss.backward()
    gradients = {
        name: parameter.grad.clone()
        for name, parameter in lm.model.named_parameters()
        if parameter.grad is not None
    }
    return float(loss.detach()), gradients


@pytest.mark.parametrize("at_once", [None, 11])
@pytest.mark.parametrize("make", [CausalLM, ready])
@pytest.mark.parametrize("architecture", sorted(CONFIGS))
def test_packed_equals_separate(architecture: str, make, at_once, monkeypatch) -> None:
    """By mask and by layout; with the logits of all positions at once, and of eleven."""
    lm, examples = _lm(architecture, make), _examples(seed=5)
    if at_once is not None:
        monkeypatch.setattr("emoloom.models.logits.CHUNK_ELEMENTS", at_once * 300)
    packed, packed_gradients = _loss_and_gradients(lm, packed_loss(lm, examples))
    separate, gradients = _loss_and_gradients(
        lm, torch.stack([single_loss(lm, example) for example in examples]).sum()
    )
    tokens = sum(sum(example.trained) for example in examples)
    assert abs(packed - separate) / tokens < 1e-4
    assert packed_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        scale = max(1.0, float(gradient.abs().max()))
        gap = float((packed_gradients[name] - gradient).abs().max()) / scale
        assert gap < 1e-4, name


@pytest.mark.parametrize("architecture", sorted(CONFIGS))
def test_a_row_does_not_see_its_neighbour(architecture: str) -> None:
    lm, examples = _lm(architecture), _examples(seed=6)
    first, _ = _loss_and_gradients(lm, packed_loss(lm, examples[:1]))
    both = packed_loss(lm, examples[:2])
    second = packed_loss(lm, examples[1:2])
    assert (both - second).item() == pytest.approx(first, abs=1e-3)


def test_untrained_tokens_carry_no_loss() -> None:
    lm, examples = _lm("llama"), _examples(seed=7)
    silent = Example("silent", examples[0].ids, examples[0].answer_start, (False,) * 20)
    with_silent = packed_loss(lm, [examples[1], silent])
    without = packed_loss(lm, [examples[1]])
    assert with_silent.item() == pytest.approx(without.item(), abs=1e-3)
