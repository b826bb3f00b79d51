"""A run folder checked from its bytes to its verdict, or ranked anew: what `cli_runs` calls.

hashes -> the manifest's own facts -> scores -> leaderboard -> later rankings -> page
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoloom.auditing.comparing import count_numbers, text_differences
from emoloom.auditing.entry_facts import read_entries
from emoloom.auditing.findings import (
    READ_FAULTS,
    added_findings,
    code_findings,
    final_findings,
    json_findings,
    read_object,
    rung_findings,
    text_findings,
)
from emoloom.auditing.links import scores_files
from emoloom.auditing.reranking import Ranked, add_ranking
from emoloom.auditing.rescoring import RawRun, read_raw, rescore
from emoloom.errors import UserError
from emoloom.ranking.leaderboard_texts import to_csv, to_json, to_markdown
from emoloom.report.page import (
    DRAWN_BY,
    RANKED_PAGE,
    ranked_page,
    render_page,
    write_ranked_page,
)
from emoloom.runs.bound_facts import check_facts
from emoloom.runs.provenance import MANIFEST, PAGE, code_sha256
from emoloom.runs.verify import (
    Finding,
    Manifest,
    check_hashes,
    how_it_ended,
    only_plain_files,
    read_manifest,
)

if TYPE_CHECKING:
    from emoloom.auditing.replay import Replayed


PAGE_ANSWERS = 20_000
"""Drawing the page of more answers takes longer than all other checks together."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification came to."""

    digest: str
    """sha256 of the manifest."""
    findings: tuple[Finding, ...]
    """In the order in which they were found."""
    files: int
    """Files that the manifest binds."""
    answers: int
    """Raw outputs that were scored again."""
    numbers: int
    """Numbers of leaderboard.json and of every scores.json that were computed again."""

    @property
    def holds(self) -> bool:
        """Whether nothing was found that fails."""
        return not any(finding.fails for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "verified": self.holds,
            "digest": self.digest,
            "files": self.files,
            "answers": self.answers,
            "numbers": self.numbers,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class _Scored:
    """What computing again came to."""

    findings: tuple[Finding, ...]
    answers: int = 0
    numbers: int = 0


def verify_run(root: Path, kept: str | None = None, *, page: bool = False) -> Verdict:
    """Check a finished run folder; no model and no torch is needed.

    Args:
        root: the run folder; nothing is written there.
        kept: a digest that the user kept, 64 hex digits; None to compare with none.
        page: draw report.html again whatever it takes; else only up to `PAGE_ANSWERS`.

    Raises:
        UserError: there is no run, it is of a newer emoloom, or it has no manifest.
    """
    manifest, found = read_manifest(root)
    if manifest is None:
        return Verdict("", tuple(found), 0, 0, 0)
    if kept is not None and kept.lower() != manifest.digest:
        what = f"the digest that you kept is {kept}, and its sha256 is {manifest.digest}"
        found.append(Finding("altered", MANIFEST, what))
    found += check_hashes(root, manifest)
    scored = _check_scores(root, manifest, page) if only_plain_files(root) else _Scored(())
    found += scored.findings
    if any(finding.fails for finding in found) and (hint := how_it_ended(root)):
        found.append(Finding("note", "run.json", hint))
    files = len(manifest.subjects)
    return Verdict(manifest.digest, tuple(found), files, scored.answers, scored.numbers)


def rank_run(root: Path, weights: tuple[float, float]) -> Ranked:
    """Add a ranking by other weights to a finished run.

    Raises:
        UserError: the run is not whole as its manifest binds it, or cannot be ranked so.
    """
    manifest, found = read_manifest(root)
    if manifest is not None:
        found += check_hashes(root, manifest)
    bad = [finding for finding in found if finding.fails]
    if bad or manifest is None:
        raise UserError(
            f"{root} is not as its manifest binds it, so it is not ranked anew",
            got=f"{bad[0].kind} {bad[0].file}",
            do=how_it_ended(root) or "see what `emoloom verify` says of it",
        )
    ranked = add_ranking(_read_raw(root, manifest), manifest.digest, weights)
    if (root / RANKED_PAGE).exists():
        write_ranked_page(root)  # else it would lack this ranking
    return ranked


def replay_run(root: Path, count: int, seed: int, say: Callable[[str], None]) -> "list[Replayed]":
    """Decode rows of a run again; this imports torch.

    Raises:
        UserError: the run cannot be read, or a model cannot be had or is another.
    """
    from emoloom.auditing.replay import replay
    from emoloom.models.logits import ModelError

    manifest, _ = read_manifest(root)
    if manifest is None:
        raise UserError(f"{root / MANIFEST} cannot be read")
    try:
        raw = _read_raw(root, manifest)
        return list(replay(raw, manifest.predicate, count, seed, say))
    except ModelError as error:
        raise UserError(str(error), do="verify without --replay") from error


def _read_raw(root: Path, manifest: Manifest) -> RawRun:
    """The run's raw outputs, its facts seen to agree where they stand twice.

    Raises:
        UserError: a file is not what a run has.
    """
    try:
        record = read_object(root / "run.json")
        entries = read_entries(manifest.predicate.get("entries"))
        return read_raw(root, record, manifest.predicate, entries)
    except READ_FAULTS as error:
        raise UserError("what the run was made of cannot be read", got=repr(error)) from error


def _check_scores(root: Path, manifest: Manifest, page: bool) -> _Scored:
    """Facts, scores, leaderboard, rankings and page, as far as the files can be read at all."""
    try:
        raw = _read_raw(root, manifest)
        board, signature = rescore(raw)
        made = scores_files(raw.run, board, signature, raw.made_by)
    except (UserError, *READ_FAULTS) as error:
        return _Scored((Finding("contradiction", "", f"scores cannot be computed: {error}"),))
    stated = {"leaderboard.json": json.loads(to_json(board))}
    stated |= {f"candidates/{name}/scores.json": made[name] for name in made}
    record = read_object(root / "run.json")
    found = check_facts(root, manifest, record)
    found += code_findings(record, manifest)
    for name, computed in stated.items():
        left_out = ("polarity", "polarity_pairs", "ablations") if raw.unchecked else ()
        found += json_findings(root, name, computed, left_out)
    if raw.unchecked:
        found.append(Finding("unchecked", "", raw.unchecked))
    else:
        found += text_findings(root, to_csv(board), to_markdown(board))
    found += rung_findings(root, raw)
    found += final_findings(raw, board.standing.best_set, manifest)
    found += added_findings(root, raw, manifest)
    answers = sum(len(entry.row_ids) for entry in raw.entries)
    found += _page_findings(root, manifest, drawn=page or answers <= PAGE_ANSWERS)
    return _Scored(tuple(found), answers, count_numbers(list(stated.values())))


def _page_findings(root: Path, manifest: Manifest, *, drawn: bool) -> Iterator[Finding]:
    """A page is a function of the folder and of the code that draws it."""
    added = (root / RANKED_PAGE).exists()
    pages = {PAGE: "compared by its hash alone", RANKED_PAGE: "not checked: nothing binds it"}
    there = {name: how for name, how in pages.items() if name == PAGE or added}
    made_with = manifest.predicate.get("emoloom")
    if not isinstance(made_with, dict) or made_with.get("code_sha256") != code_sha256():
        for name, how in there.items():
            what = f"the run was made by other code, so {name} was {how}"
            yield Finding("unchecked", name, what)
        return
    for name, how in there.items():
        if not drawn:
            what = f"with so many answers it was {how}; --page draws it again"
            yield Finding("unchecked", name, what)
            continue
        try:
            stated = (root / name).read_bytes().decode("utf-8")
        except READ_FAULTS as error:
            yield Finding("altered", name, f"it cannot be read: {error}")
            continue
        if name == RANKED_PAGE and f"{DRAWN_BY}{code_sha256()} -->" not in stated[-200:]:
            yield Finding("unchecked", name, "it was drawn by other code")
            continue
        computed = ranked_page(root) if name == RANKED_PAGE else render_page(root)
        for what in list(text_differences(stated, computed))[:1]:
            yield Finding("altered", name, f"it is not the page of these files: {what}")
