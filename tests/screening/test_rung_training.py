"""Rungs of one training: any of them can be gone on with, to the bytes of the whole training."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emoloom.config import parse_config
from emoloom.models.logits import ModelError
from emoloom.records import VAD
from emoloom.runs.directory import read_complete_lines
from emoloom.screening.recipe_settings import rate_said, trial_steps
from emoloom.screening.training_steps import TRUNK, TrainJob, deciding, train, try_rate
from emoloom.screening.training_work import best_rate, hold_out
from emoloom.training.adapters import add_adapter
from emoloom.training.examples import Examples
from emoloom.training.fit import Training
from emoloom.training.schedule import FitSettings
from tiny_lm import make_examples, make_tiny, reload, row, varied_rows
from tiny_screen import SETTINGS as SCREEN
from train_jobs import train_job

SETTINGS = FitSettings(seed=2, epochs=2, batch_rows=3, learning_rate=1e-2, lora_rank=4)
"""8 steps on 12 rows, decay from step 7."""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("rungs") / "model"
    make_tiny(made)
    return made


@pytest.fixture(scope="module")
def job() -> TrainJob:
    return train_job(SETTINGS, inputs="whole")


class Counted:
    """Counts finished steps; stops at one of them."""

    def __init__(self, stop: int | None = None) -> None:
        self.told: list[int] = []
        self.stop = stop

    def __call__(self, count: int) -> None:
        self.told.append(count)
        if self.stop is not None and sum(self.told) >= self.stop:
            raise KeyboardInterrupt


def run(model, job, folder, trunk, advance=None) -> None:
    train(reload(model), job, folder, advance or Counted(), lambda *_, **__: None, trunk)


def rung(job: TrainJob, end: int) -> TrainJob:
    return replace(job, end=end, trunk="trunk", inputs=f"rung {end}")


def made(folder: Path) -> dict[str, bytes]:
    names = ("steps.jsonl", "checkpoint/adapter_model.safetensors")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def whole(model, job, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    run(model, job, folder, folder / TRUNK)
    assert not (folder / TRUNK).exists()
    return made(folder)


def test_a_training_that_goes_on_from_rungs_ends_as_the_whole(model, job, whole, tmp_path):
    trunk, told = tmp_path / TRUNK, []
    for end in (2, 4):
        counted = Counted()
        run(model, rung(job, end), tmp_path / str(end), trunk, counted)
        told.append(counted.told)
    last = Counted()
    run(model, replace(job, trunk="trunk"), tmp_path / "whole", trunk, last)
    assert made(tmp_path / "whole") == whole
    assert told == [[0, 1, 1], [1, 1, 1, 1]], "one step, the decay, is taken anew"
    assert last.told[0] == 3


def test_a_rung_ends_in_a_decay_of_its_own(model, job, whole, tmp_path):
    run(model, rung(job, 4), tmp_path, tmp_path / TRUNK)
    rates = [line["learning_rate"] for line in read_complete_lines(tmp_path / "steps.jsonl")]
    assert rates == [0.01, 0.01, 0.01, 0.005]
    assert (
        made(tmp_path)["checkpoint/adapter_model.safetensors"]
        != (whole["checkpoint/adapter_model.safetensors"])
    )


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_a_rung_stopped_anywhere_ends_the_same(model, job, whole, tmp_path, stop):
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "stopped"
    run(model, rung(job, 4), undisturbed, undisturbed / TRUNK)
    with pytest.raises(KeyboardInterrupt):
        run(model, rung(job, 4), folder, folder / TRUNK, Counted(stop))
    run(model, rung(job, 4), folder, folder / TRUNK)
    assert made(folder) == made(undisturbed)
    run(model, replace(job, trunk="trunk"), tmp_path / "whole", folder / TRUNK)
    assert made(tmp_path / "whole") == whole


def test_a_lost_trunk_costs_time_alone(model, job, whole, tmp_path):
    run(model, rung(job, 4), tmp_path / "4", tmp_path / TRUNK)
    for path in (tmp_path / TRUNK).rglob("state.safetensors"):
        path.write_bytes(b"harmed")
    counted = Counted()
    run(model, replace(job, trunk="trunk"), tmp_path / "whole", tmp_path / TRUNK, counted)
    assert counted.told[0] == 0
    assert made(tmp_path / "whole") == whole


# Trials


def trial(model, job, folder, rate, rows=8):
    kept, held_out = job.rows[:rows], job.rows[rows:]
    settings = replace(job.settings, learning_rate=rate)
    task = replace(job, rows=kept, held_out=held_out, settings=settings, end=4, inputs=f"{rate}")
    return try_rate(reload(model), task, folder, Counted(), lambda *_, **__: None)


def test_a_trial_says_the_loss_on_rows_it_was_not_trained_on(model, job, tmp_path):
    found = trial(model, job, tmp_path / "a", 1e-2)
    assert found["learning_rate"] == 1e-2
    assert found == trial(model, job, tmp_path / "b", 1e-2)
    higher = trial(model, job, tmp_path / "c", 1e-6)
    assert 0 < found["loss"] < higher["loss"], "a rate that learns nothing loses"
    assert len(read_complete_lines(tmp_path / "a/steps.jsonl")) == 4
    assert not (tmp_path / "a/checkpoint").exists()


def test_a_trial_reaches_the_rate_that_it_tries(model, job, tmp_path):
    """The whole training's warm-up would be longer than the trial."""
    settings = replace(job.settings, epochs=20, warmup_share=0.2)
    trial(model, replace(job, settings=settings), tmp_path, 1e-2)
    rates = [line["learning_rate"] for line in read_complete_lines(tmp_path / "steps.jsonl")]
    assert rates == [0.01, 0.01, 0.01, 0.005]


