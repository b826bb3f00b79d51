"""Runs units of work that hold a model in worker processes of their own.

What a unit makes does not depend on where it is made: same files, same threads, same bytes. A
worker that dies costs its unit; one that hangs, or takes too much memory, is ended. Then the
candidate has failed, and the others are ranked.
"""

import multiprocessing
import queue
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from emoloom.config import Config
from emoloom.engines.local import LocalEngine, UnitMeter
from emoloom.engines.wire import GO, QUIT, READY, STOP, Border, End, Order, Setup
from emoloom.engines.worker import serve
from emoloom.errors import UserError
from emoloom.models.logits import ModelError
from emoloom.planning.budget import WorkEnd
from emoloom.runs.work import Outcome, Work

LOOK_SECONDS = 0.5
"""Seconds between two looks at a worker that says nothing."""

GRACE_SECONDS = 10.0
"""Seconds that a stopped worker has to come to its next border."""

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class _DiedError(Exception):
    """A worker ended by itself, or was ended from outside."""


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    wire: Connection


@dataclass(slots=True)
class PoolEngine(LocalEngine):
    """`workers` processes; work without a model is done in this one."""

    config: Config = field(kw_only=True)
    """The screen."""
    _idle: "queue.SimpleQueue[_Worker]" = field(default_factory=queue.SimpleQueue, init=False)
    _begun: list[BaseProcess] = field(default_factory=list, init=False)
    """Every worker of this call, ended or not."""
    _interrupted: threading.Event = field(default_factory=threading.Event, init=False)

    def each(self, do: Callable[[_Item], _Made], items: Sequence[_Item]) -> list[_Made]:
        """Apply to every item, as many at a time as there are workers; results in their order."""
        if self.config.workers == 1 or len(items) < 2:
            return [do(item) for item in items]
        with ThreadPoolExecutor(self.config.workers) as pool:
            futures = [pool.submit(do, item) for item in items]
            try:
                for ended in wait(futures, return_when=FIRST_EXCEPTION).done:
                    ended.result()
                return [future.result() for future in futures]
            except BaseException:
                self._interrupted.set()  # the others stop at their next border
                for future in futures:
                    future.cancel()
                raise

    def make(self, work: Work, meter: UnitMeter) -> Outcome:
        """Have a worker do what holds a model.

        Raises:
            ModelError: it failed, took too long or too much memory, or its worker died too often.
        """
        if not work.budgeted:
            return work.make(meter)
        attempts = 0
        while True:
            try:
                return self._follow(self._worker(), work, meter)
            except _DiedError as error:
                attempts += 1
                self.run.event("worker_died", stage=work.stage.name, candidate=work.candidate)
                self.progress.say(f"{work.stage.name} of {work.candidate}: {error}")
                if attempts >= self.budget.attempts:
                    reason = f"{error}, {attempts} times, in {work.stage.name}"
                    self.end_work(WorkEnd("crash", self.budget.attempts, reason), work)

    def close(self) -> None:
        """Send every worker home, and end those that an interrupt let nobody follow."""
        while not self._idle.empty():
            worker = self._idle.get()
            _send_home(worker)
            _end(worker)
        for process in self._begun:
            if process.pid is not None:
                process.kill()
                process.join()

    def _worker(self) -> _Worker:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            setup = Setup(self.config, self.run.root, self.files)
            process = context.Process(target=serve, args=(theirs, setup), daemon=True)
            self._begun.append(process)
            # Ctrl-C reaches the whole group of processes, and Slurm and systemd send SIGTERM to
            # each; what follows is for this one to say. A first start would begin the tracker of
            # resources, which unblocks the signals.
            resource_tracker.ensure_running()
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            try:
                process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
            worker = _Worker(process, ours)
            self._await_ready(worker)
            return worker

    def _await_ready(self, worker: _Worker) -> None:
        """Its imports are not charged to the first unit's time limit."""
        try:
            while not worker.wire.poll(LOOK_SECONDS):
                if self._interrupted.is_set():
                    raise KeyboardInterrupt
            ready = _receive(worker)
        except BaseException:
            _end(worker)
            raise
        assert ready == READY, ready

    def _follow(self, worker: _Worker, work: Work, meter: UnitMeter) -> Outcome:
        """Order the unit and hear its borders out."""
        meter.restart()
        try:
            _send(worker, Order(work.stage.name, work.candidate, work.stage.inputs))
            while True:
                message = self._hear(worker, work, meter)
                meter.spend(message.tokens)
                if isinstance(message, End):
                    break
                meter(message.units)
                _send(worker, GO)
        except _DiedError:
            _end(worker)
            raise
        except BaseException:
            _dismiss(worker)
            raise
        self._idle.put(worker)
        return _outcome(message)

    def _hear(self, worker: _Worker, work: Work, meter: UnitMeter) -> Border | End:
        """The next message; meanwhile time, memory and the user are watched."""
        heard = time.monotonic()
        while True:
            if self._interrupted.is_set():
                raise KeyboardInterrupt
            self._see_memory(worker, work)
            if worker.wire.poll(LOOK_SECONDS):
                message: Border | End = _receive(worker)
                return message
            meter.wait()
            limit = self.budget.unit_seconds
            if time.monotonic() - heard > limit:
                _end(worker)
                reason = f"no {work.unit} finished within {limit:g} s"
                self.end_work(WorkEnd("time", limit, reason), work)

    def _see_memory(self, worker: _Worker, work: Work) -> None:
        most = self.budget.memory_mb
        if most is not None and _held_mb(worker) > most:
            _end(worker)
            reason = f"its worker took over {most} MiB of memory"
            self.end_work(WorkEnd("memory", most, reason), work)


def _dismiss(worker: _Worker) -> None:
    """Let a worker come to its border, where it keeps what it has; end it if it does not."""
    deadline = time.monotonic() + GRACE_SECONDS
    try:
        _send(worker, STOP)  # heard at its next border, or at the one where it waits
        while worker.process.is_alive() and time.monotonic() < deadline:
            if worker.wire.poll(LOOK_SECONDS) and isinstance(worker.wire.recv(), End):
                _send_home(worker)
                break
    except (_DiedError, EOFError, OSError):
        pass
    finally:
        _end(worker)


def _send_home(worker: _Worker) -> None:
    """Let an idle worker end by itself: it then cleans up what its libraries hold."""
    with suppress(OSError):  # it may have gone already
        worker.wire.send(QUIT)
    worker.process.join(GRACE_SECONDS)


def _send(worker: _Worker, message: object) -> None:
    try:
        worker.wire.send(message)
    except OSError as error:
        raise _DiedError("its worker ended") from error


def _receive(worker: _Worker) -> Any:
    try:
        return worker.wire.recv()
    except (EOFError, OSError) as error:
        worker.process.join(GRACE_SECONDS)
        code = worker.process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
        raise _DiedError(f"its worker ended {how}") from error


def _end(worker: _Worker) -> None:
    """Whatever it is doing."""
    worker.process.kill()
    worker.process.join()
    worker.wire.close()


def _held_mb(worker: _Worker) -> float:
    import psutil

    try:
        return float(psutil.Process(worker.process.pid).memory_info().rss) / 2**20
    except psutil.Error:
        return 0.0


def _outcome(end: End) -> Outcome:
    """What was made, or the error that kept it from being made."""
    if end.outcome is not None:
        return end.outcome
    if end.how == "user":
        raise UserError(end.message)
    if end.how == "disk":
        raise OSError(end.errno, end.message)
    raise ModelError(end.message)
