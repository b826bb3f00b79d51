"""What differs, by name, and how it is said."""

from pathlib import Path

import pytest

from emoloom.runs.changes import (
    ACCEPT,
    Change,
    change_event,
    changed_names,
    changed_settings,
    refuse_inputs,
    refuse_settings,
)

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"data": {"train": [{"rows": 64}]}}, {"data": {"train": [{"rows": 65}]}}, ["64 -> 65"]),
        ({"a": None, "b": "x"}, {"a": "y", "b": None}, ['null -> "y"', '"x" -> null']),
        ({"a": [1, 2]}, {"a": [1]}, ["2 -> not there"]),
        ({"a": []}, {"a": [{"b": 1}]}, ['not there -> {"b":1}']),
        ({"a": [1]}, {"a": {"0": 1}}, ['[1] -> {"0":1}']),
        ({}, {"a": {"b": [1, 2]}}, ['not there -> {"b":[1,2]}']),
        ({"a": "x" * 99}, {"a": "y"}, ['"' + "x" * 56 + '... -> "y"']),
    ],
)
def test_settings_are_compared_part_by_part(before, now, said):
    words = [one.in_words() for one in changed_settings(before, now)]
    assert [line.partition(": ")[2] for line in words] == said


def test_a_setting_is_named_by_its_path():
    (found,) = changed_settings({"d": {"t": [0, {"r": 64}]}}, {"d": {"t": [0, {"r": 65}]}})
    assert found == Change("d.t.1.r", "64", "65")


def test_names_come_in_their_order_and_what_is_new_or_gone_too():
    found = changed_names({"x": A, "y": A, "z": A}, {"z": B, "y": A, "w": B})
    assert found == [Change("x", A, ""), Change("z", A, B), Change("w", "", B)]


def test_an_error_names_each_with_both_hashes_and_what_to_do():
    said = str(refuse_inputs(Path("run"), [Change("mine.csv", A, B), Change("gone.csv", A, "")]))
    listed = f"got: mine.csv: {A[:12]} -> {B[:12]}, gone.csv: {A[:12]} -> not there; "
    assert said.startswith("run was made from other inputs; " + listed)
    assert "put them back, choose another folder with --out, or go on in this one with" in said
    assert ACCEPT in said


def test_a_long_list_is_cut_and_counted():
    said = str(refuse_settings(Path("run"), [Change(f"s{n}", "1", "2") for n in range(25)]))
    assert "s19: 1 -> 2, and 5 more;" in said


def test_the_event_has_the_whole_hashes():
    event = change_event([Change("mine.csv", A, B)])
    assert event["message"] == f"mine.csv: {A[:12]} -> {B[:12]}"
    assert event["changed"] == [{"name": "mine.csv", "before": A, "now": B}]
