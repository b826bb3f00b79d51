"""costs.json: every time, rate and memory figure of a run, and what all its calls have spent.

Written at the end of each unit of work, and every few seconds in between: a killed call loses no
more than that. A call that does no work leaves the file alone.
"""

import json
import math
import resource
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emoloom.planning.budget import Spent
from emoloom.planning.probe_record import PROBE
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.polarity_set import POLARITY
from emoloom.runs.directory import write_json_atomic
from emoloom.runs.work import Work

BEAT_SECONDS = 5.0
"""Seconds between two records of work that goes on."""

Key = tuple[str, str]
"""Stage and candidate."""


@dataclass(slots=True)
class _Open:
    """Work that goes on. Mutable: it lives as long as the unit."""

    work: Work
    started: float
    written: float
    seconds_before: float
    tokens_before: int
    tokens: int = 0


class Ledger:
    """The costs of one run, as one call writes them. Safe to use from several threads."""

    def __init__(self, path: Path, started: float, now: Callable[[], float]) -> None:
        """Take up what earlier calls have recorded.

        Args:
            path: costs.json.
            started: when this call began, on the clock of `now`.
            now: a clock in seconds.
        """
        self._path, self._started, self._now = path, started, now
        self._lock = threading.RLock()
        kept = _read(path)
        self._stages = _stages(kept)
        self._before = _spent(kept, self._stages)
        self._planned = _planned(kept)
        self.probes = _probes(kept)
        self._accelerator, self._tokens = 0.0, 0
        self._open: dict[Key, _Open] = {}
        self._wrote = False

    def begin(self, work: Work) -> None:
        """Work on a unit begins."""
        with self._lock:
            before = [e for e in self._stages if _key(e) == _of(work) and _unfinished(e)]
            now = self._now()
            self._open[_of(work)] = _Open(
                work,
                now,
                now,
                sum(e["seconds"] for e in before),
                sum(int(e.get("tokens", 0)) for e in before),
            )

    def spend(self, work: Work, tokens: int) -> None:
        """Charge computed positions to a unit that goes on."""
        with self._lock:
            self._open[_of(work)].tokens += tokens
            if work.budgeted:
                self._tokens += tokens

    def beat(self, work: Work, done: int) -> None:
        """Record a unit that goes on, where the last record is some time ago."""
        with self._lock:
            now, entry = self._now(), self._open[_of(work)]
            if now - entry.written >= BEAT_SECONDS:
                entry.written = now
                self._record(entry, now, {"finished": False, "units": done})

    def end(self, work: Work, costs: Mapping[str, float]) -> None:
        """Work on a unit ends; `costs` say what else is known, and whether it is finished."""
        with self._lock:
            now, entry = self._now(), self._open.pop(_of(work))
            if work.budgeted:
                self._accelerator += now - entry.started
            if work.stage.name == PROBE and costs.get("finished") is not False:
                self.probes[work.candidate], costs = dict(costs), {}
            self._record(entry, now, costs)

    def spent(self) -> Spent:
        """By all calls, this one up to now."""
        with self._lock:
            return self._spent_at(self._now())

    def close(self) -> None:
        """The call ends: what it took since its last record, if it did any work at all."""
        with self._lock:
            if self._wrote:
                self._write(self._now())

    def plan(self, stages: Iterable[Mapping[str, Any]]) -> None:
        """Keep a forecast beside what is spent; what was forecast for a stage first stays."""
        with self._lock:
            known = {_key(entry) for entry in self._planned}
            added = [dict(entry) for entry in stages if _key(entry) not in known]
            if added:
                self._planned += added
                self._write(self._now())

    def _spent_at(self, now: float) -> Spent:
        held = sum(now - entry.started for entry in self._open.values() if entry.work.budgeted)
        before = self._before
        return Spent(
            before.wall_seconds + now - self._started,
            before.accelerator_seconds + self._accelerator + held,
            before.tokens + self._tokens,
        )

    def _record(self, unit: _Open, now: float, costs: Mapping[str, float]) -> None:
        """The seconds and tokens of a stage are those of all calls that worked on it."""
        work, seconds = unit.work, unit.seconds_before + now - unit.started
        entry: dict[str, Any] = {
            "stage": work.stage.name,
            "candidate": work.candidate,
            "seconds": round(seconds, 3),
            "units": work.units,
            "unit": work.unit,
            "rate": 0.0,
            "peak_memory_mb": round(peak_memory_mb(), 1),
            **costs,
        }
        worked = entry["units"] - entry.get("cached_rows", 0)
        entry["rate"] = round(worked / max(seconds, 1e-9), 3)
        if tokens := unit.tokens_before + unit.tokens:
            entry["tokens"] = tokens
        self._stages = [*(e for e in self._stages if _key(e) != _of(work)), entry]
        self._write(now)

    def _write(self, now: float) -> None:
        self._wrote = True
        tables = {
            key: _decode_table(e for e in self._stages if _asked_beside(e) == beside)
            for key, beside in (("decode", ""), ("decode_polarity", POLARITY))
        }
        for beside in (CROSS, TEST):
            if table := _decode_table(e for e in self._stages if _asked_beside(e) == beside):
                tables[f"decode_{beside}"] = table
        spent = {k: round(v, 3) for k, v in asdict(self._spent_at(now)).items()}
        made = {"probes": self.probes, "planned": self._planned}
        forecast = {name: value for name, value in made.items() if value}
        whole = {"spent": spent, "stages": self._stages, **tables, **forecast}
        write_json_atomic(self._path, whole)


