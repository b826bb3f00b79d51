"""What goes to and fro between a screen and its workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emoloom.config import Config
from emoloom.runs.work import Outcome
from emoloom.sources.model_files import ModelFiles


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is begun with."""

    config: Config
    """The screen."""
    root: Path
    """The run folder."""
    files: Mapping[str, ModelFiles]
    """Models on this disk, by name."""


@dataclass(frozen=True, slots=True)
class Order:
    """One unit of work to be made."""

    stage: str
    """Name of the stage."""
    candidate: str
    """Whose it is."""
    inputs: str
    """Fingerprint that the worker must come to as well."""


@dataclass(frozen=True, slots=True)
class Border:
    """Units were finished; the worker waits for `GO` or `STOP`."""

    units: int
    """Since the last border."""
    tokens: int
    """Computed since the last border."""


@dataclass(frozen=True, slots=True)
class End:
    """The unit of work is over."""

    how: Literal["done", "stopped", "model", "user", "disk", "bug"]
    """What it came to; the last four are failures, by whose matter they are."""
    outcome: Outcome | None = None
    """Where it is done."""
    message: str = ""
    """Where it is not."""
    tokens: int = 0
    """Computed since the last border."""
    errno: int = 0
    """Of a fault of the disk."""


READY, GO, STOP, QUIT = "ready", "go", "stop", "quit"
