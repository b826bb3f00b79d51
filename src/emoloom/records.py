"""The frozen records that cross rooms. Each field says its unit and range."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
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

MAX_RATIONALE_WORDS = 12
"""Words of an answer's rationale, at most, as `str.split` parts them."""

VAD_DECIMALS = 4
"""Decimals of weak VAD in the row files; answers write two."""

VadSource = Literal["human", "weak"]

DIMENSIONS = {"v": "valence", "a": "arousal", "d": "dominance"}
"""Key of each dimension -> its name, in the order of every tuple and matrix of them."""


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
class PartialVAD:
    """VAD of which one dimension or two are known: of dataset rows and means, never an answer's."""

    v: float | None
    """As `VAD.v`, or None: not rated."""
    a: float | None
    """As `VAD.a`, or None: not rated."""
    d: float | None
    """As `VAD.d`, or None: not rated."""

    def __post_init__(self) -> None:
        assert 1 <= sum(value is not None for value in self.as_tuple()) <= 2, self

    def as_tuple(self) -> tuple[float | None, float | None, float | None]:
        """(v, a, d)."""
        return (self.v, self.a, self.d)


RatedVAD = VAD | PartialVAD
"""What is known of a text's VAD, where anything is."""


def make_vad(v: float | None, a: float | None, d: float | None) -> RatedVAD | None:
    """The one record that says this; None where nothing is known."""
    if v is not None and a is not None and d is not None:
        return VAD(v, a, d)
    if v is None and a is None and d is None:
        return None
    return PartialVAD(v, a, d)


def fill_vad(known: RatedVAD | None, filling: VAD) -> VAD:
    """What is known, and `filling` in the dimensions of which nothing is."""
    if known is None or isinstance(known, VAD):
        return known or filling
    pairs = zip(known.as_tuple(), filling.as_tuple(), strict=True)
    return VAD(*(ours if rated is None else rated for rated, ours in pairs))


@dataclass(frozen=True, slots=True)
class VadSources:
    """Who gave each dimension, where not all are of one source; None where there is none."""

    v: VadSource | None
    """Of valence."""
    a: VadSource | None
    """Of arousal."""
    d: VadSource | None
    """Of dominance."""

    def as_tuple(self) -> tuple[VadSource | None, VadSource | None, VadSource | None]:
        """Of (v, a, d)."""
        return (self.v, self.a, self.d)


def join_sources(
    v: VadSource | None, a: VadSource | None, d: VadSource | None
) -> VadSource | VadSources | None:
    """A row's `vad_source`, from who gave each dimension that it has."""
    known = {source for source in (v, a, d) if source is not None}
    return VadSources(v, a, d) if len(known) > 1 else next(iter(known), None)


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """The closed, ordered set of label names in force."""

    name: str
    """Name of the space, e.g. `goemotions28`."""
    labels: tuple[str, ...]
    """Distinct label names, in the order in which answers write them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The contract's answer; in dataset rows alone, what is not annotated is None."""

    labels: tuple[str, ...] | None
    """Distinct names of the space, in its order; at least one, or None."""
    vad: RatedVAD | None
    """Each dimension in [0, 1], or None where it is not rated; None without any."""
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
    vad_source: VadSource | VadSources | None
    """Who gave the VAD: `human`, `weak`, each dimension's where they differ, None without any."""
    group: str
    """Rows of one group never stand on two sides of a split."""

    @property
    def sources(self) -> tuple[VadSource | None, VadSource | None, VadSource | None]:
        """Who gave v, a and d, where it is known."""
        by = self.vad_source
        return by.as_tuple() if isinstance(by, VadSources) else (by, by, by)

    def vad_by(self, wanted: Collection[str | None]) -> RatedVAD | None:
        """The dimensions that one of these sources gave (None: of unknown source)."""
        if self.answer.vad is None:
            return None
        pairs = zip(self.answer.vad.as_tuple(), self.sources, strict=True)
        v, a, d = (value if source in wanted else None for value, source in pairs)
        return make_vad(v, a, d)

    @property
    def human_vad(self) -> RatedVAD | None:
        """What people rated of it."""
        return self.vad_by(("human",))

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of this row."""
        vad, by = self.answer.vad, self.vad_source
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
            "vad_source": asdict(by) if isinstance(by, VadSources) else by,
            "group": self.group,
        }


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that could not become a row, and why."""

    source: str
    """Registry name of the corpus, or the source name of the file."""
    line: int
    """Line number in the file, from 1."""
    reason: str
    """What was got and what is allowed, in one line."""
    excerpt: str
    """At most 80 characters of the line."""
    labels: tuple[str, ...] = ()
    """What it says of labels, as far as that can be told: what is lost with it."""


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
