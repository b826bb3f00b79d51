"""What every stage of one screen needs."""

from dataclasses import dataclass

from emoloom.auditing.facts import Inputs
from emoloom.config import Config
from emoloom.engines.local import LocalEngine
from emoloom.engines.progress import Progress
from emoloom.records import LabelSpace
from emoloom.runs.directory import RunDirectory
from emoloom.supervision.lexicon import Lexicon


@dataclass(frozen=True, slots=True)
class Context:
    """One screen at work."""

    config: Config
    run: RunDirectory
    engine: LocalEngine
    """Or one that has workers."""
    progress: Progress
    space: LabelSpace
    lexicon: Lexicon
    inputs: Inputs | None = None
    """Where they were looked at before the folder was claimed, as a run was there."""
