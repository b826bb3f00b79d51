"""Answers in the order of the texts, while more texts are still coming.

Texts are decoded together as long as more are there: a pack costs little more than a row. Where
none is there yet, those at hand are finished first. What is held is bounded, whatever the length
of the stream: a window of texts, and what the drafts have learned from some windows. Ours.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from emoloom.contract.parse import parse_output
from emoloom.decoding.canonical import Decoded
from emoloom.prediction.inputs import BadLine, Item, Text
from emoloom.prediction.results import Answered, Failed, Result
from emoloom.records import LabelSpace, Prediction

WINDOW = 256
"""Texts that are decoded together, at most; answers wait for no text behind these."""

LEARNED_FROM = 1024
"""Answers that the drafts learn from before they begin anew."""

Decode = Callable[[Iterable[tuple[str, str]]], Iterator[Decoded]]
"""(key, text) pairs, read as they are needed, to answers in any order."""


@dataclass(slots=True)
class _Window:
    """Texts that were asked and not yet given back. Mutable: it lives inside one call."""

    items: Iterator[Item]
    taken: int = 0
    given: int = 0
    ended: bool = False
    asked: dict[int, Text] = field(default_factory=dict)
    done: dict[int, Result] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, str]]:
        """What the decoder may ask now; ends where nothing more is there yet."""
        border = self.given + WINDOW
        while self.taken < border:
            try:
                item = next(self.items)
            except StopIteration:
                self.ended = True
                return
            if item is None:
                if self.taken > self.given:
                    return
                continue  # nothing is waiting for an answer: wait for a text
            number = self.taken
            self.taken += 1
            if isinstance(item, BadLine):
                self.done[number] = Failed(item.id, item.error, None, cut=False)
            else:
                self.asked[number] = item
                yield str(number + 1), item.text

    def finish(self, decoded: Decoded, space: LabelSpace) -> None:
        """Keep an answer until those before it are given."""
        number = int(decoded.id) - 1
        row_id = self.asked.pop(number).id
        parsed = parse_output(decoded.output, space)
        self.done[number] = (
            Answered(row_id, parsed, decoded.output, decoded.truncated)
            if isinstance(parsed, Prediction)
            else Failed(row_id, parsed.reason, decoded.output, decoded.truncated)
        )

    def in_order(self) -> Iterator[Result]:
        """What is finished and has nothing unfinished before it."""
        while self.given in self.done:
            result = self.done.pop(self.given)
            self.given += 1
            yield result


def answer_stream(
    items: Iterable[Item], space: LabelSpace, new_decoder: Callable[[], Decode]
) -> Iterator[Result]:
    """One result for each text or bad line, in their order.

    Args:
        items: texts; None where nothing more is there yet.
        space: the label space in force.
        new_decoder: makes a decoder that has learned nothing.

    Raises:
        ModelError: the model failed on a text; the row in the message is its place, from 1.
    """
    window, decode, learned = _Window(iter(items)), new_decoder(), 0
    while not window.ended:
        if learned >= LEARNED_FROM:
            decode, learned = new_decoder(), 0
        for decoded in decode(window.rows()):
            learned += 1
            window.finish(decoded, space)
            yield from window.in_order()
        yield from window.in_order()
