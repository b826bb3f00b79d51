"""The command line's `plan` and `spent`: what a screen will cost, and what it did cost."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from emoloom.cli_options import AcceptChanged
from emoloom.errors import ExitCode

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def plan(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config of a screen.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Run folder to plan in; if left out, none is."),
    ] = None,
    *,
    accept_changed_inputs: AcceptChanged = False,
    as_json: AsJson = False,
) -> None:
    """Time each model for seconds; say what the screen will cost, and whether its budget holds.

    Exit code 3 if it does not hold.
    """
    from emoloom.engines.progress import show_progress
    from emoloom.pipeline import plan as plan_screen
    from emoloom.planning.forecast_texts import forecast_lines, forecast_table, to_dict
    from emoloom.runs.directory import dumps

    nowhere = tempfile.TemporaryDirectory(prefix="emoloom-plan-")
    with nowhere, show_progress() as progress:
        folder, accept = out or Path(nowhere.name) / "run", accept_changed_inputs
        planned = plan_screen(config, folder, progress, accept_changed=accept)
    if as_json:
        found = to_dict(planned.plan, planned.forecast, planned.spent, planned.limits)
        typer.echo(dumps(found, indent=2))
    else:
        lines = forecast_table(planned.forecast)
        typer.echo("\n".join([*lines, *forecast_lines(planned.forecast, planned.limits)]))
    raise typer.Exit(ExitCode.DONE if planned.holds else ExitCode.BUDGET)


def spent(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run folder.")],
    as_json: AsJson = False,
) -> None:
    """Planned against spent seconds of a run's stages, and the median error of the long ones."""
    from emoloom.planning.planned_spent import read_planned_spent
    from emoloom.runs.directory import dumps

    found = read_planned_spent(folder)
    typer.echo(dumps(found.to_dict(), indent=2) if as_json else "\n".join(found.lines()))
