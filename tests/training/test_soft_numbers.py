"""Targets of digits that spread over the values near a rating, against sums over the 101 values."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from emoloom.contract.prompt import make_prompter
from emoloom.contract.schema import write_answer
from emoloom.records import VAD, PartialVAD, Prediction
from emoloom.training.examples import SoftDigits, make_example
from emoloom.training.soft_numbers import Spreads, drawn_value, numeral_tokens, soft_targets
from small_tokenizers import CHATML, byte_level, dummy_prefix, fast, metaspace
from tiny_lm import SPACE, row

KINDS = {
    "one token a digit": byte_level,
    "two digits a token": lambda: byte_level(merged_digits=True),
    "point fused": metaspace,
    "dummy prefix": dummy_prefix,
}
VALUES = VAD(0.49, 0.05, 1.0)


def line_of(vad: VAD) -> str:
    return write_answer(Prediction(("joy",), vad, "cues: none"))


@pytest.fixture(scope="module", params=sorted(KINDS))
def prompter(request):
    return make_prompter(fast(KINDS[request.param](), template=CHATML), SPACE)


def test_the_chance_of_a_value_is_its_share_among_all_values(prompter):
    """The product of a value's tokens, each given those before it, is exp(-gap^2 / 2 s^2)."""
    numerals, spread, wanted = numeral_tokens(prompter), 0.05, 0.493
    gaps = [(k / 100 - wanted) ** 2 / (2 * spread**2) for k in range(101)]
    total = math.fsum(math.exp(-gap) for gap in gaps)
    for k in (40, 44, 49, 50, 55, 60):
        line = line_of(VAD(k / 100, 0.5, 0.5))
        answer = prompter.answer(line)
        chance = 1.0
        for target in soft_targets(line, answer, numerals, {0: (wanted, spread)}):
            at = target.token_ids_N.tolist().index(answer.ids[target.at])
            chance *= float(target.shares_N[at])
        assert chance == pytest.approx(math.exp(-gaps[k]) / total, rel=1e-4)


def test_shares_sum_to_one_and_the_written_token_has_one(prompter):
    line = line_of(VALUES)
    answer = prompter.answer(line)
    spreads = dict(enumerate((value, 0.05) for value in VALUES.as_tuple()))
    found = list(soft_targets(line, answer, numeral_tokens(prompter), spreads))
    assert {target.at for target in found} == {
        at
        for at, (start, stop) in enumerate(answer.spans)
        if any(c in "0123456789." for c in line[start:stop])
    }
    for target in found:
        assert target.shares_N.sum() == pytest.approx(1.0, abs=1e-6)
        assert len(set(target.token_ids_N.tolist())) == len(target.token_ids_N)
        assert answer.ids[target.at] in target.token_ids_N


def test_a_value_between_two_tenths_wants_both(prompter):
    """0.49 is nearly 0.50: both first decimals are wanted, which one-hot digits deny."""
    line = line_of(VAD(0.49, 0.5, 0.5))
    answer = prompter.answer(line)
    wanted = soft_targets(line, answer, numeral_tokens(prompter), {0: (0.49, 0.05)})
    mass: dict[str, float] = {}
    branching = next(target for target in wanted if len(target.token_ids_N) > 2)
    for token, share in zip(branching.token_ids_N, branching.shares_N, strict=True):
        digits = "".join(c for c in prompter.decode([int(token)]) if c.isdigit())
        first = digits[-2] if len(digits) > 1 else digits
        mass[first] = mass.get(first, 0.0) + float(share)
    assert mass["4"] == pytest.approx(0.54, abs=0.05)
    assert mass["5"] == pytest.approx(0.45, abs=0.05)


def test_a_tiny_spread_is_the_value_itself(prompter):
    line = line_of(VALUES)
    answer = prompter.answer(line)
    spreads = dict(enumerate((value, 1e-3) for value in VALUES.as_tuple()))
    for target in soft_targets(line, answer, numeral_tokens(prompter), spreads):
        best = int(target.token_ids_N[np.argmax(target.shares_N)])
        assert best == answer.ids[target.at]
        assert target.shares_N.max() == pytest.approx(1.0, abs=1e-6)


def test_only_what_is_known_is_spread_and_each_by_its_own_source(prompter):
    soft = SoftDigits(Spreads(human=0.05, weak=0.2), numeral_tokens(prompter), 7)
    human = row(1, "text", ("joy",), VALUES)
    assert soft.of(human) == {0: (0.49, 0.05), 1: (0.05, 0.05), 2: (1.0, 0.05)}
    assert soft.of(replace(human, vad_source="weak"))[0] == (0.49, 0.2)
    bare = row(2, "text", ("joy",), None)
    assert soft.of(bare) == {}
    assert make_example(prompter, bare, label="joy", vad=VALUES, soft=soft).soft == ()


