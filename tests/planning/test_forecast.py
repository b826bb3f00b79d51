"""A forecast is counts times rates: worked out by hand, and held against the budget."""

from dataclasses import replace

import pytest

from emoloom.config import Config, parse_config
from emoloom.config_budget import BudgetConfig
from emoloom.planning.budget import Spent
from emoloom.planning.forecast import make_forecast
from emoloom.planning.forecast_texts import forecast_lines, forecast_table, limits
from emoloom.planning.plan import PlannedStage
from emoloom.planning.probe_record import Probe, read_probe
from emoloom.planning.stage_costs import FORWARDS, packs_of
from tiny_screen import SETTINGS

PROBE = Probe(
    load_seconds=2.0,
    pack_seconds=0.001,
    single_seconds=0.002,
    compare_seconds=0.003,
    step_seconds=0.01,
    head_tokens=100,
    train_tokens=50,
    prompt_tokens=20,
    answer_tokens=30,
    shown_tokens=10,
    adapter_parameters=2**18,
    loaded_mb=500,
    forward_mb=80,
    forward_probe_tokens=400,
    step_mb=100,
    step_probe_tokens=200,
)


def config(**changes) -> Config:
    decoding = {"max_new_tokens": 40, "pack_rows": 8, "pack_tokens": 1000}
    training = {"batch_rows": 8, "pack_tokens": 300, "max_text_tokens": 60}
    given = {**SETTINGS, "decoding": decoding, "training": training, "workers": 1, **changes}
    return parse_config(given, source="test")


def forecast(*stages, probe=PROBE, done=(), **changes):
    return make_forecast(config(**changes), stages, {"m": probe}, lambda s: s.stage in done)


def stage(name="train", kind="training", units=5, **given) -> PlannedStage:
    return PlannedStage(name, given.pop("candidate", "m.sft"), units, kind, "m", **given)


def test_training_is_rows_and_the_heads_of_their_packs():
    (found,) = forecast(stage(train_rows=40)).stages
    # 4 rows a pack, so 2 heads for 8 rows: 75 tokens a row
    assert found.tokens == 40 * 75
    assert found.seconds == pytest.approx(2 + 3000 * 0.01)


def test_rows_that_are_measured_besides_cost_their_forwards():
    (plain,) = forecast(stage(train_rows=40)).stages
    (found,) = forecast(stage(train_rows=40, measured=16)).stages
    assert found.tokens == plain.tokens + 16 * 75
    assert found.seconds == pytest.approx(plain.seconds + 16 * 75 * 0.001)


def test_a_model_that_cannot_pack_computes_its_head_for_each_row():
    (found,) = forecast(stage(train_rows=40), probe=replace(PROBE, pack_seconds=-1)).stages
    assert found.tokens == 40 * 150


def test_answers_are_packs_margin_and_audit():
    (found,) = forecast(stage("select", "answers", 16, audited=2)).stages
    drafted = 16 * FORWARDS * (20 + 30 + 100 / 4)
    audited = 2 * 30 * (120 + 15)
    alone = (100 + 100) + 9 * 150  # the longest row, then 9 of 50 for 512 positions
    pack = 100 + 100 + 7 * 50
    forced = 16 * 20 + 2 * 100  # prompts, and the head of two packs
    assert found.tokens == pytest.approx(drafted + audited + alone + pack + forced, abs=1)
    assert found.seconds == pytest.approx(
        2 + (drafted + pack + forced) * 0.001 + audited * 0.002 + alone * 0.003, abs=1e-3
    )


def test_rows_that_do_not_rank_have_no_losses_beside():
    ranked, pairs = (
        forecast(stage(name, "answers", 16)).stages[0] for name in ("select", "polarity")
    )
    assert ranked.tokens == pairs.tokens + 16 * 20 + 2 * 100


@pytest.mark.parametrize(
    ("given", "probe", "rate"),
    [
        ({"decoding": {"decoder": "canonical"}}, PROBE, 0.001),
        ({}, replace(PROBE, pack_seconds=-1), 0.002),
    ],
)
def test_canonical_answers_are_one_forward_a_token(given, probe, rate):
    (found,) = forecast(stage("select", "answers", 16), probe=probe, **given).stages
    forced = 16 * 20 + 2 * 100
    assert found.tokens == 16 * 30 * 135 + forced
    assert found.seconds == pytest.approx(2 + 16 * 30 * 135 * 0.002 + forced * rate)


