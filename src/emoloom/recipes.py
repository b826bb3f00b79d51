"""The recipes that a screen may use, and the parts of each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Part = Literal[
    "fields",
    "soft_digits",
    "cut",
    "verbalisers",
    "balance",
    "distil",
    "heads",
    "vad_preserving",
    "appraisal",
    "flip",
    "mixture",
]
"""What a recipe may have beside plain fine-tuning."""

FOCUS: frozenset[Part] = frozenset({"fields", "soft_digits", "cut", "verbalisers", "balance"})
"""What turns the loss to what is scored: labels and VAD (docs/decisions/0025-focus.md)."""

RECIPES: Mapping[str, frozenset[Part]] = MappingProxyType(
    {
        "sft": frozenset(),
        "sft+focus": FOCUS,
        "sft+probe": FOCUS | {"distil"},
        "sft+heads": frozenset({"heads"}),
        "sft+vad": frozenset({"vad_preserving"}),
        "sft+appraisal": frozenset({"appraisal"}),
        "sft+flip": frozenset({"flip"}),
        "sft+mixture": frozenset({"mixture"}),
        "full-recipe": frozenset(get_args(Part)) - FOCUS - {"distil"},
    }
)
"""Recipes that train, and the parts of each."""

ZERO_SHOT = "zero-shot"
"""The recipe that trains nothing."""

Recipe = Literal[
    "sft",
    "sft+focus",
    "sft+probe",
    "sft+heads",
    "sft+vad",
    "sft+appraisal",
    "sft+flip",
    "sft+mixture",
    "full-recipe",
    "zero-shot",
]

FrozenProbe = Literal["frozen-probe"]
"""Stands as the recipe of linear models on a model's frozen states; no config names it."""

FROZEN_PROBE: FrozenProbe = "frozen-probe"
"""The same."""

PROBE_SUFFIX = ".probe"
"""Marks the entry of a model's frozen probe."""

Treatment = Recipe | FrozenProbe
"""What may be done with a model in a screen."""
