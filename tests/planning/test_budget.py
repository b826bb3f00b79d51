"""Which limit is reached, which stop is in force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.config_budget import BudgetConfig
from emoloom.planning.budget import Spent, Stop, last_stop, reached, spent_text

WALL = {"event": "budget_stop", "resource": "wall_seconds", "limit": 60, "stage": "train"}


@pytest.mark.parametrize(
    ("budget", "spent", "found"),
    [
        ({}, Spent(1e9, 1e9, 10**12), None),
        ({"wall_seconds": 10}, Spent(9.99, 50, 50), None),
        ({"wall_seconds": 10}, Spent(10, 0, 0), "wall_seconds"),
        ({"wall_seconds": 0}, Spent(), "wall_seconds"),
        ({"accelerator_seconds": 10}, Spent(50, 10, 0), "accelerator_seconds"),
        ({"tokens": 10}, Spent(50, 50, 10), "tokens"),
        ({"wall_seconds": 99, "tokens": 10}, Spent(50, 50, 11), "tokens"),
    ],
)
def test_which_limit_is_reached(budget, spent, found):
    assert reached(BudgetConfig(**budget), spent) == found


@given(limit=st.integers(0, 100), spent=st.integers(0, 200))
def test_a_limit_is_reached_once_it_is_spent(limit, spent):
    found = reached(BudgetConfig(tokens=limit), Spent(tokens=spent))
    assert (found == "tokens") == (spent >= limit)


def test_the_last_stop_that_was_not_lifted():
    stop = {**WALL, "candidate": "a"}
    raised = {"event": "budget_raised", "resource": "wall_seconds", "limit": None}
    assert last_stop([]) is None
    assert last_stop([{"event": "started"}, stop]) == Stop("wall_seconds", 60, "train", "a")
    assert last_stop([stop, raised]) is None
    assert last_stop([stop, raised, {**stop, "limit": 90}]) == Stop(
        "wall_seconds", 90, "train", "a"
    )


@pytest.mark.parametrize(
    "damage", [{"resource": "money"}, {"limit": "60"}, {"limit": True}, {"resource": ["a"]}]
)
def test_a_damaged_event_stops_nothing(damage):
    assert last_stop([{**WALL, **damage}]) is None


@pytest.mark.parametrize(
    ("limit", "holds"), [(60, True), (59, True), (0, True), (61, False), (None, False)]
)
def test_a_stop_holds_until_the_limit_is_raised(limit, holds):
    stop = Stop("wall_seconds", 60, "train", "a")
    assert stop.in_force(BudgetConfig(wall_seconds=limit, tokens=5)) is holds


def test_a_stop_survives_the_log():
    stop = Stop("tokens", 5, "train", "a")
    assert last_stop([{"event": "budget_stop", **stop.event()}]) == stop


def test_limits_in_words():
    budget = BudgetConfig(wall_seconds=90.5, tokens=5_000_000)
    assert spent_text(budget, "wall_seconds") == "the budget of 90.5 s wall time is spent"
    assert spent_text(budget, "tokens") == "the budget of 5,000,000 tokens is spent"
