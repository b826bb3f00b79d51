"""The commands for the winner of a screen: `export` and `predict`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from emoloom.cli_options import AllowLarge, TrustRemoteCode
from emoloom.errors import UserError

if TYPE_CHECKING:
    from emoloom.prediction.inputs import Item
    from emoloom.prediction.results import Result
    from emoloom.prediction.texts_in import Reading


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run folder.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="F", help="Folder to write; nothing may be there yet.")
    ],
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", metavar="NAME", help="Whom to export; the leader if left out."),
    ] = None,
    form: Annotated[
        Literal["merged", "adapter"],
        typer.Option("--form", help="Whole weights, or the adapter without its base model."),
    ] = "merged",
    check_rows: Annotated[
        int, typer.Option("--check-rows", min=1, help="Rows of the run that are answered again.")
    ] = 4,
) -> None:
    """Export a candidate of a finished run as a model for transformers, with its card."""
    from emoloom.engines.progress import show_progress
    from emoloom.exports.make import ExportRequest, export

    request = ExportRequest(folder, candidate, out, form, check_rows)
    with show_progress() as progress:
        exported = export(request, progress.say)
    typer.echo(exported.folder)


def predict(
    source: Annotated[
        str, typer.Argument(metavar="F|SRC", help="Folder of an export, or any model source.")
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Files of texts or records; stdin if left out."),
    ] = None,
    form: Annotated[
        Literal["auto", "text", "jsonl", "csv", "tsv"],
        typer.Option("--format", help="A text a line, or records; auto: by name or first line."),
    ] = "auto",
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="NAME", help="Column or key of the texts of records."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", metavar="SPACE", help="Label space, where F is no export."),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option("--max-new-tokens", min=1, max=1024, help="Longest answer, likewise."),
    ] = None,
    *,
    decoder: Annotated[
        Literal["canonical", "verified"], typer.Option(help="Same answers; canonical is slow.")
    ] = "verified",
    allow_large: AllowLarge = False,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Answer texts as they come, in their order: one line of JSON each."""
    from emoloom.engines.progress import printable, show_progress
    from emoloom.prediction.predictor import PredictSettings, open_predictor
    from emoloom.prediction.texts_in import Reading

    settings = PredictSettings(labels, max_new_tokens, decoder, allow_large, trust_remote_code)
    reading = Reading(form, column, lambda text: typer.echo(printable(text), err=True))
    watched = _Watched(_items(files or [], reading))
    with show_progress() as progress:
        predictor = open_predictor(source, settings, progress.say)
    _print(predictor.answer(watched), watched)


class _Watched:
    """Items on their way, and whether a column or key was at fault in one; for one call."""

    def __init__(self, items: "Iterator[Item]") -> None:
        self._items, self.of_column = items, False

    def __iter__(self) -> "Iterator[Item]":
        for item in self._items:
            self.of_column |= bool(getattr(item, "of_column", False))
            yield item


def _print(results: "Iterator[Result]", watched: _Watched) -> None:
    """Each as soon as it is there; in the end, or when interrupted, how many."""
    from emoloom.prediction.results import Tally

    tally = Tally()
    first = ""
    try:
        for result in results:
            tally.add(result)
            first = first or getattr(result, "error", "")
            typer.echo(result.to_line())
    except KeyboardInterrupt as stop:
        raise type(stop)(tally.says()) from stop
    typer.echo(tally.says(), err=True)
    if tally.unread < tally.lines:
        return
    do = "give lines that hold a text, in UTF-8, or say what they are with --format"
    if watched.of_column:
        do = "name the column or key of the texts with --column, or what they are with --format"
    got = f"first: {first}" if first else "no line or record at all"
    raise UserError("no line holds a text to answer", got=got, do=do)


def _items(files: list[Path], reading: "Reading") -> "Iterator[Item]":
    from emoloom.prediction.inputs import ready_lines
    from emoloom.prediction.texts_in import read_files, read_items

    if files:
        return read_files(files, reading)
    if sys.stdin.isatty():
        typer.echo("reading texts from the terminal, one a line; Ctrl-D ends", err=True)
    return read_items(ready_lines(sys.stdin.buffer), reading)
