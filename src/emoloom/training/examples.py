"""Training sequences: prompt + answer + end token, with a mask of what is trained.

What a corpus did not annotate is filled so that the line is a whole answer, and masked out of the
loss: no token that holds a filled character is trained.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

from emoloom.contract.prompt import EncodedAnswer, Prompter
from emoloom.contract.schema import write_answer
from emoloom.draws import generator
from emoloom.records import (
    VAD,
    Answer,
    Appraisal,
    Prediction,
    RatedVAD,
    Row,
    fill_vad,
)
from emoloom.training.answer_fields import Field, answer_fields
from emoloom.training.charts import Charts, Targets, find_targets
from emoloom.training.label_tree import Priors
from emoloom.training.number_chart import NUMBERS
from emoloom.training.soft_numbers import (
    NumeralTokens,
    SoftTarget,
    Spreads,
    drawn_value,
    soft_targets,
)

_LABELS = re.compile(r'(?<=\{"labels":\[")[^\]]*(?="\])')


@dataclass(frozen=True, slots=True)
class Example:
    """One training sequence behind the shared head."""

    id: str
    """Id of the row."""
    ids: tuple[int, ...]
    """Text, template tail, answer, end token."""
    answer_start: int
    """Index in `ids` of the answer's first token."""
    trained: tuple[bool, ...]
    """For each id from `answer_start` on: whether its loss counts."""
    fields: tuple[Field, ...] = ()
    """For each id from `answer_start` on: what it writes; empty where the loss does not ask."""
    soft: tuple[SoftTarget, ...] = ()
    """Tokens of values of which several are right; `at` counts from `answer_start`."""
    targets: Targets | None = None
    """What the terms beside `lm` want; None where none is on."""
    drawn: VAD | None = None
    """What its answer writes, before rounding, where digits are soft: drawn near the row's own."""
    priors: Priors | None = None
    """What the draw of this step did to the base rates of labels; see `label_tree`."""

    @property
    def trained_positions(self) -> tuple[int, ...]:
        """Indices into `ids` of the tokens whose loss counts."""
        return tuple(self.answer_start + k for k, on in enumerate(self.trained) if on)

    @property
    def soft_places(self) -> dict[int, SoftTarget]:
        """Index into `ids` -> what is wanted there."""
        return {self.answer_start + target.at: target for target in self.soft}

    def trains(self, place: int, field: Field | None) -> bool:
        """Whether the loss of the token at an index of `ids` counts, in a field if one is given."""
        k = place - self.answer_start
        return k >= 0 and self.trained[k] and (field is None or self.fields[k] == field)

    def trained_in(self, field: Field) -> int:
        """Trained tokens of a field."""
        return sum(
            on and name == field for on, name in zip(self.trained, self.fields, strict=False)
        )

    @property
    def labelled(self) -> bool:
        """Whether its labels are the row's own: a filled list is of no field but the skeleton."""
        return "labels" in self.fields


@dataclass(frozen=True, slots=True)
class SoftDigits:
    """How far around a rating other values are wanted (ours); see `soft_numbers`."""

    spreads: Spreads
    """Of human and of weak VAD."""
    numerals: NumeralTokens
    """How the model's tokenizer writes values."""
    seed: int
    """Of the values that are written."""
    told: Mapping[str, RatedVAD] = field(default_factory=dict)
    """Id of a row -> VAD that was read off the untrained model; see `probe_targets`."""
    told_share: float = 0.0
    """Its weight in what is wanted, in [0, 1]; the row's own VAD has the rest."""

    def written(self, row: Row, filled: VAD) -> VAD:
        """What the answer writes: values drawn near what is known, and the filling elsewhere."""
        chances = generator(self.seed, "written-values", crc32(row.id.encode())).random(3).tolist()
        near = {
            axis: drawn_value(wanted, spread, chances[axis])
            for axis, (wanted, spread) in self.of(row).items()
        }
        return VAD(*(near.get(axis, value) for axis, value in enumerate(filled.as_tuple())))

    def of(self, row: Row) -> dict[int, tuple[float, float]]:
        """Dimension -> (wanted, s) of what is known of a row's VAD.

        What is read off a text is no sample of people's ratings, and has the spread of weak VAD.
        """
        nothing = (None, None, None)
        vad = nothing if row.answer.vad is None else row.answer.vad.as_tuple()
        told = nothing if (found := self.told.get(row.id)) is None else found.as_tuple()
        wanted: dict[int, tuple[float, float]] = {}
        for axis, (value, read, source) in enumerate(zip(vad, told, row.sources, strict=True)):
            if value is not None and read is not None:
                mixed = value + self.told_share * (read - value)
                wanted[axis] = (mixed, self.spreads.weak)
            elif value is not None:
                rated = source == "human"
                wanted[axis] = (value, self.spreads.human if rated else self.spreads.weak)
        return wanted