def test_the_loss_is_least_where_the_shares_are():
    from emoloom.training.losses import soft_cross_entropy

    shares = torch.tensor([[0.7, 0.2, 0.1]])
    least = float(soft_cross_entropy(shares.log(), shares))
    assert least == pytest.approx(-float((shares * shares.log()).sum()))
    for other in ([0.6, 0.3, 0.1], [1 / 3, 1 / 3, 1 / 3], [0.9, 0.05, 0.05]):
        assert float(soft_cross_entropy(torch.tensor([other]).log(), shares)) > least


def test_a_value_is_drawn_as_often_as_it_is_wanted():
    """Even chances fall on each numeral by its share of the kernel."""
    chances = (np.arange(20_000) + 0.5) / 20_000
    drawn = [drawn_value(0.46, 0.05, chance) for chance in chances.tolist()]
    values, counts = np.unique(drawn, return_counts=True)
    kernel = np.exp(-((np.arange(101) / 100 - 0.46) ** 2) / (2 * 0.05**2))
    expected = {round(k / 100, 2): share for k, share in enumerate(kernel / kernel.sum())}
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        assert count / 20_000 == pytest.approx(expected[value], abs=2e-4)
    assert drawn_value(1.0, 1e-6, 0.999) == 1.0
    assert drawn_value(0.0, 1e-6, 0.0) == 0.0


def greedy_value(prompter, *, drawn: bool) -> float:
    """What a model would say that has learnt, token by token, the targets of ratings around 0.505.

    Ratings vary by 0.08 as people's do, and the text tells nothing of it.
    """
    numerals, ratings = numeral_tokens(prompter), 0.505 + 0.08 * np.linspace(-2, 2, 41)
    likely = np.exp(-(np.linspace(-2, 2, 41) ** 2) / 2)
    learnt: dict[tuple[int, ...], dict[int, float]] = {}
    for rating, weight in zip(ratings.tolist(), likely.tolist(), strict=True):
        for chance in (np.arange(40) + 0.5) / 40 if drawn else [0.5]:
            value = drawn_value(rating, 0.05, float(chance)) if drawn else round(rating, 2)
            line = line_of(VAD(value, 0.5, 0.5))
            answer = prompter.answer(line)
            found = list(soft_targets(line, answer, numerals, {0: (rating, 0.05)}))
            for turn, target in enumerate(found):
                before = tuple(answer.ids[one.at] for one in found[:turn])
                mass = learnt.setdefault(before, {})
                pairs = zip(target.token_ids_N.tolist(), target.shares_N.tolist(), strict=True)
                for token, share in pairs:
                    mass[token] = mass.get(token, 0.0) + weight * share
    said: tuple[int, ...] = ()
    while said in learnt:
        said = (*said, max(learnt[said], key=learnt[said].__getitem__))
    return numerals.ids[0].index(said) / 100


def test_a_greedy_value_is_the_middle_of_the_ratings_only_behind_drawn_ones():
    """Behind the rating's own first decimal the second is learnt from half of the ratings."""
    prompter = make_prompter(fast(byte_level(), template=CHATML), SPACE)
    assert greedy_value(prompter, drawn=True) == pytest.approx(0.505, abs=0.015)
    assert greedy_value(prompter, drawn=False) > 0.53


def test_an_example_writes_a_value_near_the_rating_and_wants_the_rating(prompter):
    soft = SoftDigits(Spreads(human=0.05, weak=0.2), numeral_tokens(prompter), 7)
    rated = [row(k, "text", ("joy",), PartialVAD(0.5, 0.5, None)) for k in range(40)]
    made = [make_example(prompter, one, label="", vad=VALUES, soft=soft) for one in rated]
    written = np.array([example.drawn.as_tuple() for example in made])
    assert len(set(written[:, 0])) > 10, "each row has a draw of its own"
    assert np.abs(written[:, :2] - 0.5).max() < 0.25
    assert (written[:, 2] == VALUES.d).all(), "what nobody rated is filled"
    assert written[:, 0].std() == pytest.approx(0.05, rel=0.35)
    again = make_example(prompter, rated[3], label="", vad=VALUES, soft=soft)
    assert (again.ids, again.drawn) == (made[3].ids, made[3].drawn)
    for example in made[:5]:
        text = prompter.decode(example.ids[example.answer_start : -1])
        assert f'"v":{example.drawn.v:.2f}' in text
