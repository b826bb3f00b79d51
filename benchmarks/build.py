"""How fast rows stream through `emoloom data build`, and that memory stays flat.

    python benchmarks/build.py [--rows 1000000] [--cases 0 1] [--out build.json]

Texts are made from the embedded sample's own sentences, with a number that makes each one new, so
that their length and the lexicon's hits are a corpus's. Each case runs in a process of its own, on
one core, and says rows/s from the first byte read to the last file written, and the largest memory
beyond that of a run over 1,000 rows. The near-duplicate search is timed apart, on fewer rows.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.labels import load_space
from emoloom.corpora.near_duplicates import near_duplicate_groups
from emoloom.corpora.registry import read_corpus
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.runs.directory import write_json_atomic
from emoloom.supervision.lexicon import load_lexicon

MIB = 1 << 20
WARM_ROWS = 1000


@dataclass(frozen=True)
class Case:
    """One way of building."""

    name: str
    kind: str
    """Format of the file."""
    drawn: int | None
    """Rows drawn of them; None for all."""
    rated: bool = False
    """With human VAD beside the labels: then no weak VAD is worked out."""
    near: bool = False
    """Train is held against near duplicates in the other sets too."""


CASES = (
    Case("read all, draw 10,000 (CSV)", "csv", 10_000),
    Case("read all, draw 10,000 (JSON Lines)", "jsonl", 10_000),
    Case("read all, draw 10,000, near duplicates out (CSV)", "csv", 10_000, near=True),
    Case("read all, write all with human VAD (CSV)", "csv", None, rated=True),
    Case("read all, write all with weak VAD (CSV)", "csv", None),
)


def texts(count: int) -> Iterator[tuple[str, str]]:
    """(text, label): sentences of the sample in turn, each with a number of its own."""
    rows = read_corpus("goemotions-sample", "train").rows
    for n in range(count):
        row = rows[n % len(rows)]
        label = row.answer.labels[0] if row.answer.labels else "neutral"
        # Few different tokens: the lexicon looks each up once, as in real text.
        yield f"{row.text} {n // 1000} {n % 1000}", label


def write_file(path: Path, case: Case, rows: int) -> None:
    """`rows` records of a case."""
    with path.open("w", encoding="utf-8") as stream:
        if case.kind == "csv":
            stream.write("text,label,v,a,d\n")
        for n, (text, label) in enumerate(texts(rows)):
            rating = str(1 + n % 5) if case.rated else ""
            if case.kind == "csv":
                quoted = text.replace('"', '""')
                stream.write(f'"{quoted}",{label},{rating},{rating},{rating}\n')
            else:
                stream.write(json.dumps({"text": text, "label": label}) + "\n")


def mapping_of(case: Case) -> MappingConfig:
    """What the columns mean."""
    vad = {"valence": "v", "arousal": "a", "dominance": "d", "vad_scale": (1.0, 5.0)}
    return MappingConfig(text="text", labels="label", **(vad if case.kind == "csv" else {}))


def build(case: Case, rows: int, folder: Path) -> dict[str, Any]:
    """One build; its seconds, rows and the process's largest memory."""
    path = folder / f"rows-{rows}.{case.kind}"
    write_file(path, case, rows)
    drawn = None if case.drawn is None else min(case.drawn, rows)
    train = RowsConfig(file=path, mapping=mapping_of(case), rows=drawn)
    select = (RowsConfig(corpus="goemotions-sample", rows=100),)
    data = DataConfig(train=(train,), select=select, near_duplicates=case.near)
    space, lexicon = load_space("goemotions28"), load_lexicon()
    began, cpu = time.perf_counter(), time.process_time()
    counts = write_row_sets(folder / "out", Drawing(data, {}, 1), space, lexicon)
    seconds, core_seconds = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    return {
        "rows": rows,
        "lines_read": counts["lines_read"],
        "written": counts["sets"]["train"]["all"],
        "seconds": round(seconds, 2),
        "rows_per_second": round(rows / seconds),
        "rows_per_core_second": round(rows / core_seconds),
        "file_mib": round(path.stat().st_size / MIB, 1),
        "peak_mib": round(peak, 1),
    }


def in_a_process(function: Callable[..., Any], *arguments: object) -> Any:
    """The result of a call in a fresh process: its peak memory is its own."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(function, *arguments).result()


def measured(case: Case, rows: int) -> dict[str, Any]:
    """A case at full size, beside a run over few rows."""
    with tempfile.TemporaryDirectory() as name:
        small = in_a_process(build, case, WARM_ROWS, Path(name))
        large = in_a_process(build, case, rows, Path(name))
    grown = large["peak_mib"] - small["peak_mib"]
    return {
        "case": case.name,
        **large,
        "peak_mib_at_1000_rows": small["peak_mib"],
        "bytes_of_memory_per_row": round(grown * MIB / rows, 1),
    }


def near_duplicates(rows: int) -> dict[str, Any]:
    """The search for near duplicates among so many texts."""
    found = [text for text, _ in islice(texts(rows), rows)]
    began = time.process_time()
    groups = near_duplicate_groups(found)
    seconds = time.process_time() - began
    return {
        "rows": rows,
        "groups": len(set(groups)),
        "seconds": round(seconds, 2),
        "rows_per_core_second": round(rows / seconds),
    }


def main() -> int:
    """Measure every case, print a table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--near-rows", type=int, default=20_000)
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    results = []
    for case in (CASES[number] for number in given.cases):
        result = measured(case, given.rows)
        results.append(result)
        print(
            f"{case.name}: {result['rows_per_core_second']:,} rows/s per core, "
            f"{result['seconds']} s, {result['file_mib']} MiB read, peak {result['peak_mib']} MiB "
            f"({result['peak_mib_at_1000_rows']} MiB at {WARM_ROWS} rows, "
            f"{result['bytes_of_memory_per_row']} bytes a row)",
            flush=True,
        )
    near = in_a_process(near_duplicates, given.near_rows)
    print(f"near-duplicate search alone, {near['rows']:,} rows: {near['rows_per_core_second']:,}/s")
    if given.out:
        write_json_atomic(given.out, {"cases": results, "near_duplicates": near})
    return 0


if __name__ == "__main__":
    sys.exit(main())
