"""What a model tends to write in each field, counted over answers (ours).

A tuned model's labels and numbers fall on few values, which depend on what it has written before
them: valence on the labels, arousal on labels and valence. Counts of whole values by what stands
before them foretell both decimals at once, where formulas get the first one.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from emoloom.decoding.skeleton import NUMBERS, Fields

Context = tuple[str, ...]

OFTEN = 3
"""Times that a value must have been seen to go before what the last forward says."""


@dataclass(slots=True)
class Habits:
    """Counts of values by field and context. Made empty; it learns from answers."""

    counts: dict[Context, Counter[str]] = field(default_factory=dict)
    """Context (the field's name first) -> how often each value was seen behind it."""

    def learn(self, answer: Fields, hint: Fields | None = None) -> None:
        """Count an answer, and what had been hinted of it."""
        for name in ("labels", *NUMBERS):
            for context in _contexts(name, answer, hint):
                self.counts.setdefault(context, Counter())[answer[name]] += 1

    def likely(self, name: str, before: Fields, hint: Fields | None, begun: str) -> str:
        """The likeliest value that begins so, by the most telling context that knows one.

        Args:
            name: `labels`, `v`, `a` or `d`.
            before: the fields before it.
            hint: another predictor's answer.
            begun: what has been written of the field.

        Returns:
            The value; empty where none was seen.
        """
        for context in _contexts(name, before, hint):
            for value, _ in self.counts.get(context, Counter()).most_common():
                if value.startswith(begun):
                    return value
        return ""

    def settled(self, name: str, before: Fields) -> str:
        """The value seen most behind exactly these fields; empty if fewer than `OFTEN` times.

        Args:
            name: `labels`, `v`, `a` or `d`.
            before: the fields before it.
        """
        seen = self.counts.get(_behind(name, before), Counter()).most_common(1)
        return next((value for value, times in seen if times >= OFTEN), "")


def _contexts(name: str, before: Fields, hint: Fields | None) -> Iterator[Context]:
    """What stands before a field, the most telling first."""
    behind = _behind(name, before)
    if hint is not None and name == "labels":
        yield (name, "hinted", hint["labels"])
    if hint is not None and name == "v":
        yield (name, "hinted", hint["v"][:3], *behind[1:])
    yield behind
    yield (name, "any")


def _behind(name: str, before: Fields) -> Context:
    """A field and the values of those before it."""
    names = ("labels", *NUMBERS)
    return (name, *(before[other] for other in names[: names.index(name)]))
