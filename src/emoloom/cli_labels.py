"""The command line's `labels`: label spaces, and what the maps between them merge and lose."""

from pathlib import Path
from typing import Annotated

import typer

labels_app = typer.Typer(
    help="Label spaces and the maps between them.", no_args_is_help=True, rich_markup_mode=None
)

Space = Annotated[str, typer.Argument(metavar="SPACE", help="Label space: name or file.")]


@labels_app.command("list")
def labels_list() -> None:
    """Label spaces and maps that can be named as they are."""
    from emoloom.corpora.label_map_files import known_maps
    from emoloom.corpora.labels import known_spaces, load_space

    for name in known_spaces():
        typer.echo(f"space\t{name}\t{len(load_space(name).labels)} labels")
    for source, target in known_maps():
        typer.echo(f"map\t{source}\t{target}")


@labels_app.command("show")
def labels_show(space: Space) -> None:
    """The labels of a space, one a line, in the order in which answers write them."""
    from emoloom.corpora.labels import load_space

    for label in load_space(space).labels:
        typer.echo(label)


@labels_app.command("map")
def labels_map(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Label space: name or file.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Label space: name or file.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help='A map of your own: {"from", "to", "labels": {label: {"to": [...], "why": ""}}}.',
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The map as the text of a map file.")
    ] = False,
) -> None:
    """What each label becomes; then what the map merges, loses and never reaches."""
    from emoloom.corpora.label_map_files import find_map
    from emoloom.corpora.label_maps import describe, to_json
    from emoloom.corpora.labels import load_space

    found = find_map(load_space(source), load_space(target), file)
    if as_json:
        typer.echo(to_json(found))
        return
    for label, targets in found.targets.items():
        typer.echo(f"{label}\t{', '.join(targets) or 'none'}\t{found.reasons.get(label, '')}")
    for line in describe(found):
        typer.echo(line)
