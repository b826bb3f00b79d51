"""The A/B mixture: flat over labels until they are learnt, natural after, and cheap to draw."""

from collections import Counter
from dataclasses import replace

import pytest

from emoloom.records import VAD
from emoloom.training.mixture import MixtureSampler, MixtureSettings
from emoloom.training.pools import UNLABELLED, held_out_rows, make_pools
from emoloom.training.schedule import StepLog
from tiny_lm import row

ROWS = [
    *(replace(row(k, f"a {k}", ("neutral",), None), source="a") for k in range(60)),
    *(replace(row(100 + k, f"j {k}", ("joy", "neutral"), None), source="a") for k in range(12)),
    *(replace(row(200 + k, f"s {k}", ("sadness",), None), source="a+flip") for k in range(8)),
    *(replace(row(300 + k, f"b {k}", None, VAD(0.1, 0.2, 0.3)), source="b") for k in range(20)),
]
TWO = [
    *ROWS,
    *(replace(row(400 + k, f"t {k}", ("joy",), None), source="b") for k in range(20)),
]
"""With labels in both pools."""


def sampler(rows=ROWS, **settings) -> MixtureSampler:
    settings = {"measure_steps": 1, "memory": 0.0} | settings
    return MixtureSampler(make_pools(rows, ["a"]), 5, 1, 8, MixtureSettings(**settings))


def play(one: MixtureSampler, excess: float | None) -> list[StepLog]:
    log: list[StepLog] = []
    while len(log) < one.steps:
        drawn = one.draw(log)
        log.append(
            StepLog(len(log) + 1, 0.0, 0.0, len(drawn.indices), 0, {}, excess, drawn.tau,
                    drawn.share_a, Counter(drawn.strata), drawn.indices)
        )  # fmt: skip
    return log


def shares(log: list[StepLog]) -> Counter:
    total = sum((Counter(step.strata) for step in log), Counter())
    return Counter({name: count / total.total() for name, count in total.items()})


def test_strata_are_the_first_labels_and_flips_go_with_their_originals():
    pools = make_pools(ROWS, ["a"], frozenset({0, 79}))
    a, b = pools.strata
    assert {name: len(rows) for name, rows in a.items()} == {"joy": 12, "neutral": 59, "sadness": 7}
    assert not b
    assert pools.unlabelled == ((), tuple(range(80, 100)))
    assert pools.held_out == (0, 79)
    assert pools.rows == 100


def test_an_epoch_draws_as_many_rows_as_there_are():
    log = play(sampler(), 1.0)
    assert [step.rows for step in log] == [8] * 12 + [4]
    assert max(Counter(k for step in log for k in step.drawn).values()) <= 4


def test_rows_held_out_are_never_drawn_and_shorten_no_epoch():
    held = frozenset({1, 2, 61, 75})
    pools = make_pools(ROWS, ["a"], held)
    one = MixtureSampler(pools, 5, 3, 8, MixtureSettings(most_draws=1))
    log = play(one, None)
    assert [step.rows for step in log] == ([8] * 12 + [4]) * 3
    assert not held & {index for step in log for index in step.drawn}


@pytest.mark.parametrize(
    ("excess", "heat"), [(1.0, 1.0), (0.0, 1.0), (-0.25, 0.5), (-0.5, 0.0), (-2.0, 0.0), (None, 1)]
)
def test_the_temperature_follows_the_excess(excess, heat):
    log = play(sampler(TWO), excess)
    assert log[0].tau == 5.0
    assert log[-1].tau == pytest.approx(1 + 4 * heat)
    assert log[-1].share_a == pytest.approx(heat * 0.5 + (1 - heat) * 0.8)


def test_the_running_mean_is_over_what_was_measured():
    one = sampler(memory=0.5)
    log = [StepLog(1, 0.0, 0.0, 8, 0, {}, -0.4), StepLog(2, 0.0, 0.0, 8, 0, {})]
    assert one.heat(log) == pytest.approx(1 - 0.2 / 0.5)
    assert one.draw(log).tau == pytest.approx(1 + 4 * 0.6)


def test_hot_is_flat_and_cold_is_natural_but_for_rows_without_labels():
    hot = shares(play(replace(sampler(), epochs=30), 1.0))
    cold = shares(play(replace(sampler(), epochs=30), -1.0))
    for found in (hot, cold):
        assert found["B:" + UNLABELLED] == pytest.approx(0.2, abs=0.03)
    assert hot["A:sadness"] / hot["A:neutral"] > 3 * cold["A:sadness"] / cold["A:neutral"]
    assert cold["A:neutral"] / cold["A:joy"] == pytest.approx(5, rel=0.2)


def test_both_pools_with_labels_are_drawn_equally_while_it_is_hot():
    found = shares(play(replace(sampler(TWO), epochs=30), 1.0))
    a = sum(share for name, share in found.items() if name.startswith("A:"))
    assert a == pytest.approx((5 / 6) / 2, abs=0.04)


