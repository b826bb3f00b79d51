"""Draws that shift base rates, undone in the loss: the model's own posterior is the natural one."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.contract.schema import write_answer
from emoloom.models.causal_lm import CausalLM
from emoloom.records import VAD, LabelSpace, Prediction
from emoloom.training.adapters import add_adapter
from emoloom.training.fit import Training, packed_logits
from emoloom.training.label_tree import Branch, LabelTree, label_tree
from emoloom.training.label_watch import make_watch
from emoloom.training.readings import make_group
from emoloom.training.schedule import FitSettings
from emoloom.training.terms import Reader, Weights, term_sums
from example_rows import KINDS, prompter_of
from label_loss import corrected_loss, distribution
from losses_of import packed_loss
from tiny_lm import make_examples, make_tiny, reload, row, varied_rows

chances = st.floats(0.01, 1.0)


@given(
    texts=st.lists(chances, min_size=2, max_size=2),
    posterior=st.lists(st.lists(chances, min_size=3, max_size=3), min_size=2, max_size=2),
    drawn=st.lists(chances, min_size=3, max_size=3),
)
def test_the_corrected_loss_is_least_at_the_natural_posterior_whatever_the_draw(
    texts, posterior, drawn
):
    """Two texts, three labels, everything exact: no gradient at log p(l | x), and a bowl."""
    p_x = distribution(texts)
    p_lx = np.array([distribution(line) for line in posterior])
    natural = p_x @ p_lx
    draw = distribution(drawn)
    joint = torch.tensor(p_x[:, None] * p_lx * draw / natural)
    names = ("joy", "fear", "anger")
    branch = Branch(np.array([0, 1, 2]), tuple((name,) for name in names), None)
    priors = {n: (float(d), float(m)) for n, d, m in zip(names, draw, natural, strict=True)}
    logits = torch.tensor(np.log(p_lx), requires_grad=True)
    corrected_loss(logits, joint, branch, priors).backward()
    assert logits.grad.abs().max() < 1e-6
    least = float(corrected_loss(logits, joint, branch, priors).detach())
    for at in range(3):
        other = logits.detach().clone()
        other[0, at] += 0.5
        assert float(corrected_loss(other, joint, branch, priors)) > least


def written(kind: str, name: str, tree: LabelTree) -> list[tuple[tuple[int, ...], int]]:
    """(branch, token) at each place that decides a label."""
    answer = prompter_of(kind).answer(write_answer(Prediction((name,), VAD(0, 0, 0), "")))
    return [(key, answer.ids[place]) for place, key in tree.along(answer.ids)]


@pytest.mark.parametrize("kind", KINDS)
@given(
    natural=st.lists(chances, min_size=4, max_size=4),
    drawn=st.lists(chances, min_size=4, max_size=4),
)
@settings(max_examples=20)
def test_base_rates_token_by_token_become_those_of_the_draw(kind, natural, drawn):
    """`joy` is the beginning of `joyful pride`: shifts along the tokens give each label its own."""
    prompter = prompter_of(kind)
    tree, names = label_tree(prompter), prompter.space.labels
    p, q = distribution(natural).tolist(), distribution(drawn).tolist()
    priors = {n: (d, m) for n, d, m in zip(names, q, p, strict=True)}
    rates = dict(zip(names, p, strict=True))
    found = {}
    for name in names:
        found[name] = 1.0
        for key, token in written(kind, name, tree):
            branch = tree.branches[key]
            shifts = branch.shifts(priors)
            mass = {
                t: sum(rates[label] for label in labels) * math.exp(shifts[t])
                for t, labels in zip(branch.token_ids_C.tolist(), branch.labels_C, strict=True)
            }
            found[name] *= mass[token] / sum(mass.values())
    assert found == pytest.approx(dict(zip(names, q, strict=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_that_begins_another_ends_without_a_shift(kind):
    """`joy` and a second label: the token behind `joy` is another, and means the same."""
    prompter = prompter_of(kind)
    tree = label_tree(prompter)
    line = write_answer(Prediction(("joy", "anger"), VAD(0, 0, 0), ""))
    ids = prompter.answer(line).ids
    (*_, (place, key)) = tree.along(ids)
    branch = tree.branches[key]
    assert {label for labels in branch.labels_C for label in labels} == {"joy", "joyful pride"}
    assert branch.ending is not None
    assert branch.labels_C[branch.ending] == ("joy",)
    priors = {"joy": (0.2, 0.6), "joyful pride": (0.8, 0.4)}
    shifts = branch.shifts(priors)
    assert shifts.get(ids[place], 0.0) == 0.0
    assert sorted(shifts.values()) == pytest.approx([0.0, math.log(6)])


def test_what_was_not_drawn_is_forbidden_and_what_has_no_rows_is_left():
    branch = Branch(np.array([3, 5, 9]), (("a", "b"), ("c",), ("d",)), None)
    shifts = branch.shifts({"a": (0.5, 0.1), "b": (0.5, 0.3), "c": (0.0, 0.6)})
    assert shifts == pytest.approx({3: math.log(1 / 0.4), 5: -math.inf, 9: 0.0})


# In a model


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("tree") / "model"
    make_tiny(made)
    return made


@pytest.fixture(scope="module")
def lm(folder) -> CausalLM:
    return reload(folder)


SETTINGS = FitSettings(seed=1, batch_rows=4, learning_rate=1e-9, lora_rank=4)

PRIORS = {"joy": (0.1, 0.4), "sadness": (0.4, 0.1), "anger": (0.3, 0.2), "neutral": (0.2, 0.3)}


def lm_loss(lm, examples, margin=0.0) -> float:
    reader = Reader(Weights(), None, None, label_tree(lm.prompter), margin)
    group = make_group(examples)
    return float(term_sums(reader, packed_logits(lm, group), group)["lm"])


def by_hand(lm, examples, priors, margin=0.0) -> float:
    """Plain forwards, the shifts added to the logits themselves."""
    tree, total = label_tree(lm.prompter), 0.0
    for example in examples:
        ids = [*lm.prompter.head_ids, *example.ids]
        with torch.no_grad():
            logits = lm.model(input_ids=torch.tensor([ids])).logits[0].double()
        begin = len(ids) - len(example.trained)
        if example.labelled:
            for place, key in tree.along(ids[begin:]):
                less = margin if tree.branches[key].ending is None else 0.0
                for token, shift in tree.branches[key].shifts(priors).items():
                    logits[begin + place - 1, token] += shift - less
        logp = logits.log_softmax(dim=1)
        trained = [begin + at for at, on in enumerate(example.trained) if on]
        total -= sum(float(logp[at - 1, ids[at]]) for at in trained)
    return total


def test_the_term_is_the_cross_entropy_of_shifted_logits(lm):
    rows = [*varied_rows(6), row(1, "I cry", None, VAD(0.2, 0.3, 0.4))]
    drawn = [replace(example, priors=PRIORS) for example in make_examples(lm, rows)]
    assert lm_loss(lm, drawn) == pytest.approx(by_hand(lm, drawn, PRIORS), rel=1e-5)
    plain = [replace(example, priors=None) for example in drawn]
    assert lm_loss(lm, plain) == pytest.approx(float(packed_loss(lm, drawn)), rel=1e-6)
    natural = {label: (share, share) for label, (_, share) in PRIORS.items()}
    same = [replace(example, priors=natural) for example in drawn]
    assert lm_loss(lm, same) == pytest.approx(lm_loss(lm, plain), rel=1e-6)
    for examples, priors in ((drawn, PRIORS), (same, natural)):
        held = lm_loss(lm, examples, margin=2.0)
        assert held == pytest.approx(by_hand(lm, examples, priors, margin=2.0), rel=1e-5)
        assert held > lm_loss(lm, examples) + 1, "other tokens stand nearer in the loss"
    assert lm_loss(lm, plain, margin=2.0) == lm_loss(lm, plain), "nothing is corrected there"


def test_at_its_least_a_margin_takes_from_other_tokens_alone():
    """Three tokens, two of labels: the odds of the labels stay, the third's fall by e^-margin."""
    wanted, margin = torch.tensor([0.6, 0.3, 0.1], dtype=torch.double), 2.0
    logits = (wanted.log() + torch.tensor([margin, margin, 0.0])).requires_grad_()
    lowered = logits - torch.tensor([margin, margin, 0.0])
    loss = -(wanted * lowered.log_softmax(dim=0)).sum()
    loss.backward()
    assert logits.grad.abs().max() < 1e-12, "least where the lowered logits are what is wanted"
    said = logits.detach().softmax(dim=0)
    assert float(said[0] / said[1]) == pytest.approx(2.0)
    assert float(said[2] / said[0]) == pytest.approx(0.1 / 0.6 * math.exp(-margin))


