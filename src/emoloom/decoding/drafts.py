"""Drafts: guesses of the rest of an answer. They change what decoding costs, never what it says.

Ours. A draft comes from (a) the contract's skeleton filled with a guess for each field, or, where
an answer has left the contract, (b) the n-grams of the prompt and of earlier answers. After a
miss the guess is renewed from the forward's own argmaxes at the later positions (the fixed-point
update: one wrong digit rarely changes the rest, so all misses mend at once).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from emoloom.contract.prompt import Prompter
from emoloom.records import Prediction

_NUMBER = re.compile(r'"([vad])":([01]\.\d\d)')
_RATIONALE = re.compile(r'"rationale":"([^"]*)')
_NUMBER_BEGUN = re.compile(r"(?:[01](?:\.\d*)?)?")
_NGRAM = 3
_NGRAM_DRAFT = 24


@dataclass(frozen=True, slots=True)
class Guess:
    """What the answer's fields may be, as text."""

    labels: tuple[str, ...]
    """Label names, most likely first."""
    v: str
    """Two decimals, as the contract writes them."""
    a: str
    """Two decimals."""
    d: str
    """Two decimals."""
    rationale: str
    """As the contract writes it."""

    @staticmethod
    def of(hint: Prediction) -> "Guess":
        """A guess from any other predictor's answer."""
        v, a, d = (f"{value:.2f}" for value in hint.vad.as_tuple())
        return Guess(hint.labels, v, a, d, hint.rationale)

    def renewed(self, text: str) -> "Guess":
        """The guess with every field that can be read in `text`."""
        numbers = dict(_NUMBER.findall(text))
        rationale = _RATIONALE.search(text)
        return replace(
            self,
            v=numbers.get("v", self.v),
            a=numbers.get("a", self.a),
            d=numbers.get("d", self.d),
            rationale=rationale.group(1) if rationale else self.rationale,
        )


_LITERALS = ('{"labels":["', '"],"vad":{"v":', ',"a":', ',"d":', '},"rationale":"', '"}')
_FIELDS = ("labels", "v", "a", "d", "rationale")


def complete(written: str, guess: Guess, label_names: Sequence[str]) -> str | None:
    """What is missing from a contract line that begins with `written`.

    Returns:
        The missing text, or None where `written` has left the contract's form.
    """
    left = written
    for number, name in enumerate(_FIELDS):
        literal, following = _LITERALS[number], _LITERALS[number + 1]
        if not left.startswith(literal):
            if not literal.startswith(left):
                return None
            return literal[len(left) :] + _from_field(number, guess)
        value, ended, tail = left[len(literal) :].partition(following)
        if not ended:
            missing = _field_rest(name, value, following, guess, label_names)
            return None if missing is None else missing + _from_field(number + 1, guess)
        left = following + tail
    return "" if left == _LITERALS[-1] else None


def _from_field(number: int, guess: Guess) -> str:
    """Fields from `number` on, each with the literal that follows it."""
    values = ('","'.join(guess.labels[:1]), guess.v, guess.a, guess.d, guess.rationale)
    return "".join(
        value + literal
        for value, literal in zip(values[number:], _LITERALS[number + 1 :], strict=True)
    )


def _field_rest(
    name: str, value: str, following: str, guess: Guess, label_names: Sequence[str]
) -> str | None:
    """The rest of a field that has begun, and the literal that follows it."""
    for overlap in range(min(len(value), len(following) - 1), 0, -1):
        if value.endswith(following[:overlap]) and (
            name != "labels" or _is_label_list(value[:-overlap], label_names)
        ):
            return following[overlap:]
    if name == "labels":
        rest = _label_rest(value, guess, label_names)
        return None if rest is None else rest + following
    if name == "rationale":
        rest = guess.rationale[len(value) :] if guess.rationale.startswith(value) else ""
        return rest + following
    if _NUMBER_BEGUN.fullmatch(value) is None:
        return None
    guessed = {"v": guess.v, "a": guess.a, "d": guess.d}[name]
    number = "1.00" if value.startswith("1") else guessed
    return number[len(value) :] + following


def _is_label_list(value: str, label_names: Sequence[str]) -> bool:
    return all(item in label_names for item in value.split('","'))


def _label_rest(value: str, guess: Guess, label_names: Sequence[str]) -> str | None:
    """The rest of the last label: the first guessed, then the first known name that fits."""
    missing = '"' if value.endswith('",') else ""  # half of the separator is there
    *before, last = (value + missing).split('","')
    if not all(item in label_names for item in before):
        return None
    for label in (*guess.labels, *label_names):
        if label.startswith(last) and label not in before:
            return missing + label[len(last) :]
    return None


@dataclass(frozen=True, slots=True)
class RowDraft:
    """What is known of one row while its answer is written."""

    guess: Guess | None
    """Guess of the fields; None where nobody made one."""
    follow: tuple[int, ...] = ()
    """The last forward's argmaxes behind the token it decided last."""


@dataclass(slots=True)
class Drafter:
    """Proposes continuations. Learns n-grams from the answers it is shown; see the module."""

    prompter: Prompter
    """Tokenizer and label space."""
    earlier: dict[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)
    """What followed each n-gram of the instruction and of earlier answers, last seen wins."""
    last_answer: tuple[int, ...] = ()
    """The answer finished last."""

    def learn(self, ids: Sequence[int]) -> None:
        """Remember an answer, or the instruction."""
        for start in range(len(ids) - _NGRAM):
            stop = start + _NGRAM
            self.earlier[tuple(ids[start:stop])] = tuple(ids[stop : stop + _NGRAM_DRAFT])

    def finished(self, ids: tuple[int, ...]) -> None:
        """Remember a finished answer."""
        self.learn(ids)
        self.last_answer = ids

    def propose(self, row: RowDraft, accepted: tuple[int, ...]) -> tuple[int, ...]:
        """Ids that may follow `accepted`; possibly none."""
        written = self.prompter.decode(accepted)
        missing = self._missing(row, written)
        if missing is not None:
            whole = self.prompter.answer(written + missing).ids
            if whole[: len(accepted)] == accepted:
                return whole[len(accepted) :]
            return self.prompter.answer(missing).ids if missing else ()
        if not accepted:
            return self.last_answer
        return (
            _own_ngram(accepted)
            or self.earlier.get(accepted[-_NGRAM:])
            or row.follow[:_NGRAM_DRAFT]
        )

    def renew(self, row: RowDraft, accepted: tuple[int, ...], follow: tuple[int, ...]) -> RowDraft:
        """The fixed-point update: read the fields off the forward's own later argmaxes."""
        if row.guess is None:
            return RowDraft(None, follow)
        text = self.prompter.decode((*accepted, *follow))
        return RowDraft(row.guess.renewed(text), follow)

    def _missing(self, row: RowDraft, written: str) -> str | None:
        if row.guess is None:
            return None
        return complete(written, row.guess, self.prompter.space.labels)


def _own_ngram(accepted: tuple[int, ...]) -> tuple[int, ...]:
    """What followed the last n-gram where it stood before in the same answer, repeated."""
    last = accepted[-_NGRAM:]
    for start in range(len(accepted) - _NGRAM - 1, -1, -1):
        if accepted[start : start + _NGRAM] == last:
            period = accepted[start + _NGRAM :]
            return (period * (_NGRAM_DRAFT // len(period) + 1))[:_NGRAM_DRAFT]
    return ()
