"""Memory: telling "too little" from other faults, and how much a model takes."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from emoloom.models.logits import ModelError

_FULL = (
    "can't allocate memory",
    "not enough memory",
    "std::bad_alloc",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""What torch says of it in errors without a type of their own."""


def out_of_memory(fault: BaseException) -> bool:
    """Whether a forward or backward failed because memory ran out, on a GPU or on the CPU."""
    if isinstance(fault, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(fault, RuntimeError) and any(text in str(fault) for text in _FULL)


@contextmanager
def at_least(name: str, what: str) -> Iterator[None]:
    """For work that cannot be made smaller: says what there is too little memory for.

    Args:
        name: of the model.
        what: the work, as in `for row r1 alone`.

    Raises:
        ModelError: memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as fault:
        if not out_of_memory(fault):
            raise
        raise ModelError(f"{name}: memory does not suffice for {what}") from fault


def release() -> None:
    """Hand back what a GPU keeps of a forward that failed."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def resident_mb(device: torch.device) -> float:
    """Memory held now, in MiB: on a GPU that of its tensors, else of this process."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device) / 2**20
    return _of_process("VmRSS") or _largest_mb()


def peak_mb(device: torch.device) -> float:
    """Most memory held since `reset_peak`, in MiB; without Linux, since the process began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return _of_process("VmHWM") or _largest_mb()


def reset_peak() -> None:
    """Begin anew to look for the largest amount."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _of_process(name: str) -> float | None:
    """A figure of Linux's for this process, in MiB."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return float(line.split()[1]) / 2**10
    return None


def _largest_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