def test_the_priors_are_those_of_the_draw():
    """Counted over many draws: the share of each label among labelled rows of its pool."""
    one = replace(sampler(TWO, most_draws=100), epochs=60)
    log: list[StepLog] = []
    counts: Counter = Counter()
    while len(log) < one.steps:
        drawn = one.draw(log)
        counts.update(drawn.strata)
        for stratum, priors in zip(drawn.strata, drawn.priors, strict=True):
            assert (priors == {}) == (UNLABELLED in stratum)
        log.append(StepLog(len(log) + 1, 0.0, 0.0, 8, 0))
        a = next((p for s, p in zip(drawn.strata, drawn.priors, strict=True) if s[0] == "A"), None)
    weights = {"joy": 12**0.2, "neutral": 60**0.2, "sadness": 8**0.2}
    natural = {"joy": 12, "neutral": 60, "sadness": 8}
    in_a = {label: counts[f"A:{label}"] for label in weights}
    for label, weight in weights.items():
        expected = weight / sum(weights.values())
        assert a[label] == pytest.approx((expected, natural[label] / 80))
        assert in_a[label] / sum(in_a.values()) == pytest.approx(expected, abs=0.04)


def test_a_stratum_that_is_used_up_has_no_chance_left():
    one, last = sampler(most_draws=1), {}
    log: list[StepLog] = []
    while len(log) < one.steps:
        drawn = one.draw(log)
        log.append(StepLog(len(log) + 1, 0.0, 0.0, 8, 0, drawn=drawn.indices))
        for index, priors in zip(drawn.indices, drawn.priors, strict=True):
            labels = ROWS[index].answer.labels
            assert labels is None or priors[labels[0]][0] > 0
            assert not priors or sum(p for p, _ in priors.values()) == pytest.approx(1)
            last = priors or last
    assert [last[label][0] for label in ("joy", "sadness")] == [0, 0], "the commonest is left"
    assert sorted(k for step in log for k in step.drawn) == list(range(100))


def test_a_row_comes_again_only_after_all_others_of_its_stratum():
    log = play(replace(sampler(), epochs=2), 1.0)
    for epoch in (log[:13], log[13:]):
        used: Counter = Counter()
        for index in (k for step in epoch for k in step.drawn):
            used[index] += 1
            stratum = [k for k in range(100) if ROWS[k].answer == ROWS[index].answer]
            assert used[index] - min(used[k] for k in stratum) <= 1


def test_a_draw_is_a_function_of_seed_step_and_log():
    one = replace(sampler(), epochs=3)
    log = play(one, -0.2)
    for at in (0, 3, 9, 13, 14, 30, 38):
        again = one.draw(log[:at])
        assert again.indices == log[at].drawn
        assert one.draw(log[:at]) == again, "asked twice"
        fresh = MixtureSampler(one.pools, 5, 3, 8, one.settings)
        assert fresh.draw(log[:at]) == again, "as in a run that is continued"
    assert replace(one, seed=6).draw([]).indices != log[0].drawn


def test_a_step_reads_what_the_one_before_measured():
    one, log = sampler(), play(sampler(), None)
    other = [replace(step, excess=-1.0) if step.step == 4 else step for step in log[:4]]
    assert one.draw(log[:4]).tau == 5.0
    assert one.draw(other).tau == 1.0


def test_one_pool_alone_is_enough():
    rows = [one for one in ROWS if one.source == "b"]
    log = play(sampler(rows), 1.0)
    assert sum(step.rows for step in log) == 20
    assert log[0].share_a == 0.0


def test_a_log_is_not_read_again_at_each_step():
    """Nor are strata: an epoch costs its rows."""

    class Log(list):
        read = 0

        def __getitem__(self, at):
            found = super().__getitem__(at)
            Log.read += len(found) if isinstance(at, slice) else 1
            return found

        def __iter__(self):
            Log.read += len(self)
            return super().__iter__()

    one, log = replace(sampler(), epochs=20), Log()
    while len(log) < one.steps:
        one.draw(log)
        log.append(StepLog(len(log) + 1, 0.0, 0.0, 8, 0))
    assert Log.read <= 2 * one.steps


# Rows held out


def test_whole_groups_are_held_out_a_tenth_at_most():
    grouped = [replace(r, group=f"g{k % 50}") for k, r in enumerate(ROWS)]
    held = held_out_rows(grouped, 6, seed=3)
    assert held == held_out_rows(grouped, 6, seed=3) != held_out_rows(grouped, 6, seed=4)
    assert 0 < len(held) <= 6
    groups = {grouped[k].group for k in held}
    labelled = {k for k, r in enumerate(grouped) if r.answer.labels and r.group in groups}
    assert held == labelled
    assert len(held_out_rows(ROWS, 100, seed=3)) == 8, "of 80 labelled rows"
    one = [replace(r, group="g") for r in ROWS]
    assert held_out_rows(one, 6, seed=3) == frozenset(), "no group is small enough"