@pytest.mark.parametrize(("shown", "written"), [(10, 10), (-1, 40), (0, 1)])
def test_what_is_shown_takes_a_forward_for_each_token(shown, written):
    (found,) = forecast(
        stage("select", "shown", 4), probe=replace(PROBE, shown_tokens=shown)
    ).stages
    forced = 4 * 20 + 100
    assert found.tokens == round(4 * written * (50 + 100 / 2)) + forced


def test_a_copied_certificate_costs_nothing():
    first, second = forecast(
        stage("preflight", "certificate", 1), stage("preflight", "certificate", 1, copied=True)
    ).stages
    assert first.seconds > 2
    assert (second.seconds, second.tokens) == (0, 0)


def test_what_is_done_is_not_forecast_and_what_is_not_timed_is_said():
    made = make_forecast(
        config(),
        [stage(), replace(stage(), model="other"), stage("select")],
        {"m": PROBE},
        lambda one: one.stage == "select",
    )
    assert [one.stage for one in made.stages] == ["train"]
    assert made.unknown == ("other",)


def test_rungs_keep_the_dearest():
    halving = {"rungs": 3, "keep": 0.5}
    stages = []
    for name, rows in (("a", 10), ("b", 40), ("c", 30), ("d", 20)):
        stages += [
            stage("train-1", candidate=name, train_rows=rows, rung=1),
            stage("train-2", candidate=name, train_rows=rows, rung=2, once_promoted=True),
            stage("train", candidate=name, train_rows=rows, once_promoted=True),
        ]
    found = forecast(*stages, halving=halving)
    assert len(found.stages) == 12
    reached = [(one.stage, one.candidate) for one in found.expected]
    assert [c for s, c in reached if s == "train-1"] == ["a", "b", "c", "d"]
    assert [c for s, c in reached if s == "train-2"] == ["b", "c"]
    assert [c for s, c in reached if s == "train"] == ["b"]
    assert found.accelerator_seconds == pytest.approx(sum(s.seconds for s in found.expected))


def test_workers_share_the_wall_time_but_not_one_candidate():
    stages = [stage(candidate=name, train_rows=40) for name in "abcd"]
    assert forecast(*stages).wall_seconds == pytest.approx(4 * 32)
    assert forecast(*stages, workers=2).wall_seconds == pytest.approx(2 * 32)
    assert forecast(*stages, workers=9).wall_seconds == pytest.approx(32)


def test_memory_and_disk():
    found = forecast(stage(train_rows=40))
    assert found.stages[0].memory_mb == found.memory_mb == 500 + 100 * 300 / 200
    assert found.stages[0].disk_mb == 1
    assert found.disk_mb == 1 + 6
    rungs = (stage("train-1", train_rows=40, rung=1), stage(train_rows=40))
    assert forecast(*rungs, halving={"rungs": 2}).disk_mb == 1 * (2 + 3) + 6
    assert forecast(stage("rate-1", train_rows=40)).stages[0].disk_mb == 0


@pytest.mark.parametrize(
    ("kind", "held", "tokens", "left"),
    [
        ("certificate", 750, 100 + 100 + 31 * 50, 0.0),  # it tries a copy in bfloat16
        ("answers", 500, 100 + 100 + 7 * 50, 2**14 * (64 + 4 * 30) / 2**20),
        ("shown", 500, 100 + 100 + 7 * 50, 2**14 * (64 + 4 * 30) / 2**20),
        ("heads", 500, 400, 2**14 * (64 + 4 * 30) / 2**20),  # its packs are smaller than probed
    ],
)
def test_memory_and_disk_of_stages_that_do_not_train(kind, held, tokens, left):
    found = forecast(stage("select", kind, 2**14))
    (one,) = found.stages
    assert one.memory_mb == found.memory_mb == pytest.approx(held + 80 * tokens / 400)
    assert one.disk_mb == found.disk_mb == pytest.approx(left, abs=1e-3)


HALF = {"decoding": {"max_new_tokens": 40, "dtype": "bfloat16", "pack_rows": 2, "pack_tokens": 250}}


