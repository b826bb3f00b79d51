"""Drafts: guesses of the rest of an answer. They change what decoding costs, never what it says.

Ours. Behind one small interface, tried in turn: (a) the contract's skeleton filled with a guess of
each field: from another predictor's labels, the weak-supervision formulas that the model was
trained to imitate, what the model tends to write, and cue words of the text; where an answer has
left the contract, (b) n-grams of itself, of earlier answers, of training answers and of the
instruction, (c) the last forward's own argmaxes at the later positions. After a miss the guess is
renewed from those argmaxes (the fixed-point update: one wrong digit rarely changes the rest, so
all misses mend at once).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from emoloom.contract.parse import parse_output, scored_part
from emoloom.contract.prompt import Prompter
from emoloom.contract.schema import write_answer
from emoloom.decoding.cue_habits import CueHabits, complete_cues
from emoloom.decoding.cues import NO_CUES, OPENING, Cues, cues_begun, cues_in, read_cues, words_of
from emoloom.decoding.habits import Habits
from emoloom.decoding.ngrams import MOST, Ids, NgramMemory, reach_after
from emoloom.decoding.skeleton import (
    NUMBERS,
    Fields,
    complete,
    fields_of,
    labels_of,
    read_fields,
)
from emoloom.records import Prediction


@dataclass(frozen=True, slots=True)
class RowDraft:
    """What is known of one row while its answer is written."""

    hint: Fields | None = None
    """Another predictor's answer, by field."""
    read: Fields = field(default_factory=dict)
    """Fields read off the last forward's argmaxes."""
    read_behind: str = ""
    """The labels that stood before the numbers that were read."""
    words: tuple[str, ...] = ()
    """Of the text: cue words are among them."""
    cues: Cues | None = None
    """Cue words as hinted, then as the last forward said them; None where there is no list."""
    counted: int = 0
    """Cue words of this answer that habits have learnt from."""
    follow: Ids = ()
    """The last forward's argmaxes behind the token it decided last."""
    reach: int = MOST
    """Tokens that a draft which is no skeleton may have."""


class Drafter(Protocol):
    """Proposes continuations. One object drafts for all rows of a call, and may learn from them."""

    def start(self, row_id: str, text: str) -> RowDraft:
        """What is known before a row's first forward."""

    def propose(self, row: RowDraft, accepted: Ids) -> Ids:
        """Ids that may follow `accepted`; possibly none."""

    def decided(self, row: RowDraft, accepted: Ids, follow: Ids, draft: Ids, hits: int) -> RowDraft:
        """What is known after a forward.

        Args:
            row: what was known.
            accepted: the answer so far, the token that the forward decided last included.
            follow: the forward's argmaxes at the later positions of the draft.
            draft: what had been proposed.
            hits: how many ids of it were accepted.
        """

    def finished(self, row: RowDraft, ids: Ids) -> None:
        """Learn from a finished answer."""


@dataclass(frozen=True, slots=True)
class NoDrafts:
    """Proposes nothing: one token a forward, rows packed. What drafts are measured against."""

    def start(self, row_id: str, text: str) -> RowDraft:  # noqa: ARG002
        """Nothing."""
        return RowDraft()

    def propose(self, row: RowDraft, accepted: Ids) -> Ids:  # noqa: ARG002
        """Nothing."""
        return ()

    def decided(self, row: RowDraft, accepted: Ids, follow: Ids, draft: Ids, hits: int) -> RowDraft:  # noqa: ARG002
        """Nothing new."""
        return row

    def finished(self, row: RowDraft, ids: Ids) -> None:
        """Learn nothing."""


