"""The command line's `data`: which corpora there are, what a file holds, and row sets to disk."""

from pathlib import Path
from typing import Annotated

import typer

from emoloom.cli_options import AcceptChanged

data_app = typer.Typer(help="Corpora.", no_args_is_help=True, rich_markup_mode=None)


@data_app.command("list")
def data_list(
    as_json: Annotated[
        bool, typer.Option("--json", help="With citation, source, hashes and label space.")
    ] = False,
) -> None:
    """Corpora that can be named in a config."""
    from emoloom.corpora.registry import get_corpus, list_corpora
    from emoloom.runs.directory import dumps

    corpora = [get_corpus(name) for name in list_corpora()]
    if as_json:
        typer.echo(dumps([corpus.to_dict() for corpus in corpora], indent=2))
        return
    for corpus in corpora:
        where = "shipped" if corpus.shipped else f"needs path: {corpus.needs}"
        copy = f", or corpus: hf:{corpus.hub}" if corpus.hub else ""
        what = f"labels {corpus.label_space}" if corpus.label_space else "human VAD"
        typer.echo(f"{corpus.name}\t{corpus.title}\t{corpus.licence}\t{what}; {where}{copy}")


@data_app.command("check")
def data_check(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A file, a corpus's folder, or hf:org/name.")
    ],
    labels: Annotated[
        str | None,
        typer.Option("--labels", metavar="SPACE", help="Label space: name or file; else guessed."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Read a file whole: what it is, licence, hash, counts, rejected records. Writes nothing."""
    from emoloom.corpora.check import check_data
    from emoloom.corpora.check_text import describe
    from emoloom.corpora.labels import load_space
    from emoloom.engines.progress import printable
    from emoloom.row_sets.names import HUB
    from emoloom.runs.directory import dumps
    from emoloom.sources.hub_data import fetch_data_set

    path = fetch_data_set(source).folder if source.startswith(HUB) else Path(source)
    found = check_data(path, None if labels is None else load_space(labels))
    if as_json:
        typer.echo(dumps(found.to_dict(), indent=2))
        return
    for line in describe(path, found):
        typer.echo(printable(line))


@data_app.command("build")
def data_build(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config of a screen.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A new folder, or one built before.")
    ],
    *,
    accept_changed_inputs: AcceptChanged = False,
) -> None:
    """Draw the row sets that a screen of this config would draw, and write them; no model."""
    from emoloom.engines.progress import printable
    from emoloom.filters_data import build_data

    built = build_data(config, out, accept_changed=accept_changed_inputs)
    sizes = "".join(f"{count} {name} rows, " for name, count in built.rows.items())
    typer.echo(f"{out}: {sizes}{built.rejected} rejected")
    for line in (*built.told, *(f"warning: {text}" for text in built.warnings)):
        typer.echo(printable(line))