def peak_memory_mb() -> float:
    """Largest resident set of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _of(work: Work) -> Key:
    return work.stage.name, work.candidate


def _key(entry: Mapping[str, Any]) -> Key:
    return entry["stage"], entry["candidate"]


def _asked_beside(entry: Mapping[str, Any]) -> str:
    """The row set, where it is one that never ranks."""
    return str(entry["stage"]) if entry["stage"] in (POLARITY, CROSS, TEST) else ""


def _unfinished(entry: Mapping[str, Any]) -> bool:
    return entry.get("finished") is False


def _read(path: Path) -> dict[str, Any]:
    """What the file holds; figures for people: a damaged one is begun anew."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _stages(kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    stages = kept.get("stages")
    return [entry for entry in stages if _is_entry(entry)] if isinstance(stages, list) else []


def _probes(kept: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Figures of models by the candidate in whose name they were timed."""
    given = kept.get("probes")
    found = given if isinstance(given, dict) else {}
    return {
        name: figures
        for name, figures in found.items()
        if isinstance(figures, dict) and all(map(_is_number, figures.values()))
    }


def _planned(kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    planned = kept.get("planned")
    entries = planned if isinstance(planned, list) else []
    names = ("stage", "candidate")
    known = (e for e in entries if isinstance(e, dict))
    return [e for e in known if all(isinstance(e.get(name), str) for name in names)]


def _spent(kept: Mapping[str, Any], stages: Iterable[Mapping[str, Any]]) -> Spent:
    """As recorded; of a file that has no such record, what its stages took."""
    given = kept.get("spent")
    names = ("wall_seconds", "accelerator_seconds", "tokens")
    if isinstance(given, dict) and all(
        _is_number(given.get(name)) and given[name] >= 0 for name in names
    ):
        return Spent(given[names[0]], given[names[1]], int(given[names[2]]))
    seconds = sum(entry["seconds"] for entry in stages)
    return Spent(seconds, sum(e["seconds"] for e in stages if e["candidate"] != "-"), 0)


def _is_number(value: object) -> bool:
    try:
        known = isinstance(value, int | float) and not isinstance(value, bool)
        return known and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        return False


def _is_entry(value: object) -> bool:
    """A record of ours: three names, and finite numbers beside them."""
    names = {"stage", "candidate", "unit"}
    if not isinstance(value, dict) or not {*names, "seconds"} <= value.keys():
        return False
    return all(
        isinstance(item, str) if key in names else isinstance(item, bool) or _is_number(item)
        for key, item in value.items()
    )


def _decode_table(stages: Iterable[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Decoding figures by candidate, for the report."""
    keys = ("rows", "forwards", "tokens_computed", "near_ties", "truncated", "seconds")
    margin = ("tie_margin", "certified_margin", "tuned_margin", "margin_forwards")
    audit = (*margin, "decided", "audited_rows", "audited_tokens", "audit_mismatches", "widenings")
    return {
        entry["candidate"]: _measured(
            {
                **{key: entry[key] for key in keys},
                **{key: entry[key] for key in ("cached_rows", *audit) if key in entry},
                "forwards_per_row": round(entry["forwards"] / max(1, entry["rows"]), 2),
                "rows_per_second": round(entry["rows"] / max(entry["seconds"], 1e-9), 3),
            }
        )
        for entry in stages
        if all(key in entry for key in keys)
    }


def _measured(entry: dict[str, float]) -> dict[str, float]:
    """Without times and rates where answers were kept from another run: they took none here."""
    timed = ("seconds", "forwards_per_row", "rows_per_second")
    return {k: v for k, v in entry.items() if k not in timed or not entry.get("cached_rows")}
