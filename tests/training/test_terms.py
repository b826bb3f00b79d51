"""The terms on a model: packing changes none, each reaches the text that is written freely."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import CHUNK_ELEMENTS
from emoloom.records import VAD
from emoloom.training.adapters import add_adapter, save_adapter
from emoloom.training.fit import fit, packed_logits, single_logits, weighted_loss
from emoloom.training.readings import make_group
from emoloom.training.schedule import FitSettings
from emoloom.training.terms import Weights, term_counts, term_sums
from term_setup import ALL, set_up
from tiny_lm import SPACE, make_examples, make_tiny, reload, row, train_rows, varied_rows

SETTINGS = FitSettings(seed=3, epochs=2, batch_rows=4, learning_rate=1e-2, lora_rank=8)

ROWS = [
    *varied_rows(6),
    row(50, "only labels", ("joy",), None),
    row(51, "only VAD", None, VAD(1.0, 0.0, 0.07), "cues: great"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("terms") / "model"
    make_tiny(made)
    return made


def stirred(lm: CausalLM) -> CausalLM:
    """With an adapter whose B matrices are no longer noughts, which would hide gradients."""
    add_adapter(lm, SETTINGS)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in lm.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05, generator=generator)
    return lm


def gradients(setup, groups, forward) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    counts = term_counts(setup.reader, list(setup.examples))
    sums = dict.fromkeys(counts, 0.0)
    named = dict(setup.lm.model.named_parameters()) | dict(setup.reader.heads.named_parameters())
    for parameter in named.values():
        parameter.grad = None
    for group in groups:
        parts = term_sums(setup.reader, forward(setup.lm, group, hidden=True), group)
        weighted_loss(parts, counts, setup.reader.weights).backward()
        for part, value in parts.items():
            sums[part] += float(value.detach())
    return sums, {n: p.grad.clone() for n, p in named.items() if p.grad is not None}


@pytest.fixture(scope="module")
def by_rows(folder):
    setup = set_up(stirred(reload(folder)), ROWS, ALL)
    groups = [make_group([example]) for example in setup.examples]
    return setup, *gradients(setup, groups, single_logits)


def test_every_term_is_read(by_rows):
    _, sums, _ = by_rows
    assert list(sums) == ["lm", "labels", "vad", "vad_digits", "vad_words", "appraisal"]
    assert all(value > 0 for value in sums.values())


@pytest.mark.parametrize("chunk", [CHUNK_ELEMENTS, 2000])
def test_packing_and_pieces_change_no_term_and_no_gradient(by_rows, chunk, monkeypatch):
    """In pieces of three positions as in one."""
    monkeypatch.setattr("emoloom.models.logits.CHUNK_ELEMENTS", chunk)
    setup, sums, expected = by_rows
    examples = list(setup.examples)
    groups = [make_group(examples[:5]), make_group(examples[5:])]
    found, gradients_found = gradients(setup, groups, packed_logits)
    assert found == pytest.approx(sums, rel=1e-4)
    assert gradients_found.keys() == expected.keys()
    for name, gradient in expected.items():
        scale = max(1.0, float(gradient.abs().max()))
        assert float((gradients_found[name] - gradient).abs().max()) < 1e-4 * scale, name


def test_a_model_run_whole_gives_the_same(by_rows):
    """Without a split of body and output layer, hidden states are asked for apart."""
    setup, sums, _ = by_rows
    whole = replace(setup.lm, split=None)
    group = make_group(list(setup.examples))
    found = term_sums(setup.reader, packed_logits(whole, group, hidden=True), group)
    assert {k: float(v.detach()) for k, v in found.items()} == pytest.approx(sums, rel=1e-4)


def test_what_nobody_annotated_counts_nowhere(by_rows):
    setup, _, _ = by_rows
    counts = term_counts(setup.reader, list(setup.examples))
    assert (counts["labels"], counts["vad"], counts["vad_digits"]) == (7, 7, 21)
    assert counts["appraisal"] == 8  # the verifier reads texts, and needs no labels
    only_vad = make_group([setup.examples[7]])
    parts = term_sums(setup.reader, packed_logits(setup.lm, only_vad, hidden=True), only_vad)
    assert "labels" not in parts
    assert "vad" in parts


def test_digits_are_what_the_model_says_of_them(by_rows):
    """The term of one row against probabilities from plain forwards, digit by digit."""
    setup, _, _ = by_rows
    example = setup.examples[7]
    head, group = setup.lm.prompter.head_ids, make_group([example])
    with torch.no_grad():
        ids = torch.tensor([[*head, *example.ids]])
        logits = setup.lm.model(input_ids=ids, use_cache=False).logits[0].double()
    tokens = setup.lm.prompter.tokenizer
    expected = 0.0
    for dimension, target in enumerate((1.0, 0.0, 0.07)):
        right = 1.0
        for place, one in (n for n in example.targets.numbers if n[1].dimension == dimension):
            p = logits[len(head) + place - 1].softmax(dim=0)
            missed, spent = 0.0, float(p[example.ids[place]])
            for token in range(len(p)):
                text = one.written + tokens.decode([token])
                numerals = [v / 100 for v in range(101) if f"{v / 100:.2f}".startswith(text)]
                if token != example.ids[place] and numerals and tokens.decode([token]).strip():
                    distance = sum(abs(v - target) for v in numerals) / len(numerals)
                    missed += float(p[token]) * distance
                    spent += float(p[token])
            missed += (1 - spent) * max(target, 1 - target)
            expected += right * missed
            right *= float(p[example.ids[place]])
    found = term_sums(setup.reader, single_logits(setup.lm, group, hidden=True), group)
    assert found["vad_digits"].item() == pytest.approx(expected, abs=1e-4)


def test_weight_nought_is_the_term_absent(folder, tmp_path):
    """The same adapter, byte for byte."""
    written = []
    for name in ("absent", "nought"):
        lm = reload(folder)
        wrapper = add_adapter(lm, SETTINGS)
        if name == "absent":
            list(fit(lm, make_examples(lm, train_rows()), 10_000, SETTINGS))
        else:
            training = set_up(lm, train_rows(), Weights()).training(SETTINGS)
            while not training.finished:
                training.step()
        (tmp_path / name).mkdir()
        save_adapter(wrapper, tmp_path / name, "random:tiny")
        written.append((tmp_path / name / "adapter_model.safetensors").read_bytes())
    assert written[0] == written[1]


def test_each_term_is_logged_apart_and_the_loss_is_their_weighted_sum(folder):
    lm = reload(folder)
    add_adapter(lm, SETTINGS)
    step = set_up(lm, train_rows(), ALL).training(SETTINGS).step()
    weighted = sum(ALL.of(part) * value for part, value in step.terms.items())
    assert step.loss == pytest.approx(weighted, rel=1e-5)
    assert step.excess is None


def test_the_first_losses_of_the_heads_are_those_of_the_base_rates(folder):
    """Against scikit-learn's log loss of the constant predictor."""
    from sklearn.metrics import log_loss

    lm = reload(folder)
    add_adapter(lm, SETTINGS)
    rows = train_rows()
    setup = set_up(lm, rows, ALL)
    step = setup.training(replace(SETTINGS, batch_rows=6)).step()
    rates = torch.sigmoid(setup_bias(setup)).tolist()
    gold = [[label in one.answer.labels for label in SPACE.labels] for one in rows]
    each = [
        log_loss([line[k] for line in gold], [rate] * len(rows), labels=[False, True])
        for k, rate in enumerate(rates)
    ]
    assert step.terms["labels"] == pytest.approx(float(np.mean(each)), rel=1e-4)


def setup_bias(setup) -> torch.Tensor:
    """The labels' bias before a step: log-odds of the rows, one half added."""
    from emoloom.training.label_chart import log_odds

    return torch.tensor(log_odds(setup.examples.rows, SPACE))


@pytest.mark.parametrize("term", ["labels", "vad", "vad_preserving", "appraisal"])
def test_a_term_alone_falls(folder, term):
    """That it moves the answers that a model writes freely is shown on real weights."""
    lm = reload(folder)
    settings = replace(SETTINGS, epochs=15, batch_rows=48, learning_rate=1e-2)
    add_adapter(lm, settings)
    # Eight of each, else what labels stand for is mostly the mean of all rows.
    rows = [replace(row, id=f"{row.id}-{turn}") for turn in range(8) for row in train_rows()]
    training = set_up(lm, rows, Weights(**{"lm": 0.0, term: 1.0})).training(settings)
    while not training.finished:
        training.step()
    first, last = training.log[0], training.log[-1]
    assert "lm" not in first.terms
    assert last.loss < 0.9 * first.loss
