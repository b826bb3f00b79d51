"""The same answers in every way of decoding, on a trained model: bytes compared with canonical.

    python benchmarks/exactness.py [--rows 200] [--run DIR] [--json FILE] [--out FILE.md]

Canonical decoding takes a forward a token: 200 rows are one to two hours on two cores. Every
answer is kept in the work folder as soon as it is there, and a call that was cut goes on. Answers
of the verified decoder are made again when the package's code has changed, canonical ones are not.
"""

import argparse
import hashlib
import json
import platform
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from trained_model import LIMIT, Trained, train_if_missing, trained

from emoloom.decoding.canonical import Decoded, decode_canonical
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.runs.directory import append_json_line, fingerprint, read_complete_lines
from emoloom.runs.provenance import code_sha256, package_versions

Texts = list[tuple[str, str]]
"""(id, text) of each row."""

COPY = "#copy"


def _as_they_are(rows: Texts) -> Texts:
    return rows


def _shuffled(rows: Texts) -> Texts:
    return random.Random(1).sample(rows, len(rows))  # noqa: S311


def _doubled(rows: Texts) -> Texts:
    return [one for key, text in rows for one in ((key, text), (key + COPY, text))]


@dataclass(frozen=True)
class Way:
    """One way of decoding the same rows."""

    name: str
    change: Callable[[Texts], Texts] = _as_they_are
    sizes: dict[str, int] = field(default_factory=dict)


CANONICAL = Way("canonical")
WAYS = (
    CANONICAL,
    Way("verified, one row at a time", sizes={"pack_rows": 1}),
    Way("verified, packs of 3", sizes={"pack_rows": 3}),
    Way("verified, packs of 16", sizes={"pack_rows": 16}),
    Way("verified, packs of 32"),
    Way("verified, shuffled", _shuffled),
    Way("verified, every row twice", _doubled),
)


def _kept(way: Way, work: Path) -> Path:
    """The definition has not changed when other code has."""
    code = "" if way is CANONICAL else f".{code_sha256()[:8]}"
    return work / f"{way.name.replace(', ', '-').replace(' ', '-')}{code}.jsonl"


def answers(model: Trained, way: Way, work: Path) -> dict[str, str]:
    """Output by id; those that the work folder has are not decoded again."""
    kept = _kept(way, work)
    done = {line["id"]: line["output"] for line in read_complete_lines(kept)}
    rows = way.change([(row.id, row.text) for row in model.rows])
    left = [row for row in rows if row[0] not in done]
    for number, answer in enumerate(_decoded(model, way, left), start=len(rows) - len(left) + 1):
        append_json_line(kept, {"id": answer.id, "output": answer.output})
        done[answer.id] = answer.output
        print(f"{way.name}: {number} of {len(rows)} rows", file=sys.stderr, flush=True)
    return {key: done[key] for key, _ in rows}


def _decoded(model: Trained, way: Way, rows: Texts) -> Iterator[Decoded]:
    if way is CANONICAL:
        for key, text in rows:
            yield decode_canonical(model.lm, key, text, LIMIT)
        return
    drafter = model.drafter()
    drafter.hints = {**model.hints, **{key + COPY: hint for key, hint in model.hints.items()}}
    settings = DecodeSettings(LIMIT, **way.sizes)
    yield from decode_rows(model.lm, rows, model.certificate, settings, drafter)


def compared(found: dict[str, str], canonical: dict[str, str]) -> dict[str, Any]:
    """How many answers are the canonical bytes, and where the first other one departs."""
    differing = []
    for key, output in found.items():
        expected = canonical[key.removesuffix(COPY)]
        if output != expected:
            pairs = zip(output.encode("utf-8"), expected.encode("utf-8"), strict=False)
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            differing.append({"id": key, "byte": same, "got": output, "canonical": expected})
    return {
        "rows": len(found),
        "equal": len(found) - len(differing),
        "first_difference": differing[0] if differing else None,
    }


def markdown(result: dict[str, Any]) -> str:
    """The result for people."""
    about = [f"- {name}: {_line(result[name])}" for name in result if name != "ways"]
    table = ["| way | rows | equal to canonical | first difference |", "|---|---|---|---|"]
    for way in result["ways"]:
        first = way["first_difference"]
        shown = f"{first['id']}, byte {first['byte']}" if first else "none"
        table.append(f"| {way['name']} | {way['rows']} | {way['equal']} | {shown} |")
    return "\n".join(["# Exactness on a trained model", "", *about, "", *table, ""])


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def _hash(rows: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(list(rows)).encode("utf-8")).hexdigest()


def _machine(model: Trained) -> str:
    return (
        f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, "
        f"{torch.get_num_threads()} threads, {model.lm.device.type}"
    )


def work_of(model: Trained, work_root: Path) -> Path:
    """Where answers of this very model on such a machine are kept."""
    prompt = model.certificate.prompt_head_sha256
    same = [model.sha256, package_versions(), _machine(model), prompt, LIMIT]
    return work_root / fingerprint(same)[:16]


def kept_canonical(model: Trained, work_root: Path = Path("runs/exactness")) -> dict[str, str]:
    """Canonical answers that an earlier call has kept, by row id."""
    path = _kept(CANONICAL, work_of(model, work_root))
    return {line["id"]: line["output"] for line in read_complete_lines(path)}


def measure(model: Trained, work_root: Path) -> dict[str, Any]:
    """Every way, canonical first, which defines the answers."""
    what = {
        "command": f"python benchmarks/exactness.py --rows {len(model.rows)}",
        "packages": package_versions(),
        "machine": _machine(model),
        "sha256": {**model.sha256, "code": code_sha256()},
        "rows_sha256": _hash((row.id, row.text) for row in model.rows),
    }
    work = work_of(model, work_root)
    work.mkdir(parents=True, exist_ok=True)
    canonical = answers(model, CANONICAL, work)
    ways = [{"name": w.name, **compared(answers(model, w, work), canonical)} for w in WAYS]
    return {**what, "different_answers": len(set(canonical.values())), "ways": ways}


def main(given: Sequence[str]) -> int:
    """Decode, compare, print; 1 where an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--run", type=Path, default=Path("runs/trained"))
    parser.add_argument("--work", type=Path, default=Path("runs/exactness"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--out", type=Path, help="the same as Markdown")
    options = parser.parse_args(given)
    train_if_missing(options.run)
    result = measure(trained(options.run, options.rows), options.work)
    print(markdown(result))
    texts = {options.json: json.dumps(result, indent=2) + "\n", options.out: markdown(result)}
    for path, text in texts.items():
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return int(any(way["equal"] < way["rows"] for way in result["ways"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