def make_example(
    prompter: Prompter,
    row: Row,
    *,
    label: str,
    vad: VAD,
    charts: Charts | None = None,
    soft: SoftDigits | None = None,
) -> Example:
    """Sequence and mask of one row.

    Args:
        prompter: of the model to be trained.
        row: what the corpus says.
        label: stands where the row has no labels, untrained.
        vad: stands where the row has no VAD, or lacks a dimension, untrained.
        charts: for the targets of the terms beside `lm`; None leaves them out.
        soft: spreads the digits' targets, and draws the values that are written; None writes
            and wants each value's own digits alone.
    """
    given, filled = row.answer, fill_vad(row.answer.vad, vad)
    written = filled if soft is None else soft.written(row, filled)
    target = write_answer(
        Prediction(
            labels=given.labels if given.labels is not None else (label,),
            vad=written,
            rationale=given.rationale,
        )
    )
    masked = [] if given.labels is not None else [_LABELS.search(target)]
    known = (None, None, None) if given.vad is None else given.vad.as_tuple()
    numbers = zip(NUMBERS.finditer(target), known, strict=True)
    masked.extend(match for match, value in numbers if value is None)
    spans = [match.span() for match in masked if match is not None]
    answer = prompter.answer(target)
    trained = tuple(
        not any(start < stop_ and begin < stop for begin, stop_ in spans)
        for start, stop in answer.spans
    )
    start = len((prompt := prompter.prompt(row.text)).ids)
    return Example(
        id=row.id,
        ids=(*prompt.ids, *answer.ids, prompter.end_id),
        answer_start=start,
        trained=(*trained, True),
        fields=(*_fields(given, target, answer), "rationale"),
        soft=()
        if soft is None
        else tuple(soft_targets(target, answer, soft.numerals, soft.of(row))),
        targets=None
        if charts is None
        else find_targets(charts, given, target, answer, prompter.space.labels, start),
        drawn=None if soft is None else written,
    )


def _fields(given: Answer, target: str, answer: EncodedAnswer) -> tuple[Field, ...]:
    """The field of each token; without labels, the list's closing decides nothing about them."""
    fields = answer_fields(target, answer.spans)
    if given.labels is not None:
        return fields
    return tuple("skeleton" if field == "labels" else field for field in fields)


@dataclass(frozen=True, slots=True)
class Examples(Sequence[Example]):
    """Examples of rows, made when they are asked for: memory does not grow with the tokens."""

    prompter: Prompter
    """Of the model to be trained."""
    rows: Sequence[Row]
    """What the corpora say."""
    labels: Mapping[str, str]
    """Id of each row without labels -> the label that stands, untrained, in its place."""
    vad: VAD
    """Stands, untrained, where a row has no VAD, or lacks a dimension."""
    charts: Charts | None = None
    """For the targets of the terms beside `lm`."""
    appraisals: Sequence[Appraisal | None] | None = None
    """What the verifier makes of each row's text; None where it is not asked."""
    soft: SoftDigits | None = None
    """Spreads the digits' targets."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Example:  # type: ignore[override]
        """The example of one row."""
        row = self.rows[index]
        label = "" if row.answer.labels is not None else self.labels[row.id]
        made = make_example(
            self.prompter, row, label=label, vad=self.vad, charts=self.charts, soft=self.soft
        )
        atoms = None if self.appraisals is None else self.appraisals[index]
        if made.targets is None or atoms is None:
            return made
        return replace(made, targets=replace(made.targets, atoms=atoms.as_tuple()))

    def __iter__(self) -> Iterator[Example]:
        """Each in turn."""
        return (self[index] for index in range(len(self)))