def by_fields(lm, rows) -> dict[str, float]:
    """Mean cross-entropy of labels and digits, one row at a time, by plain forwards."""
    found = {"labels": [], "digits": []}
    for example in make_examples(lm, rows):
        ids = [*lm.prompter.head_ids, *example.ids]
        with torch.no_grad():
            logp = lm.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=1)
        begin = len(ids) - len(example.trained)
        for at, (field, on) in enumerate(zip(example.fields, example.trained, strict=True)):
            if on and field in found and (field == "digits" or example.id != "r1"):
                found[field].append(-float(logp[begin + at - 1, ids[begin + at]]))
    return {field: sum(each) / len(each) for field, each in found.items() if each}


def test_what_decides_is_the_mean_of_label_tokens_plus_that_of_digits(model, job):
    rows = (
        *varied_rows(3),
        row(1, "I cry", None, VAD(0.2, 0.3, 0.4)),
        row(2, "I miss him", ("joy",), None),
    )
    lm = reload(model)
    add_adapter(lm, job.settings)
    task = replace(job, fill_labels={"r1": "neutral"})
    examples = Examples(lm.prompter, rows, task.fill_labels, task.fill_vad)
    losses = Training(lm, examples, 10_000, job.settings).losses_on(examples)
    expected = by_fields(lm, list(rows))
    assert deciding(losses) == pytest.approx(expected | {"loss": sum(expected.values())}, rel=1e-5)
    lone = [row(1, "I cry", None, VAD(0.2, 0.3, 0.4))]
    one = Examples(lm.prompter, lone, task.fill_labels, task.fill_vad)
    alone = Training(lm, one, 10_000, job.settings).losses_on(one)
    assert deciding(alone).keys() == {"loss", "digits"}, "the list's closing behind a filled label"


