"""The recipes that a screen may use, and the parts of each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Part = Literal[
    "fields",
    "soft_digits",
    "cut",
    "verbalisers",
    "heads",
    "vad_preserving",
    "appraisal",
    "flip",
    "mixture",
]
"""What a recipe may have beside plain fine-tuning."""

CORE: frozenset[Part] = frozenset({"fields", "soft_digits", "cut", "verbalisers"})
"""What every recipe has but the plain one: what makes few rows teach labels and VAD."""

RECIPES: Mapping[str, frozenset[Part]] = MappingProxyType(
    {
        "sft": CORE,
        "plain-sft": frozenset(),
        "sft+heads": CORE | {"heads"},
        "sft+vad": CORE | {"vad_preserving"},
        "sft+appraisal": CORE | {"appraisal"},
        "sft+flip": CORE | {"flip"},
        "sft+mixture": CORE | {"mixture"},
        "full-recipe": frozenset(get_args(Part)),
    }
)
"""Recipes that train, and the parts of each."""

ZERO_SHOT = "zero-shot"
"""The recipe that trains nothing."""

Recipe = Literal[
    "sft",
    "plain-sft",
    "sft+heads",
    "sft+vad",
    "sft+appraisal",
    "sft+flip",
    "sft+mixture",
    "full-recipe",
    "zero-shot",
]
