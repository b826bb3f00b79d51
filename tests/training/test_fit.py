"""Training: it learns, it is the same twice, and how rows are packed changes nothing."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config

from architectures import CONFIGS, OTHER_CONFIGS, tiny_model
from emoloom.contract.parse import parse_output
from emoloom.decoding.canonical import decode_canonical
from emoloom.models.causal_lm import CausalLM
from emoloom.models.preflight import certify
from emoloom.records import VAD, Prediction
from emoloom.training.adapters import add_adapter
from emoloom.training.fit import fit
from emoloom.training.schedule import FitSettings, StepLog, batches, learning_rate_at
from losses_of import packed_loss, single_loss
from tiny_lm import EXAMPLE, SPACE, make_examples, make_tiny, reload, row, train_rows, varied_rows

PACKED = 10_000
SHORT = FitSettings(seed=3, epochs=2, batch_rows=4, learning_rate=1e-2, lora_rank=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("fit") / "model"
    make_tiny(made)
    return made


def train(folder: Path, settings: FitSettings, rows=None, packed_up_to: int = PACKED):
    """A fresh model, trained; returns it with its wrapper and its log."""
    lm = reload(folder)
    wrapper = add_adapter(lm, settings)
    examples = make_examples(lm, train_rows() if rows is None else rows)
    return lm, wrapper, list(fit(lm, examples, packed_up_to, settings))


def adapter_weights(wrapper) -> dict[str, torch.Tensor]:
    return {
        name: parameter.detach().clone()
        for name, parameter in wrapper.named_parameters()
        if parameter.requires_grad
    }


def assert_same_steps(
    begun: dict[str, torch.Tensor],
    expected: dict[str, torch.Tensor],
    found: dict[str, torch.Tensor],
) -> None:
    """Each matrix went the same way from where it began, but for a hundredth.

    Not number by number: AdamW's first steps are as large for a gradient of nothing but rounding
    as for any other, so that a few numbers may go either way.
    """
    assert begun.keys() == expected.keys() == found.keys()
    for name, start in begun.items():
        way = (expected[name] - start).norm()
        assert way > 0, name
        assert (found[name] - expected[name]).norm() < 0.01 * way, name


@pytest.fixture(scope="module")
def learned(folder):
    settings = FitSettings(seed=1, epochs=80, batch_rows=6, learning_rate=1e-2)
    return train(folder, settings)


def test_the_loss_falls_and_the_rows_are_learned(learned):
    lm, _, log = learned
    assert log[0].loss > 5  # 557 tokens at random weights
    assert log[-1].loss < 0.5
    for one in train_rows():
        answer = decode_canonical(lm, one.id, one.text, 60).output
        assert parse_output(answer, SPACE) == Prediction(
            one.answer.labels, one.answer.vad, one.answer.rationale
        )


def test_the_first_loss_is_the_mean_cross_entropy_of_plain_forwards(folder):
    """Against transformers' own loss (5.23.0 when written), one row at a time, -100 masked."""
    rows = [*train_rows()[:3], row(9, "I cry", None, VAD(0.2, 0.3, 0.4))]
    _, _, log = train(folder, replace(SHORT, batch_rows=4, epochs=1), rows)
    lm = reload(folder)
    head, total, count = lm.prompter.head_ids, 0.0, 0
    for one in make_examples(lm, rows):
        ids = [*head, *one.ids]
        kept = {len(head) + position for position in one.trained_positions}
        labels = [token if at in kept else -100 for at, token in enumerate(ids)]
        with torch.no_grad():
            loss = lm.model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss
        total, count = total + float(loss) * len(kept), count + len(kept)
    assert log[0].answer_tokens == count
    assert log[0].loss == pytest.approx(total / count, rel=1e-5)


