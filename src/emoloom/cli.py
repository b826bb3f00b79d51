"""The command line: commands and their texts, no logic; heavy imports wait for their command."""

import _thread
import codecs
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from typer.core import TyperGroup

from emoloom import cli_plan, cli_runs, cli_winner
from emoloom.cli_data import data_app
from emoloom.cli_labels import labels_app
from emoloom.cli_options import AcceptChanged, AllowLarge, TrustRemoteCode
from emoloom.cli_parts import models_app
from emoloom.errors import ConfigError, ExitCode, Terminated, UserError, system_fault


@contextmanager
def _errors_for_people() -> Iterator[None]:
    """One line and the right exit code instead of a traceback, for what a user can mend."""
    try:
        yield
    except ConfigError as error:
        _complain(f"error: {error}")
        sys.exit(ExitCode.USER_ERROR)
    except UserError as error:
        # Its paths and values may hold line breaks; the message is one line all the same.
        _complain(f"error: {error}".replace("\n", "\\n"))
        sys.exit(ExitCode.USER_ERROR)
    except KeyboardInterrupt as stop:
        _complain("; ".join(["interrupted", *map(str, stop.args)]))
        terminated = isinstance(stop, Terminated)
        sys.exit(ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered must go nowhere at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.DONE)
    except Exception as error:
        fault = system_fault(error)
        if fault is None or fault.errno not in _MENDED_BY:
            raise
        mend = _MENDED_BY[fault.errno]
        _complain(f"error: {fault}; do: {mend}, then run the same command again")
        sys.exit(ExitCode.USER_ERROR)


_MENDED_BY = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "make room"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "set the rights"),
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST), "move away what is in the way"),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ELOOP), "mend the path"),
}
"""Faults of the disk by number, and what the user can do; any other is a bug of ours."""


def _complain(text: str) -> None:
    """On stderr, line by line: names and values in it must not drive the terminal."""
    from emoloom.engines.progress import printable

    typer.echo("\n".join(map(printable, text.split("\n"))), err=True)


class _Commands(TyperGroup):
    """Commands whose errors are for people; typer itself would answer Ctrl-C with silence."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the command that was asked for."""
        with _errors_for_people():
            return super().invoke(ctx)


app = typer.Typer(
    name="emoloom",
    cls=_Commands,
    help="Choose a small language model for emotion work, and be able to prove the choice.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")
app.add_typer(labels_app, name="labels")
app.command()(cli_runs.verify)
app.command()(cli_runs.rank)
app.command()(cli_runs.cache)
app.command()(cli_plan.plan)
app.command()(cli_plan.spent)
app.command()(cli_winner.export)
app.command()(cli_winner.predict)

Labels = Annotated[
    str, typer.Option("--labels", metavar="SPACE", help="Label space: name or file.")
]
LexiconPath = Annotated[
    Path | None, typer.Option("--lexicon", metavar="FILE", help="A lexicon of your own.")
]
ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config of a screen.")]


@app.command()
def screen(
    config: ConfigPath,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Run folder; runs/<name> if left out."),
    ] = None,
    *,
    accept_changed_inputs: AcceptChanged = False,
) -> None:
    """Train, decode, score and rank every candidate; on an existing run, continue it."""
    from emoloom.engines.progress import printable, show_progress
    from emoloom.pipeline import screen as run_screen

    try:
        with show_progress() as progress:
            screened = run_screen(config, out, progress, accept_changed=accept_changed_inputs)
    except KeyboardInterrupt as stop:
        kept = "what is finished is kept: run the same command to continue"
        raise type(stop)(kept) from stop
    typer.echo(screened.table)
    typer.echo(screened.verdict)
    for note in screened.notes:
        typer.echo(f"note: {printable(note)}")
    typer.echo(f"digest sha256:{screened.digest}\n{cli_runs.KEEP}")
    typer.echo(f"report: {screened.folder / 'report.html'}")
    raise typer.Exit(screened.code)


@app.command()
def check(config: ConfigPath) -> None:
    """Check a config, draw its rows and throw them away; every fault at once. Runs no model."""
    from emoloom.engines.progress import printable
    from emoloom.pipeline import check_whole
    from emoloom.report.formats import plural

    checked = check_whole(config)
    models = plural(len(checked.config.models), "model")
    recipes = plural(len(checked.config.recipes), "recipe")
    typer.echo(f"{config} is fine: {models} x {recipes}")
    for line in (*checked.told, *(f"warning: {text}" for text in checked.warnings)):
        typer.echo(printable(line))


@app.command()
def schema(
    labels: Labels = "goemotions28",
    row: Annotated[bool, typer.Option("--row", help="Schema of a dataset row.")] = False,
) -> None:
    """Print the contract's JSON Schema."""
    from emoloom.contract.schema import answer_schema, row_schema
    from emoloom.corpora.labels import load_space
    from emoloom.runs.directory import dumps

    space = load_space(labels)
    typer.echo(dumps(row_schema(space) if row else answer_schema(space), indent=2))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run folder.")],
) -> None:
    """Write the report of a run folder again; prints its path."""
    from emoloom.report.page import redraw_report

    typer.echo(redraw_report(folder))


