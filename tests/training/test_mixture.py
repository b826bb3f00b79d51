"""The A/B mixture: flat and equal while the model is unsure, natural when it is sure."""

from collections import Counter
from dataclasses import replace

import pytest

from emoloom.records import VAD
from emoloom.training.mixture import UNLABELLED, MixtureSampler, MixtureSettings, make_pools
from emoloom.training.schedule import StepLog
from tiny_lm import row

ROWS = [
    *(replace(row(k, f"a {k}", ("neutral",), None), source="a") for k in range(60)),
    *(replace(row(100 + k, f"j {k}", ("joy", "neutral"), None), source="a") for k in range(12)),
    *(replace(row(200 + k, f"s {k}", ("sadness",), None), source="a+flip") for k in range(8)),
    *(replace(row(300 + k, f"b {k}", None, VAD(0.1, 0.2, 0.3)), source="b") for k in range(20)),
]


def sampler(**settings) -> MixtureSampler:
    return MixtureSampler(make_pools(ROWS, ["a"]), 5, 1, 8, MixtureSettings(**settings))


def play(one: MixtureSampler, entropy: float) -> list[StepLog]:
    log: list[StepLog] = []
    while len(log) < one.steps:
        drawn = one.draw(log)
        log.append(
            StepLog(len(log) + 1, 0.0, 0.0, len(drawn.indices), 0, {}, entropy, drawn.tau,
                    drawn.share_a, Counter(drawn.strata), drawn.indices)
        )  # fmt: skip
    return log


def test_strata_are_the_rarest_labels_and_flips_go_with_their_originals():
    a, b = make_pools(ROWS, ["a"])
    assert {name: len(rows) for name, rows in a.items()} == {"joy": 12, "neutral": 60, "sadness": 8}
    assert {name: len(rows) for name, rows in b.items()} == {UNLABELLED: 20}


def test_an_epoch_draws_as_many_rows_as_there_are():
    log = play(sampler(), 1.0)
    assert [step.rows for step in log] == [8] * 12 + [4]
    assert max(Counter(k for step in log for k in step.drawn).values()) <= 4


@pytest.mark.parametrize(("entropy", "heat"), [(1.0, 1.0), (0.8, 1.0), (0.55, 0.5), (0.1, 0.0)])
def test_the_temperature_follows_the_entropy(entropy, heat):
    one = sampler(memory=0.0)
    log = play(one, entropy)
    assert log[0].tau == 5.0
    assert log[-1].tau == pytest.approx(1 + 4 * heat)
    assert log[-1].share_a == pytest.approx(heat * 0.5 + (1 - heat) * 0.8)


def test_hot_is_flat_and_cold_is_natural():
    hot = sum((step.strata for step in play(replace(sampler(), epochs=30), 1.0)), Counter())
    cold_sampler = replace(sampler(memory=0.0), epochs=30)
    cold = sum((step.strata for step in play(cold_sampler, 0.0)), Counter())
    total = sum(cold.values())
    assert hot["B:" + UNLABELLED] / total == pytest.approx(0.5, abs=0.06)
    assert cold["B:" + UNLABELLED] / total == pytest.approx(0.2, abs=0.03)
    assert hot["A:sadness"] / hot["A:neutral"] > 4 * cold["A:sadness"] / cold["A:neutral"]
    assert cold["A:neutral"] / cold["A:joy"] == pytest.approx(5, rel=0.35)


def test_a_draw_is_a_function_of_seed_step_and_log():
    one = sampler()
    log = play(one, 0.6)
    for at in (0, 3, 9):
        assert one.draw(log[:at]).indices == log[at].drawn
    assert replace(one, seed=6).draw([]).indices != log[0].drawn


def test_one_pool_alone_is_enough():
    rows = [one for one in ROWS if one.source == "b"]
    one = MixtureSampler(make_pools(rows, ["a"]), 5, 1, 8, MixtureSettings())
    log = play(one, 1.0)
    assert sum(step.rows for step in log) == 20
    assert log[0].share_a == 0.0
