"""Telling "too little memory" from other faults."""

import torch


def out_of_memory(fault: BaseException) -> bool:
    """Whether a forward or backward failed because memory ran out, on a GPU or on the CPU."""
    if isinstance(fault, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(fault, RuntimeError) and "can't allocate memory" in str(fault)
