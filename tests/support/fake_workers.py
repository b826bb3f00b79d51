"""Stand-ins for a worker process: they do what the name of the stage says, and load no model."""

import os
import signal
import time

from emoloom.engines.wire import GO, QUIT, READY, Border, End, Setup
from emoloom.runs.work import Outcome

UNITS = 4


def serve(wire, setup: Setup) -> None:
    """`good`, `slow`, `hang`, `eat`, `die`, `die-once`, `bug`, `model`, `user`, `disk`."""
    wire.send(READY)
    while (order := wire.recv()) != QUIT:
        wire.send(_made(wire, setup, order.stage))


def _made(wire, setup: Setup, stage: str) -> End:
    if stage in ("model", "user", "disk", "bug"):
        return End(stage, message=f"a fault of kind {stage}", errno=28)
    first = setup.root / "died-once"
    for unit in range(1, UNITS + 1):
        if unit == 3 and stage == "hang":
            time.sleep(600)
        if unit == 3 and stage == "eat":
            held = bytearray(300 * 2**20)
            held[::4096] = b"x" * len(held[::4096])
            time.sleep(600)
        if unit == 3 and (stage == "die" or (stage == "die-once" and not first.exists())):
            first.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if stage == "slow":
            time.sleep(0.4)
        wire.send(Border(1, 10))
        if wire.recv() != GO:
            (setup.root / "stopped").touch()
            return End("stopped")
    return End("done", Outcome((), {"made": UNITS}), tokens=5)
