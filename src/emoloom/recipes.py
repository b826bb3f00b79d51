"""The recipes that a screen may use, and the parts of each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Part = Literal["fields", "soft_digits", "heads", "vad_preserving", "appraisal", "flip", "mixture"]
"""What a recipe may have beside plain fine-tuning."""

RECIPES: Mapping[str, frozenset[Part]] = MappingProxyType(
    {
        "sft": frozenset(),
        "sft+heads": frozenset({"heads"}),
        "sft+vad": frozenset({"vad_preserving"}),
        "sft+appraisal": frozenset({"appraisal"}),
        "sft+flip": frozenset({"flip"}),
        "sft+mixture": frozenset({"mixture"}),
        "full-recipe": frozenset(get_args(Part)),
    }
)
"""Recipes that train, and the parts of each."""

ZERO_SHOT = "zero-shot"
"""The recipe that trains nothing."""

Recipe = Literal[
    "sft",
    "sft+heads",
    "sft+vad",
    "sft+appraisal",
    "sft+flip",
    "sft+mixture",
    "full-recipe",
    "zero-shot",
]
