"""The command line's sub-commands: what can be named in a config, and whether it can be used."""

from typing import Annotated

import typer

from emoloom.cli_options import AllowLarge, TrustRemoteCode
from emoloom.errors import ExitCode

models_app = typer.Typer(help="Model sources.", no_args_is_help=True, rich_markup_mode=None)

Source = Annotated[
    str, typer.Argument(metavar="SRC", help="Name, hf:..., pypi:..., folder or .gguf.")
]


@models_app.command("list")
def models_list() -> None:
    """Models that can be named in a config as they are."""
    from emoloom.sources.model_files import list_models

    for model in list_models():
        typer.echo(f"{model.name}\t{model.display_name}\t{model.licence}\t{model.note}")


@models_app.command("get")
def models_get(
    source: Source,
    allow_large: AllowLarge = False,
    trust_remote_code: TrustRemoteCode = False,
    encoder: Annotated[
        bool, typer.Option("--encoder", help="It is an encoder of texts, for `floors`.")
    ] = False,
) -> None:
    """Fetch and convert a model once; the last line is the path of its folder."""
    from emoloom.sources.model_files import get_model, parse_source
    from emoloom.sources.source_strings import names_encoder

    parsed = parse_source(
        source,
        allow_large=allow_large,
        trust_remote_code=trust_remote_code,
        encoder=encoder or names_encoder(source),
    )
    files = get_model(parsed, say=lambda text: typer.echo(text, err=True))
    typer.echo(f"{files.display_name} ({files.licence})", err=True)
    typer.echo(files.folder)


@models_app.command("check")
def models_check(
    source: Source,
    labels: Annotated[
        str, typer.Option("--labels", metavar="SPACE", help="Label space: name or file.")
    ] = "goemotions28",
    as_json: Annotated[bool, typer.Option("--json", help="The whole certificate as JSON.")] = False,
    allow_large: AllowLarge = False,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Certify a model: may it be ranked, and how far is packing exact? Exit code 2 if refused."""
    from emoloom.filters import check_model
    from emoloom.models.certificate import explain
    from emoloom.runs.directory import dumps
    from emoloom.sources.model_files import parse_source

    parsed = parse_source(source, allow_large=allow_large, trust_remote_code=trust_remote_code)
    found = check_model(parsed, labels, say=lambda text: typer.echo(text, err=True))
    typer.echo(dumps(found.to_dict(), indent=2) if as_json else explain(found))
    raise typer.Exit(ExitCode.USER_ERROR if found.verdict == "refused" else ExitCode.DONE)
