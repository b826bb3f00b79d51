"""What predicting gives for one text: an answer, or why there is none."""

from dataclasses import dataclass
from typing import Any

from emoloom.contract.schema import write_answer
from emoloom.notebook import table
from emoloom.records import VAD, Prediction
from emoloom.runs.directory import dumps

RowId = str | int
"""What the text came with: an id, or its place."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A text that the model answered in the contract."""

    id: RowId
    """As the text came with."""
    prediction: Prediction
    """Labels, VAD and rationale."""
    output: str
    """The raw text that the model wrote."""
    cut: bool
    """True where the text was longer than the model is asked to read, and was cut at its end."""

    @property
    def labels(self) -> tuple[str, ...]:
        """At least one name of the label space."""
        return self.prediction.labels

    @property
    def vad(self) -> VAD:
        """Valence, arousal, dominance, each in [0, 1]."""
        return self.prediction.vad

    def to_line(self) -> str:
        """One line of JSON: the id, the contract's object, and `cut` where the text was cut."""
        answer = write_answer(self.prediction)
        return f'{{"id":{dumps(self.id)},{answer[1:-1]}{_CUT if self.cut else ""}}}'

    def _repr_html_(self) -> str:
        v, a, d = self.vad.as_tuple()
        values = (self.id, ", ".join(self.labels), v, a, d, self.prediction.rationale)
        return table(("id", "labels", "v", "a", "d", "rationale"), [values])


@dataclass(frozen=True, slots=True)
class Failed:
    """A text without an answer."""

    id: RowId
    """As the text came with; of a line that could not be read, its place."""
    error: str
    """A reason of the contract's parser, or what is wrong with the line, in words."""
    output: str | None
    """The raw text that the model wrote; None where it was not asked."""
    cut: bool
    """As of `Answered`."""

    def to_line(self) -> str:
        """One line of JSON: `id`, `error`, and what the model wrote where it was asked."""
        record: dict[str, Any] = {"id": self.id, "error": self.error}
        if self.output is not None:
            record["output"] = self.output
        text = dumps(record)
        return f"{text[:-1]}{_CUT}}}" if self.cut else text

    def _repr_html_(self) -> str:
        return table(("id", "error", "output"), [(self.id, self.error, self.output)])


Result = Answered | Failed

_CUT = ',"cut":true'


@dataclass(slots=True)
class Tally:
    """Counts of what came in and went out; mutable, for one call."""

    answered: int = 0
    """Texts with an answer."""
    unparsed: int = 0
    """Texts whose output is no answer."""
    unread: int = 0
    """Lines that are no text."""
    cut: int = 0
    """Texts that were cut."""

    def add(self, result: Result) -> None:
        """Count one."""
        self.cut += result.cut
        if isinstance(result, Answered):
            self.answered += 1
        elif result.output is None:
            self.unread += 1
        else:
            self.unparsed += 1

    @property
    def lines(self) -> int:
        """All that came in."""
        return self.answered + self.unparsed + self.unread

    def says(self) -> str:
        """All that came in, and what became of it."""
        return (
            f"{self.lines} lines: {self.answered} answered, {self.unparsed} outputs no answer, "
            f"{self.unread} lines not read; {self.cut} texts cut"
        )