@dataclass(slots=True)
class ContractDrafter:
    """Drafts contract lines; see the module. Made by `contract_drafter`."""

    prompter: Prompter
    """Tokenizer and label space."""
    hints: Mapping[str, Prediction] = field(default_factory=dict)
    """Another predictor's answer by row id."""
    memory: NgramMemory = field(default_factory=NgramMemory)
    """Of the instruction, training answers and earlier answers."""
    habits: Habits = field(default_factory=Habits)
    """Of the answers finished before."""
    taught: Habits = field(default_factory=Habits)
    """Of training answers: for what was not seen yet."""
    record: Counter[str] = field(default_factory=Counter)
    """By field: how much more often the hint was right than the habit."""
    cue_habits: CueHabits = field(default_factory=CueHabits)
    """Of the answers finished before, and of those being written."""

    def start(self, row_id: str, text: str) -> RowDraft:
        """The row's hint, where there is one, and the words of its text."""
        found = self.hints.get(row_id)
        if found is None:
            return RowDraft(words=words_of(text))
        hint, cues = fields_of(found), cues_in(found.rationale)
        known = Cues(cues, cues, len(cues)) if cues else None
        return RowDraft(hint, words=words_of(text), cues=known)

    def propose(self, row: RowDraft, accepted: Ids) -> Ids:
        """The first of the module's ways that has something to propose."""
        written = self.prompter.decode(accepted)
        missing = complete(written, _Known(row, self), self.prompter.space.labels)
        if missing is not None:
            whole = self.prompter.answer(written + missing).ids
            if whole[: len(accepted)] == accepted:
                return whole[len(accepted) :]
            return self.prompter.answer(missing).ids if missing else ()
        return (self.memory.propose(accepted) or row.follow)[: row.reach]

    def decided(self, row: RowDraft, accepted: Ids, follow: Ids, draft: Ids, hits: int) -> RowDraft:
        """The fixed-point update: read the fields off the forward's own later argmaxes."""
        decode, counted = self.prompter.decode, self._count_cues(row, accepted)
        reach = reach_after(row.reach, len(draft), hits)
        if not follow:
            return replace(row, follow=follow, reach=reach, counted=counted)
        drafted, said = (*accepted[:-1], *draft[hits:]), (*accepted, *follow)
        return replace(
            row,
            read={**row.read, **read_fields(decode(said))},
            read_behind=labels_of(decode(drafted)),
            cues=read_cues(drafted, said, decode, row.words),
            counted=counted,
            follow=follow,
            reach=reach,
        )

    def _count_cues(self, row: RowDraft, ids: Ids, *, finished: bool = False) -> int:
        """Learn from the cue words written since; an answer's last one may still grow."""
        words = cues_begun(self.prompter.decode(ids))
        sure = len(words) if finished else max(0, len(words) - 1)
        if row.cues is not None:
            for at in range(row.counted, sure):
                self.cue_habits.learn_word(words[:at], words[at], row.cues)
        if finished and words and words != [NO_CUES]:
            self.cue_habits.learn_end(len(words))
        return sure

    def finished(self, row: RowDraft, ids: Ids) -> None:
        """Remember the answer, and who had foretold it."""
        self.memory.learn(ids)
        text = self.prompter.decode(ids)
        parsed = parse_output(scored_part(text) or text, self.prompter.space)
        if not isinstance(parsed, Prediction):
            return
        self._count_cues(row, ids, finished=True)
        said = fields_of(parsed)
        if row.hint is not None:
            for name in ("labels", *NUMBERS):
                by_habit = self.habits.likely(name, said, row.hint, "")
                self.record[name] += (row.hint[name] == said[name]) - (by_habit == said[name])
        self.habits.learn(said, row.hint)


@dataclass(frozen=True, slots=True)
class _Known:
    """A value for each field: as read, else by habit or as hinted, whichever was right more often.

    What was read of a number may stand behind a wrong digit: in its middle habit goes first, for
    arousal and dominance a settled one.
    """

    row: RowDraft
    drafter: ContractDrafter

    def value(self, name: str, before: Fields, begun: str) -> str:
        """The first known value that begins so."""
        others = (self._by_habit, self._hinted)
        ways: tuple[Callable[[str, Fields, str], str], ...]
        if name in NUMBERS and begun:
            ways = (*others, self._read)
        elif self.drafter.record[name] > 0:
            ways = (self._read, self._hinted, self._by_habit)
        elif name in ("a", "d"):
            ways = (self._settled, self._read, *others)
        else:
            ways = (self._read, *others)
        plain = _PLAIN.get(name, self.drafter.prompter.space.labels[-1])
        fitting = (value for way in ways if (value := way(name, before, begun)).startswith(begun))
        return next((value for value in fitting if value), plain)

    def _read(self, name: str, before: Fields, begun: str) -> str:
        # Numbers depend on the labels: those read behind others are worth less than a habit.
        if name in NUMBERS and before["labels"] != self.row.read_behind:
            return ""
        read = self.row.read.get(name, "")
        cues = self.row.cues if OPENING.startswith(read[: len(OPENING)]) else None
        if name != "rationale" or cues is None:
            return read
        return complete_cues(begun, cues, self.row.words, self.drafter.cue_habits) or read

    def _settled(self, name: str, before: Fields, begun: str) -> str:  # noqa: ARG002
        return self.drafter.habits.settled(name, before)

    def _by_habit(self, name: str, before: Fields, begun: str) -> str:
        if name == "rationale":
            return ""
        hint = self.row.hint
        known = (self.drafter.habits, self.drafter.taught)
        found = (habits.likely(name, before, hint, begun) for habits in known)
        return next(filter(None, found), "")

    def _hinted(self, name: str, before: Fields, begun: str) -> str:  # noqa: ARG002
        return "" if self.row.hint is None else self.row.hint[name]


_PLAIN = {"v": "0.50", "a": "0.50", "d": "0.50", "rationale": "cues: none"}


def contract_drafter(
    prompter: Prompter,
    hints: Mapping[str, Prediction] | None = None,
    answers: Iterable[Prediction] = (),
) -> ContractDrafter:
    """A drafter that knows the instruction, hints, and answers as training showed them.

    Args:
        prompter: of the model that is to be decoded.
        hints: another predictor's answer by row id.
        answers: what the model was trained to write.
    """
    drafter = ContractDrafter(prompter, hints or {})
    drafter.memory.learn(prompter.head_ids)
    for answer in answers:
        drafter.memory.learn(prompter.answer(write_answer(answer)).ids)
        drafter.taught.learn(fields_of(answer))
    return drafter
