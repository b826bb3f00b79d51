"""Stopped after any step and continued is never stopped, byte for byte."""

import errno
import json
import random
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from emoloom.training.adapters import add_adapter
from emoloom.training.checkpoints import restore_checkpoint, save_checkpoint
from emoloom.training.fit import Training
from emoloom.training.label_tree import label_tree
from emoloom.training.label_watch import make_watch
from emoloom.training.mixture import MixtureSampler, MixtureSettings
from emoloom.training.pools import make_pools
from emoloom.training.schedule import FitSettings
from term_setup import ALL, set_up
from tiny_lm import make_tiny, reload, varied_rows

SETTINGS = FitSettings(seed=3, epochs=6, batch_rows=4, learning_rate=1e-2, lora_rank=4)
ROWS = varied_rows(14)
INPUTS = "fingerprint"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("checkpoints") / "model"
    make_tiny(made)
    return made


def begin(model: Path) -> Training:
    lm = reload(model)
    add_adapter(lm, SETTINGS)
    held_out, tree = frozenset({2, 7}), label_tree(lm.prompter)
    mixture = MixtureSettings(excess_low=0.0, excess_high=5.5, memory=0.0)
    pools = make_pools(ROWS, ["made-up"], held_out)
    setup = set_up(lm, ROWS, ALL, tree=tree)
    return setup.training(
        SETTINGS,
        sampler=MixtureSampler(pools, 3, 6, 4, mixture),
        watch=make_watch(dict(enumerate(setup.examples)), ROWS, held_out, tree, every=2),
    )


def bytes_of(training: Training) -> dict[str, bytes]:
    return {name: t.numpy().tobytes() for name, t in training.state().items()}


@pytest.fixture(scope="module")
def undisturbed(model) -> Training:
    training = begin(model)
    while not training.finished:
        training.step()
    return training


def test_twenty_stops_and_starts_change_no_byte(model, undisturbed, tmp_path):
    """A new process a stop, as far as the training can tell: all is loaded again."""
    stops = sorted(random.Random(1).choices(range(1, undisturbed.sampler.steps), k=20))
    training = begin(model)
    for stop in stops:
        while len(training.log) < stop:
            training.step()
        save_checkpoint(training, tmp_path, INPUTS)
        training = begin(model)
        assert restore_checkpoint(training, tmp_path, INPUTS) == stop
    while not training.finished:
        training.step()
    assert training.log == undisturbed.log
    assert [step.excess is not None for step in training.log] == [False, True] * 12
    assert len({step.tau for step in training.log}) > 5, "draws follow what was measured"
    assert bytes_of(training) == bytes_of(undisturbed)


def test_the_newest_two_are_kept(model, tmp_path):
    training = begin(model)
    for _ in range(4):
        training.step()
        save_checkpoint(training, tmp_path, INPUTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-000004"]


def test_those_of_other_inputs_take_no_place(model, tmp_path):
    """As after an upgrade under an interrupted run: they may have more steps."""
    training = begin(model)
    for _ in range(4):
        training.step()
    for steps in (3, 4):
        save_checkpoint(training, tmp_path / str(steps), "another fingerprint")
        (tmp_path / str(steps) / "step-000004").rename(tmp_path / f"step-00000{steps}")
        (tmp_path / str(steps)).rmdir()
    training = begin(model)
    for _ in range(2):
        training.step()
        save_checkpoint(training, tmp_path, INPUTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000001", "step-000002"]
    assert restore_checkpoint(begin(model), tmp_path, INPUTS) == 2


@pytest.mark.parametrize("harm", ["cut", "no json", "other weights", "gone", "other log"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(model, tmp_path, harm):
    training = begin(model)
    for _ in range(2):
        training.step()
        newest = save_checkpoint(training, tmp_path, INPUTS)
    tensors = newest / "state.safetensors"
    if harm == "cut":
        tensors.write_bytes(tensors.read_bytes()[:-8])
    elif harm == "no json":
        (newest / "state.json").write_text("{")
    elif harm == "other log":
        state = json.loads((newest / "state.json").read_text())
        state["log"][0]["drawn"] = state["log"][1]["drawn"]
        (newest / "state.json").write_text(json.dumps(state))
    elif harm == "other weights":
        shutil.copy(tmp_path / "step-000001" / tensors.name, tensors)
    else:
        tensors.unlink()
    assert restore_checkpoint(begin(model), tmp_path, INPUTS) == 1


def test_a_checkpoint_of_other_inputs_is_not_gone_on_from(model, tmp_path):
    training = begin(model)
    training.step()
    save_checkpoint(training, tmp_path, INPUTS)
    assert restore_checkpoint(begin(model), tmp_path, "another fingerprint") == 0


def test_a_full_disk_is_said_before_anything_is_written(model, tmp_path, monkeypatch):
    training = begin(model)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(OSError, match="too little space") as found:
        save_checkpoint(training, tmp_path, INPUTS)
    assert found.value.errno == errno.ENOSPC, "the run ends, no candidate is blamed"
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_holds_no_path_and_no_time(model, tmp_path):
    training = begin(model)
    training.step()
    state = json.loads((save_checkpoint(training, tmp_path, INPUTS) / "state.json").read_text())
    assert sorted(state) == ["inputs", "log", "pack_tokens", "seal", "sha256"]


def test_packs_shrink_where_memory_runs_out(model, monkeypatch):
    """Half of the pack is tried; the step is that of the large pack, and the event is told."""
    whole, told = begin(model), []
    expected = whole.step()
    training = begin(model)
    training._on_shrink = told.append
    plain = Training._cast

    def narrow(self, forward, group):
        if len(group.examples) > 2:
            raise MemoryError
        return plain(self, forward, group)

    monkeypatch.setattr(Training, "_cast", narrow)
    found = training.step()
    assert told and told[-1] == training.pack_tokens < SETTINGS.pack_tokens
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert replace(found, loss=0, terms={}) == replace(expected, loss=0, terms={})