def test_steps_are_those_of_a_plain_loop(folder):
    """Rows one at a time, transformers' own loss, AdamW and clipping of torch: the same adapter."""
    settings = replace(SHORT, epochs=1, batch_rows=2, clip_norm=0.3)
    _, wrapper, _ = train(folder, settings)
    lm = reload(folder)
    plain = add_adapter(lm, settings)
    parameters = [p for p in plain.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
    examples, head = make_examples(lm, train_rows()), lm.prompter.head_ids
    plan = batches(len(examples), settings)
    for step, indices in enumerate(plan, start=1):
        optimizer.param_groups[0]["lr"] = learning_rate_at(step, len(plan), settings)
        total, count = torch.tensor(0.0), 0
        for one in (examples[index] for index in indices):
            ids = [*head, *one.ids]
            labels = [-100] * (len(head) + one.answer_start) + list(one.ids[one.answer_start :])
            answer = len(one.ids) - one.answer_start
            loss = plain(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss
            total, count = total + loss * answer, count + answer
        optimizer.zero_grad()
        (total / count).backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimizer.step()
    begun = add_adapter(reload(folder), settings)
    assert_same_steps(*map(adapter_weights, (begun, wrapper, plain)))


def test_every_step_is_logged(folder):
    _, _, log = train(folder, SHORT, varied_rows(10))
    assert [step.step for step in log] == [1, 2, 3, 4, 5, 6]
    assert [step.rows for step in log] == [4, 4, 2] * 2
    assert [step.learning_rate for step in log] == [
        learning_rate_at(number, 6, SHORT) for number in range(1, 7)
    ]
    lm = reload(folder)
    tokens = sum(len(e.trained_positions) for e in make_examples(lm, varied_rows(10)))
    assert sum(step.answer_tokens for step in log[:3]) == tokens
    assert all(isinstance(step, StepLog) and math.isfinite(step.loss) for step in log)


def test_the_global_generator_is_neither_used_nor_moved(folder):
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    _, first, _ = train(folder, SHORT)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(12)
    _, second, _ = train(folder, SHORT)
    for name, tensor in adapter_weights(second).items():
        assert torch.equal(tensor, adapter_weights(first)[name]), name


def test_dropout_of_a_model_is_off(folder):
    """GPT-2's config asks for dropout of 0.1; it would make packed and single rows differ."""
    prompter = reload(folder).prompter
    logs = []
    for _ in range(2):
        config = GPT2Config(
            vocab_size=len(prompter.tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=512,
            bos_token_id=1, eos_token_id=2,
        )  # fmt: skip
        lm = CausalLM(tiny_model(config), prompter, "gpt2")
        add_adapter(lm, SHORT)
        logs.append(list(fit(lm, make_examples(lm, train_rows()), PACKED, SHORT)))
    assert logs[0] == logs[1]


@pytest.mark.parametrize("architecture", sorted(CONFIGS))
def test_every_architecture_trains(folder, architecture):
    prompter = reload(folder).prompter
    config = CONFIGS[architecture]()
    config.vocab_size = len(prompter.tokenizer)
    lm = CausalLM(tiny_model(config), prompter, architecture)
    settings = replace(SHORT, epochs=8)
    add_adapter(lm, settings)
    log = list(fit(lm, make_examples(lm, train_rows()), PACKED, settings))
    assert log[-1].loss < log[0].loss - 0.5


@pytest.mark.parametrize("architecture", ["bloom", "mamba"])
def test_what_may_not_be_packed_trains_row_by_row(folder, architecture, monkeypatch):
    """The certificate's verdict holds in training too."""
    prompter = reload(folder).prompter
    config = OTHER_CONFIGS[architecture]()
    config.vocab_size = len(prompter.tokenizer)
    lm = CausalLM(tiny_model(config), prompter, architecture)
    found = certify(lm, ["I love this."], [EXAMPLE], 24)
    assert (found.verdict, found.packed_up_to) == ("canonical only", 0)

    def packed(*_, **__) -> None:
        raise AssertionError("packed after all")

    monkeypatch.setattr("emoloom.training.fit.packed_forward", packed)
    settings = replace(SHORT, epochs=8)
    add_adapter(lm, settings)
    examples = make_examples(lm, train_rows())
    log = list(fit(lm, examples, found.packed_up_to, settings))
    assert log[-1].loss < log[0].loss
    with pytest.raises(AssertionError, match="packed after all"):
        next(iter(fit(lm, examples, PACKED, settings)))


PACKINGS = {
    "one big pack": (100_000, PACKED),
    "small packs": (300, PACKED),
    "a pack for each row": (1, PACKED),
    "nothing packed": (1200, 0),
    "long rows alone": (1200, 190),
}


@pytest.fixture(scope="module")
def packings(folder):
    settings = replace(SHORT, batch_rows=8, epochs=1)
    rows = varied_rows(16)
    return {
        name: train(folder, replace(settings, pack_tokens=tokens), rows, packed_up_to)
        for name, (tokens, packed_up_to) in PACKINGS.items()
    }


@pytest.mark.parametrize("packing", PACKINGS)
def test_packing_changes_neither_loss_nor_step(folder, packings, packing):
    _, reference, expected = packings["one big pack"]
    _, wrapper, log = packings[packing]
    for step, other in zip(log, expected, strict=True):
        assert step.loss == pytest.approx(other.loss, abs=1e-4)
        assert replace(step, loss=0.0, terms={}) == replace(other, loss=0.0, terms={})
    begun = add_adapter(reload(folder), SHORT)
    assert_same_steps(*map(adapter_weights, (begun, reference, wrapper)))


def gradients(lm: CausalLM, wrapper, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    wrapper.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in wrapper.named_parameters() if p.grad is not None}


def test_packing_changes_no_gradient(folder):
    lm = reload(folder)
    wrapper = add_adapter(lm, SHORT)
    with torch.no_grad():
        for name, parameter in wrapper.named_parameters():
            if "lora_B" in name:  # noughts at first, which would hide half of the gradients
                parameter.normal_(std=0.05, generator=torch.Generator().manual_seed(1))
    examples = make_examples(lm, varied_rows(9))
    whole = gradients(lm, wrapper, packed_loss(lm, examples))
    parts = gradients(
        lm,
        wrapper,
        packed_loss(lm, examples[:4])
        + packed_loss(lm, examples[4:7])
        + single_loss(lm, examples[7])
        + single_loss(lm, examples[8]),
    )
    assert whole.keys() == parts.keys()
    assert len(whole) == 2 * 7 * 2  # A and B of seven linear layers in two blocks
    for name, gradient in whole.items():
        scale = float(gradient.abs().max())
        assert scale > 0
        assert float((parts[name] - gradient).abs().max()) < 1e-4 * max(1.0, scale), name


def test_only_the_adapter_is_trained(folder):
    plain = reload(folder).model.state_dict()
    _, wrapper, _ = train(folder, SHORT)
    after = wrapper.get_base_model().state_dict()
    for name, tensor in plain.items():
        changed = name.rsplit(".", 1)
        key = name if name in after else f"{changed[0]}.base_layer.{changed[1]}"
        assert torch.equal(after[key], tensor), name
    assert all("lora_" in name for name in adapter_weights(wrapper))


def test_a_step_without_a_trained_row_text_changes_nothing_else(folder):
    """Rows whose labels and VAD nobody gave still train the form, never the filling."""
    lm = reload(folder)
    rows = [row(1, "I cry", None, None)]
    (one,) = make_examples(lm, rows)
    assert 0 < sum(one.trained) < len(one.trained)
    _, _, log = train(folder, replace(SHORT, epochs=1), rows)
    assert log[0].answer_tokens == sum(one.trained)
