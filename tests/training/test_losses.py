"""Loss terms against plain Python in float64, and against numerical gradients."""

import math
import random

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from emoloom.training import losses

DOUBLE = torch.float64

KNOWN = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], dtype=DOUBLE)
"""Of two rows: dominance, then valence, is not rated."""


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_double(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=DOUBLE, generator=generator(seed))


def written_values(seed: int):
    """Two values of three tokens over a vocabulary of six; the second has a token less."""
    logp = random_double(2, 3, 6, seed=seed).log_softmax(dim=2)
    gold, follow = logp[:, :, 0].clone(), logp[:, :, 1:4].clone()
    distances = torch.rand(2, 3, 3, dtype=DOUBLE, generator=generator(seed + 1))
    farthest = torch.tensor([0.83, 0.55], dtype=DOUBLE)
    return gold, follow, distances, farthest


def plain_expected_distance(gold, follow, distances, farthest, tokens: int) -> float:
    """The definition, term by term: what the first token that is not the gold one costs."""
    total, right_so_far = 0.0, 1.0
    for j in range(tokens):
        p_gold = math.exp(float(gold[j]))
        others = [math.exp(float(value)) for value in follow[j]]
        missed = sum(p * float(d) for p, d in zip(others, distances[j], strict=True))
        missed += (1 - p_gold - sum(others)) * farthest
        total += right_so_far * missed
        right_so_far *= p_gold
    return total


@pytest.mark.parametrize("seed", range(4))
def test_the_expected_distance_is_its_definition(seed):
    gold, follow, distances, farthest = written_values(seed)
    missed = losses.missed_distance(follow, distances, gold, farthest)
    # The second value ends after two tokens.
    gold[1, 2], missed[1, 2] = 0.0, 0.0
    found = losses.expected_distance(gold, missed)
    for value, tokens in enumerate((3, 2)):
        expected = plain_expected_distance(
            gold[value], follow[value], distances[value], float(farthest[value]), tokens
        )
        assert float(found[value]) == pytest.approx(expected, abs=1e-12)
        assert 0 <= float(found[value]) <= 1


def test_a_value_written_for_certain_costs_nothing_and_no_number_the_farthest():
    certain = torch.zeros(1, 2, dtype=DOUBLE)
    never = torch.full((1, 2, 1), -torch.inf, dtype=DOUBLE)
    distances = torch.full((1, 2, 1), 0.4, dtype=DOUBLE)
    farthest = torch.tensor([0.9], dtype=DOUBLE)
    missed = losses.missed_distance(never, distances, certain, farthest)
    assert float(losses.expected_distance(certain, missed)) == 0
    text = torch.full((1, 2), -torch.inf, dtype=DOUBLE)
    missed = losses.missed_distance(never, distances, text, farthest)
    assert float(losses.expected_distance(text, missed)) == pytest.approx(0.9)


def test_two_wrong_digits_do_not_cancel():
    """Half 0.1 too high, half 0.1 too low: the expectation is right, the distance is 0.1."""
    gold = torch.tensor([[-torch.inf]], dtype=DOUBLE)
    follow = torch.tensor([[[0.5, 0.5]]], dtype=DOUBLE).log()
    distances = torch.full((1, 1, 2), 0.1, dtype=DOUBLE)
    missed = losses.missed_distance(follow, distances, gold, torch.tensor([0.6], dtype=DOUBLE))
    assert float(losses.expected_distance(gold, missed)) == pytest.approx(0.1)


def digits_loss(logits_MJV: torch.Tensor) -> torch.Tensor:
    logp = logits_MJV.log_softmax(dim=2)
    _, _, distances, farthest = written_values(3)
    missed = losses.missed_distance(logp[:, :, 1:4], distances, logp[:, :, 0], farthest)
    return losses.expected_distance(logp[:, :, 0], missed)


def words_loss(logits_RL: torch.Tensor) -> torch.Tensor:
    points = torch.rand(5, 3, dtype=DOUBLE, generator=generator(1))
    targets = torch.rand(2, 3, dtype=DOUBLE, generator=generator(2))
    return losses.implied_distance(logits_RL.softmax(dim=1), points, targets, KNOWN)


def appraisal_loss(logits_RT: torch.Tensor) -> torch.Tensor:
    shares = torch.rand(3, 5, dtype=DOUBLE, generator=generator(3))
    shares = shares / shares.sum(dim=1, keepdim=True)
    profile = torch.rand(5, 4, dtype=DOUBLE, generator=generator(4))
    atoms = torch.rand(2, 4, dtype=DOUBLE, generator=generator(5))
    return losses.appraisal_bce(losses.label_distribution(logits_RT, shares), profile, atoms)


def head_labels(logits_RL: torch.Tensor) -> torch.Tensor:
    return losses.label_bce(logits_RL, (random_double(2, 5, seed=7) > 0).double())


def head_vad(vad_R3: torch.Tensor) -> torch.Tensor:
    targets = torch.rand(2, 3, dtype=DOUBLE, generator=generator(8))
    return losses.vad_distance(vad_R3, targets, KNOWN)


def cross_entropy(logits_KV: torch.Tensor) -> torch.Tensor:
    return losses.answer_cross_entropy(logits_KV, torch.tensor([1, 4]))


