"""Training of one candidate in its folder: stopped, continued, failed, with and without heads."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emoloom.models.logits import ModelError
from emoloom.records import Appraisal
from emoloom.screening import training_steps
from emoloom.screening.head_answers import HEADS
from emoloom.screening.training_steps import Mixture, TrainJob, train
from emoloom.training.fit import Training
from emoloom.training.mixture import MixtureSettings
from emoloom.training.schedule import FitSettings
from emoloom.training.terms import Weights
from tiny_lm import make_tiny, reload
from train_jobs import train_job

SETTINGS = FitSettings(
    seed=2,
    epochs=2,
    batch_rows=4,
    learning_rate=1e-2,
    lora_rank=4,
    weights=Weights(labels=0.2, vad=0.2, vad_preserving=0.5),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("steps") / "model"
    make_tiny(made)
    return made


@pytest.fixture(scope="module")
def job() -> TrainJob:
    return train_job(SETTINGS, mixture=Mixture(("made-up",), MixtureSettings(measure_steps=2)))


def run(model: Path, job: TrainJob, folder: Path, advance=lambda _: None) -> dict[str, int]:
    return train(reload(model), job, folder, advance, lambda *_, **__: None)


def made(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def undisturbed(model, job, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    counts = run(model, job, folder)
    assert (counts["rows"], counts["held_out"]) == (12, 1)
    return made(folder)


def test_adapter_heads_and_log_are_left_and_no_state(undisturbed):
    assert sorted(undisturbed) == [
        "checkpoint/adapter_config.json",
        "checkpoint/adapter_model.safetensors",
        f"checkpoint/{HEADS}",
        "steps.jsonl",
    ]
    lines = [json.loads(line) for line in undisturbed["steps.jsonl"].splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert set(lines[0]["terms"]) == {"lm", "labels", "vad", "vad_digits", "vad_words"}
    assert sum(lines[0]["strata"].values()) == len(lines[0]["drawn"]) == 4


def test_a_pack_that_shrinks_is_an_event(model, job, tmp_path, monkeypatch):
    plain, events = Training._cast, []

    def narrow(self, forward, group):
        if len(group.examples) > 2:
            raise MemoryError
        return plain(self, forward, group)

    monkeypatch.setattr(Training, "_cast", narrow)

    def event(name, **details):
        events.append((name, details["pack_tokens"]))

    train(reload(model), job, tmp_path, lambda _: None, event)
    assert events
    assert {name for name, _ in events} == {"pack_shrunk"}
    assert all(tokens < SETTINGS.pack_tokens for _, tokens in events)


def test_each_row_has_the_verifiers_word_on_its_own_text(model, job, tmp_path, monkeypatch):
    def said(text: str) -> Appraisal:
        return Appraisal(*(len(text) % k / k for k in (7, 5, 3, 2)))

    seen = {}
    plain = training_steps.Examples

    def noted(prompter, rows, labels, vad, charts, atoms, soft):
        seen.update({row.text: one for row, one in zip(rows, atoms, strict=True)})
        return plain(prompter, rows, labels, vad, charts, atoms, soft)

    monkeypatch.setattr(training_steps, "Examples", noted)
    weights = replace(SETTINGS.weights, appraisal=0.4)
    atoms = {row.id: said(row.text) for row in reversed(job.rows)}
    appraised = replace(job, atoms=atoms, settings=replace(SETTINGS, weights=weights))
    run(model, appraised, tmp_path)
    assert seen == {row.text: said(row.text) for row in job.rows}
    assert len(set(seen.values())) > 3
    first = json.loads((tmp_path / "steps.jsonl").read_text().splitlines()[0])
    assert first["terms"]["appraisal"] > 0


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_stop_at_a_step_costs_no_step_and_no_byte(model, job, undisturbed, tmp_path, stop):
    done = []

    def stop_there(count: int) -> None:
        done.append(count)
        if sum(done) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(model, job, tmp_path, stop_there)
    assert not (tmp_path / "checkpoint").exists()
    told = []
    run(model, job, tmp_path, told.append)
    assert (told[0], sum(told)) == (stop, 6)
    assert made(tmp_path) == undisturbed


@pytest.mark.parametrize(("amid", "kept"), [("the gradients", 3), ("the update", 2)])
def test_an_interrupt_amid_a_step_costs_that_step_and_no_byte(
    model, job, undisturbed, tmp_path, amid, kept
):
    """Where parameters are half updated the last whole state is that of the checkpoint."""
    plain = torch.optim.AdamW.step if amid == "the update" else Training._backward
    owner, name = (torch.optim.AdamW, "step") if amid == "the update" else (Training, "_backward")
    calls = []

    def interrupted(self, *args):
        found = plain(self, *args)
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(model, job, tmp_path)
    told = []
    run(model, job, tmp_path, told.append)
    assert told[0] == kept
    assert made(tmp_path) == undisturbed


def test_a_killed_process_goes_on_from_its_last_checkpoint(model, job, undisturbed, tmp_path):
    """Killed at work, it saves nothing: what was kept after every second step must do."""
    plain, taken = Training.step, []

    def killed(self):
        if len(self.log) == 3:
            raise SystemExit
        taken.append(len(self.log))
        return plain(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "step", killed)
        with pytest.raises(SystemExit):
            run(model, job, tmp_path)
    told = []
    run(model, job, tmp_path, told.append)
    assert told[0] == 2
    assert made(tmp_path) == undisturbed


def test_what_was_logged_before_a_fault_is_kept(model, job, tmp_path, monkeypatch):
    plain = Training.step

    def fails(self):
        if len(self.log) == 2:
            raise ModelError("tiny: loss is nan at step 3 (rows r1); terms: lm nan")
        return plain(self)

    monkeypatch.setattr(Training, "step", fails)
    with pytest.raises(ModelError, match="terms: lm nan"):
        run(model, job, tmp_path)
    assert len((tmp_path / "steps.jsonl").read_text().splitlines()) == 2


def test_without_heads_no_file_of_heads(model, job, tmp_path):
    settings = replace(SETTINGS, epochs=1, weights=Weights())
    run(model, replace(job, settings=settings, mixture=None), tmp_path)
    assert not (tmp_path / "checkpoint" / HEADS).exists()
    line = json.loads((tmp_path / "steps.jsonl").read_text().splitlines()[0])
    assert {"excess", "tau", "share_a", "strata"}.isdisjoint(line)