def test_the_skeleton_cannot_decide(model, job):
    """Two models: one has learnt all but labels and digits, the other nothing else."""

    def learnt(*fields: str) -> dict[str, float]:
        lm = reload(model)
        add_adapter(lm, job.settings)
        examples = make_examples(lm, job.rows)
        masked = [replace(e, trained=tuple(f in fields for f in e.fields)) for e in examples]
        training = Training(lm, masked, 10_000, replace(job.settings, epochs=5))
        while not training.finished:
            training.step()
        found = training.losses_on(examples)
        counts = {f: sum(e.fields.count(f) for e in examples) for f in found}
        of_all = sum(found[f] * counts[f] for f in found) / sum(counts.values())
        return deciding(found) | {"of all": of_all}

    skeleton, scored = learnt("skeleton", "rationale"), learnt("labels", "digits")
    assert skeleton["of all"] < scored["of all"], "the mean of all tokens would take the first"
    assert scored["loss"] < skeleton["loss"]


@pytest.mark.parametrize(
    "losses",
    [
        {},
        {"skeleton": 1.0, "rationale": 2.0},
        {"labels": math.nan},
        {"labels": 1, "digits": math.inf},
    ],
)
def test_a_trial_without_a_loss_that_decides_is_said(losses):
    with pytest.raises(ModelError, match=r"no row held out trains|the loss is not finite"):
        deciding(losses)


@pytest.mark.parametrize(
    ("steps", "rates", "share", "expected"),
    [
        (2000, 3, 0.2, 133),
        (2000, 3, 0.05, 60),
        (300, 3, 0.2, 60),
        (60, 3, 0.2, 60),
        (30, 3, 0.2, 30),
        (1, 2, 1.0, 1),
        (90, 1, 1.0, 90),
        (500, 0, 0.2, 0),
    ],
)
def test_a_trial_takes_60_steps_or_all_of_a_shorter_training(steps, rates, share, expected):
    trials = {"learning_rates": [10.0**-k for k in range(2, 2 + rates)], "share": share}
    settings = SCREEN | {"trials": trials, "training": {"batch_rows": 1}}
    config = parse_config(settings, source="test")
    assert trial_steps(config, steps) == expected
    said = rate_said(config, steps)
    assert (f" {expected} steps each" in said) == bool(rates)
    assert ("as many as the whole training has" in said) == (expected == steps)


def test_a_trial_that_breaks_is_no_failure(model, job, tmp_path, monkeypatch):
    def broken(_training):
        raise ModelError("the loss is nan at step 1")

    monkeypatch.setattr("emoloom.training.fit.Training.step", broken)
    found = trial(model, job, tmp_path, 0.9)
    assert found == {"learning_rate": 0.9, "loss": None, "reason": "the loss is nan at step 1"}


def test_the_rate_of_the_lowest_loss():
    trials = [
        {"learning_rate": 3e-3, "loss": 0.5},
        {"learning_rate": 1e-3, "loss": 0.5},
        {"learning_rate": 3e-4, "loss": 0.7},
        {"learning_rate": 1e-2, "loss": None, "reason": "nan"},
    ]
    assert best_rate(trials) == 1e-3, "of equal losses the lowest rate"
    with pytest.raises(ModelError, match="every learning rate tried: nan"):
        best_rate(trials[3:])


def test_rows_are_held_out_by_group():
    rows = varied_rows(12)
    grouped = tuple(replace(r, group=f"g{number // 2}") for number, r in enumerate(rows))
    kept, held_out = hold_out(grouped, 3, seed=1)
    assert sorted(r.id for r in (*kept, *held_out)) == sorted(r.id for r in grouped)
    assert {r.group for r in kept}.isdisjoint(r.group for r in held_out)
    assert len(held_out) == 4, "whole groups, the count at least"
    assert (kept, held_out) == hold_out(grouped, 3, seed=1)
    assert len(hold_out(grouped, 100, seed=1)[1]) == 4, "a quarter at most, in whole groups"
    one = tuple(replace(r, group="g") for r in rows)
    assert hold_out(one, 3, seed=1) == (one, one)
