"""The frozen records that cross rooms. Each field says its unit and range."""

from dataclasses import dataclass
from typing import Any, Literal

FailureReason = Literal[
    "truncated",
    "invalid_json",
    "no_json",
    "duplicate_key",
    "missing_key",
    "extra_key",
    "wrong_type",
    "not_finite",
    "empty_labels",
    "unknown_label",
    "duplicate_label",
    "out_of_range",
    "bad_rationale",
    "rationale_too_long",
]
"""Why an output is no answer, in the order in which the parser tests (DESIGN, the contract)."""

VadSource = Literal["human", "weak"]


@dataclass(frozen=True, slots=True)
class VAD:
    """Valence, arousal, dominance."""

    v: float
    """Valence in [0, 1]: 0 unpleasant, 1 pleasant."""
    a: float
    """Arousal in [0, 1]: 0 calm, 1 excited."""
    d: float
    """Dominance in [0, 1]: 0 controlled, 1 in control."""

    def as_tuple(self) -> tuple[float, float, float]:
        """(v, a, d)."""
        return (self.v, self.a, self.d)


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """The closed, ordered set of label names in force."""

    name: str
    """Name of the space, e.g. `goemotions28`."""
    labels: tuple[str, ...]
    """Distinct label names, in the order in which answers write them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The contract's answer; in dataset rows alone, `labels` or `vad` may be None (unrated)."""

    labels: tuple[str, ...] | None
    """Distinct names of the space, in its order; at least one, or None."""
    vad: VAD | None
    """Each dimension in [0, 1], or None."""
    rationale: str
    """At most 12 words, no newline, no double quote."""


@dataclass(frozen=True, slots=True)
class Row:
    """One text of a corpus and what is known of it: one line of a dataset file."""

    id: str
    """Unique within a run."""
    text: str
    """The text to be labelled, as the corpus has it."""
    answer: Answer
    """What the corpus (or weak supervision) says; null parts are masked from losses and scores."""
    source: str
    """Registry name of the corpus."""
    split: str
    """`train`, `dev` or `test` of the corpus."""
    vad_source: VadSource | None
    """Who gave the VAD: `human`, `weak`, or None where there is none."""
    group: str
    """Rows of one group never stand on two sides of a split."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of this row."""
        vad = self.answer.vad
        return {
            "id": self.id,
            "text": self.text,
            "answer": {
                "labels": None if self.answer.labels is None else list(self.answer.labels),
                "vad": None if vad is None else {"v": vad.v, "a": vad.a, "d": vad.d},
                "rationale": self.answer.rationale,
            },
            "source": self.source,
            "split": self.split,
            "vad_source": self.vad_source,
            "group": self.group,
        }


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that could not become a row, and why."""

    source: str
    """Registry name of the corpus, or the file's name."""
    line: int
    """Line number in the file, from 1."""
    reason: str
    """What was got and what is allowed, in one line."""
    excerpt: str
    """At most 80 characters of the line."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """An output that parsed: an answer with no null part."""

    labels: tuple[str, ...]
    """At least one, distinct, in the order of the space."""
    vad: VAD
    """Rounded to two decimals."""
    rationale: str
    """At most 12 words."""


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """An output that is no answer."""

    reason: FailureReason
    """The first test that failed."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a decoder (or a floor) said for one row."""

    id: str
    """Id of the row."""
    output: str
    """The raw text, end token left out."""


ATOMS = ("goal_attainment", "controllability", "certainty", "fairness")
"""The four appraisal atoms, in the order of every tuple and matrix of them."""


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What the writer of a text makes of the event: a probability in [0, 1] for each atom."""

    goal_attainment: float
    """The event is in line with what the writer wanted."""
    controllability: float
    """The writer could influence what was going on."""
    certainty: float
    """The event and its consequences could be foreseen."""
    fairness: float
    """The event was just."""

    def as_tuple(self) -> tuple[float, float, float, float]:
        """The four values in the order of `ATOMS`."""
        return (self.goal_attainment, self.controllability, self.certainty, self.fairness)
