"""Which cue word comes next: several ways to guess, and how often each was right (ours).

A model that was tuned on little says a word again, and puts words in another order than the
lexicon's weights; one that was tuned on much does neither. Counts tell which, as answers come in.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from emoloom.decoding.cues import NO_CUES, OPENING, Cues, whole_word

MOST_CUES = 3
"""Words that a rationale is drafted with, at most."""

WEIGHT = 4.0
"""Tries that a way's own value counts for."""

SHARE = 0.2
"""Of rationales that must go on behind as many words for one more to be drafted: a word too many
costs a few tokens, one too few a forward."""


class Way(Enum):
    """A way to guess the next word. Its value is the share, 0 to 1, expected to be right (ours)."""

    BEFORE_ITS_TURN = 0.6
    """The drafted word whose place the last word took, where that one was drafted for later."""
    SAID = 0.5
    """What the last forward said here."""
    DISPLACED = 0.3
    """The drafted word whose place the last word took, where that one was not drafted at all."""
    SAID_LATER = 0.25
    """What the last forward said further on."""
    DRAFTED = 0.2
    """A drafted word that was not written."""
    SAID_AGAIN = 0.1
    """What the last forward said here, though it was written before."""
    FIRST_AGAIN = 0.05
    """The first word once more."""
    LAST_AGAIN = 0.04
    """The last word once more."""


@dataclass(slots=True)
class CueHabits:
    """Counts over the answers so far. Made empty; it learns."""

    right: Counter[tuple[Way, int]] = field(default_factory=Counter)
    """By way and place: how often the next word was that way's."""
    tried: Counter[tuple[Way, int]] = field(default_factory=Counter)
    """By way and place: how often that way had a word."""
    longer: Counter[int] = field(default_factory=Counter)
    """By number of words: rationales that had more."""
    ended: Counter[int] = field(default_factory=Counter)
    """By number of words: rationales that had just these."""

    def learn_word(self, before: Sequence[str], word: str, cues: Cues) -> None:
        """Count which ways had the word that came behind `before`, given what was known of it."""
        for way, guess in _guesses(before, cues):
            self.tried[way, _place(before)] += 1
            self.right[way, _place(before)] += guess == word

    def learn_end(self, words: int) -> None:
        """Count a finished rationale of so many words."""
        self.longer.update(range(words))
        self.ended[words] += 1

    def likely(self, before: Sequence[str], cues: Cues) -> str:
        """The likeliest word behind `before`; empty where no way has one."""
        place = _place(before)

        def rate(guess: tuple[Way, str]) -> float:
            way, _ = guess
            right = self.right[way, place] + WEIGHT * way.value
            return right / (self.tried[way, place] + WEIGHT)

        return max(_guesses(before, cues), key=rate, default=(None, ""))[1]

    def goes_on(self, words: int) -> bool:
        """Whether rationales of so many words often had more."""
        more = self.longer[words]
        return more > 0 and more >= SHARE * (more + self.ended[words])


def complete_cues(begun: str, cues: Cues, words: Sequence[str], habits: CueHabits) -> str | None:
    """A likely rationale.

    Args:
        begun: what has been written of it; possibly nothing.
        cues: what the last forward said, and what had been drafted.
        words: of the text.
        habits: of the answers before.

    Returns:
        A text that begins with `begun`; None where that is no list of cues.
    """
    if not begun.startswith(OPENING) and not OPENING.startswith(begun):
        return None
    *sure, last = begun.removeprefix(OPENING).split(",") if begun.startswith(OPENING) else [""]
    written, last = [word.strip() for word in sure], last.lstrip(" ")
    if not begun.removeprefix(OPENING).strip() and cues.said[:1] == (NO_CUES,):
        return begun if len(begun) > len(OPENING) else OPENING + NO_CUES
    known = [*written, _whole(last, len(written), cues, words)] if last else written
    least = cues.ends if cues.ends > len(written) else max(len(cues.said), len(cues.drafted))
    least = max(least, len(written) + 1)  # behind a comma there is one more
    while len(known) < MOST_CUES and (len(known) < least or habits.goes_on(len(known))):
        word = habits.likely(known, cues)
        if not word:
            break
        known.append(word)
    text = OPENING + (", ".join(known) or NO_CUES)
    return text if text.startswith(begun) else begun


def _whole(begun: str, place: int, cues: Cues, words: Sequence[str]) -> str:
    """The word that has begun, as the forward said it, else from the text."""
    said = cues.said[place] if place < len(cues.said) else ""
    return said if said.startswith(begun) else whole_word(begun, words)


def _place(before: Sequence[str]) -> int:
    return min(len(before), MOST_CUES - 1)


def _guesses(before: Sequence[str], cues: Cues) -> list[tuple[Way, str]]:
    """What each way says that has something to say."""
    at, taken = len(before), {*before, NO_CUES, ""}

    def new(words: Sequence[str]) -> str:
        return next((word for word in words if word not in taken), "")

    said, drafted = cues.said, cues.drafted
    swapped = at > 0 and before[-1] in drafted[at:]
    displaced = Way.BEFORE_ITS_TURN if swapped else Way.DISPLACED
    guesses = {
        displaced: new(drafted[at - 1 : at]) if at else "",
        Way.SAID: new(said[at : at + 1]),
        Way.SAID_LATER: new(said[at + 1 :]),
        Way.DRAFTED: new(drafted),
        Way.SAID_AGAIN: next((word for word in said[at : at + 1] if word in before), ""),
        Way.FIRST_AGAIN: before[0] if before else "",
        Way.LAST_AGAIN: before[-1] if before else "",
    }
    return [(way, word) for way, word in guesses.items() if word]
