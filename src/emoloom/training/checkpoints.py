"""Checkpoints of a training: whole or not at all, the newest two kept, continued byte for byte.

`<folder>/step-000020/` holds `state.safetensors` (parameters and the optimiser's moments) and
`state.json` (the log so far, the size of the packs, a hash over all). The learning rate and the
sampler are functions of the step and the log, and nothing draws from a generator that has a state.
"""

import errno
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from emoloom.runs.directory import dumps, fingerprint, sha256_file, write_folder_atomic
from emoloom.sizes import SPARE_BYTES
from emoloom.training.fit import Training
from emoloom.training.schedule import StepLog

KEPT = 2
"""Newest checkpoints that stay on the disk."""

_NAME = re.compile(r"step-\d{6,}")


def save_checkpoint(training: Training, folder: Path, inputs: str) -> Path:
    """Write a checkpoint, then drop all but the newest two, and those of other inputs.

    Args:
        training: between two steps.
        folder: of the checkpoints of this training.
        inputs: fingerprint of everything that affects the training.

    Raises:
        OSError: the disk has too little space (ENOSPC).
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in training.state().items()}
    folder.mkdir(parents=True, exist_ok=True)
    needed = sum(tensor.nbytes for tensor in tensors.values()) + SPARE_BYTES
    _check_space(folder, needed)
    target = folder / f"step-{len(training.log):06d}"

    def fill(made: Path) -> None:
        save_file(tensors, made / "state.safetensors")
        state = {
            "inputs": inputs,
            "pack_tokens": training.pack_tokens,
            "sha256": sha256_file(made / "state.safetensors"),
            "log": [asdict(step) for step in training.log],
        }
        sealed = state | {"seal": fingerprint(state)}
        (made / "state.json").write_text(dumps(sealed) + "\n", encoding="utf-8")

    write_folder_atomic(target, fill)
    own = [path for path in _checkpoints(folder) if _state(path).get("inputs") == inputs]
    for path in _checkpoints(folder):
        # One of other inputs is never gone on from, however many steps it has.
        if path not in own[:KEPT]:
            shutil.rmtree(path)
    return target


def restore_checkpoint(training: Training, folder: Path, inputs: str) -> int:
    """Go on from the newest checkpoint that is whole and of the same inputs.

    Returns:
        Steps that are done; 0 where no checkpoint fits.
    """
    for path in _checkpoints(folder):
        try:
            state = _state(path)
            if state["inputs"] != inputs:
                continue
            if state["sha256"] != sha256_file(path / "state.safetensors"):
                continue
            tensors = load_file(path / "state.safetensors")
            log = [_step(line) for line in state["log"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError):
            continue  # damaged: an older one, or the beginning, gives the same adapter
        training.restore(tensors, log, state["pack_tokens"])
        return len(log)
    return 0


def _state(path: Path) -> dict[str, Any]:
    """What state.json holds; empty where it is damaged or altered."""
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        whole = state.pop("seal") == fingerprint(state)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return state if whole else {}


def _checkpoints(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(_folders(folder), key=lambda path: int(path.name[5:]), reverse=True)


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _step(line: dict[str, Any]) -> StepLog:
    return StepLog(**{**line, "drawn": tuple(line["drawn"])})


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        # The disk's fault, not the candidate's: it ends the run as a full disk does.
        said = f"too little space for a checkpoint: {free / 2**20:.0f} MiB free, "
        said += f"at least {needed / 2**20:.0f} MiB needed"
        raise OSError(errno.ENOSPC, said, str(folder))
