"""The same answers ranked by other weights: added to a run, never in place of what is there."""

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emoloom import __version__
from emoloom.auditing.comparing import differences
from emoloom.auditing.rescoring import RawRun, rescore
from emoloom.errors import UserError
from emoloom.ranking.leaderboard import Leaderboard
from emoloom.ranking.leaderboard_texts import to_json
from emoloom.runs.directory import (
    RunDirectory,
    fingerprint,
    sha256_file,
    write_json_atomic,
)
from emoloom.runs.provenance import PAGE, RANKINGS, is_plain

FORMAT = 1
"""Version of a ranking's file."""

EARLIER = "earlier_rankings"
"""In a manifest: rankings that are older than the run's last answers, file to sha256."""

_NAME = re.compile(r"(\d{4,9})\.json")
_ALLOWED = "labels=NUMBER,vad=NUMBER, at least 0, not both 0"
_OF_ENTRY = ("name", "kind", "model", "recipe", "status", "rank", "score", "below_floors")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranking that was added."""

    path: Path
    """Its file."""
    board: Leaderboard
    """The leaderboard by these weights."""


def parse_weights(text: str) -> tuple[float, float]:
    """`labels=0.7,vad=0.3` -> (0.7, 0.3).

    Raises:
        UserError: it is not that.
    """
    pairs = [part.strip().partition("=")[::2] for part in text.split(",")]
    try:
        given = {key.strip(): float(value) for key, value in pairs}
    except ValueError:
        given = {}
    values = (given.get("labels", math.nan), given.get("vad", math.nan))
    right = len(pairs) == 2 and given.keys() == {"labels", "vad"} and sum(values) > 0
    if not right or not all(math.isfinite(value) and value >= 0 for value in values):
        raise UserError(
            "these weights cannot be used", got=text, allowed=_ALLOWED, do="give both weights"
        )
    return values


def add_ranking(raw: RawRun, digest: str, weights: tuple[float, float]) -> Ranked:
    """Rank a finished run by other weights and add the ranking to its folder.

    Args:
        raw: the run.
        digest: of its manifest.
        weights: of labels and VAD, at least 0; they are scaled to a sum of 1.

    Raises:
        UserError: the answers cannot be ranked so, or the folder cannot be written.
    """
    board, _ = rescore(raw, weights)
    record = {
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "emoloom_version": __version__,
        "weights": {"labels": weights[0], "vad": weights[1]},
        "made_from": {
            "manifest_sha256": digest,
            "scores_sha256": _scores_sha256(raw.run, _names(raw)),
        },
        "ranking": _ranking(board),
    }
    folder = raw.run.root / RANKINGS
    try:
        return Ranked(_add(folder, record), board)
    except OSError as error:
        raise UserError(
            f"cannot add a ranking to {folder}",
            got=error.strerror or str(error),
            do="make the run folder writable, or copy it elsewhere",
        ) from error


def _names(raw: RawRun) -> list[str]:
    return [one["name"] for one in raw.made_by]


def _scores_sha256(run: RunDirectory, names: Iterable[str]) -> str:
    """One hash over the `scores.json` of every scored entry."""
    files = {name: run.candidate(name) / "scores.json" for name in sorted(names)}
    return fingerprint({n: sha256_file(path) for n, path in files.items() if path.is_file()})


def earlier_rankings(run: RunDirectory, names: Iterable[str]) -> dict[str, str]:
    """Rankings of other scores than the folder has: those that a run was continued behind.

    Args:
        run: the folder, its `scores.json` written.
        names: of all entries.

    Returns:
        Path below the run folder to sha256.
    """
    now, folder = _scores_sha256(run, names), run.root / RANKINGS
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _NAME.fullmatch(path.name) and is_plain(path):
            try:
                origin = json.loads(path.read_bytes())["made_from"]["scores_sha256"]
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                continue  # no ranking: `verify` says so
            if origin != now:
                found[f"{RANKINGS}/{path.name}"] = sha256_file(path)
    return found


def ranking_faults(raw: RawRun, earlier: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(file, what is wrong) of each ranking in the folder that is not what the answers give.

    Its time, and who chose the weights, nobody can compute again.

    Args:
        raw: the run.
        earlier: sha256 of rankings of other scores, as the manifest has them.
    """
    folder = raw.run.root / RANKINGS
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    # The page with these rankings is checked by who draws it; what is hidden is a leftover of a
    # killed call, and told of where files are looked at.
    names = [name for name in found if name != PAGE and not name.startswith(".")]
    rankings = [name for name in names if _NAME.fullmatch(name)]
    for name in sorted(set(names) - set(rankings)):
        yield f"{RANKINGS}/{name}", "it is no ranking"
    numbers = {int(name.partition(".")[0]) for name in rankings}
    for gap in sorted(set(range(1, max(numbers, default=0) + 1)) - numbers):
        yield f"{RANKINGS}/{gap:04}.json", "it is missing: rankings are numbered without a gap"
    for name in rankings:
        for what in _faults(raw, folder / name, earlier.get(f"{RANKINGS}/{name}")):
            yield f"{RANKINGS}/{name}", what


def _faults(raw: RawRun, path: Path, earlier: str | None) -> Iterator[str]:
    if not is_plain(path):
        yield "it is a link or a device, not a file"
        return
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        given, stated = record["weights"], record["ranking"]
        weights = parse_weights(f"labels={given['labels']},vad={given['vad']}")
        made, origin = str(record["made"]), record["made_from"]["scores_sha256"]
        datetime.fromisoformat(made)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UserError) as error:
        yield f"it cannot be read as a ranking: {error}"
        return
    yield from _frame_faults(record)
    if origin != _scores_sha256(raw.run, _names(raw)):
        if earlier != sha256_file(path):
            yield "it was made from other scores than those of this folder: it cannot be computed"
        return
    board, _ = rescore(raw, weights)
    yield from differences(stated, _ranking(board))


def _frame_faults(record: Mapping[str, Any]) -> Iterator[str]:
    """What stands around the ranking itself."""
    keys = {"format", "made", "emoloom_version", "weights", "made_from", "ranking"}
    if record.keys() != keys or record["format"] != FORMAT:
        yield f"it is no ranking of format {FORMAT}"
    if set(record["made_from"]) != {"manifest_sha256", "scores_sha256"}:
        yield "it does not say what it was made from"


def _ranking(board: Leaderboard) -> dict[str, Any]:
    """What a ranking keeps of a leaderboard: all that the weights can change."""
    whole = json.loads(to_json(board))
    entries = [{key: entry[key] for key in _OF_ENTRY} for entry in whole["entries"]]
    return {key: whole[key] for key in ("signature", "rank_by", "verdict")} | {"entries": entries}


def _add(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write it whole under the next free number; a number that is taken meanwhile is passed."""
    folder.mkdir(exist_ok=True)
    temporary = folder / f".new-{os.getpid()}"
    write_json_atomic(temporary, record)
    try:
        matches = (_NAME.fullmatch(path.name) for path in folder.iterdir())
        number = max((int(match[1]) for match in matches if match), default=0) + 1
        while True:
            target = folder / f"{number:04}.json"
            try:
                os.link(temporary, target)
            except FileExistsError:
                number += 1
            else:
                return target
    finally:
        temporary.unlink(missing_ok=True)