def test_rows_watched_are_measured_against_base_rates(lm, folder):
    """Plain forwards, and base rates of the rows that are drawn, each label counted once more."""
    rows, held_out = varied_rows(20), frozenset({1, 4, 9})
    examples, tree = make_examples(lm, rows), label_tree(lm.prompter)
    watch = make_watch(dict(enumerate(examples)), rows, held_out, tree, every=3)
    assert [watch.due(step) for step in range(1, 7)] == [False, False, True] * 2
    counts = Counter(r.answer.labels[0] for k, r in enumerate(rows) if k not in held_out)
    first = [rows[k].answer.labels[0] for k in sorted(held_out)]
    rates = [(counts[label] + 1) / (17 + 4) for label in first]
    assert watch.base_loss == pytest.approx(-sum(map(math.log, rates)) / 3)
    place, found = len(tree.before), []
    for index in sorted(held_out):
        ids = [*lm.prompter.head_ids, *examples[index].ids]
        at = len(ids) - len(examples[index].trained) + place
        with torch.no_grad():
            logp = lm.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=1)
        found.append(-float(logp[at - 1, ids[at]]))
    own = reload(folder)
    add_adapter(own, SETTINGS)
    training = Training(own, examples, 10_000, SETTINGS, watch=watch)
    steps = [training.step().excess for _ in range(3)]
    expected = sum(found) / 3 - watch.base_loss
    assert steps[:2] == [None, None]
    assert steps[2] == pytest.approx(expected, abs=1e-3), "a rate of next to nothing"


def test_with_one_label_there_is_nothing_to_watch(tmp_path):
    alone = make_tiny(tmp_path / "model", LabelSpace("one", ("joy",)))
    rows = [row(k, f"text {k}", ("joy",), None) for k in range(4)]
    tree = label_tree(alone.prompter)
    assert not tree.branches
    watch = make_watch({}, rows, frozenset({1}), tree, every=1)
    assert not watch.due(1)
