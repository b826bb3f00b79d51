"""From each number of an entry to the settings, the files and the rows behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emoloom.metrics.polarity import POLARITY_METRICS
from emoloom.metrics.signature import Signature, number_signatures
from emoloom.ranking.entries import Entry
from emoloom.ranking.leaderboard import Leaderboard
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.polarity_set import POLARITY
from emoloom.runs.directory import RunDirectory, sha256_file
from emoloom.screening.cross_set import cross_numbers
from emoloom.screening.outputs import SELECT
from emoloom.screening.precision_record import PRECISION, read_precision

_SHORT = 12
"""Hex digits of a hash in a signature; the whole hash stands beside it or in the manifest."""


def scores_files(
    run: RunDirectory,
    board: Leaderboard,
    signature: Signature,
    made_by: Sequence[Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """The JSON object of `scores.json` of each scored entry, by name, its numbers linked.

    Those of a mean over trainings are linked to the answers of each training.

    Args:
        run: the folder, with the files of answers.
        board: the leaderboard.
        signature: of the run.
        made_by: the entries as the manifest has them (`entry_facts.entry_facts`).
    """
    known = {one["name"]: one for one in made_by}
    made = {}
    for entry in board.entries:
        name, trainings = entry.scored.source.name, entry.scored.source.trainings
        if entry.scored.source.status == "scored":
            links = (
                mean_links(run, entry, signature, _tested(board, name))
                if trainings
                else number_links(run, entry, signature, known[name], _tested(board, name))
            )
            tested = {} if board.finals is None else board.finals.scores_file(name)
            made[name] = entry.scores_file() | tested | links
    return made


def _tested(board: Leaderboard, name: str) -> tuple[str, ...]:
    """`test`, where the entry has answered it."""
    found = None if board.finals is None else board.finals.entry(name)
    return (TEST,) if found is not None and found.complete else ()


def mean_links(
    run: RunDirectory, entry: Entry, signature: Signature, beside: Sequence[str] = ()
) -> dict[str, Any]:
    """`number_links` of a mean over several trainings.

    Returns:
        `rows`: the file of answers of each training, by its name, and the file of gold rows, of
        `select` and of `beside`. `signatures`: as there; the answers are those of all trainings.
    """
    name, trainings = entry.scored.source.name, entry.scored.source.trainings
    precisions = _precision(run, entry, trainings)
    rows: dict[str, Any] = {}
    signatures: dict[str, str] = {}
    for row_set in (SELECT, *beside):
        linked = {one: _linked(run, one, row_set) for one in trainings}
        said = [one["answers"] for one in linked.values()]
        files = [f"{one['file']}@{_short(one['sha256'])}" for one in said]
        behind = signature.extended(("entry", name), *precisions, ("answers", "+".join(files)))
        signatures |= number_signatures(behind, _numbers(entry, row_set))
        rows[row_set] = {
            "trainings": {one: found["answers"] for one, found in linked.items()},
            "gold": linked[trainings[0]]["gold"],
        }
    return {"rows": rows, "signatures": signatures}


def number_links(
    run: RunDirectory,
    entry: Entry,
    signature: Signature,
    made_by: Mapping[str, Any],
    beside: Sequence[str] = (),
) -> dict[str, Any]:
    """What an entry's `scores.json` says beside its numbers.

    Args:
        run: the folder, with the entry's files of answers.
        entry: a scored entry.
        signature: the run's, which holds every setting.
        made_by: the entry's line in the manifest (`entry_facts.entry_facts`).
        beside: `test`, where it has answered that.

    Returns:
        `rows`: each file of answers and each file of gold rows that the numbers are made of, with
        its hash. `signatures`: one line for each number, by the number's key.
    """
    name = entry.scored.source.name
    sets = [SELECT] if entry.scored.polarity is None else [SELECT, POLARITY]
    sets += [*([CROSS] if entry.scored.cross else ()), *beside]
    rows = {one: _linked(run, name, one) for one in sets}
    precision = _precision(run, entry, (made_by["made_by"],))
    behind = signature.extended(("entry", name), *precision, *_weights(run, made_by))
    signatures: dict[str, str] = {}
    for row_set, linked in rows.items():
        found = _short(linked["answers"]["sha256"])
        answers = behind.extended(("answers", f"{linked['answers']['file']}@{found}"))
        signatures |= number_signatures(answers, _numbers(entry, row_set))
    return {"rows": rows, "signatures": signatures}


def _numbers(entry: Entry, row_set: str) -> list[str]:
    """Keys of all numbers that come from a row set."""
    ranking = [*entry.scored.estimates, "per_label"]
    if row_set in (SELECT, TEST):
        return [key if row_set == SELECT else f"{TEST}.{key}" for key in ranking]
    if row_set == CROSS:
        return cross_numbers(entry.scored.cross)
    return [f"polarity.{block}.{key}" for block in ("strict", "parsed") for key in POLARITY_METRICS]


def _linked(run: RunDirectory, name: str, row_set: str) -> dict[str, dict[str, str]]:
    files = {"answers": run.rows(name, row_set), "gold": run.data(row_set)}
    return {
        what: {"file": path.relative_to(run.root).as_posix(), "sha256": sha256_file(path)}
        for what, path in files.items()
    }


def _weights(run: RunDirectory, made_by: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Base weights and the files of the checkpoint; nothing for a floor without a model."""
    if made_by["weights_sha256"] is None:
        return []
    pairs = [("base_weights", _short(made_by["weights_sha256"]))]
    checkpoint = run.candidate(made_by["made_by"]) / "checkpoint"
    return pairs + [(_key(path), _short(sha256_file(path))) for path in _tensors(checkpoint)]


def _precision(run: RunDirectory, entry: Entry, made_by: Sequence[str]) -> list[tuple[str, str]]:
    """In which precision each training answered, where bfloat16 was asked for; heads are fp32."""
    if entry.scored.source.kind == "floor":
        return []
    paths = [run.candidate(name) / PRECISION for name in made_by]
    if not any(path.exists() for path in paths):
        return []
    return [("answers_in", "+".join(read_precision(path).dtype for path in paths))]


def _tensors(checkpoint: Path) -> list[Path]:
    return sorted(checkpoint.glob("*.safetensors"))


def _key(path: Path) -> str:
    """`adapter_model.safetensors` -> `adapter_model`."""
    return path.name.partition(".")[0]


def _short(sha256: str) -> str:
    return sha256[:_SHORT]
