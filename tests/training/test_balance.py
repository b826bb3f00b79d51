"""Base rates levelled in what answers follow: the loss is least there, and rare labels are said."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emoloom.training.adapters import add_adapter
from emoloom.training.balance import LevellingSampler, levelled, natural_priors
from emoloom.training.fit import Training
from emoloom.training.label_tree import Branch, label_tree
from emoloom.training.mixture import MixtureSampler, MixtureSettings
from emoloom.training.pools import make_pools
from emoloom.training.schedule import EpochSampler, FitSettings, batches
from emoloom.training.terms import Reader, Weights
from label_loss import corrected_loss, distribution
from tiny_lm import make_examples, make_tiny, reload, row, varied_rows

chances = st.floats(0.01, 1.0)
NAMES = ("joy", "fear", "anger")


def test_base_rates_are_those_of_first_labels():
    labels = [("joy", "fear"), ("joy",), ("joy",), ("anger",), None]
    rows = [row(k, f"text {k}", one, None) for k, one in enumerate(labels)]
    assert natural_priors(rows) == {"joy": (0.75, 0.75), "anger": (0.25, 0.25)}
    assert natural_priors(rows[4:]) == {}


@given(shares=st.lists(chances, min_size=3, max_size=3), level=st.floats(0, 1))
def test_levelling_keeps_the_draw_the_order_and_the_sum(shares, level):
    share = dict(zip(NAMES, distribution(shares).tolist(), strict=True))
    found = levelled({name: (one, one) for name, one in share.items()}, level)
    assert {name: drawn for name, (drawn, _) in found.items()} == share
    assert math.fsum(rate for _, rate in found.values()) == pytest.approx(1)
    for one in NAMES:
        for other in NAMES:
            odds = math.log(found[one][1] / found[other][1])
            assert odds == pytest.approx(
                (1 - level) * math.log(share[one] / share[other]), abs=1e-9
            )


@given(
    texts=st.lists(chances, min_size=2, max_size=2),
    posterior=st.lists(st.lists(chances, min_size=3, max_size=3), min_size=2, max_size=2),
    level=st.floats(0, 1),
)
def test_the_loss_is_least_at_the_posterior_under_levelled_rates(texts, posterior, level):
    """Two texts, three labels with a token each, everything exact: no gradient there."""
    p_x = distribution(texts)
    p_lx = np.array([distribution(line) for line in posterior])
    natural = p_x @ p_lx
    joint = torch.tensor(p_x[:, None] * p_lx)
    priors = levelled({n: (p, p) for n, p in zip(NAMES, natural.tolist(), strict=True)}, level)
    wanted = p_lx / natural**level
    branch = Branch(np.array([0, 1, 2]), tuple((name,) for name in NAMES), None)
    logits = torch.tensor(np.log(wanted), requires_grad=True)
    corrected_loss(logits, joint, branch, priors).backward()
    assert logits.grad.abs().max() < 1e-6


def test_the_rows_of_a_sampler_stay_and_a_mixture_keeps_its_own_draw():
    rows = [*varied_rows(12), row(1, "I cry", None, None)]
    settings = FitSettings(seed=1, batch_rows=4)
    plain = EpochSampler(tuple(batches(len(rows), settings)))
    sampler = LevellingSampler(plain, natural_priors(rows), 0.5)
    draw = sampler.draw([])
    assert sampler.steps == plain.steps
    assert replace(draw, priors=()) == plain.draw([])
    assert draw.priors == (levelled(natural_priors(rows), 0.5),) * 4
    assert len({id(one) for one in draw.priors}) == 1
    mixture = MixtureSampler(make_pools(rows, ["made-up"]), 3, 1, 4, MixtureSettings())
    mixed = LevellingSampler(mixture, natural_priors(rows), 0.5).draw([])
    assert mixed.priors == tuple(levelled(one, 0.5) for one in mixture.draw([]).priors)


def test_a_loss_that_is_measured_is_of_natural_base_rates(tmp_path):
    """As plain forwards with log(natural / levelled) added to the logits of first tokens."""
    make_tiny(tmp_path / "model")
    lm = reload(tmp_path / "model")
    settings = FitSettings(seed=1, batch_rows=4, lora_rank=4)
    priors = levelled({n: (p, p) for n, p in (("joy", 0.6), ("anger", 0.3), ("fear", 0.1))}, 0.7)
    rows = [row(k, f"text {k}", (label,), None) for k, label in enumerate(("joy", "anger"))]
    examples = [replace(e, priors=priors) for e in make_examples(lm, rows)]
    tree = label_tree(lm.prompter)
    expected = []
    for example in examples:
        ids = [*lm.prompter.head_ids, *example.ids]
        begin = len(ids) - len(example.trained)
        with torch.no_grad():
            logits = lm.model(input_ids=torch.tensor([ids])).logits[0].double()
        for place, key in tree.along(ids[begin:]):
            for token, shift in tree.branches[key].shifts(priors).items():
                logits[begin + place - 1, token] += shift
        logp = logits.log_softmax(dim=1)
        pairs = enumerate(zip(example.trained, example.fields, strict=True), begin)
        expected += [-float(logp[at - 1, ids[at]]) for at, (on, f) in pairs if on and f == "labels"]
    add_adapter(lm, settings)
    reader = Reader(Weights(), None, None, tree)
    training = Training(lm, examples, 10_000, settings, reader=reader)
    assert training.losses_on(examples)["labels"] == pytest.approx(np.mean(expected), rel=1e-5)
    bare = [replace(e, priors=None) for e in examples]
    assert training.losses_on(bare)["labels"] != pytest.approx(np.mean(expected), rel=1e-3)


def odds_of_anger(folder, level: float) -> float:
    """`I cry` is joy in 5 rows and anger in 3; all in all joy is 17 of 20: anger to joy there."""
    lm = reload(folder)
    texts = [("I cry", "joy")] * 5 + [("I laugh", "joy")] * 12 + [("I cry", "anger")] * 3
    rows = [row(k, text, (label,), None) for k, (text, label) in enumerate(texts)]
    settings = FitSettings(seed=1, epochs=80, batch_rows=20, learning_rate=1e-2, lora_rank=8)
    examples, tree = make_examples(lm, rows), label_tree(lm.prompter)
    add_adapter(lm, settings)
    plain = EpochSampler(tuple(batches(len(rows), settings)))
    sampler = LevellingSampler(plain, natural_priors(rows), level) if level else plain
    reader = Reader(Weights(), None, None, tree)
    training = Training(lm, examples, 10_000, settings, sampler=sampler, reader=reader)
    while not training.finished:
        training.step()
    ids = [*lm.prompter.head_ids, *examples[0].ids[: examples[0].answer_start + len(tree.before)]]
    with torch.no_grad():
        logp = lm.model(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(dim=0)
    root = tree.branches[()]
    of_label = dict(
        zip(root.labels_C, logp[torch.from_numpy(root.token_ids_C)].tolist(), strict=True)
    )
    return math.exp(of_label["anger",] - of_label["joy",])


def test_training_teaches_the_levelled_answer(tmp_path):
    make_tiny(tmp_path / "model")
    natural, other = (odds_of_anger(tmp_path / "model", level) for level in (0.0, 0.9))
    assert natural < 0.6, "3 to 5"
    assert other > 1.5 * natural