def test_what_decides_the_precision_has_packs_of_one_size_whatever_the_config_has():
    asked = stage("precision", "precision", 16)
    (found,) = forecast(asked, decoding=HALF["decoding"] | {"decoder": "canonical"}).stages
    compared = 100 + 100 + 9 * 150  # 512 positions: the longest row and nine others, alone
    drafted = 16 * FORWARDS * (50 + 100 / 8)
    assert found.tokens == pytest.approx(compared + 100 + 100 + 31 * 50 + drafted, abs=1)
    assert found.memory_mb == pytest.approx(1.5 * 500 + 80 * (200 + 31 * 50) / 400)
    assert found.disk_mb == 0
    (base,) = forecast(replace(asked, trained=False), **HALF).stages
    assert base.tokens - found.tokens == pytest.approx(16 * (10 - FORWARDS) * 62.5, abs=1)
    (never,) = forecast(asked, probe=replace(PROBE, pack_seconds=-1), **HALF).stages
    assert never.tokens == 0


def test_an_untrained_model_in_bfloat16_has_a_margin_of_its_own():
    plain = stage("select", "shown", 4)
    (one,) = forecast(plain).stages
    packs = {"max_new_tokens": 40, "pack_rows": 8, "pack_tokens": 1000}
    (half,) = forecast(plain, decoding=packs | {"dtype": "bfloat16"}).stages
    assert half.tokens > one.tokens + 1000
    assert half.memory_mb == pytest.approx(one.memory_mb + 250)


def test_where_nothing_is_packed_the_longest_row_alone_is_held():
    (one,) = forecast(
        stage("select", "answers", 4),
        probe=replace(PROBE, pack_seconds=-1, forward_probe_tokens=50),
    ).stages
    assert one.memory_mb == 500 + 80 * 200 / 50


def test_a_copied_certificate_holds_nothing():
    (one,) = forecast(stage("preflight", "certificate", 1, copied=True)).stages
    assert (one.memory_mb, one.disk_mb) == (0, 0)


@pytest.mark.parametrize(("rows", "packs"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)])
def test_packs(rows, packs):
    assert packs_of(rows, 50, 100, 300) == packs


# The budget


def test_each_limit_against_what_is_needed():
    found = forecast(stage(train_rows=40), stage("select", "shown", 4), workers=1)
    budget = BudgetConfig(wall_seconds=1000, accelerator_seconds=20, tokens=4000)
    wall, accelerator, tokens = limits(budget, Spent(10, 5, 1000), found)
    assert (wall.holds, wall.ends_in) == (True, None)
    assert wall.needed == pytest.approx(10 + found.wall_seconds)
    assert (accelerator.holds, accelerator.ends_in) == (False, ("train", "m.sft"))
    assert (tokens.holds, tokens.ends_in) == (False, ("train", "m.sft"))
    text = accelerator.text()
    assert text.startswith("budget of 20 accelerator-seconds: does not hold, it will end in train")
    assert "holds; about" in wall.text()
    (only,) = limits(BudgetConfig(tokens=4500), Spent(0, 0, 1000), found)
    assert only.ends_in == ("select", "m.sft")


def test_where_nothing_is_left_every_budget_holds():
    found = forecast(stage(), done=("train",))
    (limit,) = limits(BudgetConfig(wall_seconds=0), Spent(9, 9, 9), found)
    assert limit.holds


def test_a_budget_that_is_spent_before_any_model_is_timed_does_not_hold():
    found = make_forecast(config(), [stage()], {}, lambda _: False)
    (limit,) = limits(BudgetConfig(wall_seconds=30), Spent(45, 0, 0), found)
    assert (limit.holds, limit.ends_in) == (False, None)
    said = "budget of 30 s wall time: does not hold, it is spent before any model could be timed"
    assert limit.text() == said


def test_lines_for_people():
    found = forecast(stage(train_rows=40, once_promoted=True), halving={"rungs": 2})
    first, second = forecast_lines(found, limits(BudgetConfig(wall_seconds=5), Spent(), found))
    assert first.startswith("forecast: about 32 s for 1 stage (32 accelerator-seconds, 3,000 tok")
    assert "does not hold" in second
    table = forecast_table(found)
    columns = "stage candidate seconds tokens MiB held MiB left"
    assert table[0].split() == columns.split()
    numbers = ["32.0", "3,000", "650", "1.00"]
    assert table[1].split() == ["train", "m.sft", *numbers, "once", "promoted"]


def test_a_probe_is_read_back_or_not_at_all():
    from dataclasses import asdict

    figures = asdict(PROBE) | {"stage": "probe", "seconds": 3}
    assert read_probe(figures) == PROBE
    del figures["step_seconds"]
    assert read_probe(figures) is None