@app.command()
def parse(labels: Labels = "goemotions28") -> None:
    """Read model outputs on stdin, one a line; print each answer or the reason for none."""
    from emoloom.corpora.labels import load_space
    from emoloom.filters import parse_line

    space = load_space(labels)
    for line in _stdin_lines():
        typer.echo(parse_line(line, space))


@app.command("weak-vad")
def weak_vad(lexicon: LexiconPath = None) -> None:
    """Read texts on stdin, one a line; print the lexicon's VAD of each (weak scale, unmapped)."""
    from emoloom.filters import weak_vad_line
    from emoloom.supervision.lexicon import load_lexicon

    loaded = load_lexicon(lexicon)
    for line in _stdin_lines():
        typer.echo(weak_vad_line(line, loaded))


@app.command()
def appraise(
    verifier: Annotated[
        Path | None, typer.Option("--verifier", metavar="FILE", help="A saved verifier.")
    ] = None,
    crowd_envent: Annotated[
        Path | None, typer.Option("--crowd-envent", metavar="PATH", help="Fit on crowd-enVENT.")
    ] = None,
    isear: Annotated[
        Path | None, typer.Option("--isear", metavar="PATH", help="Fit fairness on ISEAR.")
    ] = None,
    theory: Annotated[
        Path | None, typer.Option("--theory", metavar="FILE", help="A theory table of your own.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Fit, save, read no text.")
    ] = None,
) -> None:
    """Read texts on stdin, one a line; print the probabilities of four appraisal atoms of each."""
    from emoloom.filters import appraise_line
    from emoloom.supervision.verifier_choice import VerifierRequest, get_verifier

    request = VerifierRequest(verifier, crowd_envent, isear, theory, save)
    chosen = get_verifier(request, _complain)
    for line in () if save else _stdin_lines():
        typer.echo(appraise_line(line, chosen))


@app.command()
def flip(lexicon: LexiconPath = None) -> None:
    """Read texts on stdin, one a line; print each with its polarity turned over, or why not."""
    from emoloom.filters import flip_line
    from emoloom.supervision.lexicon import load_lexicon

    loaded = load_lexicon(lexicon)
    for line in _stdin_lines():
        typer.echo(flip_line(line, loaded))


@app.command()
def decode(
    model: Annotated[str, typer.Option("--model", metavar="SRC", help="Model source.")],
    source: Annotated[
        Path, typer.Option("--input", metavar="ROWS", help="JSON Lines with id and text.")
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Answers, JSON Lines.")],
    decoder: Annotated[
        Literal["canonical", "verified"], typer.Option(help="Same answers; canonical is slow.")
    ] = "verified",
    labels: Labels = "goemotions28",
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, max=1024, help="Longest answer in tokens.")
    ] = 96,
    *,
    allow_large: AllowLarge = False,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Decode rows with the KV cache off."""
    from emoloom.engines.progress import show_progress
    from emoloom.filters import DecodeRequest, decode_file
    from emoloom.sources.source_strings import parse_source

    parsed = parse_source(model, allow_large=allow_large, trust_remote_code=trust_remote_code)
    request = DecodeRequest(parsed, decoder, source, output, labels, max_new_tokens)
    with show_progress() as progress:
        decoded = decode_file(request, progress)
    typer.echo(f"{decoded} rows decoded into {output}", err=True)


@app.command()
def score(
    answers: Annotated[
        Path, typer.Option("--answers", metavar="FILE", help="JSON Lines with id and output.")
    ],
    gold: Annotated[Path, typer.Option("--gold", metavar="ROWS", help="Dataset rows.")],
    labels: Labels = "goemotions28",
) -> None:
    """Score answers against gold rows; print one JSON object."""
    from emoloom.filters import score_files

    typer.echo(score_files(answers, gold, labels))


def _stdin_lines() -> Iterator[str]:
    """Lines of stdin without their line ends; not UTF-8 is the user's error."""
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            whole = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
            yield whole.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise UserError(
                f"line {number} of stdin is not UTF-8 text",
                got=f"byte 0x{raw[error.start]:02x}",
                do="give UTF-8",
            ) from error


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Meanwhile SIGTERM stops a command as Ctrl-C does. One that is ignored stays ignored.

    Python lets nothing but the main thread set a handler.
    """
    before = signal.getsignal(signal.SIGTERM)
    main_thread = threading.current_thread() is threading.main_thread()
    if before in (signal.SIG_IGN, None) or not main_thread:
        yield
        return
    shown = sys.unraisablehook
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = lambda lost: _again(lost) or shown(lost)
    try:
        yield
    finally:
        sys.unraisablehook = shown
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise Terminated


_MOMENT = 0.02
"""Seconds: longer than a destructor takes, too short to be waited for."""


def _again(lost: "sys.UnraisableHookArgs") -> bool:
    """Whether it was an interrupt: in a destructor it is lost, so that it comes again."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        return False
    number = signal.SIGTERM if issubclass(lost.exc_type, Terminated) else signal.SIGINT
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    # A signal, where there are such, also wakes a thread that waits.
    send: Callable[[], object] = lambda: _thread.interrupt_main(number)  # noqa: E731
    if hasattr(signal, "pthread_kill"):
        send = lambda: signal.pthread_kill(main_thread, number)  # noqa: E731
    threading.Timer(_MOMENT, send).start()
    return True


def main() -> None:
    """Entry point of `emoloom`."""
    with _sigterm_interrupts():
        app()
