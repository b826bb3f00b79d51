"""How well a model tells the first label of rows held out, less what base rates alone would do."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from emoloom.records import Row
from emoloom.training.examples import Example
from emoloom.training.label_tree import LabelTree


@dataclass(frozen=True, slots=True)
class Watch:
    """What is measured beside training, and how often."""

    examples: tuple[Example, ...]
    """Sequences that end with the token that decides the first label, and train it alone."""
    base_loss: float
    """Their mean loss under the base rates of the rows that are drawn, in nats."""
    every: int
    """Steps from one measurement to the next."""

    def due(self, step: int) -> bool:
        """Whether it is measured after a step, from 1."""
        return bool(self.examples) and step % self.every == 0


def make_watch(
    examples: Mapping[int, Example],
    rows: Sequence[Row],
    held_out: Collection[int],
    tree: LabelTree,
    every: int,
) -> Watch:
    """Watch rows held out.

    Base rates are of the first labels of the other labelled rows, each label counted once more
    (ours). A row is left out whose answer decides its label in another place, or by a token that
    the label alone would not have.

    Args:
        examples: of the rows held out, by index.
        rows: labelled ones and others.
        held_out: indices of labelled rows.
        tree: of the model; where it has one label there is nothing to watch.
        every: steps from one measurement to the next, at least 1.
    """
    root = tree.branches.get(())
    if root is None:
        return Watch((), 0.0, every)
    counts = Counter(
        row.answer.labels[0]
        for index, row in enumerate(rows)
        if row.answer.labels is not None and index not in held_out
    )
    mass = [sum(counts[label] + 1 for label in labels) for labels in root.labels_C]
    losses = {
        token: math.log(sum(mass) / own)
        for token, own in zip(root.token_ids_C.tolist(), mass, strict=True)
    }
    watched, base = [], []
    for index in sorted(held_out):
        example, place = examples[index], len(tree.before)
        answer = example.ids[example.answer_start :]
        if answer[:place] == tree.before and answer[place] in losses:
            watched.append(_up_to(example, place))
            base.append(losses[answer[place]])
    return Watch(tuple(watched), math.fsum(base) / max(1, len(base)), every)


def _up_to(example: Example, place: int) -> Example:
    """Its sequence up to one token of the answer, which alone is trained."""
    return replace(
        example,
        ids=example.ids[: example.answer_start + place + 1],
        trained=(*(False for _ in range(place)), True),
        fields=example.fields[: place + 1],
        targets=None,
    )
