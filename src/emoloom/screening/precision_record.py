"""In which precision a candidate answers, as its file says it. Needs no torch."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

Dtype = Literal["float32", "bfloat16"]
"""Of a model's body. Head and logits are always fp32."""

PRECISION = "precision.json"
"""Beside the checkpoint that it is of; only where the config asks for bfloat16."""

PRECISION_STAGE = "precision"
"""Name of the stage that decides it; a rung's has the rung's number behind it."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What was decided. How many near-ties there were is in costs.json."""

    dtype: Dtype
    """It defines the answers."""
    reason: str
    """Why it is not bfloat16; empty where it is."""

    def to_dict(self) -> dict[str, str]:
        """The JSON object of `PRECISION`."""
        return asdict(self)


def read_precision(path: Path) -> Precision:
    """What is decided.

    Raises:
        OSError, ValueError: it is not there, or is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        decided = Precision(found["dtype"], str(found["reason"]))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path.name} is no record of a precision") from error
    if decided.dtype not in get_args(Dtype):
        raise ValueError(f"{path.name} has {decided.dtype!r}: float32 or bfloat16 is allowed")
    return decided
