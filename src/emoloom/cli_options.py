"""Options that several commands have."""

from typing import Annotated

import typer

AllowLarge = Annotated[
    bool, typer.Option("--allow-large", help="Take a model of over 2 billion parameters.")
]
AcceptChanged = Annotated[
    bool,
    typer.Option(
        "--accept-changed-inputs",
        help="Go on in a folder whose inputs have changed; what they reach is made anew.",
    ),
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run the model's own Python code.")
]
