"""Rows without data that teach a model the label names: texts that say no more than a label (ours).

What a model knows of the word ` remorse` does not help it to write `rem` + `orse` behind `["`. Each
label is spelled in a few rows of its own, which makes the ranking less a matter of which names a
vocabulary happens to hold whole. Every candidate is given the same ones.
"""

from emoloom.records import Answer, LabelSpace, Row

VERBALISER = "verbaliser"
"""Source of these rows."""

TEMPLATES = ("I am full of {}.", "This is {}.")
"""One text each for every label."""


def verbaliser_rows(space: LabelSpace) -> tuple[Row, ...]:
    """Two rows for each label, in the order of the space; they say nothing of VAD.

    Args:
        space: the label space in force; `_` and `-` in a name are read as spaces.
    """
    return tuple(
        Row(
            id=f"{VERBALISER}:{label}:{number}",
            text=template.format(label.replace("_", " ").replace("-", " ")),
            answer=Answer((label,), None, "cues: none"),
            source=VERBALISER,
            split="train",
            vad_source=None,
            group=f"{VERBALISER}:{label}",
        )
        for label in space.labels
        for number, template in enumerate(TEMPLATES, start=1)
    )