@pytest.mark.parametrize(
    ("term", "shape"),
    [
        (digits_loss, (2, 3, 6)),
        (words_loss, (2, 5)),
        (appraisal_loss, (2, 3)),
        (head_labels, (2, 5)),
        (head_vad, (2, 3)),
        (cross_entropy, (2, 6)),
    ],
)
def test_gradients_are_the_numerical_ones(term, shape):
    given = random_double(*shape, seed=11).requires_grad_()
    assert gradcheck(term, (given,))


@pytest.mark.parametrize("term", [digits_loss, words_loss, appraisal_loss, head_labels, head_vad])
def test_fp32_is_near_float64(term):
    shape = {digits_loss: (2, 3, 6), appraisal_loss: (2, 3), head_vad: (2, 3)}.get(term, (2, 5))
    given = random_double(*shape, seed=12)
    exact, single = term(given), term(given.float().double())
    assert torch.allclose(exact, single, atol=1e-6)


def test_label_bce_is_the_formula():
    """Against log and exp of Python's math."""
    logits, targets = [[0.3, -1.2], [2.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]
    expected = 0.0
    for row, wanted in zip(logits, targets, strict=True):
        each = [
            -math.log(1 / (1 + math.exp(-x if t else x))) for x, t in zip(row, wanted, strict=True)
        ]
        expected += sum(each) / len(each)
    found = losses.label_bce(torch.tensor(logits, dtype=DOUBLE), torch.tensor(targets).double())
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_distances_are_numpys():
    left, right = np.random.default_rng(0).random((2, 4, 3))
    expected = np.linalg.norm(left - right, axis=1)
    pair, known = (torch.from_numpy(left), torch.from_numpy(right)), torch.ones(4, 3, dtype=DOUBLE)
    assert float(losses.vad_distance(*pair, known)) == pytest.approx(expected.sum(), abs=1e-9)
    points = torch.eye(3, dtype=DOUBLE)
    found = losses.implied_distance(pair[0], points, pair[1], known)
    assert found.numpy() == pytest.approx(expected / math.sqrt(3), abs=1e-9)


def test_distances_over_known_dimensions_are_numpys():
    left, right = np.random.default_rng(1).random((2, 3, 3))
    known = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=float)
    expected = np.array(
        [np.linalg.norm((x - y)[k == 1]) for x, y, k in zip(left, right, known, strict=True)]
    )
    given = [torch.from_numpy(array) for array in (left, right, known)]
    assert float(losses.vad_distance(*given)) == pytest.approx(expected.sum(), abs=1e-9)
    found = losses.implied_distance(given[0], torch.eye(3, dtype=DOUBLE), *given[1:])
    assert found.numpy() == pytest.approx(expected / np.sqrt(known.sum(axis=1)), abs=1e-9)
    assert float(found.max()) <= 1


@pytest.mark.parametrize("distance", [losses.vad_distance, None])
def test_a_masked_target_moves_no_distance_and_no_gradient(distance):
    def all_of(targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        given = random_double(2, 3, seed=3).requires_grad_()
        if distance is not None:
            value = distance(given, targets, KNOWN)
        else:
            value = losses.implied_distance(given.softmax(dim=1), torch.eye(3), targets, KNOWN)
        value.sum().backward()
        return value.detach(), given.grad

    one = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], dtype=DOUBLE)
    other = torch.where(KNOWN > 0, one, torch.tensor([9.0, -9.0, 0.99], dtype=DOUBLE))
    for found, wanted in zip(all_of(other), all_of(one), strict=True):
        assert torch.equal(found, wanted)
    moved = one.clone()
    moved[0, 0] += 0.1
    assert not torch.equal(all_of(moved)[0], all_of(one)[0])


def test_a_distance_of_nothing_has_a_gradient():
    given = torch.full((1, 3), 0.5, dtype=DOUBLE, requires_grad=True)
    losses.vad_distance(given, torch.full((1, 3), 0.5, dtype=DOUBLE), torch.ones(1, 3)).backward()
    assert given.grad is not None
    assert bool(torch.isfinite(given.grad).all())


def test_the_mass_of_a_shared_token_is_divided():
    shares = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]])
    found = losses.label_distribution(torch.tensor([[0.4, 0.6]]).log(), shares)
    assert found[0].tolist() == pytest.approx([0.3, 0.1, 0.6])


def test_a_shifted_normaliser_by_hand():
    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, 3.0, 0.0]])
    ids, shifts = torch.tensor([[0, 2], [1, 1]]), torch.tensor([[0.7, -torch.inf], [-1.0, -1.0]])
    before = [math.log(sum(map(math.exp, line))) for line in logits.tolist()]
    after = [math.log(math.exp(1.7) + math.exp(2.0)), math.log(2 + math.exp(2.0))]
    found = losses.shifted_normaliser(logits, ids, shifts).tolist()
    assert found == pytest.approx([a - b for a, b in zip(after, before, strict=True)], abs=1e-6)


def test_sums_do_not_depend_on_the_parts():
    """A step's loss is the same however its rows are parted into packs."""
    chosen = random.Random(0)
    logits = random_double(6, 5, seed=20)
    targets = (random_double(6, 5, seed=21) > 0).double()
    order = chosen.sample(range(6), 6)
    parts = [losses.label_bce(logits[rows], targets[rows]) for rows in (order[:2], order[2:])]
    assert float(sum(parts)) == pytest.approx(float(losses.label_bce(logits, targets)))
