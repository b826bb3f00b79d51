"""The command line's commands on finished runs: verify, rank; and the cache of answers."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emoloom.errors import ExitCode, UserError

if TYPE_CHECKING:
    from emoloom.auditing.replay import Replayed
    from emoloom.runs.verify import Finding
    from emoloom.verification import Verdict

MOST_LINES = 20
"""Findings of one file that are printed; `--json` has all."""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Run folder.")]


def verify(
    folder: Folder,
    digest: Annotated[
        str | None, typer.Option("--digest", metavar="SHA256", help="The digest that you kept.")
    ] = None,
    replay: Annotated[
        int, typer.Option("--replay", metavar="N", min=0, help="Decode N rows again (needs torch).")
    ] = 0,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of the draw of those rows.")
    ] = None,
    *,
    page: Annotated[
        bool, typer.Option("--page", help="Draw report.html again however many answers it shows.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Check a run: hashes, scores from raw outputs, ranking from scores; exit code 4 if not."""
    from emoloom.runs.directory import dumps
    from emoloom.verification import verify_run

    gc.disable()  # a hundred thousand records, and no cycles among them to look for
    try:
        verdict = verify_run(folder, _sha256(digest), page=page)
    finally:
        gc.enable()
    rows, drawn_by = _replayed(folder, verdict, replay, seed) if replay else ([], None)
    differs = any(row.outcome == "differs" for row in rows)
    holds = verdict.holds and not differs
    if as_json:
        again = {"seed": drawn_by, "rows": [row.to_dict() for row in rows]}
        record = {**verdict.to_dict(), "verified": holds, "replay": again if replay else None}
        typer.echo(dumps(record, indent=2))
    else:
        for line in _lines(verdict, rows, drawn_by, holds=holds):
            typer.echo(line)
    raise typer.Exit(ExitCode.DONE if holds else ExitCode.NOT_VERIFIED)


def rank(
    folder: Folder,
    weights: Annotated[
        str, typer.Option("--weights", metavar="W", help="labels=NUMBER,vad=NUMBER")
    ],
) -> None:
    """Rank a finished run by other weights; adds a file to DIR/rankings. No model is needed."""
    from emoloom.auditing.reranking import parse_weights
    from emoloom.ranking.leaderboard_texts import to_markdown
    from emoloom.verification import rank_run

    ranked = rank_run(folder, parse_weights(weights))
    typer.echo(to_markdown(ranked.board))
    typer.echo(ranked.board.verdict)
    typer.echo(f"ranking: {ranked.path}")


def _sha256(text: str | None) -> str | None:
    if text is None:
        return None
    digest = text.strip().removeprefix("sha256:").lower()
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise UserError(
            "this is no sha256",
            got=text,
            allowed="64 hex digits",
            do="give the digest that `emoloom screen` printed",
        )
    return digest


def _replayed(
    folder: Path, verdict: "Verdict", count: int, seed: int | None
) -> "tuple[list[Replayed], int | None]":
    """Rows decoded again; none where the folder does not hold without them."""
    import secrets

    from emoloom.verification import replay_run

    if not verdict.holds:
        typer.echo("the folder does not hold, so no row is decoded again", err=True)
        return [], None
    drawn_by = secrets.randbelow(2**32) if seed is None else seed
    return replay_run(folder, count, drawn_by, lambda text: typer.echo(text, err=True)), drawn_by


def _lines(
    verdict: "Verdict", rows: "list[Replayed]", drawn_by: int | None, *, holds: bool
) -> Iterator[str]:
    """One line a finding, then the digest, then the verdict."""
    from emoloom.engines.progress import printable

    for line in _findings(verdict.findings):
        yield printable(line)
    for row in rows:
        told = f": {row.what}" if row.what else ""
        yield printable(f"{row.outcome}  {row.entry}, {row.row_set} {row.id}{told}")
    if rows:
        from emoloom.auditing.replay import tally

        yield f"{tally(rows)} (--seed {drawn_by})"
    if verdict.digest:
        yield f"digest sha256:{verdict.digest}"
        yield KEEP
    yield printable(_verdict(verdict, holds=holds))


KEEP = (
    "hashes in a folder show accidents; a forger writes them anew: only this digest, kept "
    "elsewhere (verify --digest), or a signature of manifest.json shows that"
)
"""Said wherever a digest is printed."""


def _findings(findings: "tuple[Finding, ...]") -> Iterator[str]:
    shown: dict[str, int] = {}
    for finding in findings:
        shown[finding.file] = shown.get(finding.file, 0) + 1
        if shown[finding.file] <= MOST_LINES:
            where = f"{finding.file}: " if finding.file else ""
            yield f"{finding.kind}  {where}{finding.what}"
    for file, count in shown.items():
        if count > MOST_LINES:
            yield f"and {count - MOST_LINES} more in {file} (--json has all)"


def _verdict(verdict: "Verdict", *, holds: bool) -> str:
    failing = [finding for finding in verdict.findings if finding.fails]
    if failing:
        files = dict.fromkeys(finding.file for finding in failing if finding.file)
        named = ", ".join(files) or "the run as a whole"
        count = "1 finding" if len(failing) == 1 else f"{len(failing)} findings"
        return f"NOT verified: {count} in {named}"
    if not holds:
        return "NOT verified: a row that was decoded again differs"
    unchecked = sum(finding.kind == "unchecked" for finding in verdict.findings)
    things = "1 thing" if unchecked == 1 else f"{unchecked} things"
    but = f", but {things} could not be checked here (see above)" if unchecked else ""
    return (
        f"verified: {verdict.files} files, {verdict.answers} answers scored again, "
        f"{verdict.numbers} numbers computed again{but}"
    )


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all kept answers.")] = False,
) -> None:
    """Say how many answers are kept between runs (`cache.answers` of a config), and where."""
    from emoloom.screening.answer_cache import MEGABYTE, answers_folder, make_room, size

    folder = answers_folder()
    if clear:
        make_room(folder, 0)
    files, total = size(folder)
    typer.echo(f"{folder}: {files} files, {total / MEGABYTE:.1f} MB")
