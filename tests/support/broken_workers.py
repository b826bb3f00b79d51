"""Real workers; the training of one candidate goes wrong in the way that the run is named for."""

import os
import signal
import time
from dataclasses import replace

BAD = "bad.sft"


def serve(wire, setup) -> None:
    """`crash`, `hang`, `memory` or `bug`, in the training of `BAD` alone."""
    from emoloom.engines import worker

    find = worker.find_work

    def find_broken(job, order):
        work = find(job, order)
        if (order.candidate, order.stage) != (BAD, "train"):
            return work
        return replace(work, make=lambda _meter: _fault(setup.config.name))

    worker.find_work = find_broken
    worker.serve(wire, setup)


def _fault(how: str):
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "bug":
        raise ValueError("a bug\nin two lines")
    held = bytearray(2**30) if how == "memory" else bytearray()
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(600)
