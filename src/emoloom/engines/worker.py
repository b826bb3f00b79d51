"""A worker process: it makes units of work in the run folder, and reports each border.

Nothing of a candidate is sent to it but its name: rows, lexicon and certificates are read from the
run folder, so what it makes is what any other process would make. After each finished unit it waits
to be told to go on: a budget is never exceeded by more than one unit of each worker.
"""

import os
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from multiprocessing import connection, parent_process
from pathlib import Path

from tqdm import tqdm

from emoloom.corpora.labels import load_space
from emoloom.engines.ledger import peak_memory_mb
from emoloom.engines.wire import GO, QUIT, READY, STOP, Border, End, Order, Setup
from emoloom.errors import UserError, system_fault
from emoloom.models.logits import ModelError
from emoloom.planning.encoder_probe import encoder_probe_work
from emoloom.planning.probe import probe_work
from emoloom.planning.probe_record import PROBE
from emoloom.row_sets.polarity_set import with_pairs
from emoloom.row_sets.shared import SharedRows, read_row_sets
from emoloom.runs.directory import RunDirectory
from emoloom.runs.work import Work
from emoloom.screening.answers import (
    candidate_work,
    cross_work,
    pair_work,
    rung_work,
    test_work,
)
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.candidates import all_candidates
from emoloom.screening.encoder_floor import EncoderRun, encoder_work, list_encoders
from emoloom.screening.extras import read_extras
from emoloom.screening.head_answers import SUFFIX
from emoloom.screening.precision_record import PRECISION_STAGE
from emoloom.supervision.lexicon import load_lexicon


class _Stopped(BaseException):
    """The parent wants no more of this unit."""


def serve(wire: "connection.Connection", setup: Setup) -> None:
    """Make what is ordered until the parent says to quit, or is gone."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # Its own lock is a semaphore of the system, which a worker that is killed leaves behind.
    tqdm.set_lock(threading.RLock())
    with suppress(OSError):  # not Linux: where memory runs out, take the worker and not the run
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    bench = _Bench(setup)
    wire.send(READY)
    while True:
        try:
            order = wire.recv()
        except EOFError:
            return
        if order in {QUIT, STOP}:  # told to stop at the moment at which its unit ended
            return
        wire.send(_make(bench, order, _Meter(wire)))


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@dataclass
class _Bench:
    """The jobs of a run, read once."""

    setup: Setup

    @cached_property
    def rows(self) -> SharedRows:
        config, run = self.setup.config, RunDirectory(self.setup.root)
        space = load_space(config.labels)
        rows = read_row_sets(run.root / "data", space)
        return with_pairs(rows, run, space) if config.polarity.pairs else rows

    @cached_property
    def encoders(self) -> dict[str, EncoderRun]:
        config, run, files = self.setup.config, RunDirectory(self.setup.root), self.setup.files
        space = load_space(config.labels)
        return {
            one.name: EncoderRun(one, files[one.name], config, run, space, self.rows)
            for one in list_encoders(config)
            if one.name in files
        }

    @cached_property
    def jobs(self) -> dict[str, CandidateRun]:
        config, run, rows = self.setup.config, RunDirectory(self.setup.root), self.rows
        space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
        extras, files = read_extras(run, config, space), self.setup.files
        parameters = {name: model.parameters for name, model in files.items()}
        return {
            one.name: CandidateRun(
                one,
                files[one.model.name],
                config.model_copy(update={"seed": one.seed}),
                run,
                space,
                lexicon,
                rows,
                extras,
            )
            for one in all_candidates(config, parameters)
        }


class _Meter:
    """Reports borders, and stops where the parent says so."""

    def __init__(self, wire: "connection.Connection") -> None:
        self.wire, self.tokens = wire, 0

    def __call__(self, count: int, /) -> None:
        self.wire.send(Border(count, self.tokens))
        self.tokens = 0
        if self.wire.recv() != GO:
            raise _Stopped

    def spend(self, tokens: int, /) -> None:
        self.tokens += tokens


def _make(bench: _Bench, order: Order, meter: _Meter) -> End:
    try:
        made = _ordered(bench, order).make(meter)
        held = {"peak_memory_mb": round(peak_memory_mb(), 1)}
        outcome = replace(made, counts=dict(made.counts), costs={**made.costs, **held})
    except _Stopped:
        return End("stopped", tokens=meter.tokens)
    except ModelError as error:
        return End("model", message=str(error), tokens=meter.tokens)
    except UserError as error:
        return End("user", message=str(error), tokens=meter.tokens)
    except Exception as error:
        if (fault := system_fault(error)) is not None:
            return End("disk", message=str(fault), tokens=meter.tokens, errno=fault.errno or 0)
        traceback.print_exc()  # this candidate's alone; the others go on
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return End("bug", message=said, tokens=meter.tokens)
    return End("done", outcome, tokens=meter.tokens)


def _ordered(bench: _Bench, order: Order) -> Work:
    floor = bench.encoders.get(order.candidate)
    if floor is not None:
        return find_unit([encoder_probe_work(floor), encoder_work(floor)], order)
    return find_work(bench.jobs[order.candidate.removesuffix(SUFFIX)], order)


def find_work(job: CandidateRun, order: Order) -> Work:
    """The unit of that name of a candidate."""
    return find_unit(_works(job, order.stage), order)


def find_unit(units: Iterable[Work], order: Order) -> Work:
    """The unit of that name, of the inputs that the parent has in mind."""
    for unit in units:
        if (unit.stage.name, unit.candidate) == (order.stage, order.candidate):
            assert unit.stage.inputs == order.inputs, f"{order} has other inputs here"
            return unit
    raise AssertionError(f"no unit is named {order}")


def _works(job: CandidateRun, stage: str) -> Iterator[Work]:
    """Every unit of a candidate up to the one that is asked for; those before it are done."""
    if stage == PROBE:
        yield probe_work(job)
        return
    rung = stage.rpartition("-")[2]
    if stage.startswith(("train-", "select-", f"{PRECISION_STAGE}-")):
        yield from rung_work(job, int(rung))
        return
    yield from chain(candidate_work(job), pair_work(job), cross_work(job), test_work(job))
