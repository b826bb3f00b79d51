"""Learning rate, row order and the loss itself, each against numbers worked out apart."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emoloom.training.losses import answer_cross_entropy
from emoloom.training.schedule import FitSettings, batches, learning_rate_at, trunk_end

SHAPES = {
    "usual": (FitSettings(0, learning_rate=1.0, warmup_share=0.2, decay_share=0.3), 10,
              [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]),
    "no warm-up": (FitSettings(0, learning_rate=1.0, warmup_share=0, decay_share=0.5), 4,
                   [1, 1, 2 / 3, 1 / 3]),
    "constant": (FitSettings(0, learning_rate=0.5, warmup_share=0, decay_share=0), 3,
                 [0.5, 0.5, 0.5]),
    "only warm-up": (FitSettings(0, learning_rate=1.0, warmup_share=1, decay_share=0), 4,
                     [0.25, 0.5, 0.75, 1]),
    "one step": (FitSettings(0, learning_rate=1.0, warmup_share=0.1, decay_share=0.2), 1, [0.5]),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_learning_rate(shape):
    """Worked out by hand."""
    settings, steps, expected = SHAPES[shape]
    rates = [learning_rate_at(step, steps, settings) for step in range(1, steps + 1)]
    assert rates == pytest.approx(expected)


@given(
    steps=st.integers(1, 400),
    warmup=st.floats(0, 1),
    decay=st.floats(0, 1),
    peak=st.floats(1e-6, 1.0),
)
def test_the_learning_rate_rises_stays_and_falls(steps, warmup, decay, peak):
    settings = FitSettings(0, learning_rate=peak, warmup_share=warmup, decay_share=decay)
    rates = [learning_rate_at(step, steps, settings) for step in range(1, steps + 1)]
    assert all(0 < rate <= peak for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    if warmup + decay < 1 and math.ceil(warmup * steps) + math.ceil(decay * steps) < steps:
        assert max(rates) == peak


@given(count=st.integers(0, 60), batch_rows=st.integers(1, 17), epochs=st.integers(1, 4))
def test_every_row_comes_once_an_epoch(count, batch_rows, epochs):
    settings = FitSettings(seed=count, epochs=epochs, batch_rows=batch_rows)
    steps = batches(count, settings)
    per_epoch = -(-count // batch_rows)
    assert len(steps) == per_epoch * epochs
    for epoch in range(epochs):
        own = steps[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert Counter(index for step in own for index in step) == Counter(range(count))
        assert all(len(step) == batch_rows for step in own[:-1])
    assert batches(count, settings) == steps


def test_epochs_and_seeds_order_rows_anew():
    first, second = batches(50, FitSettings(seed=1, epochs=2, batch_rows=50))
    assert first != second
    assert (first,) != tuple(batches(50, FitSettings(seed=2, batch_rows=50)))
    assert all(type(index) is int for index in first)


def test_cross_entropy_by_hand():
    """Three tokens: -log softmax, written out."""
    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]])
    expected = math.log(math.e**1 + math.e**2 + math.e**0.5) - 2.0 + math.log(3)
    assert float(answer_cross_entropy(logits, torch.tensor([1, 2]))) == pytest.approx(expected)
    empty = answer_cross_entropy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
    assert float(empty) == 0.0


@given(
    steps=st.integers(1, 300),
    end=st.integers(1, 300),
    warmup=st.floats(0, 1),
    decay=st.floats(0, 1),
)
def test_up_to_its_decay_a_rung_takes_the_steps_of_the_whole(steps, end, warmup, decay):
    end = min(end, steps)
    settings = FitSettings(0, learning_rate=1.0, warmup_share=warmup, decay_share=decay)
    trunk = trunk_end(end, settings)
    assert 0 <= trunk <= end
    for step in range(1, trunk + 1):
        rate = learning_rate_at(step, steps, settings, end)
        if step <= trunk_end(steps, settings):
            assert rate == learning_rate_at(step, steps, settings)
    rates = [learning_rate_at(step, steps, settings, end) for step in range(trunk + 1, end + 1)]
    top = learning_rate_at(max(1, trunk), steps, settings, end)
    assert all(0 < rate <= max(top, 1.0) for rate in rates)


def test_a_rung_by_hand():
    settings = FitSettings(0, learning_rate=1.0, warmup_share=0.2, decay_share=0.3)
    rates = [learning_rate_at(step, 20, settings, 10) for step in range(1, 11)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    assert trunk_end(10, settings) == 7
