"""Rows of a finished run decoded again with its own models: equal, near-tie, or differs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from emoloom.auditing.rescoring import RawRun
from emoloom.config_sections import DecodingConfig
from emoloom.decoding.replaying import decode_again
from emoloom.draws import generator
from emoloom.errors import UserError
from emoloom.models.causal_lm import CausalLM
from emoloom.models.preflight import BF16_LIMIT, RELATIVE_LIMIT, TIE_FACTOR
from emoloom.records import Row
from emoloom.runs.bindings import MODEL_HASHES
from emoloom.runs.directory import read_complete_lines
from emoloom.screening.candidates import (
    Candidate,
    list_candidates,
    load,
    read_certificate,
    with_adapter,
)
from emoloom.screening.outputs import SELECT
from emoloom.screening.precision import in_precision
from emoloom.screening.precision_record import PRECISION, Dtype, read_precision
from emoloom.sources.model_files import ModelFiles, get_model

ROUNDING = {"float32": 2 * TIE_FACTOR * RELATIVE_LIMIT, "bfloat16": 2 * BF16_LIMIT}
"""Largest gap, in standard deviations of the model's own logits, that another machine's rounding
may decide otherwise (ours): a margin is stated by the folder, and whoever altered it states any."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One row."""

    entry: str
    """Whose answer it is."""
    row_set: str
    """`select`, `polarity`, `cross` or `test`."""
    id: str
    """Id of the row."""
    outcome: Literal["equal", "near-tie", "differs"]
    """`near-tie`: the first token that differs was decided by less than the near-tie margin, as
    another CPU, card or number of threads may decide it."""
    what: str
    """What differs, in words; empty where nothing does."""

    def to_dict(self) -> dict[str, str]:
        """The JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row that is decoded again."""

    candidate: Candidate
    row_set: str
    row: Row
    output: str


def replay(
    raw: RawRun, predicate: Mapping[str, Any], count: int, seed: int, say: Say
) -> Iterator[Replayed]:
    """Decode rows of a run again, canonically, drawn at random over all that models answered.

    Args:
        raw: the run.
        predicate: of its manifest, which has the hashes of the models.
        count: rows, at least 1; all where there are fewer.
        seed: of the draw.
        say: told of what models are fetched.

    Yields:
        The rows, candidate by candidate.

    Raises:
        UserError: a model cannot be had (one that brings its own code is not: a run folder does not
            decide what is run here), or is not the one that the run was made with.
    """
    pool = _pool(raw)
    if not pool:
        raise UserError("this run has no answer of a model to decode again")
    drawn = generator(seed, "replay-rows").permutation(len(pool))[:count]
    chosen = [pool[index] for index in sorted(drawn)]
    for candidate in dict.fromkeys(asked.candidate for asked in chosen):
        # Its config may be a stranger's: it must not decide what code is run here.
        own_code = replace(candidate.model, trust_remote_code=False)
        files = get_model(own_code, say=say)
        _check_model(files, candidate, predicate)
        dtype = _dtype(raw, candidate.name)
        lm = _as_it_was(raw, candidate, files, dtype)
        own = [asked for asked in chosen if asked.candidate == candidate]
        for asked in own:
            near = _near(raw, candidate.name, asked.row_set, dtype)
            yield _again(lm, asked, near, raw.config.decoding)


def _pool(raw: RawRun) -> list[_Asked]:
    """Every answer that was decoded: floors are computed, heads are read."""
    scored = {entry.name for entry in raw.entries if entry.status == "scored"}
    texts = {row.id: row for row in raw.rows.all_asked}
    return [
        _Asked(candidate, row_set, texts[line["id"]], line["output"])
        for candidate in list_candidates(raw.config)
        if candidate.name in scored
        for row_set in raw.rows.asked
        for line in read_complete_lines(raw.run.rows(candidate.name, row_set))
        if line["id"] in texts
    ]


def _check_model(files: ModelFiles, candidate: Candidate, predicate: Mapping[str, Any]) -> None:
    wanted = predicate["models"].get(candidate.model.name, {})
    other = [key for key in MODEL_HASHES if getattr(files, key) != wanted.get(key)]
    if other:
        raise UserError(
            f"{files.display_name} is not the model that the run was made with",
            got=f"{other[0]} {getattr(files, other[0])}",
            allowed=str(wanted.get(other[0])),
            do="give the model of the run, or verify without --replay",
        )


@dataclass(frozen=True, slots=True)
class _Near:
    """Which gaps are near-ties."""

    margin: float
    """As the folder states it."""
    rounding: float
    """Of `ROUNDING`."""

    def limit(self, spread: float) -> float:
        """The largest, where the logits have this standard deviation."""
        return min(self.margin, self.rounding * spread)


def _as_it_was(raw: RawRun, candidate: Candidate, files: ModelFiles, dtype: Dtype) -> CausalLM:
    """The model as it was trained, in the precision in which it answered."""
    folder = raw.run.candidate(candidate.name)
    lm = load(files, raw.config, raw.space)
    if not candidate.trained:
        return in_precision(lm, dtype)
    if not (folder / "checkpoint" / "adapter_model.safetensors").is_file():
        raise UserError(f"{candidate.name} has no adapter as safetensors in its checkpoint")
    return in_precision(with_adapter(lm, folder), dtype)


def _dtype(raw: RawRun, name: str) -> Dtype:
    if raw.config.decoding.dtype == "float32":
        return "float32"
    try:
        return read_precision(raw.run.candidate(name) / PRECISION).dtype
    except (OSError, ValueError) as error:
        raise UserError(
            f"in which precision {name} answered is not known",
            got=str(error),
            do="verify without --replay, which names what is missing or altered",
        ) from error


def _near(raw: RawRun, name: str, row_set: str, dtype: Dtype) -> _Near:
    """Which gaps are near-ties."""
    costs = _decode_costs(raw, name, row_set)
    certified = read_certificate(raw.run.candidate(name) / "preflight.json").tie_margin
    return _Near(max(certified, float(costs.get("tie_margin", 0.0))), ROUNDING[dtype])


def _decode_costs(raw: RawRun, name: str, row_set: str) -> dict[str, Any]:
    table = "decode" if row_set == SELECT else f"decode_{row_set}"
    try:
        costs = json.loads((raw.run.root / "costs.json").read_text(encoding="utf-8"))
        found = costs[table][name]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _again(lm: CausalLM, asked: _Asked, near: _Near, decoding: DecodingConfig) -> Replayed:
    row, limit = asked.row, decoding.max_new_tokens
    found = decode_again(lm, row.id, row.text, asked.output, limit, partial=decoding.partial)
    outcome: Literal["equal", "near-tie", "differs"] = "equal"
    what = ""
    if not found.same:
        largest = near.limit(found.spread)
        outcome = "near-tie" if found.gap <= largest else "differs"
        what = (
            f"the first other token was decided by {found.gap:.2g} "
            f"(near-ties: up to {largest:.2g}); now {_cut(found.output)}"
        )
    return Replayed(asked.candidate.name, asked.row_set, asked.row.id, outcome, what)


def _cut(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:117]}...")


def tally(rows: Sequence[Replayed]) -> str:
    """`8 decoded again: 7 equal, 1 near-tie, 0 differ`."""
    counts = {kind: sum(row.outcome == kind for row in rows) for kind in ("equal", "near-tie")}
    differ = len(rows) - sum(counts.values())
    return (
        f"{len(rows)} decoded again: {counts['equal']} equal, {counts['near-tie']} near-tie, "
        f"{differ} differ"
    )
